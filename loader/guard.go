package loader

import "encoding/binary"

// A GuardFunction is one entry of an image's table of valid call targets (PE Format, "Control Flow Guard").
type GuardFunction struct {
	RVA   uint32
	Flags uint8 // IMAGE_GUARD_FLAG_*; 0 where the table has none
}

// GuardSuppressed is IMAGE_GUARD_FLAG_FID_SUPPRESSED: the function is no call target although its address was taken.
const GuardSuppressed = 1

// GuardFlags of a load configuration (winnt.h, IMAGE_GUARD_*).
const (
	GuardInstrumented  = 0x100
	GuardTablePresent  = 0x400
	guardStrideShift   = 28 // bytes that an entry has beside its RVA
	maxGuardFunctions  = 1 << 20
	guardCFCharacter   = 0x4000 // IMAGE_DLLCHARACTERISTICS_GUARD_CF
	guardFunctionTable = 0x80   // in the load configuration, with the count behind it and the flags
)

// GuardConfig returns the load configuration of an image that was built for control-flow guard and has the table of its functions; nil
// for others, PE32 ones too, whose functions nobody calls.
func (p *PE) GuardConfig() (*LoadConfig, error) {
	if p.Native() != nil {
		return nil, nil
	}
	config, err := p.LoadConfig()
	if err != nil || config == nil || p.DllCharacteristics&guardCFCharacter == 0 ||
		config.GuardFlags&(GuardInstrumented|GuardTablePresent) != GuardInstrumented|GuardTablePresent {
		return nil, err
	}
	return config, nil
}

// GuardFunctions returns the table of an image file that was built for control-flow guard, in the file's order; ok is false where it was
// not.
func (p *PE) GuardFunctions() (list []GuardFunction, ok bool, err error) {
	config, err := p.GuardConfig()
	if config == nil {
		return nil, false, err
	}
	var b [16]byte
	if err := p.ReadRVA(p.Directories[DirectoryLoadConfig].RVA+guardFunctionTable, b[:]); err != nil {
		return nil, false, err
	}
	le := binary.LittleEndian
	table, count := le.Uint64(b[0:])-p.ImageBase, le.Uint64(b[8:])
	stride := 4 + uint64(config.GuardFlags>>guardStrideShift)
	if table >= uint64(p.SizeOfImage) || count > maxGuardFunctions || count*stride > uint64(p.SizeOfImage)-table {
		return nil, false, errorf(Malformed, "a table of %d guarded functions at %#x", count, table)
	}
	entries := make([]byte, count*stride)
	if err := p.ReadRVA(uint32(table), entries); err != nil {
		return nil, false, err
	}
	for ; len(entries) > 0; entries = entries[stride:] {
		f := GuardFunction{RVA: le.Uint32(entries)}
		if stride > 4 {
			f.Flags = entries[4]
		}
		if f.RVA < p.SizeOfImage {
			list = append(list, f)
		}
	}
	return list, true, nil
}
