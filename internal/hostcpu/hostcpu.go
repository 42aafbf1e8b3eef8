//go:build linux && amd64

// Package hostcpu runs single instructions on the processor that the tests run on: the oracle for package cpu. It is
// for instructions that cannot fault; a fault is a crash of the test binary.
//
// One read-write-execute page holds a prologue that loads a State, the instruction under test, and an epilogue that
// stores the State. Go enters it by a small assembly function. A signal that arrives meanwhile is handled on Go's signal
// stack, whatever RSP holds.
package hostcpu

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"runtime"
	"syscall"
	"unsafe"
)

// State is what an instruction reads and leaves, laid out as the prologue and epilogue expect it.
type State struct {
	R     [16]uint64 // RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 … R15
	Flags uint64
	_     uint64
	FX    [512]byte // the image of FXSAVE64: x87, MXCSR, XMM
}

// Host is the page and the data memory of an instruction under test.
type Host struct {
	page  []byte
	state *State
	Data  []byte // DataSize bytes at DataBase, readable and writable by the instruction
}

// DataBase and DataSize say where the instruction's memory operands may lie, on the host and so in the guest.
const (
	DataBase = 0x1000_0000
	DataSize = 1 << 16
)

const (
	codeOffset     = 0x66 // the instruction under test, right behind the prologue
	epilogueOffset = 0x100
	mxcsrOffset    = 0x218
	stateOffset    = 0x400
)

// The machine code is assembled from the listing in enter_amd64.s.
const (
	prologue = "53554154415541564157488925ef01000048893df0010000480fae8f90000000ffb7800000009d488b07488b4f08488b5710" +
		"488b5f18488b6720488b6f28488b77304c8b47404c8b4f484c8b57504c8b5f584c8b67604c8b6f684c8b77704c8b7f78488b" +
		"7f38"
	epilogue = "48893d09010000488b3dfa000000488907488b05f80000004889473848894f084889571048895f184889672048896f284889" +
		"77304c8947404c894f484c8957504c895f584c8967604c896f684c8977704c897f78488b25a50000009c8f8780000000480f" +
		"ae8790000000fcdbe30fae15a4000000415f415e415d415c5d5bc3"
)

// New maps the pages.
func New() (*Host, error) {
	const anon = syscall.MAP_PRIVATE | syscall.MAP_ANON
	page, err := syscall.Mmap(-1, 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE|syscall.PROT_EXEC, anon)
	if err != nil {
		return nil, fmt.Errorf("mapping an executable page: %w", err)
	}
	const fixedNoReplace = 0x100000
	at, _, errno := syscall.Syscall6(syscall.SYS_MMAP, DataBase, DataSize, syscall.PROT_READ|syscall.PROT_WRITE,
		anon|fixedNoReplace, ^uintptr(0), 0)
	if errno != 0 {
		return nil, fmt.Errorf("mapping data at %#x: %w", DataBase, errno)
	}
	for i, part := range []string{prologue, epilogue} {
		b, err := hex.DecodeString(part)
		if err != nil {
			return nil, err
		}
		copy(page[i*epilogueOffset:], b)
	}
	binary.LittleEndian.PutUint32(page[mxcsrOffset:], 0x1f80)
	return &Host{
		page:  page,
		state: (*State)(unsafe.Pointer(&page[stateOffset])),
		Data:  unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&at))), DataSize),
	}, nil
}

// Run executes code, at most 149 bytes that run straight through, on s.
func (h *Host) Run(code []byte, s *State) {
	n := copy(h.page[codeOffset:epilogueOffset-5], code)
	jmp := codeOffset + n
	h.page[jmp] = 0xe9
	binary.LittleEndian.PutUint32(h.page[jmp+1:], uint32(epilogueOffset-jmp-5))
	*h.state = *s
	runtime.LockOSThread()
	enter(unsafe.Pointer(&h.page[0]), unsafe.Pointer(h.state))
	runtime.UnlockOSThread()
	*s = *h.state
}

// CodeAddr is the linear address at which Run places the instruction.
func (h *Host) CodeAddr() uint64 { return uint64(uintptr(unsafe.Pointer(&h.page[codeOffset]))) }

// enter calls code with state in RDI.
//
//go:noescape
func enter(code, state unsafe.Pointer)
