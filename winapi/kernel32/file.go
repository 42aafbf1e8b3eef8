package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
	"github.com/pagewalk/pagewalk/x86"
)

// Reading and writing (fileapi.h) through handles.
var fileFuncs = []nt.UserFunc{
	nt.Func("CloseHandle", closeHandle),
	nt.Func("FlushFileBuffers", flushFileBuffers),
	nt.Func("GetConsoleMode", noConsole[consoleModeArgs]),
	nt.Func("GetFileInformationByHandle", getFileInformationByHandle),
	nt.Func("GetFileSize", getFileSize),
	nt.Func("GetFileSizeEx", getFileSizeEx),
	nt.Func("GetFileTime", getFileTime),
	nt.Func("GetFileType", getFileType),
	nt.Func("GetStdHandle", getStdHandle),
	nt.Func("LockFile", lockFile),
	nt.Func("LockFileEx", lockFileEx),
	nt.Func("ReadFile", readFile),
	nt.Func("SetEndOfFile", setEndOfFile),
	nt.Func("SetFilePointer", setFilePointer),
	nt.Func("SetFilePointerEx", setFilePointerEx),
	nt.Func("SetFileTime", setFileTime),
	nt.Func("SetStdHandle", setStdHandle),
	nt.Func("UnlockFile", unlockFile),
	nt.Func("UnlockFileEx", unlockFileEx),
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

// Where an OVERLAPPED (minwinbase.h) begins as an IO_STATUS_BLOCK, and has its offset and its event.
const (
	overlappedOffset = 16
	overlappedEvent  = 24
)

// ioRequest is the request of a transfer. Without an OVERLAPPED it begins at the file's position and is waited for. The low bit of its
// event keeps the request from a completion port ("GetQueuedCompletionStatus").
func (a *transferArgs) ioRequest(t *nt.Thread) (*nt.IORequest, error) {
	r := &nt.IORequest{File: a.File, Buffer: a.Buffer, Length: a.Length, Offset: nt.FilePosition, Wait: a.Overlapped == 0}
	return r, overlap(t, r, a.Overlapped)
}

// overlap has an OVERLAPPED, where there is one, say where a request begins and who hears of its end.
func overlap(t *nt.Thread, r *nt.IORequest, overlapped uint64) error {
	if overlapped == 0 {
		return nil
	}
	at, err := t.Load64(overlapped + overlappedOffset)
	if err != nil {
		return err
	}
	event, err := t.Load64(overlapped + overlappedEvent)
	if err != nil {
		return err
	}
	r.IOStatus, r.Offset, r.Event = overlapped, at, ntdef.Handle(event&^1)
	if event&1 == 0 {
		r.Context = overlapped
	}
	return t.Store64(overlapped, uint64(ntdef.STATUS_PENDING))
}

// finish is the result of a transfer. One that goes on fails with ERROR_IO_PENDING, a message that is longer than its buffer with
// ERROR_MORE_DATA.
func (a *transferArgs) finish(t *nt.Thread, st ntdef.Status, done uint32) (uint64, error) {
	if a.Done != 0 && st != ntdef.STATUS_PENDING && !st.IsError() {
		if err := t.Store32(uint64(a.Done), done); err != nil {
			return 0, err
		}
	}
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return 1, nil
}

// writeFile writes the whole buffer. One that cannot be read is the service's failure, not an exception.
func writeFile(t *nt.Thread, a *transferArgs) (uint64, error) {
	return a.transfer(t, x86.Read, t.WriteFile)
}

// readFile reads what is there, at most the buffer; 0 bytes are the end of the file. A pipe gives what it has, a file all.
func readFile(t *nt.Thread, a *transferArgs) (uint64, error) {
	return a.transfer(t, x86.Write, func(r *nt.IORequest) (ntdef.Status, uint32, error) {
		st, n, err := t.ReadFile(r)
		if st == ntdef.STATUS_END_OF_FILE && a.Overlapped == 0 {
			return ntdef.STATUS_SUCCESS, 0, err
		}
		return st, n, err
	})
}

func (a *transferArgs) transfer(t *nt.Thread, buffer x86.Access, do func(*nt.IORequest) (ntdef.Status, uint32, error)) (uint64, error) {
	if a.Done != 0 {
		if err := t.Store32(uint64(a.Done), 0); err != nil {
			return 0, err
		}
	}
	if err := t.Probe(a.Buffer, uint64(a.Length), buffer); err != nil {
		return failAccess(t, err)
	}
	r, err := a.ioRequest(t)
	if err != nil {
		return failAccess(t, err)
	}
	st, n, err := do(r)
	if err != nil {
		return failAccess(t, err)
	}
	return a.finish(t, st, n)
}

type handleArgs struct{ Handle ntdef.Handle }

// getFileType says FILE_TYPE_PIPE for the standard handles: the host's streams are passed on byte by byte.
func getFileType(t *nt.Thread, a *handleArgs) (uint64, error) {
	const disk, char, pipe = 1, 2, 3
	if t.Process().IsStream(a.Handle) || t.Process().IsPipe(a.Handle) {
		return pipe, nil
	}
	switch _, st := t.Process().QueryFile(a.Handle); st {
	case ntdef.STATUS_SUCCESS:
		return disk, nil
	case ntdef.STATUS_OBJECT_TYPE_MISMATCH:
		return char, nil // NUL
	}
	return fail(t, ntdll.ERROR_INVALID_HANDLE)
}

func flushFileBuffers(t *nt.Thread, a *handleArgs) (uint64, error) {
	st, err := t.Flush(&nt.IORequest{File: a.Handle, Wait: true})
	if err != nil {
		return 0, err
	}
	return boolOf(t, st)
}

type setStdHandleArgs struct {
	Which  int32
	Handle ntdef.Handle
}

func setStdHandle(t *nt.Thread, a *setStdHandleArgs) (uint64, error) {
	p, err := parameters(t)
	if err != nil {
		return 0, err
	}
	at, ok := map[int32]uint64{-10: ntdef.ParamsStandardInput, -11: ntdef.ParamsStandardOutput, -12: ntdef.ParamsStandardError}[a.Which]
	if !ok {
		return fail(t, ntdll.ERROR_INVALID_HANDLE)
	}
	return 1, t.Store64(p+at, uint64(a.Handle))
}

type getFileSizeArgs struct {
	File ntdef.Handle
	High ntdef.Ptr[uint32]
}

// getFileSize returns INVALID_FILE_SIZE where it fails; a size of exactly that has no error.
func getFileSize(t *nt.Thread, a *getFileSizeArgs) (uint64, error) {
	const invalidFileSize = 1<<32 - 1
	i, st := t.Process().QueryFile(a.File)
	if st != ntdef.STATUS_SUCCESS {
		_, err := failStatus(t, st)
		return invalidFileSize, err
	}
	if a.High != 0 {
		if err := t.Store32(uint64(a.High), uint32(i.Size>>32)); err != nil {
			return 0, err
		}
	}
	if i.Size&invalidFileSize != invalidFileSize {
		return i.Size & invalidFileSize, nil
	}
	return invalidFileSize, ntdll.SetLastError(t, 0)
}

type getFileSizeExArgs struct {
	File ntdef.Handle
	Size ntdef.Ptr[uint64]
}

func getFileSizeEx(t *nt.Thread, a *getFileSizeExArgs) (uint64, error) {
	i, st := t.Process().QueryFile(a.File)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return 1, t.Store64(uint64(a.Size), i.Size)
}

// seek moves a file's position: from the beginning (0), from where it is (1), from the end (2).
func seek(t *nt.Thread, file ntdef.Handle, distance int64, method uint32) (uint64, uint32) {
	i, st := t.Process().QueryFile(file)
	if st != ntdef.STATUS_SUCCESS {
		return 0, ntdll.DosError(st)
	}
	base := int64(0)
	switch method {
	case 0:
	case 1:
		base = int64(i.Position)
	case 2:
		base = int64(i.Size)
	default:
		return 0, ntdll.ERROR_INVALID_PARAMETER
	}
	to := base + distance
	if to < 0 {
		return 0, ntdll.ERROR_NEGATIVE_SEEK
	}
	t.Process().SetFilePosition(file, uint64(to))
	return uint64(to), ntdll.ERROR_SUCCESS
}

type setFilePointerArgs struct {
	File     ntdef.Handle
	Distance int32
	High     ntdef.Ptr[uint32]
	Method   uint32
}

func setFilePointer(t *nt.Thread, a *setFilePointerArgs) (uint64, error) {
	const invalidSetFilePointer = 1<<32 - 1
	distance := int64(a.Distance)
	if a.High != 0 {
		high, err := t.Load32(uint64(a.High))
		if err != nil {
			return 0, err
		}
		distance = int64(join64(high, uint32(a.Distance)))
	}
	at, code := seek(t, a.File, distance, a.Method)
	if code == 0 && a.High == 0 && at>>32 != 0 {
		code = ntdll.ERROR_INVALID_PARAMETER
	}
	if code != 0 {
		return invalidSetFilePointer, ntdll.SetLastError(t, code)
	}
	if a.High != 0 {
		if err := t.Store32(uint64(a.High), uint32(at>>32)); err != nil {
			return 0, err
		}
	}
	if at&invalidSetFilePointer != invalidSetFilePointer {
		return at & invalidSetFilePointer, nil
	}
	return invalidSetFilePointer, ntdll.SetLastError(t, 0)
}

type setFilePointerExArgs struct {
	File     ntdef.Handle
	Distance int64
	New      ntdef.Ptr[uint64]
	Method   uint32
}

func setFilePointerEx(t *nt.Thread, a *setFilePointerExArgs) (uint64, error) {
	at, code := seek(t, a.File, a.Distance, a.Method)
	if code != 0 {
		return fail(t, code)
	}
	if a.New != 0 {
		return 1, t.Store64(uint64(a.New), at)
	}
	return 1, nil
}

type fileArgs struct{ File ntdef.Handle }

func setEndOfFile(t *nt.Thread, a *fileArgs) (uint64, error) {
	i, st := t.Process().QueryFile(a.File)
	if st == ntdef.STATUS_SUCCESS {
		st = t.Process().SetEndOfFile(a.File, i.Position)
	}
	return boolOf(t, st)
}

type fileTimeArgs struct {
	File                       ntdef.Handle
	Created, Accessed, Written ntdef.Ptr[uint64]
}

func getFileTime(t *nt.Thread, a *fileTimeArgs) (uint64, error) {
	i, st := t.Process().QueryFile(a.File)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	for _, f := range []struct {
		at ntdef.Ptr[uint64]
		v  uint64
	}{{a.Created, i.Created}, {a.Accessed, i.Accessed}, {a.Written, i.Written}} {
		if f.at != 0 {
			if err := t.Store64(uint64(f.at), f.v); err != nil {
				return 0, err
			}
		}
	}
	return 1, nil
}

func setFileTime(t *nt.Thread, a *fileTimeArgs) (uint64, error) {
	var v [3]uint64
	for i, at := range []ntdef.Ptr[uint64]{a.Created, a.Accessed, a.Written} {
		if at != 0 {
			var err error
			if v[i], err = t.Load64(uint64(at)); err != nil {
				return 0, err
			}
		}
	}
	return boolOf(t, t.Process().SetFileBasic(a.File, v[0], v[1], v[2], 0))
}

type fileInformationArgs struct {
	File ntdef.Handle
	Info uint64
}

// getFileInformationByHandle fills a BY_HANDLE_FILE_INFORMATION, 52 bytes.
func getFileInformationByHandle(t *nt.Thread, a *fileInformationArgs) (uint64, error) {
	i, st := t.Process().QueryFile(a.File)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	var b [52]byte
	put32(b[0:], attributesOf(&i))
	put64(b[4:], i.Created)
	put64(b[12:], i.Accessed)
	put64(b[20:], i.Written)
	put32(b[28:], nt.VolumeSerial(i.Volume))
	put32(b[32:], uint32(i.Size>>32))
	put32(b[36:], uint32(i.Size))
	put32(b[40:], 1) // links
	put32(b[44:], uint32(i.ID>>32))
	put32(b[48:], uint32(i.ID))
	return 1, t.Write(a.Info, b[:])
}

type lockFileArgs struct {
	File              ntdef.Handle
	OffsetLow         uint32
	OffsetHigh        uint32
	SizeLow, SizeHigh uint32
}

func lockFile(t *nt.Thread, a *lockFileArgs) (uint64, error) {
	st, err := t.LockFile(&nt.IORequest{File: a.File, Wait: true}, join64(a.OffsetHigh, a.OffsetLow), join64(a.SizeHigh, a.SizeLow), true, false)
	if err != nil {
		return 0, err
	}
	return boolOf(t, st)
}

func unlockFile(t *nt.Thread, a *lockFileArgs) (uint64, error) {
	return boolOf(t, t.Process().UnlockFile(a.File, join64(a.OffsetHigh, a.OffsetLow), join64(a.SizeHigh, a.SizeLow)))
}

type lockFileExArgs struct {
	File              ntdef.Handle
	Flags             uint32
	Reserved          uint32
	SizeLow, SizeHigh uint32
	Overlapped        uint64
}

// lockFileEx waits through a synchronous handle; through another it fails with ERROR_IO_PENDING and the OVERLAPPED tells of the end.
func lockFileEx(t *nt.Thread, a *lockFileExArgs) (uint64, error) {
	const failImmediately, exclusive = 1, 2
	r := &nt.IORequest{File: a.File}
	if err := overlap(t, r, a.Overlapped); err != nil {
		return failAccess(t, err)
	}
	st, err := t.LockFile(r, r.Offset, join64(a.SizeHigh, a.SizeLow), a.Flags&exclusive != 0, a.Flags&failImmediately == 0)
	if err != nil {
		return failAccess(t, err)
	}
	if st == ntdef.STATUS_PENDING {
		return failStatus(t, st)
	}
	return boolOf(t, st)
}

type unlockFileExArgs struct {
	File              ntdef.Handle
	Reserved          uint32
	SizeLow, SizeHigh uint32
	Overlapped        uint64
}

func unlockFileEx(t *nt.Thread, a *unlockFileExArgs) (uint64, error) {
	at, err := t.Load64(a.Overlapped + 16)
	if err != nil {
		return failAccess(t, err)
	}
	return boolOf(t, t.Process().UnlockFile(a.File, at, join64(a.SizeHigh, a.SizeLow)))
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
