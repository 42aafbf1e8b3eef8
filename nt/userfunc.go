package nt

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync"
	"unicode"

	"github.com/pagewalk/pagewalk/cpu"
)

// UserFuncBase is the number that the stub of the first built-in function loads into EAX; services are below it.
const UserFuncBase = 0x10000

// CallReturnNumber is the number by which the code at ntdll's export PagewalkCallReturn ends a nested call:
// mov rdx,rax; mov eax,CallReturnNumber; syscall. RDX brings the callee's result, since EAX has to hold the number.
const CallReturnNumber = 0xffff

// stubPrologue is the length of what a stub executes up to and including SYSCALL: mov r10,rcx; mov eax,N; syscall.
const stubPrologue = 3 + 5 + 2

// A UserFunc is a built-in function: the Go body behind an export of a built-in DLL.
type UserFunc struct {
	Name   string
	Params []string // names of the arguments, as --trace api prints them
	invoke func(t *Thread) (uint64, error)
	args   func(t *Thread) ([]uint64, error) // the raw arguments, for the API hook
}

// Func makes a built-in function from a Go body. A is a struct whose fields, in order, are the Win64 arguments: bool
// (a BOOL), integers of 8 to 64 bits (narrow ones cut the register, signed ones are sign-extended), float64 (from the XMM
// register or stack slot of its position), any other type of kind uint64 such as ntdef.Ptr; the last field may be a VarArgs. An embedded
// struct stands for its fields.
//
// The arguments are loaded before body runs. The result goes to RAX. An error of a Thread's accessor must be returned at
// once, with nothing changed: see UserFault.
func Func[A any](name string, body func(t *Thread, a *A) (uint64, error)) UserFunc {
	fields := argumentFields(reflect.TypeFor[A]())
	params := make([]param, len(fields))
	names := make([]string, len(fields))
	for i, f := range fields {
		params[i] = paramOf(name, f)
		names[i] = lowerFirst(f.Name)
		if params[i] == paramVarArgs {
			names[i] = "..."
		}
	}
	// A body keeps no pointer to its arguments, so the structs are reused; a nested call takes another one.
	pool := sync.Pool{New: func() any {
		u := &userArgs[A]{args: new(A), fields: make([]reflect.Value, len(fields))}
		for i, f := range fields {
			u.fields[i] = reflect.ValueOf(u.args).Elem().FieldByIndex(f.Index)
		}
		return u
	}}
	return UserFunc{
		Name:   name,
		Params: names,
		invoke: func(t *Thread) (uint64, error) {
			u := pool.Get().(*userArgs[A])
			defer pool.Put(u)
			if err := t.loadArgs(u.fields, params); err != nil {
				return 0, err
			}
			return body(t, u.args)
		},
		args: func(t *Thread) ([]uint64, error) {
			raw := make([]uint64, len(params))
			for i, p := range params {
				if p == paramVarArgs {
					return raw[:i], nil
				}
				v, err := t.arg(i, p == paramFloat)
				if err != nil {
					return raw[:i], err
				}
				raw[i] = v & p.mask()
			}
			return raw, nil
		},
	}
}

type userArgs[A any] struct {
	args   *A
	fields []reflect.Value // of args, as argumentFields has them
}

// argumentFields are the fields of a struct in order, an embedded struct's in its place.
func argumentFields(typ reflect.Type) (fields []reflect.StructField) {
	for i := range typ.NumField() {
		f := typ.Field(i)
		if !f.Anonymous || f.Type.Kind() != reflect.Struct || f.Type == reflect.TypeFor[VarArgs]() {
			fields = append(fields, f)
			continue
		}
		for _, g := range argumentFields(f.Type) {
			g.Index = append([]int{i}, g.Index...)
			fields = append(fields, g)
		}
	}
	return fields
}

// param says how one argument is loaded.
type param uint8

const (
	paramBool param = iota
	param8
	param16
	param32
	param64
	paramInt8
	paramInt16
	paramInt32
	paramInt64
	paramFloat
	paramVarArgs
)

// mask cuts a raw argument to its declared width.
func (p param) mask() uint64 {
	switch p {
	case param8, paramInt8:
		return math.MaxUint8
	case param16, paramInt16:
		return math.MaxUint16
	case param32, paramInt32, paramBool:
		return math.MaxUint32
	}
	return math.MaxUint64
}

