package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
)

// partition is a memory partition (Windows Internals, 7th ed. part 1 ch. 5, "Memory partitions"). There is one, the system's, which has all
// memory: \KernelObjects\MemoryPartition0. Memory cannot be divided here, so that no other can be made.
type partition struct{ objectHeader }

func (*partition) typeName() string { return "Partition" }

// Rights of partitions (winnt.h, MEMORY_PARTITION_*).
const partitionQuery uint32 = 1

var partitionServices = []Service{
	service("NtOpenPartition", Full, ntOpenPartition),
	service("NtCreatePartition", Partial("STATUS_NOT_SUPPORTED: the system's partition has all memory"), ntCreatePartition),
	service("NtManagePartition", Partial("class 0, SystemMemoryPartitionInformation"), ntManagePartition),
}

// initPartition makes the system's partition.
func (s *System) initPartition() { s.namespace.add(`\KernelObjects\MemoryPartition0`, &partition{}) }

func ntOpenPartition(t *Thread, a *namedArgs) (ntdef.Status, error) {
	return t.newObject(a, func(r *ObjectRequest) (ntdef.Handle, ntdef.Status) { return open[*partition](t.proc, r) })
}

type createPartitionArgs struct {
	Parent           ntdef.Handle
	Handle           ntdef.Ptr[uint64]
	DesiredAccess    uint32
	ObjectAttributes uint64
	Node             uint32
}

func ntCreatePartition(t *Thread, _ *createPartitionArgs) (ntdef.Status, error) {
	if !t.proc.Holds(SeLockMemoryPrivilege) {
		return ntdef.STATUS_PRIVILEGE_NOT_HELD, nil
	}
	t.sys.refuse("NtCreatePartition: dividing memory")
	return ntdef.STATUS_NOT_SUPPORTED, nil
}

type managePartitionArgs struct {
	Target, Source ntdef.Handle
	Class          uint32
	Buffer         uint64
	Length         uint32
}

// ntManagePartition knows SystemMemoryPartitionInformation, a MEMORY_PARTITION_CONFIGURATION_INFORMATION.
func ntManagePartition(t *Thread, a *managePartitionArgs) (ntdef.Status, error) {
	const information = 0
	switch {
	case a.Class != information:
		t.sys.refuse(classOf("NtManagePartition", a.Class))
		return ntdef.STATUS_INVALID_INFO_CLASS, nil
	case a.Length < partitionInformationSize:
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	b, st := t.proc.PartitionInformation(a.Target)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return ntdef.STATUS_SUCCESS, t.Write(a.Buffer, b)
}

const partitionInformationSize = 240

// PartitionInformation is the WIN32_MEMORY_PARTITION_INFORMATION of a partition, 240 bytes, in pages: INVALID_HANDLE, OBJECT_TYPE_MISMATCH,
// ACCESS_DENIED.
func (p *Process) PartitionInformation(h ntdef.Handle) ([]byte, ntdef.Status) {
	if _, st := with[*partition](p, h, partitionQuery); st != ntdef.STATUS_SUCCESS {
		return nil, st
	}
	s := p.sys
	c, u := s.mm.Counters(), s.mm.KernelUsage()
	standby, most := uint64(0), c.CommitLimit
	for _, n := range c.StandbyPages {
		standby += n
	}
	for _, f := range s.mm.PageFiles() {
		most += f.Maximum - f.Size
	}
	le := binary.LittleEndian
	b := make([]byte, partitionInformationSize)
	le.PutUint32(b[12:], 1) // NumberOfNumaNodes
	at := 16
	for _, v := range []uint64{
		c.PhysicalPages - u.Resident, c.CommittedPages, c.CommitLimit, c.CommitPeak, c.PhysicalPages, c.AvailablePages(), c.ZeroedPages,
		c.FreePages, standby,
	} {
		le.PutUint64(b[at:], v)
		at += 8
	}
	for _, v := range append(c.StandbyPages[:], c.RepurposedByPriority[:]...) {
		le.PutUint64(b[at:], v)
		at += 8
	}
	le.PutUint64(b[at:], most) // MaximumCommitLimit; the partition's number, 0, is the last field
	return b, ntdef.STATUS_SUCCESS
}
