package ntdll

import (
	"github.com/pagewalk/pagewalk/internal/unwind"
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// A functionTable is one that code made at run time announced with RtlAddFunctionTable, or with
// RtlInstallFunctionTableCallback, which tells callback instead of entries.
type functionTable struct {
	id       uint64 // what the guest names it by
	base     uint64 // what its RVAs are relative to
	length   uint64 // of the region of a callback
	entries  uint64 // address of RUNTIME_FUNCTIONs, sorted or not
	count    uint32
	callback uint64
	context  uint64
}

// exceptionState is what the real ntdll keeps in memory of its own about exceptions.
type exceptionState struct {
	tables    []functionTable
	vectored  []*vectoredHandler
	continued []*vectoredHandler
	filter    uint64 // RtlSetUnhandledExceptionFilter
}

type exceptionStateKey struct{}

func exceptionStateOf(t *nt.Thread) *exceptionState {
	return t.Process().Local(exceptionStateKey{}, func() any { return new(exceptionState) }).(*exceptionState)
}

// lookupFunction is RtlLookupFunctionEntry: the entry of the function that holds pc, from its image's exception directory or
// a table made at run time. base is the image's even where the function has none; ok is false for a leaf.
func lookupFunction(t *nt.Thread, pc uint64) (f unwind.Entry, ok bool, err error) {
	if m := t.Process().ModuleAt(pc); m != nil {
		f, ok, err = unwind.ImageEntry(t, m.Base, pc)
		if !ok || err != nil {
			f.Base = m.Base
		}
		return f, ok, err
	}
	for _, table := range exceptionStateOf(t).tables {
		if table.callback != 0 {
			if pc < table.base || pc-table.base >= table.length {
				continue
			}
			va, err := t.Call(table.callback, pc, table.context)
			if err != nil || va == 0 {
				return unwind.Entry{Base: table.base}, false, err
			}
			r, err := unwind.LoadFunction(t, va)
			return unwind.Entry{Function: r, Base: table.base, VA: va}, err == nil, err
		}
		for i := range table.count {
			va := table.entries + unwind.FunctionSize*uint64(i)
			r, err := unwind.LoadFunction(t, va)
			if err != nil {
				return f, false, err
			}
			if pc >= table.base+uint64(r.Begin) && pc < table.base+uint64(r.End) {
				return unwind.Entry{Function: r, Base: table.base, VA: va}, true, nil
			}
		}
	}
	return f, false, nil
}

// threadUnwinder returns an unwinder over the thread's memory.
func threadUnwinder(t *nt.Thread) *unwind.Unwinder {
	return &unwind.Unwinder{Memory: t, Lookup: func(pc uint64) (unwind.Entry, bool, error) { return lookupFunction(t, pc) }}
}

var unwindFuncs = []nt.UserFunc{
	nt.Func("RtlLookupFunctionEntry", rtlLookupFunctionEntry),
	nt.Func("RtlVirtualUnwind", rtlVirtualUnwind),
	nt.Func("RtlPcToFileHeader", rtlPcToFileHeader),
	nt.Func("RtlAddFunctionTable", rtlAddFunctionTable),
	nt.Func("RtlInstallFunctionTableCallback", rtlInstallFunctionTableCallback),
	nt.Func("RtlDeleteFunctionTable", rtlDeleteFunctionTable),
}

type lookupFunctionEntryArgs struct {
	ControlPc    uint64
	ImageBase    ntdef.Ptr[uint64]
	HistoryTable uint64
}

// rtlLookupFunctionEntry leaves the history table, a cache of the caller's, alone.
func rtlLookupFunctionEntry(t *nt.Thread, a *lookupFunctionEntryArgs) (uint64, error) {
	f, _, err := lookupFunction(t, a.ControlPc)
	if err != nil {
		return 0, err
	}
	return f.VA, t.Store64(uint64(a.ImageBase), f.Base)
}

type virtualUnwindArgs struct {
	HandlerType      uint32
	ImageBase        uint64
	ControlPc        uint64
	FunctionEntry    uint64
	Context          ntdef.Ptr[ntdef.Context]
	HandlerData      ntdef.Ptr[uint64]
	EstablisherFrame ntdef.Ptr[uint64]
	ContextPointers  uint64
}

func rtlVirtualUnwind(t *nt.Thread, a *virtualUnwindArgs) (uint64, error) {
	ctx, err := t.LoadContext(uint64(a.Context))
	if err != nil {
		return 0, err
	}
	r, err := unwind.LoadFunction(t, a.FunctionEntry)
	if err != nil {
		return 0, err
	}
	var ptrs unwind.Pointers
	u, err := threadUnwinder(t).VirtualUnwind(a.HandlerType, a.ImageBase, a.ControlPc, r, &ctx, &ptrs)
	if err != nil {
		return 0, badTable(t, err)
	}
	if err := storeUnwound(t, uint64(a.Context), &ctx); err != nil {
		return 0, err
	}
	if err := t.Store64(uint64(a.HandlerData), u.HandlerData); err != nil {
		return 0, err
	}
	if err := t.Store64(uint64(a.EstablisherFrame), u.Establisher); err != nil {
		return 0, err
	}
	if a.ContextPointers != 0 {
		for i, list := range [][16]uint64{ptrs.Xmm, ptrs.Reg} {
			for r, va := range list {
				if va == 0 {
					continue
				}
				if err := t.Store64(a.ContextPointers+128*uint64(i)+8*uint64(r), va); err != nil {
					return 0, err
				}
			}
		}
	}
	return u.Handler, nil
}

// storeUnwound writes what unwinding changes of a CONTEXT: general registers, RIP and the vector registers. The rest of
// the caller's record, which Context does not hold as a whole, stays.
func storeUnwound(t *nt.Thread, va uint64, ctx *ntdef.Context) error {
	var buf [ntdef.ContextSize]byte
	ctx.Marshal(buf[:])
	const integer, end = ntdef.ContextRegsOffset, ntdef.ContextFltOffset + 512
	return t.Write(va+integer, buf[integer:end])
}

type pcToFileHeaderArgs struct {
	PcValue     uint64
	BaseOfImage ntdef.Ptr[uint64]
}

func rtlPcToFileHeader(t *nt.Thread, a *pcToFileHeaderArgs) (uint64, error) {
	var base uint64
	if m := t.Process().ModuleAt(a.PcValue); m != nil {
		base = m.Base
	}
	return base, t.Store64(uint64(a.BaseOfImage), base)
}

// maxFunctionTables bounds what a guest can make us remember.
const maxFunctionTables = 1 << 16

// addTable remembers a table and returns TRUE, FALSE where there are too many.
func addTable(t *nt.Thread, table functionTable) uint64 {
	s := exceptionStateOf(t)
	if len(s.tables) >= maxFunctionTables {
		return 0
	}
	s.tables = append(s.tables, table)
	return 1
}

type addFunctionTableArgs struct {
	FunctionTable uint64
	EntryCount    uint32
	BaseAddress   uint64
}

func rtlAddFunctionTable(t *nt.Thread, a *addFunctionTableArgs) (uint64, error) {
	return addTable(t, functionTable{id: a.FunctionTable, base: a.BaseAddress, entries: a.FunctionTable, count: a.EntryCount}), nil
}

type installFunctionTableCallbackArgs struct {
	TableIdentifier      uint64
	BaseAddress          uint64
	Length               uint32
	Callback             uint64
	Context              uint64
	OutOfProcessCallback uint64
}

// rtlInstallFunctionTableCallback refuses an identifier whose two low bits are not both set, as documented.
func rtlInstallFunctionTableCallback(t *nt.Thread, a *installFunctionTableCallbackArgs) (uint64, error) {
	if a.TableIdentifier&3 != 3 {
		return 0, nil
	}
	return addTable(t, functionTable{
		id: a.TableIdentifier, base: a.BaseAddress, length: uint64(a.Length), callback: a.Callback, context: a.Context,
	}), nil
}

type deleteFunctionTableArgs struct {
	FunctionTable uint64
}

func rtlDeleteFunctionTable(t *nt.Thread, a *deleteFunctionTableArgs) (uint64, error) {
	s := exceptionStateOf(t)
	for i, table := range s.tables {
		if table.id == a.FunctionTable {
			s.tables = append(s.tables[:i], s.tables[i+1:]...)
			return 1, nil
		}
	}
	return 0, nil
}
