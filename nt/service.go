package nt

import (
	"errors"
	"fmt"
	"reflect"
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
	types   []reflect.Type // of the arguments
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
// A BOOLEAN is a uint8: of its register only the low byte is the caller's, so that a bool, which is Win32's BOOL of 32 bits, is refused.
// A body returns a status, or the error of an access: an argument that points nowhere ends the service with that status.
func service[A any](name string, support Support, body func(t *Thread, a *A) (ntdef.Status, error)) Service {
	var types []reflect.Type
	for _, f := range argumentFields(reflect.TypeFor[A]()) {
		if f.Type.Kind() == reflect.Bool {
			panic("nt: " + name + ": the BOOLEAN " + f.Name + " is no uint8")
		}
		types = append(types, f.Type)
	}
	f := Func(name, func(t *Thread, a *A) (uint64, error) {
		st, err := body(t, a)
		return uint64(st), err
	})
	return Service{
		Name: name, Support: support, params: f.Params, types: types, args: f.args,
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
		partitionServices,
		tokenServices,
		processServices,
		threadServices,
		userProcessServices,
		debugServices,
		wineServices,
		fileServices,
		openServices,
		directoryServices,
		volumeServices,
		ioServices,
		timeServices,
		localeServices,
		objectServices,
		syncServices,
		timerServices,
		alertServices,
		reserveServices,
		completionServices,
		factoryServices,
		jobServices,
		registryServices,
		systemServices,
		securityServices,
	} {
		all = append(all, group...)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Name < all[j].Name })
	for i := range all {
		all[i].Number = uint32(i) + 1
	}
	return all
})

// A callTable gives the services the numbers that the guest's ntdll has in its stubs.
type callTable struct {
	services []Service         // Services
	rows     []*Service        // by number; nil: there is no service
	names    map[uint32]string // of numbers without a service
}

// builtin gives the services the numbers that the built-in ntdll has.
func (c *callTable) builtin() {
	for i := range c.services {
		c.set(c.services[i].Number, c.services[i].Name)
	}
}

// set gives a number to the service of a name.
func (c *callTable) set(n uint32, name string) {
	all := c.services
	i := sort.Search(len(all), func(i int) bool { return all[i].Name >= name })
	if i == len(all) || all[i].Name != name {
		c.name(n, name)
		return
	}
	for uint32(len(c.rows)) <= n {
		c.rows = append(c.rows, nil)
	}
	c.rows[n] = &all[i]
}

// name says what a number without a service is called.
func (c *callTable) name(n uint32, name string) {
	if c.names == nil {
		c.names = map[uint32]string{}
	}
	c.names[n] = name
}

func (c *callTable) row(n uint32) *Service {
	if uint64(n) >= uint64(len(c.rows)) {
		return nil
	}
	return c.rows[n]
}

// ServiceName returns the name of the service that has a number in the guest's ntdll, "" where none has.
func (s *System) ServiceName(n uint32) string {
	if row := s.table.row(n); row != nil {
		return row.Name
	}
	return ""
}

// absent reports a call of a service that is not there, once, and returns its status: NOT_IMPLEMENTED where the guest's ntdll has a
// name for the number, else INVALID_SYSTEM_SERVICE.
func (t *Thread) absent(n uint32) ntdef.Status {
	c := &t.sys.table
	name, named := c.names[n]
	st := ntdef.STATUS_NOT_IMPLEMENTED
	if !named {
		name, st = "", ntdef.STATUS_INVALID_SYSTEM_SERVICE
	}
	what := fmt.Sprintf("system service %#x %sdoes not exist", n, spaced(name))
	t.sys.once(what, func() string { return what + " (at " + t.caller() + ")" })
	return st
}

func spaced(s string) string {
	if s == "" {
		return ""
	}
	return "(" + s + ") "
}

// caller tells where the thread is, and who called the stub that has executed SYSCALL: only a return follows there. It faults nothing in.
func (t *Thread) caller() string {
	where, memory := t.proc.Where(t.RIP()), peek{t.sys}
	if where == "" {
		where = fmt.Sprintf("%#x", t.RIP())
	}
	if ret, err := memory.Load8(t.cpu.RIP); err != nil || ret != 0xc3 {
		return where
	}
	if ret, err := memory.Load64(t.cpu.R[cpu.RSP]); err == nil {
		if w := t.proc.whereReturns(ret); w != "" {
			where += ", called from " + w
		}
	}
	return where
}

// ServiceNumber returns the number of a service, 0 where there is none of that name.
func ServiceNumber(name string) uint32 {
	all := Services()
	i := sort.Search(len(all), func(i int) bool { return all[i].Name >= name })
	if i == len(all) || all[i].Name != name {
		return 0
	}
	return all[i].Number
}

// statusError is the error of a helper of service bodies by which the service ends with a status.
type statusError ntdef.Status

func (e statusError) Error() string { return ntdef.Status(e).String() }

// serviceStatus turns the error of an access, as the kernel's own handler does, and a statusError into a status.
func serviceStatus(st ntdef.Status, err error) (ntdef.Status, error) {
	var fault *UserFault
	if errors.As(err, &fault) {
		return fault.Record.Code, nil
	}
	var refused statusError
	if errors.As(err, &refused) {
		return ntdef.Status(refused), nil
	}
	return st, err
}

// service runs the system service with a number.
func (t *Thread) service(n uint32) error {
	c := t.cpu
	t.sys.calls++
	s := t.sys.table.row(n)
	if s == nil {
		c.R[cpu.RAX] = uint64(t.absent(n))
		return nil
	}
	var args []uint64
	hook := t.sys.hooks.Service
	if hook != nil {
		args, _ = s.args(t)
	}
	t.inService = true
	st, err := s.invoke(t)
	t.inService = false
	t.sys.unwatched()
	if st, err = serviceStatus(st, err); err != nil {
		return err
	}
	c.R[cpu.RAX] = uint64(st)
	if t.recontext {
		t.recontext = false
		err = errContext
	}
	if hook != nil {
		hook(t, &ServiceEvent{Name: s.Name, Params: s.params, Args: args, Status: st})
	}
	return err
}

// Params returns the names of the service's arguments.
func (s *Service) Params() []string { return s.params }
