package nt

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/ntdef"
)

// objectProcess is a process without memory on a machine with some.
func objectProcess(t *testing.T, ram uint64) *Process {
	s, err := New(Config{RAMBytes: ram, SystemImages: ntdllImage(t)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	p := &Process{sys: s, local: map[any]any{}, token: s.newToken(nil)}
	p.handles.init(s)
	return p
}

func TestAHandleTakes24BytesOfTheHost(t *testing.T) {
	require.EqualValues(t, 24, unsafe.Sizeof(handleEntry{}))
}

// TestHandlesEndWithTheMachinesMemory makes objects and handles until the machine has no memory for more, and gets it all back.
func TestHandlesEndWithTheMachinesMemory(t *testing.T) {
	for name, make := range map[string]func(p *Process, event ntdef.Handle) (ntdef.Handle, ntdef.Status){
		"events": func(p *Process, _ ntdef.Handle) (ntdef.Handle, ntdef.Status) {
			return p.CreateEvent(&ObjectRequest{}, false, false)
		},
		"handles": func(p *Process, event ntdef.Handle) (ntdef.Handle, ntdef.Status) {
			return p.handles.open(p.handles.get(event), ntdef.GENERIC_ALL, 0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := objectProcess(t, 4<<20)
			before := p.sys.mm.Counters().CommittedPages
			event, st := p.CreateEvent(&ObjectRequest{Name: "one"}, false, false)
			require.Equal(t, ntdef.STATUS_SUCCESS, st)
			n := 0
			for st == ntdef.STATUS_SUCCESS {
				_, st = make(p, event)
				n++
			}
			require.Equal(t, ntdef.STATUS_INSUFFICIENT_RESOURCES, st)
			c := p.sys.mm.Counters()
			require.Equal(t, c.CommitLimit, c.CommittedPages)
			require.Greater(t, n, 15_000)
			require.Less(t, n, 350_000)
			var child handleTable
			require.Equal(t, ntdef.STATUS_INSUFFICIENT_RESOURCES, child.init(p.sys), "a child has no standard handles")
			child.dropAll()
			p.handles.dropAll()
			require.Equal(t, before, p.sys.mm.Counters().CommittedPages)
			require.Zero(t, p.sys.counts[typeIndices["Event"]].objects)
		})
	}
}

// TestDescribe names objects as a report of a deadlock does.
func TestDescribe(t *testing.T) {
	p := objectProcess(t, 4<<20)
	require.Equal(t, "an Event", describe(&event{}))
	require.Equal(t, "a Mutant", describe(&mutant{}))
	require.Equal(t, "a Mutant (of thread 8)", describe(&mutant{owner: &Thread{id: 8}}))
	h, st := p.CreateEvent(&ObjectRequest{Name: `Global\ready`}, false, false)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Equal(t, `the Event \BaseNamedObjects\ready`, describe(p.handles.get(h)))
	require.Equal(t, ntdef.STATUS_SUCCESS, p.handles.close(h))
	_, st = p.OpenEvent(&ObjectRequest{Name: `Global\ready`})
	require.Equal(t, ntdef.STATUS_OBJECT_NAME_NOT_FOUND, st, "the name went with the last handle")
}

// TestWin32Names: one session's names and those of all are two directories, and case tells names apart.
func TestWin32Names(t *testing.T) {
	p := objectProcess(t, 4<<20)
	_, st := p.CreateEvent(&ObjectRequest{Name: "ready"}, false, false)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	for name, want := range map[string]ntdef.Status{
		"ready":              ntdef.STATUS_SUCCESS,
		`Local\ready`:        ntdef.STATUS_SUCCESS,
		`Session\1\ready`:    ntdef.STATUS_SUCCESS,
		`Global\ready`:       ntdef.STATUS_OBJECT_NAME_NOT_FOUND,
		"Ready":              ntdef.STATUS_OBJECT_NAME_NOT_FOUND,
		`local\ready`:        ntdef.STATUS_OBJECT_PATH_NOT_FOUND,
		`a\ready`:            ntdef.STATUS_OBJECT_PATH_NOT_FOUND,
		`\ready`:             ntdef.STATUS_OBJECT_PATH_SYNTAX_BAD,
		`ready\`:             ntdef.STATUS_OBJECT_TYPE_MISMATCH,
		`Local`:              ntdef.STATUS_OBJECT_TYPE_MISMATCH,
		`Global\\ready`:      ntdef.STATUS_OBJECT_NAME_INVALID,
		`Session\2\ready`:    ntdef.STATUS_OBJECT_PATH_NOT_FOUND,
		`Session\1\1\ready`:  ntdef.STATUS_OBJECT_PATH_NOT_FOUND,
		`Global\Local\ready`: ntdef.STATUS_OBJECT_NAME_NOT_FOUND,
	} {
		_, st := p.OpenEvent(&ObjectRequest{Name: name})
		require.Equal(t, want, st, name)
	}
}
