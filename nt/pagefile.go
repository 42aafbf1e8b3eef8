package nt

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

// PageFile says what page file a machine has. It lies in a host file, which is removed when the machine is closed.
type PageFile struct {
	Bytes   uint64 // to begin with, a multiple of 4 KiB; 0: no page file
	Maximum uint64 // to which it is extended as commit is asked for; below Bytes means Bytes
	Path    string // of the host file, which must not exist; "": a temporary file
}

// openPageFile makes the host file and gives it to the memory manager.
func (s *System) openPageFile(p PageFile) error {
	if p.Path != "" {
		s.pageFolder = filepath.Dir(p.Path)
	}
	if p.Bytes == 0 {
		return nil
	}
	if p.Bytes%x86.PageSize != 0 || p.Maximum%x86.PageSize != 0 {
		return fmt.Errorf("page file of %d bytes: want a multiple of 4096", max(p.Bytes, p.Maximum))
	}
	var file *os.File
	var err error
	if p.Path == "" {
		file, err = os.CreateTemp("", "pagewalk-pagefile-*")
	} else {
		file, err = os.OpenFile(p.Path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	}
	if err != nil {
		return fmt.Errorf("create the page file: %w", err)
	}
	s.pageFiles = append(s.pageFiles, file)
	st := s.mm.AddPageFile(&ntmm.PageFile{Name: `\??\C:\pagefile.sys`, Storage: file, Initial: p.Bytes, Maximum: p.Maximum})
	if st != ntdef.STATUS_SUCCESS {
		return fmt.Errorf("page file of %d bytes: %v", p.Bytes, st)
	}
	return nil
}

// closePageFiles removes the host files.
func (s *System) closePageFiles() error {
	var errs []error
	for _, f := range s.pageFiles {
		errs = append(errs, f.Close(), os.Remove(f.Name()))
	}
	s.pageFiles = nil
	return errors.Join(errs...)
}

// Bounds of a page file that a guest makes, in bytes: what Windows wants at least, and what it may take of the host's disk.
const (
	leastPageFile = 1 << 20
	mostPageFile  = 64 << 30
)

// CreatePageFile is NtCreatePagingFile: a page file more, or another maximum for the one of that name, sizes in bytes. Its host file lies
// beside that of the machine's own page file, else among the temporary ones; the guest's volume does not show it. PRIVILEGE_NOT_HELD
// without SeCreatePagefilePrivilege, OBJECT_NAME_INVALID, the statuses of a path that leads to no volume, FILE_IS_A_DIRECTORY,
// MEDIA_WRITE_PROTECTED; INVALID_PARAMETER_2 (minimum), _3 (maximum), TOO_MANY_PAGING_FILES, DISK_FULL.
func (p *Process) CreatePageFile(name string, minimum, maximum uint64) ntdef.Status {
	s := p.sys
	const longest = 128 // characters
	switch {
	case !p.Holds(SeCreatePagefilePrivilege):
		return ntdef.STATUS_PRIVILEGE_NOT_HELD
	case name == "" || len(EncodeUTF16(name)) > 2*longest:
		return ntdef.STATUS_OBJECT_NAME_INVALID
	case minimum < leastPageFile || minimum > mostPageFile:
		return ntdef.STATUS_INVALID_PARAMETER_2
	case maximum < minimum || maximum > mostPageFile:
		return ntdef.STATUS_INVALID_PARAMETER_3
	}
	at, st := p.fileName(0, name)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return st
	case at.device != onDisk || strings.HasSuffix(at.path, `\`):
		return ntdef.STATUS_OBJECT_NAME_INVALID
	}
	n, folder, _, st := s.volumes.find(at.path)
	switch {
	case folder != nil && folder.readOnly():
		return ntdef.STATUS_MEDIA_WRITE_PROTECTED
	case n != nil && n.folder:
		return ntdef.STATUS_FILE_IS_A_DIRECTORY
	case n != nil:
		return ntdef.STATUS_OBJECT_NAME_COLLISION // a file of the volume's own
	case folder == nil:
		return st
	}
	full := `\??\` + at.path
	minimum, maximum = roundUp(minimum, x86.PageSize), roundUp(maximum, x86.PageSize)
	for _, f := range s.mm.PageFiles() {
		if strings.EqualFold(f.Name, full) {
			return s.mm.ResizePageFile(f.Name, minimum, maximum)
		}
	}
	file, err := os.CreateTemp(s.pageFolder, "pagewalk-pagefile-*")
	if err != nil {
		return ntdef.STATUS_DISK_FULL
	}
	st = s.mm.AddPageFile(&ntmm.PageFile{Name: full, Storage: file, Initial: minimum, Maximum: maximum})
	if st != ntdef.STATUS_SUCCESS {
		_, _ = file.Close(), os.Remove(file.Name())
		return st
	}
	s.pageFiles = append(s.pageFiles, file)
	return st
}

type createPagingFileArgs struct {
	Name             uint64 // UNICODE_STRING
	Minimum, Maximum ntdef.Ptr[uint64]
	Priority         uint32 // ignored, as by Windows
}

func ntCreatePagingFile(t *Thread, a *createPagingFileArgs) (ntdef.Status, error) {
	if !t.proc.Holds(SeCreatePagefilePrivilege) {
		return ntdef.STATUS_PRIVILEGE_NOT_HELD, nil
	}
	minimum, err := t.Load64(uint64(a.Minimum))
	if err != nil {
		return 0, err
	}
	maximum, err := t.Load64(uint64(a.Maximum))
	if err != nil {
		return 0, err
	}
	name, err := t.UnicodeString(a.Name)
	if err != nil {
		return 0, err
	}
	return t.proc.CreatePageFile(name, minimum, maximum), nil
}
