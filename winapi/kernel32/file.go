package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
	"github.com/pagewalk/pagewalk/x86"
)

var fileFuncs = []nt.UserFunc{
	nt.Func("CloseHandle", closeHandle),
	nt.Func("GetConsoleMode", noConsole[consoleModeArgs]),
	nt.Func("GetFileType", getFileType),
	nt.Func("GetStdHandle", getStdHandle),
	nt.Func("ReadFile", readFile),
	nt.Func("WriteConsoleA", noConsole[writeConsoleArgs]),
	nt.Func("WriteConsoleW", noConsole[writeConsoleArgs]),
	nt.Func("WriteFile", writeFile),
}

type getStdHandleArgs struct{ Which int32 }

const invalidHandle = ^uint64(0)

// getStdHandle returns what the process parameters hold for STD_INPUT_HANDLE, STD_OUTPUT_HANDLE or STD_ERROR_HANDLE.
func getStdHandle(t *nt.Thread, a *getStdHandleArgs) (uint64, error) {
	p, err := parameters(t)
	if err != nil {
		return 0, err
	}
	switch a.Which {
	case -10:
		return t.Load64(p + ntdef.ParamsStandardInput)
	case -11:
		return t.Load64(p + ntdef.ParamsStandardOutput)
	case -12:
		return t.Load64(p + ntdef.ParamsStandardError)
	}
	return invalidHandle, ntdll.SetLastError(t, ntdll.ERROR_INVALID_HANDLE)
}

type transferArgs struct {
	File       ntdef.Handle
	Buffer     uint64
	Length     uint32
	Done       ntdef.Ptr[uint32]
	Overlapped uint64
}

// maxTransfer bounds what is held in the host's memory at a time.
const maxTransfer = 64 << 10

// writeFile writes the whole buffer. One that cannot be read is the service's failure, not an exception.
func writeFile(t *nt.Thread, a *transferArgs) (uint64, error) {
	if a.Done != 0 {
		if err := t.Store32(uint64(a.Done), 0); err != nil {
			return 0, err
		}
	}
	if err := t.Probe(a.Buffer, uint64(a.Length), x86.Read); err != nil {
		return failAccess(t, err)
	}
	var done uint32
	buf := make([]byte, min(a.Length, maxTransfer))
	for first := true; first || done < a.Length; first = false {
		part := buf[:min(a.Length-done, maxTransfer)]
		if err := t.Read(a.Buffer+uint64(done), part); err != nil {
			return 0, err
		}
		n, st := t.Process().WriteFile(a.File, part)
		if st != ntdef.STATUS_SUCCESS {
			return failStatus(t, st)
		}
		done += uint32(n)
	}
	if a.Done != 0 {
		return 1, t.Store32(uint64(a.Done), done)
	}
	return 1, nil
}

// readFile reads what is there, at most the buffer; 0 bytes are the end of the file.
func readFile(t *nt.Thread, a *transferArgs) (uint64, error) {
	if a.Done != 0 {
		if err := t.Store32(uint64(a.Done), 0); err != nil {
			return 0, err
		}
	}
	buf := make([]byte, min(a.Length, maxTransfer))
	if err := t.Probe(a.Buffer, uint64(len(buf)), x86.Write); err != nil {
		return failAccess(t, err)
	}
	n, st := t.Process().ReadFile(a.File, buf)
	if st != ntdef.STATUS_SUCCESS && st != ntdef.STATUS_END_OF_FILE {
		return failStatus(t, st)
	}
	if err := t.Write(a.Buffer, buf[:n]); err != nil {
		return 0, err
	}
	if a.Done != 0 {
		return 1, t.Store32(uint64(a.Done), uint32(n))
	}
	return 1, nil
}

type handleArgs struct{ Handle ntdef.Handle }

// getFileType says FILE_TYPE_PIPE for the standard handles: the host's streams are passed on byte by byte.
func getFileType(t *nt.Thread, a *handleArgs) (uint64, error) {
	const fileTypePipe = 3
	for fd := range 3 {
		if t.Process().StandardHandle(fd) == a.Handle {
			return fileTypePipe, nil
		}
	}
	return fail(t, ntdll.ERROR_INVALID_HANDLE)
}

type (
	consoleModeArgs struct {
		Handle ntdef.Handle
		Mode   ntdef.Ptr[uint32]
	}
	writeConsoleArgs struct {
		Handle   ntdef.Handle
		Buffer   uint64
		Length   uint32
		Done     ntdef.Ptr[uint32]
		Reserved uint64
	}
)

// noConsole fails: no handle is a console.
func noConsole[A any](t *nt.Thread, _ *A) (uint64, error) { return fail(t, ntdll.ERROR_INVALID_HANDLE) }

func closeHandle(t *nt.Thread, a *handleArgs) (uint64, error) {
	return boolOf(t, t.Process().CloseHandle(a.Handle))
}
