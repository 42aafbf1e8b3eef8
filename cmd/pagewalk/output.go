package main

import (
	"os"
	"path/filepath"
)

// An output is a file that appears whole or not at all: it is written beside its place and renamed when finished.
type output struct {
	*os.File
	path string
}

func createOutput(path string) (*output, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		// A device or a pipe is written as it stands.
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return nil, err
		}
		return &output{f, ""}, nil
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return nil, err
	}
	return &output{f, path}, nil
}

// abandon closes the file and leaves nothing behind.
func (o *output) abandon() {
	// The failure that led here is the one to tell.
	_ = o.Close()
	if o.path != "" {
		_ = os.Remove(o.Name())
	}
}

// finish closes the file and puts it in its place.
func (o *output) finish() error {
	err := o.Close()
	if o.path == "" {
		return err
	}
	if err == nil {
		err = os.Chmod(o.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(o.Name(), o.path)
	}
	if err != nil {
		// The first failure is the one to tell; a leftover that cannot be removed is named by it.
		_ = os.Remove(o.Name())
	}
	return err
}
