package nt

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"unicode/utf8"

	"github.com/pagewalk/pagewalk/ntdef"
)

// A registry file is JSON: {"pagewalk_registry": 1, "keys": [KEY…]}, the keys below \REGISTRY. A KEY is an object with
//
//	"name"      its name
//	"class"     its class, where it has one
//	"link"      true for a symbolic link
//	"written"   100 ns units since 1601
//	"values"    a list of objects with "name", "type" (the number of winnt.h) and "text", a string without its terminating zero, of
//	            types 1 and 2, or "hex", the bytes
//	"keys"      its subkeys
//
// Volatile keys and security descriptors are not in it. The file is the whole registry: the initial keys are not added to it again.

const registryFileVersion = 1

type registryFile struct {
	Version int            `json:"pagewalk_registry"`
	Keys    []*registryKey `json:"keys"`
}

type registryKey struct {
	Name    string          `json:"name"`
	Class   string          `json:"class,omitempty"`
	Link    bool            `json:"link,omitempty"`
	Written uint64          `json:"written"`
	Values  []registryValue `json:"values,omitempty"`
	Keys    []*registryKey  `json:"keys,omitempty"`
}

type registryValue struct {
	Name string  `json:"name"`
	Type uint32  `json:"type"`
	Text *string `json:"text,omitempty"`
	Hex  string  `json:"hex,omitempty"`
}

// openRegistry reads the registry's file, where there is one; "" names none.
func (s *System) openRegistry(file string) error {
	if file == "" {
		return nil
	}
	b, err := os.ReadFile(file)
	if err == nil {
		s.registry = newRegistry()
		err = s.registry.load(s, b)
	} else if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("read the registry %s: %w", file, err)
	}
	s.registryFile = file // from now on: a file that cannot be read is not written over
	return nil
}

// keys returns the registry, which is made when something first looks at it.
func (s *System) keys() *registry {
	if s.registry == nil {
		s.registry = newRegistry()
		s.registry.fill(s, false)
	}
	return s.registry
}

// load makes the registry of a file and the volatile keys.
func (r *registry) load(s *System, b []byte) error {
	var f registryFile
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	if f.Version != registryFileVersion {
		return fmt.Errorf("version %d: want pagewalk_registry %d", f.Version, registryFileVersion)
	}
	for _, k := range f.Keys {
		if err := r.loadKey(r.root, k); err != nil {
			return err
		}
	}
	r.fill(s, true)
	return nil
}

func (r *registry) loadKey(parent *key, f *registryKey) error {
	where := parent.path() + `\` + f.Name
	if parent.child(f.Name) != nil {
		return fmt.Errorf("%s is there twice", where)
	}
	k, st := r.add(parent, f.Name, f.Class, false, f.Link)
	if st != ntdef.STATUS_SUCCESS {
		return fmt.Errorf("%s: %v", where, st)
	}
	for i := range f.Values {
		v := &f.Values[i]
		data, err := hex.DecodeString(v.Hex)
		if err != nil {
			return fmt.Errorf("%s: value %q: %w", where, v.Name, err)
		}
		if v.Text != nil {
			data = EncodeUTF16(*v.Text + "\x00")
		}
		if st := r.set(k, v.Name, v.Type, data); st != ntdef.STATUS_SUCCESS {
			return fmt.Errorf("%s: value %q: %v", where, v.Name, st)
		}
	}
	for _, c := range f.Keys {
		if err := r.loadKey(k, c); err != nil {
			return err
		}
	}
	k.written = f.Written
	return nil
}

// saveRegistry writes the registry's file, where there is one: under another name first, which then takes its place.
func (s *System) saveRegistry() error {
	if s.registryFile == "" {
		return nil
	}
	f := registryFile{Version: registryFileVersion}
	for _, k := range s.keys().root.children {
		f.Keys = append(f.Keys, k.file())
	}
	b, err := json.MarshalIndent(&f, "", "\t")
	if err != nil {
		return fmt.Errorf("write the registry: %w", err)
	}
	t, err := os.CreateTemp(filepath.Dir(s.registryFile), filepath.Base(s.registryFile)+".*")
	if err != nil {
		return fmt.Errorf("write the registry: %w", err)
	}
	_, err = t.Write(append(b, '\n'))
	if err = errors.Join(err, t.Close()); err == nil {
		err = os.Rename(t.Name(), s.registryFile)
	}
	if err != nil {
		return fmt.Errorf("write the registry: %w", errors.Join(err, os.Remove(t.Name())))
	}
	return nil
}

// file is what the registry's file says of a key.
func (k *key) file() *registryKey {
	f := &registryKey{Name: k.name, Class: k.class, Link: k.link, Written: k.written}
	for _, v := range k.values {
		fv := registryValue{Name: v.name, Type: v.typ}
		if text, ok := v.text(); ok {
			fv.Text = &text
		} else {
			fv.Hex = hex.EncodeToString(v.data)
		}
		f.Values = append(f.Values, fv)
	}
	for _, c := range k.children {
		if !c.volatile {
			f.Keys = append(f.Keys, c.file())
		}
	}
	return f
}

// text is the string of a value that holds exactly one, with its terminator, that JSON can hold.
func (v *value) text() (string, bool) {
	n := len(v.data)
	if v.typ != REG_SZ && v.typ != REG_EXPAND_SZ || n < 2 || n%2 != 0 || v.data[n-1] != 0 || v.data[n-2] != 0 {
		return "", false
	}
	s := decodeText(v.data[:n-2])
	return s, utf8.ValidString(s)
}
