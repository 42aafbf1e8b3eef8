package nt_test

import (
	"encoding/binary"
	"slices"

	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

// place is what a process has for the arguments of its calls.
type place struct {
	p       *nt.Process
	code    uint64 // asks for the next call
	data    uint64 // a part of slotSize for each argument
	frames  uint64 // the numbers of physical pages, for calls about them
	edge    uint64 // the end of a page, behind which is nothing
	hostile []uint64
	regions []region
	handles []uint64
	typed   map[string][]uint64 // by type
	made    map[string]int      // how many handles of a type were added since
}

// A region is memory that was reserved, or a view.
type region struct{ base, size uint64 }

// maxMade is how many handles of a type that calls make are kept for later ones.
const maxMade = 8

// add keeps a handle of a type: what settle made stays, what calls made goes when there are maxMade newer ones.
func (g *place) add(typ string, h uint64, lasting bool) {
	if lasting {
		g.handles = append(g.handles, h)
		g.typed[typ] = append(g.typed[typ], h)
		return
	}
	if n := g.made[typ]; n < maxMade {
		g.typed[typ] = append(g.typed[typ], h)
	} else {
		all := g.typed[typ]
		all[len(all)-maxMade+n%maxMade] = h
	}
	g.made[typ]++
}

const slotSize = 0x1000

// privileges are those that the calls ask for.
var privileges = []nt.Privilege{
	nt.SeLockMemoryPrivilege, nt.SeIncreaseQuotaPrivilege, nt.SeTcbPrivilege, nt.SeSecurityPrivilege, nt.SeTakeOwnershipPrivilege,
	nt.SeSystemtimePrivilege, nt.SeProfileSingleProcessPrivilege, nt.SeIncreaseBasePriorityPrivilege, nt.SeCreatePagefilePrivilege,
	nt.SeBackupPrivilege, nt.SeRestorePrivilege, nt.SeShutdownPrivilege, nt.SeDebugPrivilege, nt.SeSystemEnvironmentPrivilege,
	seCreatePermanent,
}

const seCreatePermanent nt.Privilege = 16

// reserve makes a region; where there is no room its base is 0, which is hostile too.
func (g *place) reserve(size uint64, typ, protect uint32) uint64 {
	r := ntmm.Request{Size: size, Type: typ, Protect: protect}
	g.p.AllocateVirtualMemory(&r)
	g.regions = append(g.regions, region{uint64(r.Base), size})
	return uint64(r.Base)
}

// settle gives a process its memory and handles of every type.
func (w *player) settle(t *nt.Thread) *place {
	p := t.Process()
	g := &place{p: p, typed: map[string][]uint64{}, made: map[string]int{}, code: p.Program().Base + 0x1000}
	const commit = ntdef.MEM_RESERVE | ntdef.MEM_COMMIT
	g.data = g.reserve(16*slotSize, commit, ntdef.PAGE_READWRITE)
	g.frames = g.reserve(slotSize, commit, ntdef.PAGE_READWRITE)
	g.edge = g.reserve(0x10000, ntdef.MEM_RESERVE, ntdef.PAGE_READWRITE) + 0x2000
	p.AllocateVirtualMemory(&ntmm.Request{Base: x86.VirtAddr(g.edge - 0x2000), Size: 0x2000, Type: ntdef.MEM_COMMIT, Protect: ntdef.PAGE_READWRITE})
	g.regions = nil // calls about memory get other
	g.hostile = []uint64{
		0, 1, 8, 0xfff0, 0x7ffe0000, 0x7ffe0ff8, 0x7fffffff0000, 0x7fffffffffff, 1 << 47, 0xffff800000000000, 0xfffff78000000000, ^uint64(0),
		^uint64(7), 1 << 63, g.code, p.Program().Base, p.Program().Base + 0x2000, t.TEB(), p.PEB(), t.CPU().R[cpu.RSP], t.CPU().R[cpu.RSP] - 0x3000,
		g.edge, g.edge - 1, g.edge - 4, g.edge - 8, g.edge - 0x1000, g.edge + 0x1000,
		g.reserve(0x2000, commit, ntdef.PAGE_READWRITE|ntdef.PAGE_GUARD), g.reserve(0x2000, commit, ntdef.PAGE_NOACCESS),
		g.reserve(0x2000, commit, ntdef.PAGE_READONLY), g.reserve(0x20000, ntdef.MEM_RESERVE, ntdef.PAGE_READWRITE),
		g.reserve(0x10000, commit|ntdef.MEM_WRITE_WATCH, ntdef.PAGE_READWRITE), g.reserve(0x10000, ntdef.MEM_RESERVE|ntdef.MEM_PHYSICAL, ntdef.PAGE_READWRITE),
		g.reserve(0x20000, commit, ntdef.PAGE_EXECUTE_READWRITE),
	}
	g.reserve(0x10000, commit, ntdef.PAGE_READWRITE)
	add := func(typ string, h ntdef.Handle, st ntdef.Status) {
		if st == ntdef.STATUS_SUCCESS {
			g.add(typ, uint64(h), true)
		}
	}
	event, st := p.CreateEvent(&nt.ObjectRequest{Name: "event"}, true, true)
	add("Event", event, st)
	event, st = p.CreateEvent(&nt.ObjectRequest{}, false, false)
	add("Event", event, st)
	h, st := p.CreateSemaphore(&nt.ObjectRequest{}, 1, 3)
	add("Semaphore", h, st)
	h, st = t.CreateMutant(&nt.ObjectRequest{Name: "mutant"}, true)
	add("Mutant", h, st)
	h, st = p.CreateTimer(&nt.ObjectRequest{}, false)
	add("Timer", h, st)
	h, st = p.CreateSection(&nt.SectionRequest{Name: "section", Size: 0x30000, Protect: ntdef.PAGE_READWRITE, Attributes: ntdef.SEC_COMMIT})
	add("Section", h, st)
	h, st = p.CreateJob(&nt.ObjectRequest{})
	add("Job", h, st)
	h, st = p.CreateCompletionPort(&nt.ObjectRequest{}, 0)
	add("IoCompletion", h, st)
	h, st = p.OpenMemoryCondition(0)
	add("Event", h, st)
	for _, r := range []nt.OpenRequest{
		{Path: `C:\Temp\file`, Access: readWrite | ntdef.DELETE, Disposition: ntdef.FILE_OPEN, Share: 7},
		{Path: `C:\Temp\file`, Access: readWrite | 0x100000, Disposition: ntdef.FILE_OPEN, Share: 7, Options: synchronous},
		{Path: `C:\Temp\file`, Access: readWrite, Disposition: ntdef.FILE_OPEN, Share: 7, Options: noBuffering},
		{Path: `C:\Temp`, Access: ntdef.GENERIC_READ, Disposition: ntdef.FILE_OPEN, Share: 7, Options: ntdef.FILE_DIRECTORY_FILE},
		{Path: `C:\Temp\child.exe`, Access: ntdef.GENERIC_READ, Disposition: ntdef.FILE_OPEN, Share: 7},
	} {
		h, _, st := p.CreateFile(&r)
		add("File", h, st)
		switch {
		case r.Path == `C:\Temp`:
			add("Folder", h, st)
		case r.Options == noBuffering:
			add("Unbuffered", h, st)
		}
		if r.Path == `C:\Temp\child.exe` {
			h, st = p.CreateSection(&nt.SectionRequest{Protect: ntdef.PAGE_READONLY, Attributes: ntdef.SEC_IMAGE, File: h})
			add("Section", h, st)
		}
	}
	file := g.typed["File"][:min(1, len(g.typed["File"]))]
	for _, f := range file {
		h, st = p.CreateSection(&nt.SectionRequest{Size: 0x3000, Protect: ntdef.PAGE_READWRITE, Attributes: ntdef.SEC_COMMIT, File: ntdef.Handle(f)})
		add("Section", h, st)
	}
	read, write, st := p.CreatePipe(64, nt.SecurityAttributes{})
	add("File", read, st)
	add("File", write, st)
	h, _, st = p.CreateNamedPipe(&nt.PipeRequest{
		Path: `\\.\pipe\p`, Access: readWrite, Share: 3, Disposition: ntdef.FILE_OPEN_IF, Messages: true, MaximumInstances: 3, InboundQuota: 64, OutQuota: 64,
	})
	add("File", h, st)
	add("Pipe", h, st)
	h, _, st = p.CreateFile(&nt.OpenRequest{Path: `\\.\pipe\p`, Access: readWrite, Disposition: ntdef.FILE_OPEN, Share: 7})
	add("File", h, st)
	add("Pipe", h, st)
	h, _, st = p.CreateKey(&nt.KeyRequest{Name: `\Registry\Machine\Software\Fuzz`, Access: ntdef.GENERIC_ALL})
	add("Key", h, st)
	h, _, st = p.CreateKey(&nt.KeyRequest{Name: `\Registry\Machine\Software\Fuzz\Sub`, Access: ntdef.GENERIC_ALL})
	add("Key", h, st)
	for _, key := range g.typed["Key"] {
		p.SetValue(ntdef.Handle(key), "value", nt.REG_SZ, []byte("v\x00\x00\x00"))
		p.SetValue(ntdef.Handle(key), "", nt.REG_SZ, nil)
	}
	p.SetValue(h, "other", nt.REG_SZ, []byte("v\x00\x00\x00"))
	h, st = p.OpenProcessToken(ntdef.CurrentProcess, 0xf01ff)
	add("Token", h, st)
	h, st = p.OpenProcess(p.ID(), ntdef.GENERIC_ALL, true)
	add("Process", h, st)
	h, st = p.OpenThread(t.ID(), ntdef.GENERIC_ALL, false)
	add("Thread", h, st)
	for _, suspended := range []bool{true, false, false} {
		h, _, st := t.CreateThread(&nt.ThreadRequest{Start: g.code, Suspended: suspended})
		add("Thread", h, st)
	}
	if len(w.places) == 0 {
		_, process, thread, st := t.CreateProcess(&nt.ProcessRequest{Path: `C:\Temp\child.exe`, CommandLine: "child", Folder: `C:\Temp`, Inherit: true})
		add("Process", process, st)
		add("Thread", thread, st)
	}
	for i, pr := range privileges {
		t.Store64(g.data+4+12*uint64(i), uint64(pr))
		t.Store32(g.data+12+12*uint64(i), 2)
	}
	t.Store32(g.data, uint32(len(privileges)))
	if h, st := p.OpenProcessToken(ntdef.CurrentProcess, 0xf01ff); st == ntdef.STATUS_SUCCESS {
		t.AdjustPrivileges(h, false, g.data, 0, 0, 0)
	}
	g.typed["Process"] = append(g.typed["Process"], uint64(ntdef.CurrentProcess), uint64(ntdef.CurrentProcess))
	g.typed["Thread"] = append(g.typed["Thread"], uint64(ntdef.CurrentThread))
	g.typed["Token"] = append(g.typed["Token"], ^uint64(3))
	g.furnish(t)
	return g
}

const noBuffering = 8 // FILE_NO_INTERMEDIATE_BUFFERING

// furnish makes what only services make: objects of every type that has names, tokens to impersonate with, views, locks, physical pages.
func (g *place) furnish(t *nt.Thread) {
	cell, name, text := g.data, g.data+0x100, g.data+0x200
	call := func(service string, args ...uint64) (uint64, bool) {
		c := t.CPU()
		regs := c.R
		st, err := t.CallService(service, regs[cpu.RSP]-0x200, args...)
		c.R = regs
		v, _ := t.Load64(cell)
		return v, err == nil && st == ntdef.STATUS_SUCCESS
	}
	attributes := func(path string, security uint64) uint64 {
		b := make([]byte, 0x40)
		le := binary.LittleEndian
		le.PutUint32(b, 48)
		if path != "" {
			le.PutUint64(b[16:], name+0x30)
		}
		le.PutUint32(b[24:], 0x40|0x80)
		le.PutUint64(b[40:], security)
		le.PutUint16(b[0x30:], uint16(2*len(path)))
		le.PutUint16(b[0x32:], uint16(2*len(path)))
		le.PutUint64(b[0x38:], text)
		t.Write(name, b)
		t.Write(text, nt.EncodeUTF16(path))
		return name
	}
	for _, o := range []struct {
		typ, service, name string
		more               []uint64
	}{
		{"Directory", "NtCreateDirectoryObject", "directoryobject", nil},
		{"KeyedEvent", "NtCreateKeyedEvent", "keyedevent", []uint64{0}},
		{"WaitCompletionPacket", "NtCreateWaitCompletionPacket", "", nil},
		{"Timer", "NtCreateTimer", "timer", []uint64{1}},
		{"Event", "NtCreateEvent", "event", []uint64{0, 1}},
		{"Semaphore", "NtCreateSemaphore", "semaphore", []uint64{1, 3}},
		{"Mutant", "NtCreateMutant", "mutant", []uint64{0}},
		{"Job", "NtCreateJobObject", "jobobject", nil},
		{"IoCompletion", "NtCreateIoCompletion", "iocompletion", []uint64{0}},
		{"SymbolicLink", "NtCreateSymbolicLinkObject", "symboliclinkobject", []uint64{text + 0x100}},
		{"Partition", "NtOpenPartition", "partition", nil},
		{"Directory", "NtOpenDirectoryObject", "", nil},
	} {
		path := ""
		switch o.name {
		case "":
			if o.typ == "Directory" {
				path = `\BaseNamedObjects`
			}
		case "partition":
			path = `\KernelObjects\MemoryPartition0`
		default:
			path = `\BaseNamedObjects\` + o.name
		}
		a := attributes(path, 0)
		target := nt.EncodeUTF16(`\BaseNamedObjects`)
		t.Write(text+0x100, append(binary.LittleEndian.AppendUint64(nil, uint64(len(target))*0x10001), binary.LittleEndian.AppendUint64(nil, text+0x110)...))
		t.Write(text+0x110, target)
		if h, ok := call(o.service, append([]uint64{cell, 0x02000000, a}, o.more...)...); ok {
			g.add(o.typ, h, true)
		}
	}
	// A token that may be impersonated (SECURITY_QUALITY_OF_SERVICE: impersonation), which a thread does.
	t.Write(text+0x200, []byte{12, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0})
	if len(g.typed["Token"]) == 0 {
		return
	}
	if h, ok := call("NtDuplicateToken", g.typed["Token"][0], 0xf01ff, attributes("", text+0x200), 0, 2, cell); ok {
		g.add("Token", h, true)
		g.add("ImpersonationToken", h, true)
		for _, thread := range slices.Backward(g.typed["Thread"]) {
			if thread != uint64(ntdef.CurrentThread) {
				call("NtSetInformationThread", thread, 5, cell, 8)
				break
			}
		}
	}
	if ports := g.typed["IoCompletion"]; len(ports) > 0 {
		if h, ok := call("NtCreateWorkerFactory", cell, 0x02000000, 0, ports[0], ^uint64(0), g.code, 0, 2, 0, 0); ok {
			g.add("WorkerFactory", h, true)
		}
	}
	for _, section := range g.typed["Section"] {
		t.Store64(cell, 0)
		t.Store64(cell+8, 0)
		if base, ok := call("NtMapViewOfSection", section, ^uint64(0), cell, 0, 0, 0, cell+8, 2, 0, 4); ok {
			size, _ := t.Load64(cell + 8)
			g.regions = append(g.regions, region{base, size})
		}
	}
	for _, r := range g.regions {
		t.Store64(cell, r.base)
		t.Store64(cell+8, 0x1000)
		call("NtLockVirtualMemory", ^uint64(0), cell, cell+8, 1)
	}
	for _, pipe := range g.typed["Pipe"] { // a read that nobody answers
		call("NtReadFile", pipe, 0, 0, 0, g.frames+0x800, g.frames+0x900, 16, 0, 0)
	}
	if files := g.typed["File"]; len(files) > 0 {
		t.Store64(cell, lockAt)
		t.Store64(cell+8, lockAt)
		call("NtLockFile", files[0], 0, 0, 0, cell+0x20, cell, cell+8, 0, 1, 1)
	}
	t.Store64(cell, 16)
	call("NtAllocateUserPhysicalPages", ^uint64(0), cell, g.frames)
}

// lockAt is where the file is locked, and how many bytes.
const lockAt = 0x1000
