package cpu

import (
	"testing"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/stretchr/testify/require"
)

// Reasons for which an operation may be without a body, beside a feature that is off.
const (
	management Feature = 100 + iota // system-management mode
	otherVendor
)

// withoutBody lists every operation that the decoder knows and the processor does not execute, with the feature that would
// have it.
var withoutBody = map[Feature][]decode.Op{
	management:  {decode.RSM},
	otherVendor: {decode.MOVNTSD, decode.MOVNTSS},
}

// advertisedGaps are the features that CPUID advertises although some of their instructions are missing: COMPAT.md names
// them.
var advertisedGaps []Feature

// TestFeatures holds CPUID to the rows: an operation has a body, or is listed above under a feature that is off.
func TestFeatures(t *testing.T) {
	listed := map[decode.Op]Feature{}
	for f, ops := range withoutBody {
		for _, op := range ops {
			require.NotContains(t, listed, op, "%v is listed twice", op)
			require.Nil(t, rows[op].body, "%v has a body by now", op)
			listed[op] = f
		}
	}
	for op := decode.Invalid + 1; op < decode.NumOps; op++ {
		if rows[op].body == nil {
			require.Contains(t, listed, op, "%v has no body", op)
		}
	}
	for f := range withoutBody {
		if f < management && defaultFeatures.has(f) {
			require.Contains(t, advertisedGaps, f, "feature %d is advertised and not whole", f)
		}
	}
}

// TestCPUID looks at the leaves as a program does.
func TestCPUID(t *testing.T) {
	c := program(t, 0x0f, 0xa2)
	c.features = defaultFeatures
	leaf := func(eax uint64) {
		c.R[RAX], c.R[RCX], c.RIP = eax, 0, testCode
		require.Equal(t, ExitNone, c.Step().Kind)
	}
	leaf(1)
	require.NotZero(t, c.R[RDX]&(1<<26), "SSE2")
	require.NotZero(t, c.R[RCX]&(1<<20), "SSE4.2")
	require.NotZero(t, c.R[RDX]&(1<<23), "MMX")
	require.Zero(t, c.R[RCX]&(1<<28), "AVX")
	require.NotZero(t, c.R[RCX]&(1<<25), "AES")
	leaf(0)
	require.Equal(t, "Genu", string([]byte{byte(c.R[RBX]), byte(c.R[RBX] >> 8), byte(c.R[RBX] >> 16), byte(c.R[RBX] >> 24)}))
	leaf(0x80000008)
	require.EqualValues(t, c.MMU.MaxPhysAddr(), c.R[RAX]&0xff)
}
