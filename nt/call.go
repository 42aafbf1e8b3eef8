package nt

import (
	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/ntdef"
)

// A callFrame is a nested call in progress.
type callFrame struct {
	rsp uint64 // what RSP is when the callee has returned
}

// maxCalls bounds the nesting of calls from built-in functions: each holds a piece of the host's stack. A guest that
// goes deeper, such as one whose exception handlers always fault, ends with STATUS_STACK_OVERFLOW.
const maxCalls = 2000

// Call runs the guest function at fn with Win64 integer arguments and returns its RAX. The thread's registers are then
// as before. An error, ErrUnwound in particular, must be returned at once.
//
// The callee returns to ntdll's export PagewalkCallReturn, whose unwind information describes the frame that Call
// builds: push rbp; mov rbp,rsp; and rsp,-16.
func (t *Thread) Call(fn uint64, args ...uint64) (uint64, error) {
	if len(t.calls) >= maxCalls {
		rec := ntdef.ExceptionRecord{Code: ntdef.STATUS_STACK_OVERFLOW, Address: t.RIP()}
		return 0, t.secondChance(&rec, nil)
	}
	c := t.cpu
	saved := c.R
	flags, rip := c.Flags(), c.RIP

	rsp := c.R[cpu.RSP]
	frame := rsp - 8 // push rbp
	if err := t.Store64(frame, c.R[cpu.RBP]); err != nil {
		return 0, err
	}
	home := max(len(args), 4)
	top := frame&^15 - 8*uint64(home+home&1)
	for i, a := range args {
		if i >= 4 {
			if err := t.Store64(top+8*uint64(i), a); err != nil {
				return 0, err
			}
		}
	}
	if err := t.Store64(top-8, t.proc.entries.callReturn); err != nil {
		return 0, err
	}
	for i, r := range [...]int{cpu.RCX, cpu.RDX, cpu.R8, cpu.R9} {
		if i < len(args) {
			c.R[r] = args[i]
		}
	}
	c.R[cpu.RBP] = frame
	c.R[cpu.RSP] = top - 8
	c.RIP = fn
	function := t.function
	t.function = nil
	t.calls = append(t.calls, callFrame{top})
	err := t.run(len(t.calls))
	t.function = function
	if err != nil {
		return 0, err
	}
	v := c.R[cpu.RDX] // where the code at PagewalkCallReturn put RAX
	for i := range 16 {
		c.R[i] = saved[i]
	}
	c.RIP = rip
	c.SetFlags(flags)
	return v, nil
}
