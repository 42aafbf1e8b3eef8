// Command fastgen writes cpu/fast_gen.go: the fast forms of the commonest integer instructions, one small function for
// each operation, operand shape and width. They differ from the rows' bodies only in what is decided ahead of time.
package main

import (
	"bytes"
	"fmt"
	"go/format"
	"log"
	"os"
	"strings"
)

// binary is a two-operand operation: the Go operator, the flag setter, and whether the result is written.
type binary struct {
	op, name, expr, flags string
	writes                bool
}

var binaries = []binary{
	{"ADD", "add", "a + b", "setAdd", true},
	{"SUB", "sub", "a - b", "setSub", true},
	{"CMP", "cmp", "a - b", "setSub", false},
	{"AND", "and", "a & b", "setLogic", true},
	{"OR", "or", "a | b", "setLogic", true},
	{"XOR", "xor", "a ^ b", "setLogic", true},
	{"TEST", "test", "a & b", "setLogic", false},
}

var conditions = []struct{ name, expr string }{
	{"O", "c.flags.of()"},
	{"NO", "!c.flags.of()"},
	{"B", "c.flags.cf()"},
	{"AE", "!c.flags.cf()"},
	{"E", "c.flags.zf()"},
	{"NE", "!c.flags.zf()"},
	{"BE", "c.flags.be()"},
	{"A", "!c.flags.be()"},
	{"S", "c.flags.sf()"},
	{"NS", "!c.flags.sf()"},
	{"P", "c.flags.pf()"},
	{"NP", "!c.flags.pf()"},
	{"L", "c.flags.lt()"},
	{"GE", "!c.flags.lt()"},
	{"LE", "c.flags.le()"},
	{"G", "!c.flags.le()"},
}

var out bytes.Buffer

func p(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }

// fn writes one fast form.
func fn(name, body string) {
	p("func %s(c *CPU, in *Inst) *x86.Fault {\n%s\nreturn nil\n}\n", name, body)
}

func setFlags(b binary, w int) string {
	if b.flags == "setLogic" {
		return fmt.Sprintf("c.flags.setLogic%d(r)", w)
	}
	return fmt.Sprintf("c.flags.%s%d(a, b, r)", b.flags, w)
}

// writeReg stores r, of width w, to the register that d points at.
func writeReg(w int) string {
	switch w {
	case 64:
		return "*d = r"
	case 32:
		return "*d = uint64(r)"
	default:
		return "*d = *d&^0xff | uint64(r)"
	}
}

func genBinary(b binary, w int) {
	t := fmt.Sprintf("uint%d", w)
	store := ""
	if b.writes {
		store = writeReg(w) + "\n"
	}
	srcs := []struct{ suffix, load string }{
		{"RR", fmt.Sprintf("b := %s(c.R[in.Args[1]&15])", t)},
		{"RI", fmt.Sprintf("b := %s(in.Imm)", t)},
		{"RM", fmt.Sprintf("b, f := c.MMU.Load%d(c.sum(in))\nif f != nil {\nreturn c.memFault(in, f)\n}", w)},
	}
	for _, s := range srcs {
		fn(fmt.Sprintf("%s%s%d", b.name, s.suffix, w), fmt.Sprintf("%s\nd := &c.R[in.Args[0]&15]\na := %s(*d)\nr := %s\n%s%s",
			s.load, t, b.expr, store, setFlags(b, w)))
	}
	for _, s := range srcs[:2] {
		name := fmt.Sprintf("%s%s%d", b.name, strings.Replace(s.suffix, "R", "M", 1), w)
		if !b.writes {
			fn(name, fmt.Sprintf("a, f := c.MMU.Load%d(c.sum(in))\nif f != nil {\nreturn c.memFault(in, f)\n}\n%s\nr := %s\n%s",
				w, s.load, b.expr, setFlags(b, w)))
			continue
		}
		fn(name, fmt.Sprintf("va := c.sum(in)\nif f := c.MMU.Probe(va, %d, x86.Read|x86.Write); f != nil {\nreturn c.memFault(in, f)\n}\n"+
			"a, f := c.MMU.Load%d(va)\nif f != nil {\nreturn c.memFault(in, f)\n}\n%s\nr := %s\nif f := c.MMU.Store%d(va, r); f != nil {\nreturn c.memFault(in, f)\n}\n%s",
			w/8, w, s.load, b.expr, w, setFlags(b, w)))
	}
}

