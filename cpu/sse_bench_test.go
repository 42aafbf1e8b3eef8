package cpu

import (
	"math"
	"testing"
)

// BenchmarkSSE runs loops of 2000 instructions: n copies of one and a jump back.
func BenchmarkSSE(b *testing.B) {
	for _, k := range []struct {
		name string
		code []byte
	}{
		{"ADDSD", []byte{0xf2, 0x0f, 0x58, 0xc1}},
		{"MULSD", []byte{0xf2, 0x0f, 0x59, 0xc2}},
		{"DIVSD", []byte{0xf2, 0x0f, 0x5e, 0xc2}},
		{"SQRTSD", []byte{0xf2, 0x0f, 0x51, 0xd9}},
		{"MULSS", []byte{0xf3, 0x0f, 0x59, 0xe5}},
		{"ADDPD", []byte{0x66, 0x0f, 0x58, 0xc1}},
		{"ADDPS", []byte{0x0f, 0x58, 0xe5}},
		{"COMISD", []byte{0x66, 0x0f, 0x2f, 0xc1}},
		{"CVTSI2SD", []byte{0xf2, 0x0f, 0x2a, 0xf0}},
		{"CVTTSD2SI", []byte{0xf2, 0x0f, 0x2c, 0xc1}},
		{"MOVSD/load", []byte{0xf2, 0x0f, 0x10, 0x46, 0x10}},
		{"MOVSD/store", []byte{0xf2, 0x0f, 0x11, 0x46, 0x10}},
		{"MOVAPD/reg", []byte{0x66, 0x0f, 0x28, 0xc8}},
		{"MOVUPS/load", []byte{0x0f, 0x10, 0x7e, 0x10}},
		{"MOVUPS/store", []byte{0x0f, 0x11, 0x7e, 0x10}},
		{"PXOR", []byte{0x66, 0x0f, 0xef, 0xff}},
		{"PADDD", []byte{0x66, 0x0f, 0xfe, 0xfe}},
		{"PCMPEQB", []byte{0x66, 0x0f, 0x74, 0xfe}},
		{"PMOVMSKB", []byte{0x66, 0x0f, 0xd7, 0xc7}},
		{"PMINUB", []byte{0x66, 0x0f, 0xda, 0xfe}},
		{"PSHUFB", []byte{0x66, 0x0f, 0x38, 0x00, 0xfe}},
	} {
		b.Run(k.name, func(b *testing.B) {
			var code []byte
			for range 60 {
				code = append(code, k.code...)
			}
			back := int32(-len(code) - 5)
			code = append(code, 0xe9, byte(back), byte(back>>8), byte(back>>16), byte(back>>24))
			c := program(b, code...)
			c.features = ^features(0)
			c.MXCSR |= mxPE
			for i := range c.XMM {
				c.XMM[i] = XMMReg{math.Float64bits(1.5 + float64(i)), math.Float64bits(2.5 + float64(i))}
			}
			c.XMM[2] = XMMReg{math.Float64bits(1), math.Float64bits(1)}
			for i := 4; i < 6; i++ {
				c.XMM[i] = quads([4]uint32{0x3f800000, 0x3f800000, 0x3f800000, 0x3f800000})
			}
			const n = 2000
			b.ReportAllocs()
			for b.Loop() {
				if e := c.Run(n); e.Kind != ExitBudget {
					b.Fatal(e.Kind, e.Fault)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/inst")
		})
	}
}
