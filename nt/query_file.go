package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
)

// The classes of NtQueryInformationFile and NtSetInformationFile (ntifs.h, FILE_INFORMATION_CLASS).
const (
	fileBasicInformation       = 4
	fileStandardInformation    = 5
	fileInternalInformation    = 6
	fileDispositionInformation = 13
	filePositionInformation    = 14
	fileModeInformation        = 16
	fileEndOfFileInformation   = 20
)

type informationFileArgs struct {
	File     ntdef.Handle
	IOStatus uint64
	Buffer   uint64
	Length   uint32
	Class    uint32
}

func ntQueryInformationFile(t *Thread, a *informationFileArgs) (ntdef.Status, error) {
	const synchronousNonAlert = 0x20
	if !t.proc.HasHandle(a.File) {
		return ntdef.STATUS_INVALID_HANDLE, nil
	}
	i, st := t.proc.QueryFile(a.File)
	le := binary.LittleEndian
	var b []byte
	switch a.Class {
	case fileModeInformation: // every handle is synchronous
		b, st = le.AppendUint32(nil, synchronousNonAlert), ntdef.STATUS_SUCCESS
	case fileBasicInformation:
		b = i.basic()
	case fileStandardInformation:
		b = le.AppendUint64(le.AppendUint64(nil, (i.Size+0xfff)&^0xfff), i.Size)
		b = le.AppendUint32(b, 1) // links
		flag := func(set bool) byte {
			if set {
				return 1
			}
			return 0
		}
		b = append(b, flag(i.DeletePending), flag(i.Attributes&ntdef.FILE_ATTRIBUTE_DIRECTORY != 0), 0, 0)
	case fileInternalInformation:
		b = le.AppendUint64(nil, i.ID)
	case filePositionInformation:
		b = le.AppendUint64(nil, i.Position)
	default:
		t.sys.warn("NtQueryInformationFile: class %d is not implemented (at %s)", a.Class, t.proc.Where(t.cpu.RIP))
		return ntdef.STATUS_INVALID_INFO_CLASS, nil
	}
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return st, nil
	case a.Length < uint32(len(b)):
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	if err := t.Write(a.Buffer, b); err != nil {
		return 0, err
	}
	return st, t.storeIOStatus(a.IOStatus, st, uint64(len(b)))
}

func ntSetInformationFile(t *Thread, a *informationFileArgs) (ntdef.Status, error) {
	want := map[uint32]uint32{
		fileBasicInformation: 40, fileDispositionInformation: 1, filePositionInformation: 8, fileEndOfFileInformation: 8,
	}
	n, ok := want[a.Class]
	if !ok {
		t.sys.warn("NtSetInformationFile: class %d is not implemented (at %s)", a.Class, t.proc.Where(t.cpu.RIP))
		return ntdef.STATUS_INVALID_INFO_CLASS, nil
	}
	if a.Length < n {
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	var b [40]byte
	if err := t.Read(a.Buffer, b[:n]); err != nil {
		return 0, err
	}
	le := binary.LittleEndian
	st := ntdef.STATUS_SUCCESS
	switch a.Class {
	case fileBasicInformation:
		st = t.proc.SetFileBasic(a.File, le.Uint64(b[0:]), le.Uint64(b[8:]), le.Uint64(b[16:]), le.Uint32(b[32:]))
	case fileDispositionInformation:
		if b[0] != 0 {
			st = t.proc.DeleteFile(a.File)
		}
	case filePositionInformation:
		st = t.proc.SetFilePosition(a.File, le.Uint64(b[0:]))
	case fileEndOfFileInformation:
		st = t.proc.SetEndOfFile(a.File, le.Uint64(b[0:]))
	}
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return st, t.storeIOStatus(a.IOStatus, st, 0)
}
