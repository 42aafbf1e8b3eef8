package nt

import (
	"encoding/binary"
	"strings"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// processParameters is an RTL_USER_PROCESS_PARAMETERS that a parent has made: the executive copies it into the child, as it is but for
// its pointers.
type processParameters struct {
	head        [paramsHead]byte
	strings     [len(paramsStrings)][]byte // nil: the pointer is NULL
	environment []byte
	normal      bool // pointers are addresses, offsets otherwise
}

// The strings of an RTL_USER_PROCESS_PARAMETERS (winternl.h; Windows Internals, part 1 ch. 3).
const (
	paramsShellInfo    = 0xd0
	paramsRuntimeData  = 0xe0 // what the C run-time tells a child of its files: bytes
	paramsDirectories  = 0xf0 // the current directories of drives, 32 of 24 bytes
	paramsRedirection  = 0x410
	paramsHeapPartName = 0x420
	paramsHead         = 0x440
	paramsNormalized   = 1
)

var paramsStrings = [...]int{
	ntdef.ParamsCurrentDirectory, ntdef.ParamsDllPath, ntdef.ParamsImagePathName, ntdef.ParamsCommandLine, ntdef.ParamsWindowTitle,
	ntdef.ParamsDesktopInfo, paramsShellInfo, paramsRuntimeData, paramsRedirection, paramsHeapPartName,
}

// maxEnvironment bounds an environment, in bytes. The Win32 documentation says 32767 characters a variable, and no limit of the block.
const maxEnvironment = 4 << 20

// loadParameters reads the parameters of a child out of its parent. INVALID_PARAMETER for a length that they cannot have.
func (t *Thread) loadParameters(va uint64) (*processParameters, ntdef.Status, error) {
	length, err := t.Load32(va + ntdef.ParamsLength)
	if err != nil {
		return nil, 0, err
	}
	if length < ntdef.ParamsEnvironment+8 || length > maxEnvironment {
		return nil, ntdef.STATUS_INVALID_PARAMETER, nil
	}
	p, le := &processParameters{}, binary.LittleEndian
	head := p.head[:min(length, paramsHead)]
	if err := t.Read(va, head); err != nil {
		return nil, 0, err
	}
	p.normal = le.Uint32(p.head[ntdef.ParamsFlags:])&paramsNormalized != 0
	address := func(at int) uint64 {
		v := le.Uint64(p.head[at:])
		if !p.normal && v != 0 {
			v += va
		}
		return v
	}
	first := uint64(length) // strings begin behind a head that may be an older one's
	for i, at := range paramsStrings {
		if uint64(at+16) > min(first, paramsHead) {
			break
		}
		from, n := address(at+8), le.Uint16(p.head[at:])
		if from == 0 {
			continue
		}
		if from > va {
			first = min(first, from-va)
		}
		p.strings[i] = make([]byte, n)
		if err := t.Read(from, p.strings[i]); err != nil {
			return nil, 0, err
		}
	}
	clear(p.head[min(first, paramsHead):]) // what looked like the end of the head is a string
	env := le.Uint64(p.head[ntdef.ParamsEnvironment:])
	if env == 0 {
		return p, ntdef.STATUS_SUCCESS, nil
	}
	size := le.Uint64(p.head[ntdef.ParamsEnvironmentSize:])
	switch {
	case size > maxEnvironment:
		return nil, ntdef.STATUS_INVALID_PARAMETER, nil
	case size == 0: // the block ends with an empty string
		p.environment, err = t.environmentBlock(env)
	default:
		p.environment = make([]byte, size)
		err = t.Read(env, p.environment)
	}
	return p, ntdef.STATUS_SUCCESS, err
}

// environmentBlock reads strings up to an empty one.
func (t *Thread) environmentBlock(va uint64) ([]byte, error) {
	var all []byte
	zeros := 1
	for len(all) < maxEnvironment {
		page := make([]byte, pagePart(va, x86.PageSize))
		if err := t.Read(va, page); err != nil {
			return nil, err
		}
		for i := 0; i+1 < len(page); i += 2 {
			if page[i]|page[i+1] != 0 {
				zeros = 0
			} else if zeros++; zeros == 2 {
				return append(all, page[:i+2]...), nil
			}
		}
		all, va = append(all, page...), va+uint64(len(page))
	}
	return all, nil
}

// standard returns the handles of the parent that become the child's standard ones.
func (p *processParameters) standard() (h [3]ntdef.Handle) {
	for i := range h {
		h[i] = ntdef.Handle(binary.LittleEndian.Uint64(p.head[ntdef.ParamsStandardInput+8*i:]))
	}
	return h
}

// givenParameters copies the parent's parameters into the process that is built.
func (b *builder) givenParameters() error {
	le := binary.LittleEndian
	block := append([]byte(nil), b.given.head[:]...)
	clear(block[paramsDirectories:ntdef.ParamsEnvironmentSize])
	var at [len(paramsStrings)]int
	for i, text := range b.given.strings {
		field := block[paramsStrings[i]:]
		if text == nil {
			le.PutUint64(field[8:], 0)
			continue
		}
		most := max(int(le.Uint16(field[2:])), len(text))
		le.PutUint16(field[2:], uint16(most))
		at[i] = len(block)
		block = append(append(block, text...), make([]byte, most-len(text)+2)...)
		for len(block)%8 != 0 {
			block = append(block, 0)
		}
	}
	length := len(block)
	block = append(block, b.given.environment...)
	base, err := b.allocate("process parameters", uint64(len(block)), ntdef.MEM_RESERVE|ntdef.MEM_COMMIT, ntdef.PAGE_READWRITE)
	if err != nil {
		return err
	}
	for i, offset := range at {
		if offset != 0 {
			le.PutUint64(block[paramsStrings[i]+8:], base+uint64(offset))
		}
	}
	le.PutUint32(block[ntdef.ParamsMaximumLength:], uint32(length))
	le.PutUint32(block[ntdef.ParamsLength:], uint32(length))
	le.PutUint32(block[ntdef.ParamsFlags:], le.Uint32(block[ntdef.ParamsFlags:])|paramsNormalized)
	le.PutUint64(block[ntdef.ParamsCurrentDirectory+16:], 0) // the folder's handle is the parent's
	le.PutUint64(block[ntdef.ParamsEnvironment:], 0)
	if len(b.given.environment) > 0 {
		le.PutUint64(block[ntdef.ParamsEnvironment:], base+uint64(length))
	}
	le.PutUint64(block[ntdef.ParamsEnvironmentSize:], uint64(len(b.given.environment)))
	for i, h := range b.p.handles.std {
		le.PutUint64(block[ntdef.ParamsStandardInput+8*i:], uint64(h))
	}
	for _, kv := range strings.Split(decodeUTF16(b.given.environment), "\x00") {
		b.noteEnvironment(kv)
	}
	b.params = base
	return b.by.Write(base, block)
}
