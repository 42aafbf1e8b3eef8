package winapi

import "github.com/pagewalk/pagewalk/nt"

// A DLL describes one built-in DLL.
type DLL struct {
	Name     string // file name with extension, lower case: kernel32.dll
	Base     uint64 // preferred base, a multiple of 64 KiB
	Funcs    []nt.UserFunc
	Services []nt.Service // Nt… stubs; ntdll's only
	Code     []Code
	Data     []Data
	Forwards []Forward

	// Init runs when the DLL is mapped, relocated and bound, where a real one's DllMain would (DLL_PROCESS_ATTACH). May be nil.
	Init func(t *nt.Thread, m *nt.Module) error
	// ThreadExit runs when a thread that is not the last ends (DLL_THREAD_DETACH). May be nil.
	ThreadExit func(t *nt.Thread) error
	// Exit runs when the process exits in order (DLL_PROCESS_DETACH). May be nil.
	Exit func(t *nt.Thread, m *nt.Module) error
}

// Code is a function in machine code.
type Code struct {
	Name    string
	Bytes   []byte
	Fixups  []Fixup
	Unwind  []byte // UNWIND_INFO up to and with its codes, an even number of them; nil for a leaf function
	Handler string // the language handler that Unwind's flags announce
	Entry   uint32 // the export is that many bytes into the function
}

// A Fixup is a 32-bit displacement at an offset of a Code's bytes, relative to the byte behind it, to another function or a
// variable of the same DLL, or so many bytes into it.
type Fixup struct {
	At     int
	Target string
	Plus   uint32
}

// Data is an exported variable.
type Data struct {
	Name  string
	Bytes []byte // its size and first contents
	// Pointers are offsets in Bytes whose 8 bytes get the address of another variable of the DLL added.
	Pointers []Pointer
}

// A Pointer is the address of a variable inside another.
type Pointer struct {
	At     int
	Target string
}

// A Forward is an export that is another DLL's: Target is "dll.Name" without the extension.
type Forward struct{ Name, Target string }
