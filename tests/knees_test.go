package tests

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pagewalk/pagewalk"
	"github.com/stretchr/testify/require"
)

// A point of a pointer chase over a number of pages.
type point struct {
	pages int
	cost  float64 // of a load: cycles in the guest, nanoseconds on the host

	// What the guest's performance counters say of a hundred loads.
	stlbHits, walks int
}

// chase runs the kernel of that name under a TLB profile whose cycles pass as time.
func chase(t *testing.T, profile string) (points []point) {
	var out bytes.Buffer
	_, err := pagewalk.Boot(context.Background(), filepath.Join("kernels", "chase.elf"), pagewalk.BootConfig{
		Stdout: &out, Stdin: strings.NewReader(""), MaxInstructions: 1e8, TLB: profile, Timing: true,
	})
	require.NoError(t, err, out.String())
	for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		var p point
		_, err := fmt.Sscanf(line, "%d %f %d %d", &p.pages, &p.cost, &p.stlbHits, &p.walks)
		require.NoError(t, err, line)
		p.cost /= 100
		points = append(points, p)
	}
	return points
}

// knees are the numbers of pages, first that a step of the cost is behind and last before it.
func knees(points []point) (steps [][2]int) {
	for i, p := range points[1:] {
		if p.cost > points[i].cost*1.3 && (len(steps) == 0 || steps[len(steps)-1][1] != points[i].pages) {
			steps = append(steps, [2]int{points[i].pages, p.pages})
		}
	}
	return steps
}

// TestKnees has a guest see where the translation buffers of each profile end: a load costs the same up to as many pages as
// a level holds, and more behind it. -update draws BENCHMARKS.md's plot anew.
func TestKnees(t *testing.T) {
	series := map[string][]point{}
	for _, k := range []struct {
		profile string
		at      []int // where the levels end
	}{
		{"ideal", nil},
		{"skylake", []int{64, 1536}},
		{"goldencove", []int{96, 2048}},
		{"zen3", []int{64, 2048}},
		{"zen4", []int{72, 3072}},
	} {
		points := chase(t, k.profile)
		series[k.profile] = points
		got := knees(points)
		require.Len(t, got, len(k.at), "%s: %v", k.profile, got)
		for i, at := range k.at {
			require.LessOrEqual(t, got[i][0], at, k.profile)
			require.Greater(t, got[i][1], at, k.profile)
		}
		for _, p := range points { // the counters say why
			switch {
			case len(k.at) == 0 || p.pages <= k.at[0]:
				require.Zero(t, p.stlbHits+p.walks, "%s: %+v", k.profile, p)
			case p.pages <= k.at[1]:
				require.Zero(t, p.walks, "%s: %+v", k.profile, p)
			default:
				require.NotZero(t, p.walks, "%s: %+v", k.profile, p)
			}
		}
	}
	if !*update {
		return
	}
	text, err := os.ReadFile("testdata/knees-native.txt")
	require.NoError(t, err)
	var native []point
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
		var p point
		_, err := fmt.Sscanf(line, "%d %f", &p.pages, &p.cost)
		require.NoError(t, err, line)
		native = append(native, p)
	}
	require.NoError(t, os.WriteFile("../bench/knees.svg", plot([]curve{
		{"zen4, guest, cycles", "#c0392b", series["zen4"]},
		{"skylake, guest, cycles", "#2471a3", series["skylake"]},
		{"Zen 4 host, ns", "#7f8c8d", native},
	}), 0o644))
}

type curve struct {
	name, colour string
	points       []point
}

// plot draws curves on logarithmic axes.
func plot(curves []curve) []byte {
	const width, height, left, bottom, top = 760, 420, 50, 40, 20
	x := func(pages float64) float64 { return left + (math.Log2(pages)-4)/12*(width-left-170) }
	y := func(cost float64) float64 { return height - bottom - math.Log2(cost)/8*(height-bottom-top) }
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/>`+"\n", width, height)
	for i := 4; i <= 16; i += 2 {
		p := math.Pow(2, float64(i))
		fmt.Fprintf(&b, `<path d="M%.1f %.1fV%.1f" stroke="#ddd"/><text x="%.1f" y="%d" text-anchor="middle">%.0f</text>`+"\n",
			x(p), y(1), y(256), x(p), height-bottom+16, p)
	}
	for i := range 9 {
		c := math.Pow(2, float64(i))
		fmt.Fprintf(&b, `<path d="M%.1f %.1fH%.1f" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%.0f</text>`+"\n",
			x(16), y(c), x(65536), left-6, y(c)+4, c)
	}
	fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle">pages, one line of each in random order</text>`+"\n", x(1024), height-6)
	for i, c := range curves {
		var d strings.Builder
		for j, p := range c.points {
			fmt.Fprintf(&d, "%c%.1f %.1f", "ML"[min(j, 1)], x(float64(p.pages)), y(max(p.cost, 1)))
		}
		fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="%s" stroke-width="2"/><text x="%d" y="%d" fill="%s">%s</text>`+"\n",
			&d, c.colour, width-160, 40+20*i, c.colour, c.name)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}
