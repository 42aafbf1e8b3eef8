package tests

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk"
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/trace"
)

type event struct {
	Type, From, To, Operation, Text string
	IC, Pages                       uint64
	PFN                             string
}

func events(t *testing.T, lines string) []event {
	var all []event
	for _, line := range strings.Split(strings.TrimSpace(lines), "\n") {
		var e event
		require.NoError(t, json.Unmarshal([]byte(line), &e), line)
		all = append(all, e)
	}
	return all
}

// TestListsAddUp follows every frame through its moves under memory pressure: each begins where the last one ended, and the reads
// and writes are those that the counters have.
func TestListsAddUp(t *testing.T) {
	r, _, lines := run(t, "sort", []string{"1"}, pagewalk.Config{
		RAM: 1 << 20, PageFile: nt.PageFile{Bytes: 32 << 20}, TraceKinds: trace.PFN | trace.WS | trace.IO, TraceFormat: trace.JSONL,
	})
	at := map[string]string{}
	lists := map[string]uint64{}
	var trims, reads, writes, out uint64
	for _, e := range events(t, lines) {
		switch e.Type {
		case "pfn":
			was, seen := at[e.PFN]
			if !seen {
				was = "zeroed"
			}
			require.Equal(t, was, e.From, "PFN %s at %d", e.PFN, e.IC)
			if seen {
				lists[e.From]--
			}
			lists[e.To]++
			at[e.PFN] = e.To
		case "ws":
			trims++
		case "io":
			if strings.HasSuffix(e.Operation, "read") {
				reads++
			} else {
				writes, out = writes+1, out+e.Pages
			}
		}
	}
	m := r.Memory
	require.Equal(t, m.PageReads, reads)
	require.Equal(t, m.PageWrites, writes)
	require.Equal(t, m.PagesOutput, out)
	require.Greater(t, trims, m.PageFileFaults/2)
	require.Equal(t, m.AvailablePages()-m.ZeroedPages-m.FreePages, lists[ntmm.PFNStandby.String()])
	require.Equal(t, m.ModifiedPages, lists[ntmm.PFNModified.String()])
	require.Equal(t, m.ActivePages, lists[ntmm.PFNActive.String()])
}

// TestExecTracesEveryInstruction counts the instructions of a run; one that faulted is there again.
func TestExecTracesEveryInstruction(t *testing.T) {
	plain, stdout, _ := run(t, "tiny", nil, pagewalk.Config{})
	r, traced, lines := run(t, "tiny", nil, pagewalk.Config{TraceKinds: trace.Exec | trace.Walks | trace.TLB, TraceFormat: trace.JSONL})
	require.Equal(t, stdout, traced)
	require.Equal(t, plain.Instructions, r.Instructions)
	seen := map[uint64]bool{}
	walks := uint64(0)
	for _, e := range events(t, lines) {
		switch e.Type {
		case "exec":
			require.NotEmpty(t, e.Text)
			seen[e.IC] = true
		case "walk":
			walks++
		}
	}
	require.Len(t, seen, int(r.Instructions))
	require.Equal(t, r.MMU.Walks, walks)
}

// TestVMMapCoversTheAddressSpace adds the rows up: what is in use and what is free are the user's 128 TiB, working set and commit are
// the memory manager's.
func TestVMMapCoversTheAddressSpace(t *testing.T) {
	m, err := pagewalk.New(guest("vm"), nil, pagewalk.Config{})
	require.NoError(t, err)
	defer func() { require.NoError(t, m.Close()) }()
	_, err = m.Run(context.Background())
	require.NoError(t, err)
	rows := map[string]trace.MapRow{}
	sum := trace.MapRow{}
	for _, r := range trace.VMMap(m.Process()) {
		rows[r.Type] = r
		if r.Type != "Total" && r.Type != "Free" {
			sum.Size += r.Size
			sum.Committed += r.Committed
			sum.TotalWS += r.TotalWS
			sum.PrivateWS += r.PrivateWS
			require.Equal(t, r.TotalWS, r.PrivateWS+r.ShareableWS, r.Type)
		}
	}
	as := m.Process().AddressSpace()
	c, tables := as.Counters(), rows["Page Table"].Size
	total := rows["Total"]
	require.Equal(t, sum.Size, total.Size)
	require.Equal(t, sum.Committed, total.Committed)
	require.Equal(t, c.VirtualSize, total.Size-tables-rows["Unusable"].Size)
	require.Equal(t, uint64(as.Layout().High-as.Layout().Low)+1, total.Size-tables+rows["Free"].Size)
	require.Equal(t, as.WorkingSet().Size<<12, sum.TotalWS-tables)
	require.Equal(t, c.PageTables<<12, tables)
	for _, name := range []string{"Image", "Heap", "Stack", "Private Data"} {
		require.NotZero(t, rows[name].Size, name)
		require.NotZero(t, rows[name].TotalWS, name)
	}
	require.NotZero(t, rows["Image"].Private, "write-copied pages of images")
	require.EqualValues(t, 2<<20, rows["Stack"].Size)
}
