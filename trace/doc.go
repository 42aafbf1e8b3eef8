// Package trace turns the executive's hooks into text for people and JSON lines for programs.
//
// A Tracer is made for one run: its Hooks go into nt.Config, its Header and Footer enclose the events. Events come in the
// order in which the guest caused them and name the retired instructions so far (ic), the thread, the instruction's
// address as module+offset, and what happened. Nothing in a trace depends on the host, so that two runs with one seed give
// the same bytes.
//
// The JSON form is one object a line: first {"type":"header","schema":1,…}, last {"type":"footer","exit":N,…}. Addresses
// and page-table entries are strings in hexadecimal, counts are numbers.
package trace
