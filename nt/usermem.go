package nt

import (
	"encoding/binary"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

// A UserFault is the error of a memory access that a thread made through its Thread accessors and that neither the MMU nor
// the memory manager allowed. A built-in function returns it at once, having changed nothing: the exception is raised as
// if the first instruction of the function's stub had faulted, with the registers that the caller passed, and a handler
// that continues execution runs the function again.
type UserFault struct {
	Record ntdef.ExceptionRecord
}

// Error names the status and the address.
func (f *UserFault) Error() string {
	if f.Record.NumParams >= 2 {
		return fmt.Sprintf("%v at %#x", f.Record.Code, f.Record.Parameters[1])
	}
	return f.Record.Code.String()
}

// retry gives a fault to the memory manager. A nil error means that the access may be tried again.
func (t *Thread) retry(f *x86.Fault) error {
	var rec ntdef.ExceptionRecord
	if t.resolve(f, &rec) {
		return nil
	}
	return &UserFault{rec}
}

// resolve gives a fault to the memory manager; where the access may not be tried again it describes the exception.
func (t *Thread) resolve(f *x86.Fault, rec *ntdef.ExceptionRecord) bool {
	if f.Vector != x86.VectorPF {
		accessViolation(rec, 0, ^uint64(0))
		return false
	}
	t.as().SetStack(&t.stack)
	t.as().SetDefaultPriority(uint8(min(t.page, t.proc.page)))
	r := t.as().Fault(f, ntmm.UserMode)
	if r.Kind == ntmm.StackGrowth || r.Status == ntdef.STATUS_STACK_OVERFLOW {
		t.publishStackLimit()
	}
	if r.Status == ntdef.STATUS_SUCCESS {
		t.faultedIn(f.Addr)
		return true
	}
	if r.Status == ntdef.STATUS_ACCESS_VIOLATION && t.proc.guardFault(f) {
		return true
	}
	*rec = ntdef.ExceptionRecord{Code: r.Status, NumParams: uint32(r.NumParams)}
	copy(rec.Parameters[:], r.Params[:r.NumParams])
	return false
}

// accessViolation fills a record; access is 0 for a read, 1 for a write, 8 for an execution.
func accessViolation(rec *ntdef.ExceptionRecord, access, addr uint64) {
	*rec = ntdef.ExceptionRecord{Code: ntdef.STATUS_ACCESS_VIOLATION, NumParams: 2}
	rec.Parameters[0], rec.Parameters[1] = access, addr
}

// load reads until the memory manager has answered every fault, or refuses one.
func load[T any](t *Thread, va uint64, get func(x86.VirtAddr) (T, *x86.Fault)) (v T, err error) {
	for {
		v, f := get(x86.VirtAddr(va))
		if f == nil {
			return v, nil
		}
		if err := t.retry(f); err != nil {
			return v, err
		}
	}
}

// store writes likewise.
func store[T any](t *Thread, va uint64, v T, put func(x86.VirtAddr, T) *x86.Fault) error {
	for {
		f := put(x86.VirtAddr(va), v)
		if f == nil {
			return nil
		}
		if err := t.retry(f); err != nil {
			return err
		}
	}
}

// Load8 reads a byte as the thread would, in user mode.
func (t *Thread) Load8(va uint64) (uint8, error) {
	return load(t, va, t.sys.mmu.Load8)
}

// Load16 reads two bytes, little-endian.
func (t *Thread) Load16(va uint64) (uint16, error) {
	return load(t, va, t.sys.mmu.Load16)
}

// Load32 reads four bytes, little-endian.
func (t *Thread) Load32(va uint64) (uint32, error) {
	return load(t, va, t.sys.mmu.Load32)
}

// Load64 reads eight bytes, little-endian.
func (t *Thread) Load64(va uint64) (uint64, error) {
	return load(t, va, t.sys.mmu.Load64)
}

// Store8 writes a byte.
func (t *Thread) Store8(va uint64, v uint8) error {
	return store(t, va, v, t.sys.mmu.Store8)
}

// Store16 writes two bytes.
func (t *Thread) Store16(va uint64, v uint16) error {
	return store(t, va, v, t.sys.mmu.Store16)
}

// Store32 writes four bytes.
func (t *Thread) Store32(va uint64, v uint32) error {
	return store(t, va, v, t.sys.mmu.Store32)
}

// Store64 writes eight bytes.
func (t *Thread) Store64(va uint64, v uint64) error {
	return store(t, va, v, t.sys.mmu.Store64)
}

// Read fills b from va on. Pages before one that faults have been copied.
func (t *Thread) Read(va uint64, b []byte) error {
	for len(b) > 0 {
		n := pagePart(va, len(b))
		f := t.sys.mmu.Read(x86.VirtAddr(va), b[:n])
		if f != nil {
			if err := t.retry(f); err != nil {
				return err
			}
			continue
		}
		b, va = b[n:], va+uint64(n)
	}
	return nil
}

// Write stores b from va on. Pages before one that faults have been written.
func (t *Thread) Write(va uint64, b []byte) error {
	for len(b) > 0 {
		n := pagePart(va, len(b))
		f := t.sys.mmu.Write(x86.VirtAddr(va), b[:n])
		if f != nil {
			if err := t.retry(f); err != nil {
				return err
			}
			continue
		}
		b, va = b[n:], va+uint64(n)
	}
	return nil
}

// Probe faults every page of a range in for reading or writing, in address order, without changing a byte.
func (t *Thread) Probe(va uint64, n uint64, a x86.Access) error {
	for n > 0 {
		part := uint64(pagePart(va, int(min(n, x86.PageSize))))
		if f := t.sys.mmu.Probe(x86.VirtAddr(va), int(part), a); f != nil {
			if err := t.retry(f); err != nil {
				return err
			}
			continue
		}
		va, n = va+part, n-part
	}
	return nil
}

// pagePart is how many of n bytes from va on lie in va's page.
func pagePart(va uint64, n int) int { return min(n, int(x86.PageSize-va&x86.PageMask)) }

// maxString bounds the strings that CString and WString read, in characters.
const maxString = 1 << 20

// CString reads a zero-terminated string of bytes, at most 1 MiB of them.
func (t *Thread) CString(va uint64) (string, error) {
	var s []byte
	var buf [256]byte
	for len(s) < maxString {
		part := buf[:pagePart(va, len(buf))]
		if err := t.Read(va, part); err != nil {
			return "", err
		}
		for i, c := range part {
			if c == 0 {
				return string(append(s, part[:i]...)), nil
			}
		}
		s = append(s, part...)
		va += uint64(len(part))
	}
	return string(s), nil
}

// WString reads a zero-terminated UTF-16 string of at most 1 Mi code units as Go text; an unpaired surrogate becomes the
// three bytes that WTF-8 gives it.
func (t *Thread) WString(va uint64) (string, error) {
	var units []uint16
	for len(units) < maxString {
		u, err := t.Load16(va)
		if err != nil {
			return "", err
		}
		if u == 0 {
			break
		}
		units = append(units, u)
		va += 2
	}
	return DecodeWTF16(units), nil
}

// UnicodeString reads the text of the UNICODE_STRING at va.
func (t *Thread) UnicodeString(va uint64) (string, error) {
	n, err := t.Load16(va)
	if err != nil {
		return "", err
	}
	buf, err := t.Load64(va + 8)
	if err != nil {
		return "", err
	}
	b := make([]byte, n&^1)
	if err := t.Read(buf, b); err != nil {
		return "", err
	}
	return decodeUTF16(b), nil
}

// decodeUTF16 is DecodeWTF16 of little-endian bytes.
func decodeUTF16(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return DecodeWTF16(units)
}

// DecodeWTF16 turns UTF-16 into Go text, unpaired surrogates into their three WTF-8 bytes.
func DecodeWTF16(units []uint16) string {
	b := make([]byte, 0, len(units))
	for i := 0; i < len(units); i++ {
		r := rune(units[i])
		if utf16.IsSurrogate(r) {
			if i+1 < len(units) {
				if pair := utf16.DecodeRune(r, rune(units[i+1])); pair != utf8.RuneError {
					b = utf8.AppendRune(b, pair)
					i++
					continue
				}
			}
			b = append(b, 0xe0|byte(r>>12), 0x80|byte(r>>6&0x3f), 0x80|byte(r&0x3f))
			continue
		}
		b = utf8.AppendRune(b, r)
	}
	return string(b)
}

// EncodeUTF16 turns Go text into little-endian UTF-16 bytes without terminator. What DecodeWTF16 made comes back as it was:
// unpaired surrogates too.
func EncodeUTF16(s string) []byte {
	b := make([]byte, 0, 2*len(s))
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1 && len(s) >= i+3 && s[i] == 0xed && s[i+1]&0xe0 == 0xa0 && s[i+2]&0xc0 == 0x80:
			b = binary.LittleEndian.AppendUint16(b, 0xd000|uint16(s[i+1]&0x3f)<<6|uint16(s[i+2]&0x3f))
			n = 3
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			b = binary.LittleEndian.AppendUint16(b, uint16(high))
			b = binary.LittleEndian.AppendUint16(b, uint16(low))
		default:
			b = binary.LittleEndian.AppendUint16(b, uint16(r))
		}
		i += n
	}
	return b
}
