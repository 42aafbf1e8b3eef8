// Package x86 is the vocabulary of the processor: address types, exception vectors and faults, access kinds, control
// register, EFER, RFLAGS and page-table-entry bits. It holds names and layouts, no behaviour; every other layer of the
// machine speaks in its terms.
//
// Names and bit positions are those of the Intel SDM (vol. 3A ch. 2 system registers, ch. 4 paging, ch. 6 exceptions)
// and the AMD APM vol. 2.
package x86
