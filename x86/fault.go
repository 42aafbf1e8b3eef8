package x86

import "fmt"

// Vector is an exception or interrupt vector (SDM vol. 3A table 6-1).
type Vector uint8

// The architectural exceptions.
const (
	VectorDE  Vector = 0  // divide error
	VectorDB  Vector = 1  // debug
	VectorNMI Vector = 2  // non-maskable interrupt
	VectorBP  Vector = 3  // INT3
	VectorOF  Vector = 4  // INTO
	VectorBR  Vector = 5  // BOUND range exceeded
	VectorUD  Vector = 6  // invalid opcode
	VectorNM  Vector = 7  // device not available
	VectorDF  Vector = 8  // double fault
	VectorTS  Vector = 10 // invalid TSS
	VectorNP  Vector = 11 // segment not present
	VectorSS  Vector = 12 // stack-segment fault
	VectorGP  Vector = 13 // general protection
	VectorPF  Vector = 14 // page fault
	VectorMF  Vector = 16 // x87 floating-point error
	VectorAC  Vector = 17 // alignment check
	VectorMC  Vector = 18 // machine check
	VectorXM  Vector = 19 // SIMD floating-point exception
)

var vectorNames = [...]string{
	VectorDE: "#DE", VectorDB: "#DB", VectorNMI: "NMI", VectorBP: "#BP", VectorOF: "#OF", VectorBR: "#BR",
	VectorUD: "#UD", VectorNM: "#NM", VectorDF: "#DF", VectorTS: "#TS", VectorNP: "#NP", VectorSS: "#SS",
	VectorGP: "#GP", VectorPF: "#PF", VectorMF: "#MF", VectorAC: "#AC", VectorMC: "#MC", VectorXM: "#XM",
}

// String returns the SDM mnemonic, such as #PF.
func (v Vector) String() string {
	if int(v) < len(vectorNames) && vectorNames[v] != "" {
		return vectorNames[v]
	}
	return fmt.Sprintf("vector %d", uint8(v))
}

// Page-fault error-code bits (SDM vol. 3A 4.7).
const (
	PFPresent  uint32 = 1 << 0 // P: the fault was a protection violation, not a missing page
	PFWrite    uint32 = 1 << 1 // W/R: the access was a write
	PFUser     uint32 = 1 << 2 // U/S: the access was made in user mode
	PFReserved uint32 = 1 << 3 // RSVD: a reserved bit was set in an entry
	PFFetch    uint32 = 1 << 4 // I/D: the access was an instruction fetch
	PFKey      uint32 = 1 << 5 // PK: protection keys refused
	PFShadow   uint32 = 1 << 6 // SS: shadow-stack access
)

// A Fault is an exception that an access or an instruction raised. Functions return a *Fault that points at storage
// owned by the MMU or CPU that raised it, valid until its next fault; nil means none. Nothing is allocated.
type Fault struct {
	Vector Vector
	Code   uint32   // error code; 0 where the vector pushes none
	Addr   VirtAddr // for #PF the value of CR2: the first byte that could not be accessed
}

// Error describes the fault in the SDM's notation.
func (f *Fault) Error() string {
	switch f.Vector {
	case VectorPF:
		return fmt.Sprintf("#PF(%#x) at %#x", f.Code, uint64(f.Addr))
	case VectorDF, VectorTS, VectorNP, VectorSS, VectorGP, VectorAC:
		return fmt.Sprintf("%v(%#x)", f.Vector, f.Code)
	}
	return f.Vector.String()
}

// Access says how memory is touched. Exactly one of Read, Write and Execute, or Read|Write for a read-modify-write,
// which faults as a write (SDM vol. 3A 4.7).
type Access uint8

// The access kinds.
const (
	Read    Access = 1 << 0
	Write   Access = 1 << 1
	Execute Access = 1 << 2
	// Implicit marks a supervisor access made by the processor itself (GDT, IDT, TSS) whatever the CPL
	// (SDM vol. 3A 4.6).
	Implicit Access = 1 << 3
)

// String returns r, w, rw or x, with "i" appended for implicit accesses.
func (a Access) String() string {
	s := ""
	if a&Read != 0 {
		s += "r"
	}
	if a&Write != 0 {
		s += "w"
	}
	if a&Execute != 0 {
		s += "x"
	}
	if a&Implicit != 0 {
		s += "i"
	}
	return s
}
