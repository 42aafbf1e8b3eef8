package decode

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestObjdump decodes one instruction of each form that was found in a corpus of real programs and system libraries and
// compares length and text with those of GNU objdump -M intel. testdata/README.md says how the file was made.
func TestObjdump(t *testing.T) {
	f, err := os.Open("testdata/objdump.txt")
	require.NoError(t, err)
	defer f.Close()
	lines := bufio.NewScanner(f)
	n := 0
	for ; lines.Scan(); n++ {
		bytes, want, ok := strings.Cut(lines.Text(), " | ")
		require.True(t, ok, lines.Text())
		code, err := hex.DecodeString(bytes)
		require.NoError(t, err)
		in, err := Decode(code, 64)
		require.NoError(t, err, "%s %s", bytes, want)
		require.Equal(t, len(code), int(in.Len), "length of %s %s", bytes, want)
		require.Equal(t, canonical(want), canonical(in.Text(0)), bytes)
		require.LessOrEqual(t, int(in.Width), 512)
		for cut := range code {
			_, err := Decode(code[:cut], 64)
			require.Equal(t, errTruncated, err, "%s cut to %d bytes", bytes, cut)
		}
	}
	require.NoError(t, lines.Err())
	require.Greater(t, n, 1500)
}

var (
	comparison = regexp.MustCompile(`^cmp(eq|lt|le|unord|neq|nlt|nle|ord)(ss|sd|ps|pd)`)
	predicates = []string{"eq", "lt", "le", "unord", "neq", "nlt", "nle", "ord"}
	carryless  = regexp.MustCompile(`^pclmul(l|h)q(l|h)qdq (.*)$`)
	negative   = regexp.MustCompile(`\+0x(f{8}[0-9a-f]{8})\]`)
	absolute   = regexp.MustCompile(`\b(byte|d?word|qword|xmmword)?([fg]s:)?(0x[0-9a-f]+)(,|$)`)
)

// canonical spells what the two disassemblers write differently in one way.
func canonical(text string) string {
	for _, cut := range []string{"#", "<"} {
		if i := strings.Index(text, cut); i >= 0 {
			text = text[:i]
		}
	}
	words := strings.Fields(strings.ToLower(text))
	prefix := ""
	for len(words) > 1 {
		switch w := words[0]; w {
		case "repz", "rep", "repnz", "repne", "lock":
			prefix += map[string]string{"repz": "rep ", "repnz": "repne "}[w]
			if w == "rep" || w == "repne" || w == "lock" {
				prefix += w + " "
			}
		case "cs", "ds", "es", "ss", "fs", "gs", "data16", "bnd", "notrack", "addr32", "rex", "rex.w", "xacquire", "xrelease":
		default:
			goto mnemonic
		}
		words = words[1:]
	}
mnemonic:
	name := words[0]
	operands := strings.Join(words[1:], "")
	for _, noise := range []string{"ds:", "es:", "cs:", "ss:", "*1", "+riz", "+eiz", "+0x0", "ptr"} {
		operands = strings.ReplaceAll(operands, noise, "")
	}
	if m := comparison.FindStringSubmatch(name); m != nil {
		for i, p := range predicates {
			if p == m[1] {
				name, operands = "cmp"+m[2], operands+",0x"+string(rune('0'+i))
			}
		}
	}
	if m := carryless.FindStringSubmatch(name + " " + operands); m != nil {
		name, operands = "pclmulqdq", m[3]+map[string]string{"ll": ",0x0", "hl": ",0x1", "lh": ",0x10", "hh": ",0x11"}[m[1]+m[2]]
	}
	switch name {
	case "movabs":
		name = "mov"
	case "movs", "cmps", "stos", "lods", "scas", "ins", "outs":
		switch {
		case strings.Contains(operands, "byte"):
			name += "b"
		case strings.Contains(operands, "qword"):
			name += "q"
		case strings.Contains(operands, "dword"):
			name += "d"
		default:
			name += "w"
		}
		operands = ""
	case "xchg":
		if operands == "ax,ax" || operands == "rax,rax" || operands == "eax,eax" {
			name, operands = "nop", ""
		}
	case "nop":
		operands = "" // objdump shows the operand of the multi-byte forms
	case "sal":
		name = "shl"
	case "ret":
		prefix = "" // rep ret is a hint to old branch predictors
	}
	if strings.HasSuffix(operands, ",1") && (name[0] == 's' || name[0] == 'r') {
		operands = strings.TrimSuffix(operands, "1") + "0x1"
	}
	operands = strings.ReplaceAll(operands, "st(0)", "st")
	operands = strings.ReplaceAll(operands, "oword", "qword")
	operands = negative.ReplaceAllStringFunc(operands, func(s string) string {
		v, _ := strconv.ParseUint(s[3:len(s)-1], 16, 64)
		return fmt.Sprintf("-%#x]", -v)
	})
	operands = absolute.ReplaceAllStringFunc(operands, func(s string) string {
		if m := absolute.FindStringSubmatch(s); m[1] != "" || m[2] != "" {
			return m[1] + m[2] + "[" + m[3] + "]" + m[4]
		}
		return s
	})
	return prefix + name + " " + operands
}
