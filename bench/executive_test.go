package bench

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk"
)

// BenchmarkExecutive has a guest make calls of the executive, through its system DLLs: an operation is what the guest does once, its
// instructions included. among is how many other things of the kind there are; what they cost to make is taken off.
func BenchmarkExecutive(b *testing.B) {
	for _, c := range []struct {
		what  string
		among []int
	}{
		{"service", []int{0}},         // NtSetEvent
		{"switch", []int{0, 2000}},    // to another thread and back, by two events, among sleeping threads
		{"sleep", []int{0, 2000}},     // a millisecond of virtual time, among sleeping threads
		{"thread", []int{0, 2000}},    // made, run, ended, waited for
		{"port", []int{0, 100_000}},   // a packet posted and one taken, among packets
		{"handle", []int{0, 100_000}}, // an event made and closed, among handles
		{"name", []int{1, 20_000}},    // an event opened by name and closed, among names
		{"file", []int{1, 20_000}},    // opened and closed, among files of its folder
		{"read", []int{0}},            // 4 KB of a file
	} {
		for _, among := range c.among {
			b.Run(fmt.Sprintf("%s/among=%d", c.what, among), func(b *testing.B) {
				run := func(n int) time.Duration {
					began := time.Now()
					r, err := pagewalk.Run(context.Background(), "testdata/executive.exe",
						[]string{c.what, strconv.Itoa(n), strconv.Itoa(among)}, pagewalk.Config{RAM: 1 << 30})
					require.NoError(b, err)
					require.Zero(b, r.ExitCode)
					return time.Since(began)
				}
				setUp := run(0)
				b.ResetTimer()
				took := run(b.N)
				b.ReportMetric(float64(max(took-setUp, 0).Nanoseconds())/float64(b.N), "ns/op")
			})
		}
	}
}
