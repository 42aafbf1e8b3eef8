package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/loader"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

// The types of MEM_EXTENDED_PARAMETER (winnt.h).
const (
	memExtendedParameterAddressRequirements = 1
	memExtendedParameterNumaNode            = 2
	memExtendedParameterPartitionHandle     = 3
	memExtendedParameterUserPhysicalHandle  = 4
	memExtendedParameterAttributeFlags      = 5
	memExtendedParameterImageMachine        = 6
)

// memZeroPagesOptional is the attribute MEM_EXTENDED_PARAMETER_ZERO_PAGES_OPTIONAL: a hint that pages need not be zeroed.
const memZeroPagesOptional = 4

// ExtendedParameters is what an array of MEM_EXTENDED_PARAMETER asks for.
type ExtendedParameters struct {
	ntmm.Requirements
	Machine uint16 // of an image; 0: any
}

// LoadExtendedParameters reads an array of MEM_EXTENDED_PARAMETER, of an allocation or of a view. INVALID_PARAMETER for no array,
// a type that is unknown or there twice, a NUMA node that there is not, and a machine for what is no view; INVALID_HANDLE or
// OBJECT_TYPE_MISMATCH for what is no partition; NOT_SUPPORTED for attributes that would have to be obeyed and for memory of AWE.
func (t *Thread) LoadExtendedParameters(array uint64, count uint32, view bool) (x ExtendedParameters, st ntdef.Status, err error) {
	const entry, types = 16, 7
	le := binary.LittleEndian
	if count != 0 && array == 0 || count >= types {
		return x, ntdef.STATUS_INVALID_PARAMETER, nil
	}
	seen := 0
	for i := range uint64(count) {
		var b [entry]byte
		if err := t.Read(array+entry*i, b[:]); err != nil {
			return x, 0, err
		}
		typ, value := b[0], le.Uint64(b[8:])
		if typ == 0 || typ >= types || seen>>typ&1 != 0 {
			return x, ntdef.STATUS_INVALID_PARAMETER, nil
		}
		seen |= 1 << typ
		switch typ {
		case memExtendedParameterAddressRequirements:
			var r [24]byte
			if err := t.Read(value, r[:]); err != nil {
				return x, 0, err
			}
			x.Lowest, x.Highest = x86.VirtAddr(le.Uint64(r[0:])), x86.VirtAddr(le.Uint64(r[8:]))
			x.Alignment = le.Uint64(r[16:])
		case memExtendedParameterNumaNode:
			if !ValidNode(uint32(value)) {
				return x, ntdef.STATUS_INVALID_PARAMETER, nil
			}
		case memExtendedParameterPartitionHandle:
			if _, st := of[*partition](t.proc, ntdef.Handle(value)); st != ntdef.STATUS_SUCCESS {
				return x, st, nil
			}
		case memExtendedParameterUserPhysicalHandle:
			return x, ntdef.STATUS_NOT_SUPPORTED, nil
		case memExtendedParameterAttributeFlags:
			if value&^memZeroPagesOptional != 0 {
				return x, ntdef.STATUS_NOT_SUPPORTED, nil
			}
		case memExtendedParameterImageMachine:
			if x.Machine = uint16(value); !view {
				return x, ntdef.STATUS_INVALID_PARAMETER, nil
			}
		}
	}
	return x, ntdef.STATUS_SUCCESS, nil
}

// MachineStatus is the status of mapping an image for a machine: only x86-64 runs here.
func (x *ExtendedParameters) MachineStatus() ntdef.Status {
	if x.Machine != 0 && x.Machine != loader.MachineAMD64 {
		return ntdef.STATUS_NOT_SUPPORTED
	}
	return ntdef.STATUS_SUCCESS
}

// ValidNode reports whether the machine has a NUMA node: it has node 0, and NUMA_NO_PREFERRED_NODE is as good.
func ValidNode(node uint32) bool { return node == 0 || node == ^uint32(0) }