func genMoves(w int) {
	t := fmt.Sprintf("uint%d", w)
	fn(fmt.Sprintf("movRM%d", w), fmt.Sprintf("r, f := c.MMU.Load%d(c.sum(in))\nif f != nil {\nreturn c.memFault(in, f)\n}\nd := &c.R[in.Args[0]&15]\n%s", w, writeReg(w)))
	fn(fmt.Sprintf("movMR%d", w), fmt.Sprintf("if f := c.MMU.Store%d(c.sum(in), %s(c.R[in.Args[1]&15])); f != nil {\nreturn c.memFault(in, f)\n}", w, t))
	fn(fmt.Sprintf("movMI%d", w), fmt.Sprintf("if f := c.MMU.Store%d(c.sum(in), %s(in.Imm)); f != nil {\nreturn c.memFault(in, f)\n}", w, t))
	fn(fmt.Sprintf("movRR%d", w), fmt.Sprintf("d, r := &c.R[in.Args[0]&15], %s(c.R[in.Args[1]&15])\n%s", t, writeReg(w)))
	fn(fmt.Sprintf("movRI%d", w), fmt.Sprintf("d, r := &c.R[in.Args[0]&15], %s(in.Imm)\n%s", t, writeReg(w)))
}

// counts are where a shift's count comes from. One of 0 changes nothing but the upper half of a 32-bit register; immediate
// ones of 0 have no fast form.
var counts = []struct{ suffix, load, zero string }{
	{"RI", "in.Imm", ""},
	{"RC", "c.R[RCX]", "if n == 0 {\n*d = uint64(a)\nreturn nil\n}\n"},
}

func genShifts(w int) {
	t := fmt.Sprintf("uint%d", w)
	for _, s := range []struct{ name, result, cf, of string }{
		{"shl", "a << n", fmt.Sprintf("a>>(%d-n)&1", w), fmt.Sprintf("r>>%d^cf", w-1)},
		{"shr", "a >> n", "a>>(n-1)&1", fmt.Sprintf("r>>%d^r>>%d&1", w-1, w-2)},
		{"sar", fmt.Sprintf("uint%d(int%d(a)>>n)", w, w), fmt.Sprintf("uint%d(int%d(a)>>(n-1))&1", w, w), "0"},
	} {
		of := ""
		if s.of != "0" {
			of = fmt.Sprintf("of := %s\n", s.of)
		}
		ofArg := "of"
		if of == "" {
			ofArg = "0"
		}
		for _, c := range counts {
			fn(fmt.Sprintf("%s%s%d", s.name, c.suffix, w), fmt.Sprintf("n := uint(%s) & %d\nd := &c.R[in.Args[0]&15]\na := %s(*d)\n%sr := %s\ncf := %s\n%s%s\nc.flags.setShift%d(r, uint64(cf), uint64(%s))",
				c.load, w-1, t, c.zero, s.result, s.cf, of, writeReg(w), w, ofArg))
		}
	}
	// A rotate's CF is the bit that came around, and OF with it says what the bit beside is (SDM vol. 2B, RCL/RCR/ROL/ROR).
	for _, s := range []struct{ name, result, cf, top string }{
		{"rol", fmt.Sprintf("bits.RotateLeft%d(a, int(n))", w), "r&1", fmt.Sprintf("r>>%d", w-1)},
		{"ror", fmt.Sprintf("bits.RotateLeft%d(a, -int(n))", w), fmt.Sprintf("r>>%d", w-1), fmt.Sprintf("r>>%d&1", w-2)},
	} {
		for _, c := range counts {
			fn(fmt.Sprintf("%s%s%d", s.name, c.suffix, w), fmt.Sprintf("n := uint(%s) & %d\nd := &c.R[in.Args[0]&15]\na := %s(*d)\n%sr := %s\n%s\nc.flags.setRotate(uint64(%s), uint64(%s))",
				c.load, w-1, t, c.zero, s.result, writeReg(w), s.cf, s.top))
		}
	}
	fn(fmt.Sprintf("incR%d", w), fmt.Sprintf("d := &c.R[in.Args[0]&15]\na := %s(*d)\nr := a + 1\n%s\nc.flags.setInc%d(r)", t, writeReg(w), w))
	fn(fmt.Sprintf("decR%d", w), fmt.Sprintf("d := &c.R[in.Args[0]&15]\na := %s(*d)\nr := a - 1\n%s\nc.flags.setDec%d(r)", t, writeReg(w), w))
	fn(fmt.Sprintf("leaR%d", w), fmt.Sprintf("d, r := &c.R[in.Args[0]&15], %s(c.sum(in))\n%s", t, writeReg(w)))
}

