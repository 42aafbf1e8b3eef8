package nt

import (
	"errors"
	"fmt"
	"os"

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
	s.pageFile = file
	st := s.mm.AddPageFile(&ntmm.PageFile{Name: `\??\C:\pagefile.sys`, Storage: file, Initial: p.Bytes, Maximum: p.Maximum})
	if st != ntdef.STATUS_SUCCESS {
		return fmt.Errorf("page file of %d bytes: %v", p.Bytes, st)
	}
	return nil
}

// closePageFile removes the host file.
func (s *System) closePageFile() error {
	if s.pageFile == nil {
		return nil
	}
	err := errors.Join(s.pageFile.Close(), os.Remove(s.pageFile.Name()))
	s.pageFile = nil
	return err
}
