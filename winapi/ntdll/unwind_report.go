package ntdll

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// Unwind is nt.Config.Unwind: the context of a function becomes that of its caller, by the exception directory of the image that holds it.
// Tables that code made at run time are left out, since a look at them may run the guest.
func Unwind(m nt.Memory, p *nt.Process, ctx *ntdef.Context) error {
	lookup := func(pc uint64) (functionEntry, bool, error) {
		image := p.ModuleAt(pc)
		if image == nil {
			return functionEntry{}, false, nil
		}
		return imageFunction(m, image.Base, pc)
	}
	f, ok, err := lookup(ctx.Rip)
	switch {
	case err != nil:
		return err
	case !ok:
		return popRip(m, ctx)
	}
	w := unwinder{m: m, lookup: lookup}
	_, err = w.virtualUnwind(ntdef.UNW_FLAG_NHANDLER, f.base, ctx.Rip, f.runtimeFunction, ctx, nil)
	return err
}
