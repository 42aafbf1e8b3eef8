package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// A CallTargets is what SetProcessValidCallTargets asks for: entries of CFG_CALL_TARGET_INFO, an offset in the range and flags. Section
// is that of a mapped view, with the offset of the range in it; 0: the range is not asked to be one.
type CallTargets struct {
	Process       ntdef.Handle
	Address, Size uint64
	Entries       uint64
	Count         uint32
	Section       ntdef.Handle
	Offset        uint64
}

// The flags of CFG_CALL_TARGET_INFO (winnt.h).
const (
	cfgCallTargetValid     = 1
	cfgCallTargetProcessed = 2
)

// SetCallTargets marks addresses of executable memory as targets of indirect calls, or as none, in the order of the entries, each of
// which says that it was processed; the number of those is returned. INVALID_PARAMETER for a process without control-flow guard, for a
// range that is not of whole executable pages, for an offset that is not a multiple of 16 in the range, and for flags that are
// unknown; INVALID_PARAMETER_MIX where the view is not of the section; DYNAMIC_CODE_BLOCKED.
func (t *Thread) SetCallTargets(c *CallTargets) (done uint32, st ntdef.Status, err error) {
	const entry, maxEntries = 16, 1 << 20
	p, st := t.proc.MemoryOf(c.Process, PROCESS_VM_OPERATION)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return 0, st, nil
	case !p.Guarded(), c.Count == 0, c.Count > maxEntries, (c.Address|c.Size)%x86.PageSize != 0, !p.executable(c.Address, c.Size):
		return 0, ntdef.STATUS_INVALID_PARAMETER, nil
	case p.as.DynamicCodeProhibited():
		return 0, ntdef.STATUS_DYNAMIC_CODE_BLOCKED, nil
	}
	if c.Section != 0 {
		o, st := t.proc.section(c.Section)
		switch {
		case st != ntdef.STATUS_SUCCESS:
			return 0, st, nil
		case !p.as.Shows(x86.VirtAddr(c.Address), o.mm, c.Offset):
			return 0, ntdef.STATUS_INVALID_PARAMETER_MIX, nil
		}
	}
	b := make([]byte, entry*c.Count)
	if err := t.Read(c.Entries, b); err != nil {
		return 0, 0, err
	}
	if err := t.Probe(c.Entries, uint64(len(b)), x86.Write); err != nil {
		return 0, 0, err
	}
	le := binary.LittleEndian
	for ; done < c.Count; done++ {
		e := b[entry*done:]
		offset, flags := le.Uint64(e), le.Uint64(e[8:])
		if offset >= c.Size || offset%16 != 0 || flags&^(cfgCallTargetValid|cfgCallTargetProcessed) != 0 {
			st = ntdef.STATUS_INVALID_PARAMETER
			break
		}
		if st = p.setTarget(c.Address+offset, flags&cfgCallTargetValid != 0); st != ntdef.STATUS_SUCCESS {
			break
		}
		le.PutUint64(e[8:], flags|cfgCallTargetProcessed)
	}
	return done, st, t.Write(c.Entries, b)
}

// executable reports whether every page of a range is committed and may be executed.
func (p *Process) executable(va, size uint64) bool {
	if size == 0 || size > uint64(p.as.Layout().High) || va > uint64(p.as.Layout().High)-size {
		return false
	}
	for at := va; at < va+size; {
		info, st := p.as.Query(x86.VirtAddr(at))
		if st != ntdef.STATUS_SUCCESS || info.State != ntdef.MEM_COMMIT || info.Protect&executableProtections == 0 {
			return false
		}
		at = info.BaseAddress + info.RegionSize
	}
	return true
}

// setTarget changes one address's bits.
func (p *Process) setTarget(va uint64, valid bool) ntdef.Status {
	var b [1]byte
	at := p.guard.base + va>>guardShift
	if info, st := p.as.Query(x86.VirtAddr(at)); st == ntdef.STATUS_SUCCESS && info.State == ntdef.MEM_COMMIT {
		if p.reach(func(th *Thread) error { return th.Read(at, b[:]) }) != nil {
			return ntdef.STATUS_NO_MEMORY
		}
	}
	base := va &^ (1<<guardShift - 1)
	setTarget(b[:], base, va, valid)
	return p.mark(base, b[:])
}

// setCallTargets is NtSetInformationVirtualMemory with a CFG_CALL_TARGET_LIST_INFORMATION.
func (t *Thread) setCallTargets(a *setInformationVirtualMemoryArgs) (ntdef.Status, error) {
	const size = 40
	switch {
	case a.Count != 1:
		return ntdef.STATUS_INVALID_PARAMETER_3, nil
	case a.Buffer == 0:
		return ntdef.STATUS_INVALID_PARAMETER_5, nil
	case a.Length != size:
		return ntdef.STATUS_INVALID_PARAMETER_6, nil
	}
	var b [size]byte
	if err := t.Read(a.Buffer, b[:]); err != nil {
		return 0, err
	}
	var r [16]byte
	if err := t.Read(a.Addresses, r[:]); err != nil {
		return 0, err
	}
	le := binary.LittleEndian
	processed := le.Uint64(b[8:])
	if err := t.Probe(processed, 4, x86.Write); err != nil {
		return 0, err
	}
	done, st, err := t.SetCallTargets(&CallTargets{
		Process: a.Process, Address: le.Uint64(r[0:]), Size: le.Uint64(r[8:]), Count: le.Uint32(b[0:]), Entries: le.Uint64(b[16:]),
		Section: ntdef.Handle(le.Uint64(b[24:])), Offset: le.Uint64(b[32:]),
	})
	if err != nil {
		return 0, err
	}
	return st, t.Store32(processed, done)
}
