package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

var fileFuncs = []nt.UserFunc{
	nt.Func("GetStdHandle", getStdHandle),
	nt.Func("WriteFile", writeFile),
	nt.Func("ReadFile", readFile),
	nt.Func("GetFileType", getFileType),
	nt.Func("GetConsoleMode", getConsoleMode),
	nt.Func("CloseHandle", closeHandle),
}

type getStdHandleArgs struct{ Which uint32 }

const invalidHandle = ^uint64(0)

// getStdHandle maps STD_INPUT_HANDLE (-10), STD_OUTPUT_HANDLE and STD_ERROR_HANDLE to what the process parameters hold.
func getStdHandle(t *nt.Thread, a *getStdHandleArgs) (uint64, error) {
	fields := map[int32]uint64{-10: ntdef.ParamsStandardInput, -11: ntdef.ParamsStandardOutput, -12: ntdef.ParamsStandardError}
	field, ok := fields[int32(a.Which)]
	if !ok {
		return invalidHandle, ntdll.SetLastError(t, ntdll.ERROR_INVALID_HANDLE)
	}
	p, err := parameters(t)
	if err != nil {
		return 0, err
	}
	return t.Load64(p + field)
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

func writeFile(t *nt.Thread, a *transferArgs) (uint64, error) {
	if a.Done != 0 {
		if err := t.Store32(uint64(a.Done), 0); err != nil {
			return 0, err
		}
	}
	var done uint32
	buf := make([]byte, min(a.Length, maxTransfer))
	for first := true; first || done < a.Length; first = false {
		part := buf[:min(a.Length-done, maxTransfer)]
		if err := t.Read(a.Buffer+uint64(done), part); err != nil {
			if done == 0 {
				return fail(t, ntdll.ERROR_NOACCESS)
			}
			break
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

func readFile(t *nt.Thread, a *transferArgs) (uint64, error) {
	buf := make([]byte, min(a.Length, maxTransfer))
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
	if !isStandard(t, a.Handle) {
		return fail(t, ntdll.ERROR_INVALID_HANDLE)
	}
	return fileTypePipe, nil
}

func isStandard(t *nt.Thread, h ntdef.Handle) bool {
	for fd := range 3 {
		if t.Process().StandardHandle(fd) == h {
			return true
		}
	}
	return false
}

type consoleModeArgs struct {
	Handle ntdef.Handle
	Mode   ntdef.Ptr[uint32]
}

// getConsoleMode fails: no handle is a console.
func getConsoleMode(t *nt.Thread, _ *consoleModeArgs) (uint64, error) {
	return fail(t, ntdll.ERROR_INVALID_HANDLE)
}

func closeHandle(t *nt.Thread, a *handleArgs) (uint64, error) {
	return boolOf(t, t.Process().CloseHandle(a.Handle))
}
