package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// The attributes that a process or a thread is made with (PS_ATTRIBUTE_NUM, winnt.h's PROC_THREAD_ATTRIBUTE_* and the native lists that
// they become): the number, and flags that say whom an attribute is for and who writes it.
const (
	psAttributeParentProcess = 0x60000
	psAttributeDebugObject   = 0x60001
	psAttributeToken         = 0x60002
	psAttributeClientID      = 0x10003
	psAttributeTebAddress    = 0x10004
	psAttributeImageName     = 0x20005
	psAttributeImageInfo     = 0x00006
	psAttributeMemoryReserve = 0x20007
	psAttributePriorityClass = 0x20008
	psAttributeErrorMode     = 0x20009
	psAttributeStdHandleInfo = 0x2000a
	psAttributeHandleList    = 0x2000b
	psAttributeGroupAffinity = 0x3000c
	psAttributePreferredNode = 0x2000d
	psAttributeIdealCPU      = 0x3000e
	psAttributeMitigation    = 0x20010
	psAttributeProtection    = 0x60011
	psAttributeJobList       = 0x20013
	psAttributeChildPolicy   = 0x20014
)

var psAttributeNames = map[uint64]string{
	psAttributeParentProcess: ", PARENT_PROCESS", psAttributeDebugObject: ", DEBUG_OBJECT", psAttributeToken: ", TOKEN",
	psAttributeMemoryReserve: ", MEMORY_RESERVE", psAttributePriorityClass: ", PRIORITY_CLASS", psAttributeErrorMode: ", ERROR_MODE",
	psAttributeMitigation: ", MITIGATION_OPTIONS", psAttributeProtection: ", PROTECTION_LEVEL", psAttributeJobList: ", JOB_LIST",
	psAttributeChildPolicy: ", CHILD_PROCESS_POLICY",
}

// psAttribute is one PS_ATTRIBUTE. value is the value itself, or where it is; what the executive writes goes there, and how long it was
// to returned where that is not 0.
type psAttribute struct{ kind, size, value, returned uint64 }

const (
	psAttributeListHead = 8
	psAttributeSize     = 32
	maxPsAttributes     = 32 // there are fewer kinds
	maxPsAnswer         = 64 // of those that the executive writes: SECTION_IMAGE_INFORMATION
)

// psAttributes reads a PS_ATTRIBUTE_LIST; 0 is an empty one. INVALID_PARAMETER for a length that no list has.
func (t *Thread) psAttributes(va uint64) ([]psAttribute, ntdef.Status, error) {
	if va == 0 {
		return nil, ntdef.STATUS_SUCCESS, nil
	}
	total, err := t.Load64(va)
	if err != nil {
		return nil, 0, err
	}
	n := (total - psAttributeListHead) / psAttributeSize
	if total < psAttributeListHead || (total-psAttributeListHead)%psAttributeSize != 0 || n > maxPsAttributes {
		return nil, ntdef.STATUS_INVALID_PARAMETER, nil
	}
	b := make([]byte, n*psAttributeSize)
	if err := t.Read(va+psAttributeListHead, b); err != nil {
		return nil, 0, err
	}
	list := make([]psAttribute, n)
	for i := range list {
		e := b[psAttributeSize*i:]
		le := binary.LittleEndian
		list[i] = psAttribute{le.Uint64(e), le.Uint64(e[8:]), le.Uint64(e[16:]), le.Uint64(e[24:])}
	}
	return list, ntdef.STATUS_SUCCESS, nil
}

// writes reports whether the executive writes the attribute's value.
func (a *psAttribute) writes() bool {
	return a.kind == psAttributeClientID || a.kind == psAttributeTebAddress || a.kind == psAttributeImageInfo
}

// probe makes sure that an attribute which the executive writes can be written, before anything happens.
func (a *psAttribute) probe(t *Thread) error {
	if !a.writes() {
		return nil
	}
	if a.returned != 0 {
		if err := t.Probe(a.returned, 8, x86.Write); err != nil {
			return err
		}
	}
	return t.Probe(a.value, min(a.size, maxPsAnswer), x86.Write)
}

// answer writes an attribute's value, as much of it as there is room for.
func (a *psAttribute) answer(t *Thread, b []byte) error {
	b = b[:min(uint64(len(b)), a.size)]
	if err := t.Write(a.value, b); err != nil {
		return err
	}
	if a.returned == 0 {
		return nil
	}
	return t.Store64(a.returned, uint64(len(b)))
}

// clientID is the CLIENT_ID of a thread.
func (t *Thread) clientID() []byte {
	le := binary.LittleEndian
	return le.AppendUint64(le.AppendUint64(nil, t.proc.id), t.id)
}