// genScalars writes the four operations of scalars in XMM registers: the host's arithmetic where it is certain to give the
// processor's result and flags, else what the row's body does (sse_arith.go).
func genScalars(op, sign string, w int) {
	suffix, high, value, set := "sd", "&c.XMM[in.Args[0]&15][0]", "*d", "*d = r"
	if w == 32 {
		suffix, high, value, set = "ss", "&c.XMM[in.Args[0]&15]", "uint32(d[0])", "d.setLow32(r)"
	}
	lower, slow := strings.ToLower(op), map[int]string{32: "lowSingle", 64: "lowDouble"}[w]
	for _, s := range []struct{ shape, load string }{
		{"RR", fmt.Sprintf("b := uint%d(c.XMM[in.Args[1]&15][0])", w)},
		{"RM", fmt.Sprintf("b, f := c.MMU.Load%d(c.sum(in))\nif f != nil {\nreturn c.memFault(in, f)\n}", w)},
	} {
		p("func %s%s%s(c *CPU, in *Inst) *x86.Fault {\n%s\nd := %s\na := %s\nr := math.Float%dbits(math.Float%dfrombits(a) %s math.Float%dfrombits(b))",
			lower, suffix, s.shape, s.load, high, value, w, w, sign, w)
		p("if c.quietMXCSR() && normal%d(a) && normal%d(b) && inner%d(r) {\n%s\nreturn nil\n}\nreturn c.%s(op%s, d, b)\n}\n", w, w, w, set, slow, op)
	}
}

var scalars = []struct{ op, sign string }{{"Add", "+"}, {"Sub", "-"}, {"Mul", "*"}, {"Div", "/"}}

func main() {
	p("// Code generated by cpu/internal/fastgen; DO NOT EDIT.\n\npackage cpu\n\nimport (\n\"math\"\n\"math/bits\"\n\n%q\n)\n", "github.com/pagewalk/pagewalk/x86")
	widths := []int{8, 32, 64}
	for _, b := range binaries {
		for _, w := range widths {
			genBinary(b, w)
		}
	}
	for _, w := range widths {
		genMoves(w)
	}
	for _, w := range widths[1:] {
		genShifts(w)
	}
	for _, cc := range conditions {
		p("func jcc%s(c *CPU, in *Inst) *x86.Fault {\nreturn c.jumpIf(in, %s)\n}\n", cc.name, cc.expr)
		fn("setcc"+cc.name, fmt.Sprintf("var v uint64\nif %s {\nv = 1\n}\nd := &c.R[in.Args[0]&15]\n*d = *d&^0xff | v", cc.expr))
		for _, w := range widths[1:] {
			fn(fmt.Sprintf("cmov%s%d", cc.name, w), fmt.Sprintf("d, s := &c.R[in.Args[0]&15], c.R[in.Args[1]&15]\nr := uint%d(*d)\nif %s {\nr = uint%d(s)\n}\n%s", w, cc.expr, w, writeReg(w)))
		}
	}
	for _, o := range scalars {
		genScalars(o.op, o.sign, 64)
		genScalars(o.op, o.sign, 32)
	}
	// Tables: [operation][shape][width index], shapes RR RI RM MR MI.
	p("var fastBinary = [...]struct{ rr, ri, rm, mr, mi [3]body }{")
	row := func(key, name string) {
		p("%s: {", key)
		for _, s := range []string{"RR", "RI", "RM", "MR", "MI"} {
			p("%s: [3]body{%s%s8, %s%s32, %s%s64},", strings.ToLower(s), name, s, name, s, name, s)
		}
		p("},")
	}
	for _, b := range binaries {
		row("fast"+b.op, b.name)
	}
	row("fastMOV", "mov")
	p("}\n")
	for _, s := range []struct{ table, form string }{
		{"inc", "incR"}, {"dec", "decR"}, {"lea", "leaR"},
	} {
		p("var %sForms = [2]body{%s32, %s64}\n", s.table, s.form, s.form)
	}
	for _, s := range []string{"shl", "shr", "sar", "rol", "ror"} {
		p("var %sForms = [2][2]body{{%sRI32, %sRI64}, {%sRC32, %sRC64}}\n", s, s, s, s, s)
	}
	for _, s := range []string{"jcc", "setcc"} {
		p("var %sForms = [16]body{", s)
		for _, cc := range conditions {
			p("%s%s,", s, cc.name)
		}
		p("}\n")
	}
	p("var cmovForms = [16][2]body{")
	for _, cc := range conditions {
		p("{cmov%s32, cmov%s64},", cc.name, cc.name)
	}
	p("}")
	src, err := format.Source(out.Bytes())
	if err != nil {
		os.Stderr.Write(out.Bytes())
		log.Fatal(err)
	}
	if err := os.WriteFile("fast_gen.go", src, 0o644); err != nil {
		log.Fatal(err)
	}
}
