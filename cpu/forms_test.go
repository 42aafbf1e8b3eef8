package cpu

// A form is an encoding under test: opcode bytes, how the operand size varies, the ModRM byte and the immediate.
type form struct {
	op    string // opcode bytes as a string, mandatory prefix first
	sizes string // b: one byte; v: 16, 32 and 64 bits; q: 64 and 16 (stack); d: 32 and 64; 1: as it stands
	modrm int    // -1 none, 0-7 opcode extension, reg: any register
	imm   int    // bytes of immediate: 0, 1, 2, or immZ (operand size, at most 4)
	care  care   // how registers have to be prepared so that the instruction cannot fault
	mem   int    // memOnly, regOnly or both (0)
}

const (
	anyReg  = 8
	immZ    = -1
	memOnly = 1
	regOnly = 2
)

// care names the preparation of a state.
type care uint8

const (
	careNone   care = iota
	careDiv         // dividend and divisor that do not overflow
	careIdiv        // the same, signed
	careBits        // a small bit offset, for BT with a register and memory
	careString      // RSI, RDI and a short RCX
	careFlags       // nothing but flags is popped
	careAlign       // 16-byte aligned memory operand
	careXlat
)

// integerForms lists every integer instruction that cannot fault and does not branch.
func integerForms() []form {
	var fs []form
	add := func(f ...form) { fs = append(fs, f...) }
	for i := range 8 { // ADD OR ADC SBB AND SUB XOR CMP
		b := byte(i * 8)
		add(form{op: string([]byte{b}), sizes: "b", modrm: anyReg}, form{op: string([]byte{b + 1}), sizes: "v", modrm: anyReg},
			form{op: string([]byte{b + 2}), sizes: "b", modrm: anyReg}, form{op: string([]byte{b + 3}), sizes: "v", modrm: anyReg},
			form{op: string([]byte{b + 4}), sizes: "b", modrm: -1, imm: 1}, form{op: string([]byte{b + 5}), sizes: "v", modrm: -1, imm: immZ},
			form{op: "\x80", sizes: "b", modrm: i, imm: 1}, form{op: "\x81", sizes: "v", modrm: i, imm: immZ},
			form{op: "\x83", sizes: "v", modrm: i, imm: 1})
		// Shifts and rotates.
		add(form{op: "\xc0", sizes: "b", modrm: i, imm: 1}, form{op: "\xc1", sizes: "v", modrm: i, imm: 1},
			form{op: "\xd0", sizes: "b", modrm: i}, form{op: "\xd1", sizes: "v", modrm: i},
			form{op: "\xd2", sizes: "b", modrm: i}, form{op: "\xd3", sizes: "v", modrm: i})
		add(form{op: string([]byte{byte(0xb0 + i)}), sizes: "b", modrm: -1, imm: 1},
			form{op: string([]byte{byte(0xb8 + i)}), sizes: "d", modrm: -1, imm: immZ})
		if i != 4 && i != 6 {
			add(form{op: string([]byte{byte(0x90 + i)}), sizes: "v", modrm: -1}, form{op: "\x0f" + string([]byte{byte(0xc8 + i)}), sizes: "d", modrm: -1})
		}
		if i != 4 {
			add(form{op: string([]byte{byte(0x50 + i)}), sizes: "q", modrm: -1}, form{op: string([]byte{byte(0x58 + i)}), sizes: "q", modrm: -1})
		}
	}
	for i := range 16 {
		add(form{op: "\x0f" + string([]byte{byte(0x40 + i)}), sizes: "v", modrm: anyReg},
			form{op: "\x0f" + string([]byte{byte(0x90 + i)}), sizes: "b", modrm: 0})
	}
	add(
		form{op: "\xf6", sizes: "b", modrm: 0, imm: 1}, form{op: "\xf7", sizes: "v", modrm: 0, imm: immZ},
		form{op: "\xf6", sizes: "b", modrm: 1, imm: 1}, form{op: "\xf7", sizes: "v", modrm: 1, imm: immZ},
		form{op: "\xf6", sizes: "b", modrm: 2}, form{op: "\xf7", sizes: "v", modrm: 2},
		form{op: "\xf6", sizes: "b", modrm: 3}, form{op: "\xf7", sizes: "v", modrm: 3},
		form{op: "\xf6", sizes: "b", modrm: 4}, form{op: "\xf7", sizes: "v", modrm: 4},
		form{op: "\xf6", sizes: "b", modrm: 5}, form{op: "\xf7", sizes: "v", modrm: 5},
		form{op: "\xf6", sizes: "b", modrm: 6, care: careDiv}, form{op: "\xf7", sizes: "v", modrm: 6, care: careDiv},
		form{op: "\xf6", sizes: "b", modrm: 7, care: careIdiv}, form{op: "\xf7", sizes: "v", modrm: 7, care: careIdiv},
		form{op: "\xfe", sizes: "b", modrm: 0}, form{op: "\xff", sizes: "v", modrm: 0},
		form{op: "\xfe", sizes: "b", modrm: 1}, form{op: "\xff", sizes: "v", modrm: 1},
		form{op: "\xff", sizes: "q", modrm: 6}, form{op: "\x8f", sizes: "q", modrm: 0},
		form{op: "\x68", sizes: "q", modrm: -1, imm: immZ}, form{op: "\x6a", sizes: "q", modrm: -1, imm: 1},
		form{op: "\x84", sizes: "b", modrm: anyReg}, form{op: "\x85", sizes: "v", modrm: anyReg},
		form{op: "\xa8", sizes: "b", modrm: -1, imm: 1}, form{op: "\xa9", sizes: "v", modrm: -1, imm: immZ},
		form{op: "\x86", sizes: "b", modrm: anyReg}, form{op: "\x87", sizes: "v", modrm: anyReg},
		form{op: "\x88", sizes: "b", modrm: anyReg}, form{op: "\x89", sizes: "v", modrm: anyReg},
		form{op: "\x8a", sizes: "b", modrm: anyReg}, form{op: "\x8b", sizes: "v", modrm: anyReg},
		form{op: "\xc6", sizes: "b", modrm: 0, imm: 1}, form{op: "\xc7", sizes: "v", modrm: 0, imm: immZ},
		form{op: "\x8d", sizes: "v", modrm: anyReg, mem: memOnly}, form{op: "\x63", sizes: "v", modrm: anyReg},
		form{op: "\x69", sizes: "v", modrm: anyReg, imm: immZ}, form{op: "\x6b", sizes: "v", modrm: anyReg, imm: 1},
		form{op: "\x0f\xaf", sizes: "v", modrm: anyReg},
		form{op: "\x0f\xb6", sizes: "v", modrm: anyReg}, form{op: "\x0f\xb7", sizes: "v", modrm: anyReg},
		form{op: "\x0f\xbe", sizes: "v", modrm: anyReg}, form{op: "\x0f\xbf", sizes: "v", modrm: anyReg},
		form{op: "\x0f\xa4", sizes: "v", modrm: anyReg, imm: 1}, form{op: "\x0f\xa5", sizes: "v", modrm: anyReg},
		form{op: "\x0f\xac", sizes: "v", modrm: anyReg, imm: 1}, form{op: "\x0f\xad", sizes: "v", modrm: anyReg},
		form{op: "\x0f\xa3", sizes: "v", modrm: anyReg, care: careBits}, form{op: "\x0f\xab", sizes: "v", modrm: anyReg, care: careBits},
		form{op: "\x0f\xb3", sizes: "v", modrm: anyReg, care: careBits}, form{op: "\x0f\xbb", sizes: "v", modrm: anyReg, care: careBits},
		form{op: "\x0f\xba", sizes: "v", modrm: 4, imm: 1}, form{op: "\x0f\xba", sizes: "v", modrm: 5, imm: 1},
		form{op: "\x0f\xba", sizes: "v", modrm: 6, imm: 1}, form{op: "\x0f\xba", sizes: "v", modrm: 7, imm: 1},
		form{op: "\x0f\xbc", sizes: "v", modrm: anyReg}, form{op: "\x0f\xbd", sizes: "v", modrm: anyReg},
		form{op: "\x0f\xc0", sizes: "b", modrm: anyReg}, form{op: "\x0f\xc1", sizes: "v", modrm: anyReg},
		form{op: "\x0f\xb0", sizes: "b", modrm: anyReg}, form{op: "\x0f\xb1", sizes: "v", modrm: anyReg},
		form{op: "\x0f\xc7", sizes: "d", modrm: 1, mem: memOnly, care: careAlign},
		form{op: "\xf3\x0f\xb8", sizes: "v", modrm: anyReg},
		form{op: "\x0f\x38\xf0", sizes: "v", modrm: anyReg, mem: memOnly}, form{op: "\x0f\x38\xf1", sizes: "v", modrm: anyReg, mem: memOnly},
		form{op: "\x66\x0f\x38\xf6", sizes: "d", modrm: anyReg}, form{op: "\xf3\x0f\x38\xf6", sizes: "d", modrm: anyReg},
		form{op: "\xf2\x0f\x38\xf0", sizes: "d", modrm: anyReg}, form{op: "\xf2\x0f\x38\xf1", sizes: "v", modrm: anyReg},
		form{op: "\x0f\xc3", sizes: "d", modrm: anyReg, mem: memOnly},
		form{op: "\x98", sizes: "v", modrm: -1}, form{op: "\x99", sizes: "v", modrm: -1},
		form{op: "\x9c", sizes: "q", modrm: -1}, form{op: "\x9d", sizes: "q", modrm: -1, care: careFlags},
		form{op: "\x9e", sizes: "1", modrm: -1}, form{op: "\x9f", sizes: "1", modrm: -1},
		form{op: "\xd7", sizes: "1", modrm: -1, care: careXlat},
		form{op: "\xf5", sizes: "1", modrm: -1}, form{op: "\xf8", sizes: "1", modrm: -1}, form{op: "\xf9", sizes: "1", modrm: -1},
		form{op: "\xfc", sizes: "1", modrm: -1}, form{op: "\xfd", sizes: "1", modrm: -1},
		form{op: "\xa4", sizes: "b", modrm: -1, care: careString}, form{op: "\xa5", sizes: "v", modrm: -1, care: careString},
		form{op: "\xaa", sizes: "b", modrm: -1, care: careString}, form{op: "\xab", sizes: "v", modrm: -1, care: careString},
		form{op: "\xac", sizes: "b", modrm: -1, care: careString}, form{op: "\xad", sizes: "v", modrm: -1, care: careString},
		form{op: "\xa6", sizes: "b", modrm: -1, care: careString}, form{op: "\xa7", sizes: "v", modrm: -1, care: careString},
		form{op: "\xae", sizes: "b", modrm: -1, care: careString}, form{op: "\xaf", sizes: "v", modrm: -1, care: careString},
		form{op: "\xf3\xa4", sizes: "b", modrm: -1, care: careString}, form{op: "\xf3\xa5", sizes: "v", modrm: -1, care: careString},
		form{op: "\xf3\xaa", sizes: "b", modrm: -1, care: careString}, form{op: "\xf3\xab", sizes: "v", modrm: -1, care: careString},
		form{op: "\xf3\xa6", sizes: "b", modrm: -1, care: careString}, form{op: "\xf2\xa7", sizes: "v", modrm: -1, care: careString},
		form{op: "\xf2\xae", sizes: "b", modrm: -1, care: careString}, form{op: "\xf3\xaf", sizes: "v", modrm: -1, care: careString},
		form{op: "\xc8", sizes: "1", modrm: -1, imm: 3}, form{op: "\xc9", sizes: "1", modrm: -1},
		form{op: "\x0f\x1f", sizes: "v", modrm: 0}, form{op: "\x90", sizes: "1", modrm: -1}, form{op: "\xf3\x90", sizes: "1", modrm: -1},
		form{op: "\xf3\x0f\x1e\xfa", sizes: "1", modrm: -1},
	)
	return fs
}
