package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// Flags of LoadLibraryEx by which a file only lends its data and resources, whatever machine its code is for (libloaderapi.h): mapped as
// it lies in the file, or as an image. The handle is the view's address with a bit that says which, by which no other function takes it
// for a module.
const (
	asDatafile          = 0x02
	asImageResource     = 0x20
	asDatafileExclusive = 0x40
	asData              = asDatafile | asImageResource | asDatafileExclusive

	datafileBit, imageBit = 1, 2
)

// loadData maps a file for its data. One that is loaded already is loaded once more.
func loadData(t *nt.Thread, name string, flags uint32) (uint64, error) {
	if base := ntdll.ModuleHandle(t, name); base != 0 {
		if _, err := ntdll.AddRefDLL(t, base, false); err != nil {
			return 0, err
		}
		return base, nil
	}
	full, found, err := findImage(t, name, ".dll", true)
	switch {
	case err != nil:
		return 0, err
	case !found:
		return fail(t, ntdll.ERROR_FILE_NOT_FOUND)
	}
	base, st, err := mapData(t, full, flags)
	switch {
	case err != nil:
		return 0, err
	case !st.IsSuccess():
		return failStatus(t, st)
	case flags&asImageResource != 0:
		return base | imageBit, nil
	}
	return base | datafileBit, nil
}

// mapData makes a read-only view of a file.
func mapData(t *nt.Thread, path string, flags uint32) (uint64, ntdef.Status, error) {
	p := t.Process()
	open := nt.OpenRequest{
		Path: path, Access: ntdef.GENERIC_READ | ntdef.FILE_EXECUTE, Share: ntdef.FILE_SHARE_READ | ntdef.FILE_SHARE_DELETE,
		Disposition: ntdef.FILE_OPEN, Options: ntdef.FILE_NON_DIRECTORY_FILE,
	}
	if flags&asDatafileExclusive != 0 {
		open.Share = ntdef.FILE_SHARE_READ
	}
	file, _, st := p.CreateFile(&open)
	if st != ntdef.STATUS_SUCCESS {
		return 0, st, nil
	}
	defer p.CloseHandle(file)
	r := nt.SectionRequest{Protect: ntdef.PAGE_READONLY, Attributes: ntdef.SEC_COMMIT, File: file}
	if flags&asImageResource != 0 {
		r.Attributes = ntdef.SEC_IMAGE
	}
	section, st := p.CreateSection(&r)
	switch {
	case st == ntdef.STATUS_MAPPED_FILE_SIZE_ZERO:
		return 0, ntdef.STATUS_INVALID_IMAGE_FORMAT, nil
	case st != ntdef.STATUS_SUCCESS:
		return 0, st, nil
	}
	defer p.CloseHandle(section)
	v := ntmm.View{Protect: ntdef.PAGE_READONLY}
	if st := p.MapSection(section, p, &v); !st.IsSuccess() {
		return 0, st, nil
	}
	base := uint64(v.Base)
	ok, err := beginsImage(t, base, v.Size)
	if err == nil && !ok {
		p.UnmapSection(base, 0)
		return 0, ntdef.STATUS_INVALID_IMAGE_FORMAT, nil
	}
	return base, ntdef.STATUS_SUCCESS, err
}

// beginsImage reports whether a view begins with the headers of an image.
func beginsImage(t *nt.Thread, base, size uint64) (bool, error) {
	const mz, pe = 'M' | 'Z'<<8, 'P' | 'E'<<8
	if v, err := t.Load16(base); v != mz || err != nil {
		return false, err
	}
	at, err := t.Load32(base + 0x3c)
	if err != nil || uint64(at)+4 > size {
		return false, err
	}
	v, err := t.Load32(base + uint64(at))
	return v == pe, err
}

// freeData unmaps what loadData has mapped: what has the handle's kind.
func freeData(t *nt.Thread, handle uint64) (uint64, error) {
	base := handle &^ (datafileBit | imageBit)
	m := t.Process().ModuleAt(base)
	if image := handle&imageBit != 0; image && (m == nil || m.Base != base || ntdll.ModulePath(t, base) != "") || !image && m != nil {
		return fail(t, ntdll.ERROR_MOD_NOT_FOUND)
	}
	return boolOf(t, t.Process().UnmapSection(base, 0))
}
