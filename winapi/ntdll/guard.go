package ntdll

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/winapi"
)

// Control-flow guard: the functions that images call before indirect calls, or instead of them (Windows SDK, "Control Flow Guard").
// They look the target up in the bitmap by an ordinary load; a target that is none ends the process by INT 29h.

// systemDllInitBlock is what the executive tells ntdll: a PS_SYSTEM_DLL_INIT_BLOCK of Windows 10 20H1 and later, in which the bitmap has
// its address and its size. They are 0 in a process without the guard.
var systemDllInitBlock = winapi.Data{
	Name:  "LdrSystemDllInitBlock",
	Bytes: append(binary.LittleEndian.AppendUint32(nil, initBlockSize), make([]byte, initBlockSize-4)...),
}

const (
	initBlockSize   = 0xf0
	initBlockBitmap = 0xb8
)

// fastFailGuard is FAST_FAIL_GUARD_ICALL_CHECK_FAILURE.
const fastFailGuard = 10

// guardCode are the two functions. Like Windows' they keep all registers but R10 and R11 where the target is good.
var guardCode = []winapi.Code{
	// LdrpValidateUserCallTarget returns where the target in RCX is good.
	guardCheck("LdrpValidateUserCallTarget", []byte{0x49, 0x89, 0xca}, []byte{0xf6, 0xc1, 0x0f}, []byte{0xc3}),
	// LdrpDispatchUserCallTarget goes on at the target in RAX, as if it had been called.
	guardCheck("LdrpDispatchUserCallTarget", []byte{0x49, 0x89, 0xc2}, []byte{0xa8, 0x0f}, []byte{0xff, 0xe0}),
}

// guardCheck assembles a check of a target: take moves it to R10, aligned tests its low four bits, pass ends a good check. The two bits of
// a target are at twice the number of its 16 bytes: the first says that its first byte is good, both that every byte is.
func guardCheck(name string, take, aligned, pass []byte) winapi.Code {
	var b []byte
	emit := func(parts ...[]byte) {
		for _, p := range parts {
			b = append(b, p...)
		}
	}
	emit([]byte{0x4c, 0x8b, 0x1d, 0, 0, 0, 0}, // mov r11,[LdrSystemDllInitBlock+CfgBitMap]
		take,                           // mov r10,target
		[]byte{0x49, 0xc1, 0xea, 0x09}, // shr r10,9
		[]byte{0x4f, 0x8b, 0x1c, 0xd3}, // mov r11,[r11+r10*8]
		take,
		[]byte{0x49, 0xc1, 0xea, 0x03}, // shr r10,3
		aligned)                        // test target,15
	inner := []byte{0x75, 0} // jnz inner
	emit(inner)
	innerFrom := len(b)
	emit([]byte{0x4d, 0x0f, 0xa3, 0xd3}) // bt r11,r10
	emit([]byte{0x73, 0})                // jnc bad
	first := len(b)
	emit(pass)
	b[innerFrom-1] = byte(len(b) - innerFrom)
	emit([]byte{0x49, 0x0f, 0xba, 0xf2, 0x00}, // inner: btr r10,0
		[]byte{0x4d, 0x0f, 0xa3, 0xd3}, // bt r11,r10
		[]byte{0x73, 0})                // jnc bad
	second := len(b)
	emit([]byte{0x49, 0x83, 0xca, 0x01}, // or r10,1
		[]byte{0x4d, 0x0f, 0xa3, 0xd3}, // bt r11,r10
		[]byte{0x73, 0})                // jnc bad
	third := len(b)
	emit(pass)
	for _, from := range []int{first, second, third} {
		b[from-1] = byte(len(b) - from)
	}
	emit([]byte{0xb9, fastFailGuard, 0, 0, 0, 0xcd, 0x29, 0xcc}) // bad: mov ecx,10; int 29h; int3
	return winapi.Code{
		Name: name, Bytes: b,
		Fixups: []winapi.Fixup{{At: 3, Target: systemDllInitBlock.Name, Plus: initBlockBitmap}},
	}
}

var guardFuncs = []nt.UserFunc{
	nt.Func("LdrControlFlowGuardEnforced", func(t *nt.Thread, _ *struct{}) (uint64, error) {
		if t.Process().Guarded() {
			return 1, nil
		}
		return 0, nil
	}),
}

// guardImage makes the calls of an image that was built for the guard go through it, where the process has it. Until then its pointers
// lead to functions of its own that check nothing.
func guardImage(t *nt.Thread, m *loaded) error {
	if !t.Process().Guarded() {
		return nil
	}
	config, err := m.pe.GuardConfig()
	if err != nil {
		return imageError(m.Name, err)
	}
	if config == nil {
		return nil
	}
	l := ldrOf(t)
	for _, p := range []struct {
		at   uint64
		name string
	}{
		{config.GuardCFCheckFunctionPointer, "LdrpValidateUserCallTarget"},
		{config.GuardCFDispatchPointer, "LdrpDispatchUserCallTarget"},
	} {
		if p.at < m.Base || p.at-m.Base > m.Size-8 {
			continue
		}
		target, err := l.resolve(t, l.find("ntdll.dll"), p.name, 0, 0)
		if err != nil {
			return err
		}
		if err := writable(t, p.at, 8, func() error { return t.Store64(p.at, target) }); err != nil {
			return err
		}
	}
	return nil
}
