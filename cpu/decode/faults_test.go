package decode

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestX86asmFaults has the cases in which x86asm v0.32.0 alone is wrong.
func TestX86asmFaults(t *testing.T) {
	for _, c := range []struct{ fault, code, want string }{
		{"disp32 is not sign-extended", "488d0d94fdffff", "lea rcx, [rip-0x26c]"},
		{"imm8 of byte operations is zero-extended", "80f9ff", "cmp cl, 0xff"},
		{"ENDBR64 is refused", "f30f1efa", "endbr64"},
		{"RDRAND is refused", "0fc7f0", "rdrand eax"},
		{"RDRAND is refused", "480fc7f1", "rdrand rcx"},
		{"RDSEED is refused", "0fc7f8", "rdseed eax"},
		{"RDPID is refused", "f30fc7f8", "rdpid rax"},
		{"CLAC is refused", "0f01ca", "clac"},
		{"STAC is refused", "0f01cb", "stac"},
		{"reserved NOPs are refused", "0f1cc0", "nop eax"},
		{"reserved NOPs are refused", "0f19c8", "nop eax"},
		{"prefetch of a register is refused", "0f0dc0", "nop eax"},
		{"fences with rm != 0 are refused", "0faee9", "lfence"},
		{"fences with rm != 0 are refused", "0faef7", "mfence"},
		{"fences with rm != 0 are refused", "0faefe", "sfence"},
		{"shift group /6 is refused", "c1f004", "shl eax, 0x4"},
		{"shift group /6 is refused", "d3f1", "shl ecx, cl"},
		{"F6 /1 is refused", "f6c801", "test al, 0x1"},
		{"F7 /1 is refused", "f7c801000000", "test eax, 0x1"},
		{"UD1 with memory is refused", "0fb900", "ud1 eax, dword ptr [rax]"},
		{"UD0 with memory is refused", "0fff00", "ud0 eax, dword ptr [rax]"},
		{"CC prints as INT 3", "cc", "int3"},
		{"CD 03 prints as CC does", "cd03", "int 0x3"},
		{"CLWB comes out as XSAVEOPT", "660fae30", "clwb byte ptr [rax]"},
		{"CLFLUSHOPT comes out as CLFLUSH", "660fae38", "clflushopt byte ptr [rax]"},
		{"implicit XMM0 is listed", "660f3810c1", "pblendvb xmm0, xmm1"},
		{"F3 BSF is TZCNT's encoding", "f30fbcc1", "tzcnt eax, ecx"},
		{"49 90 is XCHG, not NOP", "4990", "xchg r8, rax"},
		{"90 is NOP", "90", "nop"},
		{"F3 90 is PAUSE", "f390", "pause"},
		{"ADCX is unknown", "660f38f6c1", "adcx eax, ecx"},
		{"ADOX is unknown", "f30f38f6c1", "adox eax, ecx"},
		{"a REX that is not the last prefix is ignored", "4866b80100", "mov ax, 0x1"},
	} {
		code, err := hex.DecodeString(c.code)
		require.NoError(t, err)
		in, err := Decode(code, 64)
		require.NoError(t, err, "%s: %s", c.fault, c.code)
		require.Equal(t, c.want, in.String(), "%s: %s", c.fault, c.code)
		require.Equal(t, len(code), int(in.Len), "%s: %s", c.fault, c.code)
	}
}

// TestRefusals has byte sequences that decode to no instruction, with the reason.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		why, code string
		kind      ErrKind
	}{
		{"LOCK on an instruction that cannot take it", "f00fafc1", ErrInvalid},
		{"LOCK on a register destination", "f001c8", ErrInvalid},
		{"LOCK on MOV", "f08900", ErrInvalid},
		{"opcodes without meaning in 64-bit mode", "06", ErrInvalid},
		{"AAA in 64-bit mode", "37", ErrInvalid},
		{"MOV to CS", "8ec8", ErrInvalid},
		{"LEA of a register", "8dc0", ErrInvalid},
		{"PTWRITE, which x86asm takes for XSAVE", "f30faee0", ErrUnsupported},
		{"SENDUIPI, which x86asm takes for RDRAND", "f30fc7f0", ErrUnsupported},
		{"VZEROUPPER, whose length x86asm gets wrong", "c5f877", ErrUnsupported},
		{"VEX after a segment prefix, which x86asm refuses", "64c5f877", ErrUnsupported},
		{"an EVEX instruction", "62f17c4828c1", ErrUnsupported},
		{"nothing", "", ErrTruncated},
		{"prefixes alone", "66", ErrTruncated},
		{"a legacy instruction cut short, for which x86asm returns no error", "0f", ErrTruncated},
		{"a VEX instruction cut short, which makes x86asm v0.31 panic", "c5", ErrTruncated},
		{"a missing immediate", "b8010000", ErrTruncated},
		{"sixteen bytes", "66666666666666666666666666666690", ErrTooLong},
	} {
		code, err := hex.DecodeString(c.code)
		require.NoError(t, err)
		in, err := Decode(code, 64)
		require.Error(t, err, "%s: %s decodes as %v", c.why, c.code, in)
		require.Equal(t, c.kind, err.(*Error).Kind, "%s: %s: %v", c.why, c.code, err)
	}
}

// FuzzDecode holds Decode to its contract on arbitrary bytes in every mode.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"4801c8", "f3a4", "c5f877", "66660f1f840000000000", "f00fc10a", "62f17c4828c1"} {
		code, err := hex.DecodeString(seed)
		require.NoError(f, err)
		f.Add(code, uint8(2))
	}
	f.Fuzz(func(t *testing.T, code []byte, m uint8) {
		mode := [...]Mode{16, 32, 64}[m%3]
		in, err := Decode(code, mode)
		if err != nil {
			require.IsType(t, &Error{}, err)
			return
		}
		n := int(in.Len)
		require.LessOrEqual(t, n, 15)
		require.LessOrEqual(t, n, len(code))
		require.NotEqual(t, Invalid, in.Op)
		require.NotEmpty(t, in.String())
		again, err := Decode(code[:n], mode)
		require.NoError(t, err, "bytes behind the instruction mattered")
		require.Equal(t, in, again)
		_, err = Decode(code[:n-1], mode)
		require.Equal(t, errTruncated, err)
	})
}

func BenchmarkDecode(b *testing.B) {
	code, err := hex.DecodeString("488b442418" + "4883c001" + "0f84aabbccdd" + "f20f1045f8" + "e8aabbccdd" + "90")
	require.NoError(b, err)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		for rest := code; len(rest) > 0; n++ {
			in, err := Decode(rest, 64)
			if err != nil {
				b.Fatal(err)
			}
			rest = rest[in.Len:]
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/inst")
}
