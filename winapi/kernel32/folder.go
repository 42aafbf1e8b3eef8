package kernel32

import (
	"strings"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// Files and folders by name (fileapi.h).
var folderFuncs = func() (all []nt.UserFunc) {
	all = []nt.UserFunc{
		nt.Func("FindClose", findClose),
		nt.Func("GetLogicalDrives", func(t *nt.Thread, _ *noArgs) (uint64, error) { return uint64(t.Process().Drives()), nil }),
		nt.Func("CreateFile2", createFile2),
	}
	for _, form := range []struct {
		suffix string
		text   func(*nt.Thread) func(uint64) (string, error)
		enc    encoding
	}{
		{"A", func(t *nt.Thread) func(uint64) (string, error) { return ansiText(t) }, narrowText},
		{"W", func(t *nt.Thread) func(uint64) (string, error) { return t.WString }, wideText},
	} {
		text, enc, s := form.text, form.enc, form.suffix
		all = append(all,
			nt.Func("CreateFile"+s, func(t *nt.Thread, a *createFileArgs) (uint64, error) { return createFile(t, a, text(t)) }),
			nt.Func("DeleteFile"+s, func(t *nt.Thread, a *pathArgs) (uint64, error) {
				return deletePath(t, a.Path, text(t), ntdef.FILE_NON_DIRECTORY_FILE)
			}),
			nt.Func("RemoveDirectory"+s, func(t *nt.Thread, a *pathArgs) (uint64, error) {
				return deletePath(t, a.Path, text(t), ntdef.FILE_DIRECTORY_FILE)
			}),
			nt.Func("CreateDirectory"+s, func(t *nt.Thread, a *createDirectoryArgs) (uint64, error) { return createDirectory(t, a, text(t)) }),
			nt.Func("GetFileAttributes"+s, func(t *nt.Thread, a *pathArgs) (uint64, error) { return getFileAttributes(t, a, text(t)) }),
			nt.Func("SetFileAttributes"+s, func(t *nt.Thread, a *setAttributesArgs) (uint64, error) { return setFileAttributes(t, a, text(t)) }),
			nt.Func("GetFileAttributesEx"+s, func(t *nt.Thread, a *attributesExArgs) (uint64, error) { return getFileAttributesEx(t, a, text(t)) }),
			nt.Func("MoveFile"+s, func(t *nt.Thread, a *moveFileArgs) (uint64, error) {
				return moveFile(t, &moveFileExArgs{a.From, a.To, 0}, text(t))
			}),
			nt.Func("MoveFileEx"+s, func(t *nt.Thread, a *moveFileExArgs) (uint64, error) { return moveFile(t, a, text(t)) }),
			nt.Func("CopyFile"+s, func(t *nt.Thread, a *copyFileArgs) (uint64, error) { return copyFile(t, a, text(t)) }),
			nt.Func("FindFirstFile"+s, func(t *nt.Thread, a *findFirstArgs) (uint64, error) {
				return findFirst(t, a.Pattern, a.Data, text(t), enc)
			}),
			nt.Func("FindFirstFileEx"+s, func(t *nt.Thread, a *findFirstExArgs) (uint64, error) {
				return findFirst(t, a.Pattern, a.Data, text(t), enc)
			}),
			nt.Func("FindNextFile"+s, func(t *nt.Thread, a *findNextArgs) (uint64, error) { return findNext(t, a, enc) }),
			nt.Func("GetDriveType"+s, func(t *nt.Thread, a *pathArgs) (uint64, error) { return getDriveType(t, a, text(t)) }),
			nt.Func("GetDiskFreeSpaceEx"+s, func(t *nt.Thread, a *diskSpaceExArgs) (uint64, error) { return getDiskFreeSpaceEx(t, a, text(t)) }),
			nt.Func("GetFinalPathNameByHandle"+s, func(t *nt.Thread, a *finalPathArgs) (uint64, error) { return getFinalPathName(t, a, enc) }),
			nt.Func("GetVolumeInformation"+s, func(t *nt.Thread, a *volumeInformationArgs) (uint64, error) {
				return getVolumeInformation(t, a, text(t), enc)
			}),
		)
	}
	return all
}()

type createFileArgs struct {
	Name        uint64
	Access      uint32
	Share       uint32
	Security    uint64
	Disposition uint32
	Flags       uint32
	Template    ntdef.Handle
}

// Dispositions and flags of CreateFile (fileapi.h, winbase.h).
const (
	createNew         = 1
	createAlways      = 2
	openExisting      = 3
	openAlways        = 4
	truncateExisting  = 5
	backupSemantics   = 0x02000000
	deleteOnCloseFlag = 0x04000000
	overlappedFlag    = 0x40000000
)

// fileFlags are the options of NtCreateFile that are flags of CreateFile.
var fileFlags = []struct{ flag, option uint32 }{
	{0x00200000, ntdef.FILE_OPEN_REPARSE_POINT},
	{backupSemantics, ntdef.FILE_OPEN_FOR_BACKUP_INTENT},
	{deleteOnCloseFlag, ntdef.FILE_DELETE_ON_CLOSE},
	{0x08000000, ntdef.FILE_SEQUENTIAL_ONLY},
	{0x10000000, ntdef.FILE_RANDOM_ACCESS},
	{0x20000000, ntdef.FILE_NO_INTERMEDIATE_BUFFERING},
	{0x80000000, ntdef.FILE_WRITE_THROUGH},
}

var dispositions = map[uint32]uint32{
	createNew: ntdef.FILE_CREATE, createAlways: ntdef.FILE_OVERWRITE_IF, openExisting: ntdef.FILE_OPEN, openAlways: ntdef.FILE_OPEN_IF,
	truncateExisting: ntdef.FILE_OVERWRITE,
}

// createFile returns INVALID_HANDLE_VALUE where it fails; where the file was there ERROR_ALREADY_EXISTS comes with the handle.
func createFile(t *nt.Thread, a *createFileArgs, text func(uint64) (string, error)) (uint64, error) {
	full, code, err := pathAt(t, a.Name, text)
	if err != nil || code != 0 {
		return invalidHandle, lastError(t, code, err)
	}
	disposition, ok := dispositions[a.Disposition]
	if !ok || a.Disposition == truncateExisting && a.Access&ntdef.GENERIC_WRITE == 0 {
		return invalidHandle, ntdll.SetLastError(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	r := nt.OpenRequest{
		Path: full, Access: a.Access | ntdef.SYNCHRONIZE | ntdef.FILE_READ_ATTRIBUTES, Share: a.Share, Disposition: disposition,
		Attributes: a.Flags & 0xffff,
	}
	if r.SecurityAttributes, err = t.SecurityAttributes(a.Security); err != nil {
		return failAccess(t, err)
	}
	for _, f := range fileFlags {
		if a.Flags&f.flag != 0 {
			r.Options |= f.option
		}
	}
	if a.Flags&backupSemantics == 0 {
		r.Options |= ntdef.FILE_NON_DIRECTORY_FILE
	}
	if a.Flags&overlappedFlag == 0 {
		r.Options |= ntdef.FILE_SYNCHRONOUS_IO_NONALERT
	}
	if a.Flags&deleteOnCloseFlag != 0 {
		r.Access |= ntdef.DELETE
	}
	h, done, st := t.Process().CreateFile(&r)
	switch {
	case st == ntdef.STATUS_OBJECT_NAME_COLLISION:
		return invalidHandle, ntdll.SetLastError(t, ntdll.ERROR_FILE_EXISTS)
	case st != ntdef.STATUS_SUCCESS:
		return invalidHandle, ntdll.SetLastError(t, ntdll.DosError(st))
	}
	switch {
	case (a.Disposition == createAlways || a.Disposition == openAlways) && done != ntdef.FILE_CREATED:
		code = ntdll.ERROR_ALREADY_EXISTS
	}
	return uint64(h), ntdll.SetLastError(t, code)
}

type createFile2Args struct {
	Name        uint64
	Access      uint32
	Share       uint32
	Disposition uint32
	Parameters  uint64 // CREATEFILE2_EXTENDED_PARAMETERS: size, attributes, flags, …, SECURITY_ATTRIBUTES at 10h
}

func createFile2(t *nt.Thread, a *createFile2Args) (uint64, error) {
	c := createFileArgs{Name: a.Name, Access: a.Access, Share: a.Share, Disposition: a.Disposition}
	if a.Parameters != 0 {
		for _, at := range []uint64{4, 8} {
			v, err := t.Load32(a.Parameters + at)
			if err != nil {
				return failAccess(t, err)
			}
			c.Flags |= v
		}
		var err error
		if c.Security, err = t.Load64(a.Parameters + 0x10); err != nil {
			return failAccess(t, err)
		}
	}
	return createFile(t, &c, t.WString)
}

// withPath opens a path for a change of its name or its end, and closes it again.
func withPath(t *nt.Thread, full string, options uint32, f func(h ntdef.Handle) ntdef.Status) ntdef.Status {
	const all = ntdef.FILE_SHARE_READ | ntdef.FILE_SHARE_WRITE | ntdef.FILE_SHARE_DELETE
	h, _, st := t.Process().CreateFile(&nt.OpenRequest{
		Path: full, Access: ntdef.DELETE, Share: all, Disposition: ntdef.FILE_OPEN, Options: options,
	})
	if st != ntdef.STATUS_SUCCESS {
		return st
	}
	st = f(h)
	t.Process().CloseHandle(h)
	return st
}

func deletePath(t *nt.Thread, va uint64, text func(uint64) (string, error), kind uint32) (uint64, error) {
	full, code, err := pathAt(t, va, text)
	if err != nil || code != 0 {
		return 0, lastError(t, code, err)
	}
	return boolOf(t, withPath(t, full, kind, t.Process().DeleteFile))
}

type createDirectoryArgs struct{ Path, Security uint64 }

func createDirectory(t *nt.Thread, a *createDirectoryArgs, text func(uint64) (string, error)) (uint64, error) {
	full, code, err := pathAt(t, a.Path, text)
	if err != nil || code != 0 {
		return 0, lastError(t, code, err)
	}
	security, err := t.SecurityAttributes(a.Security)
	if err != nil {
		return failAccess(t, err)
	}
	h, _, st := t.Process().CreateFile(&nt.OpenRequest{
		Path: full, Disposition: ntdef.FILE_CREATE, Options: ntdef.FILE_DIRECTORY_FILE, SecurityAttributes: security,
	})
	if st == ntdef.STATUS_SUCCESS {
		t.Process().CloseHandle(h)
	}
	return boolOf(t, st)
}

// attributesOf are a file's attributes as Win32 tells them: a file that has none is normal.
func attributesOf(i *nt.FileInfo) uint32 {
	if i.Attributes == 0 {
		return ntdef.FILE_ATTRIBUTE_NORMAL
	}
	return i.Attributes
}

func getFileAttributes(t *nt.Thread, a *pathArgs, text func(uint64) (string, error)) (uint64, error) {
	const invalidFileAttributes = 1<<32 - 1
	full, code, err := pathAt(t, a.Path, text)
	if err != nil || code != 0 {
		return invalidFileAttributes, lastError(t, code, err)
	}
	i, st := t.Process().QueryPath(full)
	if st != ntdef.STATUS_SUCCESS {
		return invalidFileAttributes, ntdll.SetLastError(t, ntdll.DosError(st))
	}
	return uint64(attributesOf(&i)), nil
}

type setAttributesArgs struct {
	Path       uint64
	Attributes uint32
}

func setFileAttributes(t *nt.Thread, a *setAttributesArgs, text func(uint64) (string, error)) (uint64, error) {
	full, code, err := pathAt(t, a.Path, text)
	if err != nil || code != 0 {
		return 0, lastError(t, code, err)
	}
	return boolOf(t, t.Process().SetPathAttributes(full, a.Attributes))
}

type attributesExArgs struct {
	Path  uint64
	Level uint32
	Info  uint64
}

// getFileAttributesEx fills a WIN32_FILE_ATTRIBUTE_DATA, 36 bytes.
func getFileAttributesEx(t *nt.Thread, a *attributesExArgs, text func(uint64) (string, error)) (uint64, error) {
	full, code, err := pathAt(t, a.Path, text)
	if err != nil || code != 0 {
		return 0, lastError(t, code, err)
	}
	if a.Level != 0 {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	i, st := t.Process().QueryPath(full)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return 1, t.Write(a.Info, attributeData(&i))
}

func attributeData(i *nt.FileInfo) []byte {
	b := make([]byte, 36)
	put32(b[0:], attributesOf(i))
	put64(b[4:], i.Created)
	put64(b[12:], i.Accessed)
	put64(b[20:], i.Written)
	put32(b[28:], uint32(i.Size>>32))
	put32(b[32:], uint32(i.Size))
	return b
}

type (
	moveFileArgs   struct{ From, To uint64 }
	moveFileExArgs struct {
		From, To uint64
		Flags    uint32
	}
	copyFileArgs struct {
		From, To uint64
		FailIf   bool
	}
)

// moveFile renames within a drive. From one drive to another, where that is allowed, it copies and deletes.
func moveFile(t *nt.Thread, a *moveFileExArgs, text func(uint64) (string, error)) (uint64, error) {
	const replaceExisting, copyAllowed = 1, 2
	from, code, err := pathAt(t, a.From, text)
	if err != nil || code != 0 {
		return 0, lastError(t, code, err)
	}
	to, code, err := pathAt(t, a.To, text)
	if err != nil || code != 0 {
		return 0, lastError(t, code, err)
	}
	st := withPath(t, from, 0, func(h ntdef.Handle) ntdef.Status {
		return t.Process().RenameFile(h, strings.TrimSuffix(to, `\`), a.Flags&replaceExisting != 0)
	})
	if st == ntdef.STATUS_NOT_SAME_DEVICE && a.Flags&copyAllowed != 0 {
		if st = copyPath(t, from, to, a.Flags&replaceExisting == 0); st == ntdef.STATUS_SUCCESS {
			st = withPath(t, from, ntdef.FILE_NON_DIRECTORY_FILE, t.Process().DeleteFile)
		}
	}
	return boolOf(t, st)
}

func copyFile(t *nt.Thread, a *copyFileArgs, text func(uint64) (string, error)) (uint64, error) {
	from, code, err := pathAt(t, a.From, text)
	if err != nil || code != 0 {
		return 0, lastError(t, code, err)
	}
	to, code, err := pathAt(t, a.To, text)
	if err != nil || code != 0 {
		return 0, lastError(t, code, err)
	}
	st := copyPath(t, from, to, a.FailIf)
	if st == ntdef.STATUS_OBJECT_NAME_COLLISION {
		return fail(t, ntdll.ERROR_FILE_EXISTS)
	}
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return 1, ntdll.SetLastError(t, ntdll.ERROR_SUCCESS)
}

func copyPath(t *nt.Thread, from, to string, failIfExists bool) ntdef.Status {
	p := t.Process()
	src, _, st := p.CreateFile(&nt.OpenRequest{
		Path: from, Access: ntdef.GENERIC_READ, Share: ntdef.FILE_SHARE_READ, Disposition: ntdef.FILE_OPEN, Options: ntdef.FILE_NON_DIRECTORY_FILE,
	})
	if st != ntdef.STATUS_SUCCESS {
		return st
	}
	defer p.CloseHandle(src)
	disposition := ntdef.FILE_OVERWRITE_IF
	if failIfExists {
		disposition = ntdef.FILE_CREATE
	}
	dst, _, st := p.CreateFile(&nt.OpenRequest{
		Path: to, Access: ntdef.GENERIC_WRITE, Disposition: disposition, Options: ntdef.FILE_NON_DIRECTORY_FILE,
	})
	if st != ntdef.STATUS_SUCCESS {
		return st
	}
	defer p.CloseHandle(dst)
	buf := make([]byte, maxTransfer)
	for {
		n, st := p.ReadFile(src, buf)
		if st == ntdef.STATUS_END_OF_FILE {
			i, _ := p.QueryFile(src)
			return p.SetFileBasic(dst, 0, 0, i.Written, i.Attributes)
		}
		if st == ntdef.STATUS_SUCCESS {
			_, st = p.WriteFile(dst, buf[:n])
		}
		if st != ntdef.STATUS_SUCCESS {
			return st
		}
	}
}

type (
	findFirstArgs   struct{ Pattern, Data uint64 }
	findFirstExArgs struct {
		Pattern  uint64
		Level    uint32
		Data     uint64
		SearchOp uint32
		Filter   uint64
		Flags    uint32
	}
	findNextArgs struct {
		Find ntdef.Handle
		Data uint64
	}
)

// findFirst opens the folder of a pattern; the handle of a search is the folder's.
func findFirst(t *nt.Thread, at, data uint64, text func(uint64) (string, error), enc encoding) (uint64, error) {
	full, code, err := pathAt(t, at, text)
	if err != nil || code != 0 {
		return invalidHandle, lastError(t, code, err)
	}
	i := strings.LastIndexByte(full, '\\')
	dir, pattern := full[:i+1], full[i+1:]
	if pattern == "" {
		return invalidHandle, ntdll.SetLastError(t, ntdll.ERROR_FILE_NOT_FOUND)
	}
	h, _, st := t.Process().CreateFile(&nt.OpenRequest{Path: dir, Disposition: ntdef.FILE_OPEN, Options: ntdef.FILE_DIRECTORY_FILE})
	if st == ntdef.STATUS_OBJECT_NAME_NOT_FOUND {
		st = ntdef.STATUS_OBJECT_PATH_NOT_FOUND
	}
	var info nt.FileInfo
	if st == ntdef.STATUS_SUCCESS {
		if info, st = t.Process().ListFolder(h, pattern); st != ntdef.STATUS_SUCCESS {
			t.Process().CloseHandle(h)
		}
	}
	if st != ntdef.STATUS_SUCCESS {
		return invalidHandle, ntdll.SetLastError(t, ntdll.DosError(st))
	}
	return uint64(h), t.Write(data, findData(&info, enc))
}

func findNext(t *nt.Thread, a *findNextArgs, enc encoding) (uint64, error) {
	info, st := t.Process().ListFolder(a.Find, "")
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return 1, t.Write(a.Data, findData(&info, enc))
}

// findData is a WIN32_FIND_DATA: 320 bytes in the A form, 592 in the W form. There are no short names.
func findData(i *nt.FileInfo, enc encoding) []byte {
	const header, maxPath, short = 44, 260, 14
	b := make([]byte, (header+(maxPath+short)*enc.unit+3)&^3)
	copy(b, attributeData(i))
	name := enc.encode(i.Name)
	copy(b[header:header+(maxPath-1)*enc.unit], name)
	return b
}

func findClose(t *nt.Thread, a *handleArgs) (uint64, error) {
	return boolOf(t, t.Process().CloseHandle(a.Handle))
}

func getDriveType(t *nt.Thread, a *pathArgs, text func(uint64) (string, error)) (uint64, error) {
	const noRootDir, fixed = 1, 3
	full := `C:\`
	if a.Path != 0 {
		var code uint32
		var err error
		if full, code, err = pathAt(t, a.Path, text); err != nil || code != 0 {
			return noRootDir, err
		}
	}
	if _, _, _, st := t.Process().DriveSpace(full[0]); st != ntdef.STATUS_SUCCESS || len(full) > 3 {
		return noRootDir, nil
	}
	return fixed, nil
}

type diskSpaceExArgs struct {
	Path                   uint64
	Available, Total, Free ntdef.Ptr[uint64]
}

func getDiskFreeSpaceEx(t *nt.Thread, a *diskSpaceExArgs, text func(uint64) (string, error)) (uint64, error) {
	full := `C:\`
	if a.Path != 0 {
		var code uint32
		var err error
		if full, code, err = pathAt(t, a.Path, text); err != nil || code != 0 {
			return 0, lastError(t, code, err)
		}
	}
	free, total, _, st := t.Process().DriveSpace(full[0])
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	for _, f := range []struct {
		at ntdef.Ptr[uint64]
		v  uint64
	}{{a.Available, free}, {a.Total, total}, {a.Free, free}} {
		if f.at != 0 {
			if err := t.Store64(uint64(f.at), f.v); err != nil {
				return 0, err
			}
		}
	}
	return 1, nil
}

type volumeInformationArgs struct {
	Root           uint64
	Name           uint64
	NameSize       uint32
	Serial         ntdef.Ptr[uint32]
	MaxComponent   ntdef.Ptr[uint32]
	Flags          ntdef.Ptr[uint32]
	FileSystem     uint64
	FileSystemSize uint32
}

func getVolumeInformation(t *nt.Thread, a *volumeInformationArgs, text func(uint64) (string, error), enc encoding) (uint64, error) {
	const unicodeOnDisk, casePreserved, readOnlyVolume = 4, 2, 0x80000
	full := `C:\`
	if a.Root != 0 {
		var code uint32
		var err error
		if full, code, err = pathAt(t, a.Root, text); err != nil || code != 0 {
			return 0, lastError(t, code, err)
		}
	}
	_, _, readOnly, st := t.Process().DriveSpace(full[0])
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	flags := uint32(unicodeOnDisk | casePreserved)
	if readOnly {
		flags |= readOnlyVolume
	}
	for _, f := range []struct {
		at ntdef.Ptr[uint32]
		v  uint32
	}{{a.Serial, nt.VolumeSerial(full[0])}, {a.MaxComponent, 255}, {a.Flags, flags}} {
		if f.at != 0 {
			if err := t.Store32(uint64(f.at), f.v); err != nil {
				return 0, err
			}
		}
	}
	for _, f := range []struct {
		at   uint64
		size uint32
		text string
	}{{a.Name, a.NameSize, "pagewalk"}, {a.FileSystem, a.FileSystemSize, "NTFS"}} {
		if f.at != 0 {
			if n, err := fitText(t, f.text, f.at, f.size, enc); err != nil || n > uint64(len(f.text)) {
				return 0, lastError(t, ntdll.ERROR_BAD_LENGTH, err)
			}
		}
	}
	return 1, nil
}

type finalPathArgs struct {
	File   ntdef.Handle
	Buffer uint64
	Size   uint32
	Flags  uint32
}

func getFinalPathName(t *nt.Thread, a *finalPathArgs, enc encoding) (uint64, error) {
	i, st := t.Process().QueryFile(a.File)
	if st != ntdef.STATUS_SUCCESS {
		return failStatus(t, st)
	}
	return fitText(t, `\\?\`+i.Path, a.Buffer, a.Size, enc)
}
