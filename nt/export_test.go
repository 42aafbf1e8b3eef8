package nt

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/ntdef"
)

// CallService makes a system call of a thread that does not run, its arguments in registers and on the stack below sp.
func (t *Thread) CallService(name string, sp uint64, args ...uint64) (ntdef.Status, error) {
	n := ServiceNumber(name)
	if n == 0 {
		return 0, fmt.Errorf("no service %s", name)
	}
	c := t.cpu
	c.R[cpu.RSP] = sp
	for i, a := range args {
		if i < 4 {
			c.R[[...]int{cpu.R10, cpu.RDX, cpu.R8, cpu.R9}[i]] = a
		} else if err := t.Store64(sp+0x28+8*uint64(i-4), a); err != nil {
			return 0, err
		}
	}
	err := t.service(n)
	return ntdef.Status(c.R[cpu.RAX]), err
}

// SystemFile tells whether an image section can be made of a file of the system directory.
func (s *System) SystemFile(name string) ntdef.Status {
	_, st := s.systemFile(name)
	return st
}

// Types returns the types of the service's arguments.
func (s *Service) Types() []reflect.Type { return s.types }

// RegistryText returns a string of the registry as a machine begins with it.
func (s *System) RegistryText(path, name string) string {
	k, missing, st := s.keys().walk(s.registry.root, strings.Split(path, `\`), false)
	if st != ntdef.STATUS_SUCCESS || len(missing) > 0 || k.get(name) == nil {
		return ""
	}
	return strings.TrimRight(decodeUTF16(k.get(name).data), "\x00")
}

// Doomed reports whether a job has ended the process whose call it is in.
func (p *Process) Doomed() bool { return p.doomed != nil }
