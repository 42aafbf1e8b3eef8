package cpu

// fpu is the state of the x87 unit: SDM vol. 1 8.1.
type fpu struct {
	st      [8]float80 // physical registers R0 … R7
	control uint16
	status  uint16 // TOP is in bits 13:11
	tags    uint8  // one bit a physical register: 1 = not empty (the abridged tag word of FXSAVE)
	opcode  uint16 // of the last x87 instruction that was not a control instruction
	ip, dp  uint64
}

// float80 is an 80-bit extended-precision number as it is stored: SDM vol. 1 4.2.
type float80 struct {
	frac uint64 // significand with its explicit integer bit
	se   uint16 // sign and 15-bit biased exponent
}

// init puts the unit into the state of FNINIT with every register +0.0: SDM vol. 3A table 9-1.
func (f *fpu) init() { *f = fpu{control: 0x037f} }
