// Package winapi makes the built-in system DLLs into what a guest sees of them: PE64 images.
//
// A DLL lists functions with Go bodies (nt.UserFunc), system-service stubs, functions in machine code, data and
// forwarders. Build lays each out as an image with headers, .text, .rdata (exports), .data, .pdata and .reloc, in a way
// that depends on nothing but the list, and numbers the Go functions. The images are then files of C:\Windows\System32
// like any other: they are mapped as image sections, found by name, walked by unwinders, relocated and paged in.
//
// A Go function's stub has the shape of a service's:
//
//	mov r10, rcx
//	mov eax, nt.UserFuncBase+index
//	syscall
//	ret
package winapi
