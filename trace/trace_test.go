package trace

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

func TestParseKinds(t *testing.T) {
	k, err := ParseKinds("vad,faults")
	require.NoError(t, err)
	require.Equal(t, Faults|VAD, k)
	for _, bad := range []string{"", "walk", "faults,", "faults,,vad"} {
		_, err := ParseKinds(bad)
		require.ErrorContains(t, err, "want faults, vad, services, api, exceptions, modules")
	}
}

func TestHooksOfOtherKindsAreNil(t *testing.T) {
	h := New(nil, Text, Faults).Hooks()
	require.NotNil(t, h.Fault)
	require.Nil(t, h.VAD)
	require.Nil(t, h.Service)
	require.Nil(t, h.Call)
	require.Nil(t, h.Return)
	require.Nil(t, h.Exception)
	require.Nil(t, h.Module)
}

// guard is a fault event with everything in it.
var guard = ntmm.FaultEvent{
	Addr: 0x2345, Access: x86.Write, Code: 6, Kind: ntmm.Guard, Status: ntdef.STATUS_GUARD_PAGE_VIOLATION,
	PTEAddr: 0x1010, PTEBefore: 0x280, PTEAfter: 0x80,
	Region: ntmm.Region{Start: 0x2000, End: 0x4000, Type: ntdef.MEM_PRIVATE, Protect: ntdef.PAGE_READWRITE | ntdef.PAGE_GUARD},
}

func TestFaultLines(t *testing.T) {
	missing := ntmm.FaultEvent{Addr: 8, Access: x86.Read, Kind: ntmm.AccessViolation, Status: ntdef.STATUS_ACCESS_VIOLATION}
	image := guard
	image.Kind, image.Access, image.PFN, image.PTEAfter = ntmm.MappedFile, x86.Execute, 0x33, 0x33005
	image.Region.Type, image.Region.Name, image.Region.Protect = ntdef.MEM_IMAGE, "a.dll", ntdef.PAGE_EXECUTE_READ
	for _, c := range []struct {
		event ntmm.FaultEvent
		want  string
	}{
		{guard, "ic 0        kernel writes 0x2345 → guard: private READWRITE|GUARD 0x2000-0x3fff, PTE 0x280 → 0x80\n"},
		{missing, "ic 0        kernel reads 0x8 → access-violation (access 0): free, no page table\n"},
		{image, "ic 0        kernel executes 0x2345 → mapped-file: image a.dll EXECUTE_READ 0x2000-0x3fff, PTE 0x280 → 0x33005, PFN 0x33\n"},
	} {
		var out bytes.Buffer
		tr := New(&out, Text, Faults)
		tr.Hooks().Fault(nil, &c.event)
		require.NoError(t, tr.Footer(nt.Result{}))
		require.Equal(t, c.want, out.String())
	}
}

func TestJSONLines(t *testing.T) {
	var out bytes.Buffer
	tr := New(&out, JSONL, Faults|VAD)
	tr.Header(Header{Program: "a.exe", RAM: 4096, TLB: "ideal", Seed: 3})
	tr.Hooks().Fault(nil, &guard)
	tr.Hooks().VAD(nil, &ntmm.VADEvent{Kind: ntmm.VADRelease, Start: 0x10000, End: 0x20000, Type: ntdef.MEM_PRIVATE})
	require.NoError(t, tr.Footer(nt.Result{ExitCode: 7, Instructions: 9}))
	require.Equal(t, `{"type":"header","schema":1,"program":"a.exe","ram":4096,"tlb":"ideal","seed":3}
{"type":"page_fault","ic":0,"tid":0,"rip":"0x0","va":"0x2345","access":"w","error_code":"0x6","kind":"guard","status":"STATUS_GUARD_PAGE_VIOLATION","pte_addr":"0x1010","pte_before":"0x280","pte_after":"0x80","pfn":"0x0","vad":{"start":"0x2000","end":"0x3fff","type":"private","protect":"READWRITE|GUARD"}}
{"type":"vad","ic":0,"tid":0,"rip":"0x0","change":"release","start":"0x10000","end":"0x1ffff","vad_type":"private"}
{"type":"footer","exit":7,"instructions":9}
`, out.String())
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestAWriteErrorIsTold(t *testing.T) {
	tr := New(brokenWriter{}, Text, Faults)
	for range 10_000 {
		tr.Hooks().Fault(nil, &guard)
	}
	require.EqualError(t, tr.Footer(nt.Result{}), "disk full")
}
