package nt

import (
	"errors"
	"sort"
	"sync"

	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/ntdef"
)

// A Service is one row of the system service table.
type Service struct {
	Name    string
	Number  uint32
	Support Support
	params  []string
	invoke  func(t *Thread) (ntdef.Status, error)
	args    func(t *Thread) ([]uint64, error)
}

// Support says how much of a service works; COMPAT.md is made from it.
type Support struct {
	Full bool
	Note string // of partial support: what works
}

// Full is the support of a service that does everything that its documentation says for one process.
var Full = Support{Full: true}

// Partial is the support of a service of which only a part works.
func Partial(what string) Support { return Support{Note: what} }

// service makes a row. The arguments are the fields of A in order, as Func has them; SYSCALL passes the first in R10.
// A body returns a status, or the error of an access: an argument that points nowhere ends the service with that status.
func service[A any](name string, support Support, body func(t *Thread, a *A) (ntdef.Status, error)) Service {
	f := Func(name, func(t *Thread, a *A) (uint64, error) {
		st, err := body(t, a)
		return uint64(st), err
	})
	return Service{
		Name: name, Support: support, params: f.Params, args: f.args,
		invoke: func(t *Thread) (ntdef.Status, error) {
			v, err := f.invoke(t)
			return ntdef.Status(v), err
		},
	}
}

// Services returns the system service table by number. Numbers follow the names' order from 1 on; they are this
// machine's own, and the built-in ntdll's stubs carry them.
var Services = sync.OnceValue(func() []Service {
	var all []Service
	for _, group := range [][]Service{
		memoryServices,
		sectionServices,
		workingSetServices,
		virtualMemoryServices,
		aweServices,
		tokenServices,
		processServices,
		fileServices,
		timeServices,
		localeServices,
	} {
		all = append(all, group...)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	for i := range all {
		all[i].Number = uint32(i) + 1
	}
	return all
})

// ServiceNumber returns the number of a service, 0 where there is none of that name.
func ServiceNumber(name string) uint32 {
	all := Services()
	i := sort.Search(len(all), func(i int) bool { return all[i].Name >= name })
	if i == len(all) || all[i].Name != name {
		return 0
	}
	return all[i].Number
}

// service runs the system service with a number.
func (t *Thread) service(n uint32) error {
	c := t.cpu
	t.sys.calls++
	all := t.sys.services
	if n == 0 || uint64(n) > uint64(len(all)) {
		t.sys.warn("system service %#x does not exist (at %s)", n, t.proc.Where(c.RIP))
		c.R[cpu.RAX] = uint64(ntdef.STATUS_INVALID_SYSTEM_SERVICE)
		return nil
	}
	s := &all[n-1]
	var args []uint64
	hook := t.sys.hooks.Service
	if hook != nil {
		args, _ = s.args(t)
	}
	st, err := s.invoke(t)
	var fault *UserFault
	if errors.As(err, &fault) {
		st, err = fault.Record.Code, nil // the kernel's own handler turns it into the service's status
	}
	if err != nil {
		return err
	}
	c.R[cpu.RAX] = uint64(st)
	if hook != nil {
		hook(t, &ServiceEvent{Name: s.Name, Params: s.params, Args: args, Status: st})
	}
	return nil
}

// Params returns the names of the service's arguments.
func (s *Service) Params() []string { return s.params }
