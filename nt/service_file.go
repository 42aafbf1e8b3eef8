package nt

import "github.com/pagewalk/pagewalk/ntdef"

var fileServices = []Service{
	service("NtWriteFile", Partial("synchronous"), ntWriteFile),
	service("NtReadFile", Partial("synchronous; at most 64 KiB at a time"), ntReadFile),
	service("NtQueryInformationFile", Partial("classes 4 to 6, 14, 16"), ntQueryInformationFile),
	service("NtSetInformationFile", Partial("classes 4, 13, 14, 20"), ntSetInformationFile),
	service("NtClose", Full, ntClose),
}

type readWriteFileArgs struct {
	File       ntdef.Handle
	Event      ntdef.Handle
	APCRoutine uint64
	APCContext uint64
	IOStatus   uint64
	Buffer     uint64
	Length     uint32
	ByteOffset ntdef.Ptr[uint64]
	Key        ntdef.Ptr[uint32]
}

// maxTransfer bounds what one NtReadFile or NtWriteFile holds in the host's memory at a time.
const maxTransfer = 64 << 10

func ntWriteFile(t *Thread, a *readWriteFileArgs) (ntdef.Status, error) {
	at, err := t.byteOffset(a.ByteOffset)
	if err != nil {
		return 0, err
	}
	offset := func(done uint32) uint64 {
		if at >= FilePosition {
			return at
		}
		return at + uint64(done)
	}
	var done uint32
	buf := make([]byte, min(a.Length, maxTransfer))
	for done < a.Length {
		part := buf[:min(uint32(len(buf)), a.Length-done)]
		if err := t.Read(a.Buffer+uint64(done), part); err != nil {
			return 0, err
		}
		n, st := t.proc.write(a.File, part, offset(done))
		if st != ntdef.STATUS_SUCCESS {
			return st, nil
		}
		done += uint32(n)
	}
	if a.Length == 0 {
		if _, st := t.proc.write(a.File, nil, FilePosition); st != ntdef.STATUS_SUCCESS {
			return st, nil
		}
	}
	return ntdef.STATUS_SUCCESS, t.storeIOStatus(a.IOStatus, ntdef.STATUS_SUCCESS, uint64(done))
}

// byteOffset reads the optional offset of a read or write: without one, or with FILE_USE_FILE_POINTER_POSITION (-2), the file's
// position counts; FILE_WRITE_TO_END_OF_FILE is -1.
func (t *Thread) byteOffset(p ntdef.Ptr[uint64]) (uint64, error) {
	if p == 0 {
		return FilePosition, nil
	}
	return t.Load64(uint64(p))
}

func ntReadFile(t *Thread, a *readWriteFileArgs) (ntdef.Status, error) {
	at, err := t.byteOffset(a.ByteOffset)
	if err != nil {
		return 0, err
	}
	buf := make([]byte, min(a.Length, maxTransfer))
	n, st := t.proc.read(a.File, buf, at)
	if st != ntdef.STATUS_SUCCESS && st != ntdef.STATUS_END_OF_FILE {
		return st, nil
	}
	if err := t.Write(a.Buffer, buf[:n]); err != nil {
		return 0, err
	}
	return st, t.storeIOStatus(a.IOStatus, st, uint64(n))
}

// storeIOStatus writes an IO_STATUS_BLOCK.
func (t *Thread) storeIOStatus(va uint64, st ntdef.Status, information uint64) error {
	if err := t.Store64(va, uint64(st)); err != nil {
		return err
	}
	return t.Store64(va+8, information)
}

type closeArgs struct{ Handle ntdef.Handle }

func ntClose(t *Thread, a *closeArgs) (ntdef.Status, error) {
	return t.proc.handles.close(a.Handle), nil
}