// paramOf classifies a field of an argument struct.
func paramOf(fn string, f reflect.StructField) param {
	if f.Type == reflect.TypeFor[VarArgs]() {
		return paramVarArgs
	}
	switch f.Type.Kind() {
	case reflect.Bool:
		return paramBool
	case reflect.Uint8:
		return param8
	case reflect.Uint16:
		return param16
	case reflect.Uint32:
		return param32
	case reflect.Uint64:
		return param64
	case reflect.Int8:
		return paramInt8
	case reflect.Int16:
		return paramInt16
	case reflect.Int32:
		return paramInt32
	case reflect.Int64:
		return paramInt64
	case reflect.Float64:
		return paramFloat
	}
	panic(fmt.Sprintf("nt: %s: argument %s has type %v, which no Win64 argument has", fn, f.Name, f.Type))
}

// arg returns the raw bits of the Win64 argument of index i of the function whose stub has executed SYSCALL: RCX (moved
// to R10), RDX, R8, R9 or XMM0-3, then the stack above the home space.
func (t *Thread) arg(i int, float bool) (uint64, error) {
	c := t.cpu
	switch {
	case i < 4 && float:
		return c.XMM[i][0], nil
	case i < 4:
		return c.R[[4]int{cpu.R10, cpu.RDX, cpu.R8, cpu.R9}[i]], nil
	}
	return t.Load64(c.R[cpu.RSP] + 8 + 8*uint64(i))
}

func (t *Thread) loadArgs(fields []reflect.Value, params []param) error {
	for i, p := range params {
		if p == paramVarArgs {
			c := t.cpu
			va := VarArgs{next: i, stack: c.R[cpu.RSP] + 8}
			va.regs = [4]uint64{c.R[cpu.R10], c.R[cpu.RDX], c.R[cpu.R8], c.R[cpu.R9]}
			fields[i].Set(reflect.ValueOf(va))
			return nil
		}
		raw, err := t.arg(i, p == paramFloat)
		if err != nil {
			return err
		}
		switch f := fields[i]; p {
		case paramBool:
			f.SetBool(uint32(raw) != 0)
		case paramInt8:
			f.SetInt(int64(int8(raw)))
		case paramInt16:
			f.SetInt(int64(int16(raw)))
		case paramInt32:
			f.SetInt(int64(int32(raw)))
		case paramInt64:
			f.SetInt(int64(raw))
		case paramFloat:
			f.SetFloat(math.Float64frombits(raw))
		default:
			f.SetUint(raw & p.mask())
		}
	}
	return nil
}

// VarArgs is a cursor over the variable arguments of a Win64 function: those of a `...` (its first may still be in
// registers) or those that a va_list points at.
type VarArgs struct {
	regs  [4]uint64
	next  int // index of the next argument in the argument list
	stack uint64
}

// VarArgsAt returns the cursor of a va_list: the address of the next 8-byte slot.
func VarArgsAt(va uint64) VarArgs { return VarArgs{next: 4, stack: va - 4*8} }

// Next returns the next argument's 8 bytes; a double's bits are among them, since Win64 passes variable floating-point
// arguments in both registers.
func (v *VarArgs) Next(t *Thread) (uint64, error) {
	i := v.next
	v.next++
	if i < 4 {
		return v.regs[i], nil
	}
	return t.Load64(v.stack + 8*uint64(i))
}

// lowerFirst spells a field name as a parameter: BaseAddress becomes baseAddress, CPInfo cpInfo.
func lowerFirst(s string) string {
	n := 0
	for n < len(s) && unicode.IsUpper(rune(s[n])) {
		n++
	}
	if n > 1 && n < len(s) {
		n--
	}
	return strings.ToLower(s[:n]) + s[n:]
}

// userFunc runs the built-in function with a number. Its stub is at RIP - stubPrologue.
func (t *Thread) userFunc(f *UserFunc) error {
	c := t.cpu
	stub := c.RIP - stubPrologue
	saved := t.function
	t.function = &activeFunc{f, stub}
	if h := t.sys.hooks.Call; h != nil {
		args, err := f.args(t)
		if err == nil {
			h(t, &CallEvent{Function: f.Name, Params: f.Params, Args: args})
		}
	}
	v, err := f.invoke(t)
	t.function = saved
	if err != nil {
		return t.userFuncFailed(err, stub)
	}
	c.R[cpu.RAX] = v
	if h := t.sys.hooks.Return; h != nil {
		h(t, &CallEvent{Function: f.Name, Result: v})
	}
	return nil
}

// activeFunc is the built-in function that runs on a thread.
type activeFunc struct {
	fn   *UserFunc
	stub uint64
}
