package unwind

import "github.com/pagewalk/pagewalk/ntdef"

// Offsets in a mapped PE32+ image (PE Format, "Optional Header Data Directories").
const (
	peSignatureOffset = 0x3c
	peExceptionDir    = 24 + 112 + 8*3 // from the signature: RVA and size of .pdata
)

// ImageEntry searches the exception directory of a mapped image, which is sorted by address, for the function that holds pc. ok is false
// for a leaf function.
func ImageEntry(m Memory, base, pc uint64) (f Entry, ok bool, err error) {
	signature, err := m.Load32(base + peSignatureOffset)
	if err != nil {
		return f, false, err
	}
	dir, err := m.Load64(base + uint64(signature) + peExceptionDir)
	if err != nil {
		return f, false, err
	}
	rva, size := uint64(uint32(dir)), dir>>32
	low, high := uint64(0), size/FunctionSize
	at := pc - base
	for low < high {
		mid := (low + high) / 2
		va := base + rva + FunctionSize*mid
		r, err := LoadFunction(m, va)
		if err != nil {
			return f, false, err
		}
		switch {
		case at < uint64(r.Begin):
			high = mid
		case at >= uint64(r.End):
			low = mid + 1
		default:
			return indirect(m, Entry{r, base, va})
		}
	}
	return f, false, nil
}

// indirect follows an entry whose unwind RVA is odd: it shares the entry at that RVA.
func indirect(m Memory, f Entry) (Entry, bool, error) {
	if f.Unwind&1 == 0 {
		return f, true, nil
	}
	va := f.Base + uint64(f.Unwind-1)
	r, err := LoadFunction(m, va)
	return Entry{r, f.Base, va}, err == nil, err
}

// Caller turns the context of a function into that of its caller, by the exception directory of the image that holds it; imageBase
// returns the base of the image at an address. interrupted says that the caller did not call: its RIP is where an exception met it, and
// not a return address. Tables that code made at run time are left out, since a look at them may run the guest.
func Caller(m Memory, imageBase func(pc uint64) (base uint64, ok bool), ctx *ntdef.Context) (interrupted bool, err error) {
	w := Unwinder{Memory: m, Lookup: func(pc uint64) (Entry, bool, error) {
		base, ok := imageBase(pc)
		if !ok {
			return Entry{}, false, nil
		}
		return ImageEntry(m, base, pc)
	}}
	f, ok, err := w.Lookup(ctx.Rip)
	switch {
	case err != nil:
		return false, err
	case !ok:
		return false, PopRip(m, ctx)
	}
	frame, err := w.VirtualUnwind(ntdef.UNW_FLAG_NHANDLER, f.Base, ctx.Rip, f.Function, ctx, nil)
	return frame.Machine, err
}
