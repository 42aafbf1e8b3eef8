package decode

// layout says which bytes follow an opcode.
type layout uint8

// The layouts, by the letters of the maps below.
const (
	layoutNone       layout = '.'
	layoutInvalid    layout = 'x' // no instruction, or one whose bytes are read before its opcode is known: prefixes, escapes
	layoutModRM      layout = 'm'
	layoutRegisters  layout = 'r' // ModRM that names registers whatever its mod field says
	layoutImm8       layout = 'b' // sign-extended
	layoutUimm8      layout = 'u' // zero-extended: ports, vectors, AAM's divisor
	layoutImm        layout = 'z' // of the operand size, at most 4 bytes, sign-extended
	layoutImmFull    layout = 'v' // of the operand size, up to 8 bytes
	layoutUimm16     layout = 'w'
	layoutModRMImm8  layout = 'B'
	layoutModRMUimm8 layout = 'U' // shift counts, bit numbers, SSE controls
	layoutModRMImm   layout = 'Z'
	layoutTest       layout = 'T' // group 3: an immediate only with /0 and /1, TEST
	layoutRel8       layout = 'j'
	layoutRel        layout = 'J'
	layoutMoffs      layout = 'o' // address of the address size
	layoutEnter      layout = 'e' // imm16, imm8
	layoutFar        layout = 'p' // offset of the operand size, 16-bit selector
)

func (l layout) hasModRM() bool {
	switch l {
	case layoutModRM, layoutRegisters, layoutModRMImm8, layoutModRMUimm8, layoutModRMImm, layoutTest:
		return true
	}
	return false
}

// layouts of the one-byte and 0F maps, sixteen opcodes a row. SDM vol. 2D tables.
const (
	layoutsOne = "" +
		"mmmmbz..mmmmbz.x" + // 00
		"mmmmbz..mmmmbz.." + // 10
		"mmmmbzx.mmmmbzx." + // 20
		"mmmmbzx.mmmmbzx." + // 30
		"................" + // 40
		"................" + // 50
		"..mmxxxxzZbB...." + // 60
		"jjjjjjjjjjjjjjjj" + // 70
		"BZBBmmmmmmmmmmmm" + // 80
		"..........p....." + // 90
		"oooo....bz......" + // a0
		"bbbbbbbbvvvvvvvv" + // b0
		"UUw.mmBZe.w..u.." + // c0
		"mmmmuu..mmmmmmmm" + // d0
		"jjjjuuuuJJpj...." + // e0
		"x.xx..TT......mm" //   f0
	layouts0F = "" +
		"mmmmx.....x.xmxx" + // 00
		"mmmmmmmmmmmmmmmm" + // 10
		"rrrrxxxxmmmmmmmm" + // 20
		"......x.xxxxxxxx" + // 30
		"mmmmmmmmmmmmmmmm" + // 40
		"mmmmmmmmmmmmmmmm" + // 50
		"mmmmmmmmmmmmmmmm" + // 60
		"UUUUmmm.mmxxmmmm" + // 70
		"JJJJJJJJJJJJJJJJ" + // 80
		"mmmmmmmmmmmmmmmm" + // 90
		"...mUmxx...mUmmm" + // a0
		"mmmmmmmmmmUmmmmm" + // b0
		"mmUmUUUm........" + // c0
		"mmmmmmmmmmmmmmmm" + // d0
		"mmmmmmmmmmmmmmmm" + // e0
		"mmmmmmmmmmmmmmmm" //   f0
)

func layoutOf(omap, op uint8) layout {
	switch omap {
	case mapOne:
		return layout(layoutsOne[op])
	case map0F:
		return layout(layouts0F[op])
	case map0F38:
		return layoutModRM
	}
	return layoutModRMUimm8
}

// invalidIn64 reports the one-byte opcodes that 64-bit mode took away.
func invalidIn64(op uint8) bool {
	switch op {
	case 0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x60, 0x61, 0x82, 0x9a, 0xce, 0xd4, 0xd5,
		0xd6, 0xea:
		return true
	}
	return false
}
