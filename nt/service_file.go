package nt

import "github.com/pagewalk/pagewalk/ntdef"

var fileServices = []Service{
	service("NtWriteFile", Partial("the standard handles"), ntWriteFile),
	service("NtReadFile", Partial("the standard handles"), ntReadFile),
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
	var done uint32
	buf := make([]byte, min(a.Length, maxTransfer))
	for done < a.Length {
		part := buf[:min(uint32(len(buf)), a.Length-done)]
		if err := t.Read(a.Buffer+uint64(done), part); err != nil {
			return 0, err
		}
		n, st := t.proc.write(a.File, part)
		if st != ntdef.STATUS_SUCCESS {
			return st, nil
		}
		done += uint32(n)
	}
	if a.Length == 0 {
		if _, st := t.proc.write(a.File, nil); st != ntdef.STATUS_SUCCESS {
			return st, nil
		}
	}
	return ntdef.STATUS_SUCCESS, t.storeIOStatus(a.IOStatus, ntdef.STATUS_SUCCESS, uint64(done))
}

func ntReadFile(t *Thread, a *readWriteFileArgs) (ntdef.Status, error) {
	buf := make([]byte, min(a.Length, maxTransfer))
	n, st := t.proc.read(a.File, buf)
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
