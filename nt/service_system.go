package nt

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

var systemServices = []Service{
	service("NtQuerySystemInformationEx", Partial("classes 8, 23, 73, 107, 108, 175, 181, 230"), ntQuerySystemInformationEx),
	service("NtGetTickCount", Full, ntGetTickCount),
	service("NtSetSystemTime", Partial("refused"), ntSetSystemTime),
	service("NtQueryLicenseValue", Partial("two values"), ntQueryLicenseValue),
	service("NtPowerInformation", Partial("levels 5, 11, 14, 15"), ntPowerInformation),
	service("NtQuerySystemEnvironmentValue", Partial("refused"), ntQuerySystemEnvironmentValue),
	service("NtQuerySystemEnvironmentValueEx", Partial("refused"), ntQuerySystemEnvironmentValueEx),
	service("NtRaiseHardError", Partial("a message that nobody answers"), ntRaiseHardError),
	service("NtDisplayString", Full, ntDisplayString),
	service("NtShutdownSystem", Partial("refused"), ntShutdownSystem),
	service("NtAllocateUuids", Full, ntAllocateUuids),
	service("NtSetUuidSeed", Partial("refused: it is the system's"), ntSetUuidSeed),
}

type getTickCountArgs struct{}

// ntGetTickCount returns the count itself, not a status.
func ntGetTickCount(t *Thread, _ *getTickCountArgs) (ntdef.Status, error) {
	return ntdef.Status(uint32(t.sys.TickCount())), nil
}

// guarded is the answer of a service that a privilege guards and that does nothing more here.
func (t *Thread) guarded(service string, need Privilege) (ntdef.Status, error) {
	if !t.proc.Holds(need) {
		return ntdef.STATUS_PRIVILEGE_NOT_HELD, nil
	}
	t.sys.refuse(service)
	return ntdef.STATUS_NOT_IMPLEMENTED, nil
}

type setSystemTimeArgs struct {
	Time     ntdef.Ptr[uint64]
	Previous ntdef.Ptr[uint64]
}

func ntSetSystemTime(t *Thread, _ *setSystemTimeArgs) (ntdef.Status, error) {
	return t.guarded("NtSetSystemTime", SeSystemtimePrivilege)
}

type shutdownSystemArgs struct{ Action uint32 }

func ntShutdownSystem(t *Thread, _ *shutdownSystemArgs) (ntdef.Status, error) {
	return t.guarded("NtShutdownSystem", SeShutdownPrivilege)
}

type environmentValueArgs struct {
	Name         uint64
	Buffer       uint64
	Length       uint16
	ReturnLength ntdef.Ptr[uint16]
}

func ntQuerySystemEnvironmentValue(t *Thread, _ *environmentValueArgs) (ntdef.Status, error) {
	return t.guarded("NtQuerySystemEnvironmentValue", SeSystemEnvironmentPrivilege)
}

type environmentValueExArgs struct {
	Name, Vendor, Buffer uint64
	Length, Attributes   ntdef.Ptr[uint32]
}

// ntQuerySystemEnvironmentValueEx asks the firmware, which is a BIOS: NOT_IMPLEMENTED with the privilege too.
func ntQuerySystemEnvironmentValueEx(t *Thread, _ *environmentValueExArgs) (ntdef.Status, error) {
	return t.guarded("NtQuerySystemEnvironmentValueEx", SeSystemEnvironmentPrivilege)
}

type queryLicenseValueArgs struct {
	Name         uint64
	Type         ntdef.Ptr[uint32]
	Buffer       uint64
	Length       uint32
	ReturnLength ntdef.Ptr[uint32]
}

// licenses are the values of the product policy that there are.
var licenses = map[string]value{
	foldUnits("Kernel-MUI-Language-Allowed"): {typ: REG_SZ, data: EncodeUTF16("EMPTY\x00")},
	foldUnits("Kernel-MUI-Number-Allowed"):   {typ: REG_DWORD, data: []byte{0xe8, 3, 0, 0}},
}

func ntQueryLicenseValue(t *Thread, a *queryLicenseValueArgs) (ntdef.Status, error) {
	if a.Name == 0 || a.ReturnLength == 0 {
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	name, err := t.UnicodeString(a.Name)
	switch {
	case err != nil:
		return 0, err
	case name == "":
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	v, ok := licenses[foldUnits(name)]
	if !ok {
		return ntdef.STATUS_OBJECT_NAME_NOT_FOUND, nil
	}
	if a.Type != 0 {
		if err := t.Store32(uint64(a.Type), v.typ); err != nil {
			return 0, err
		}
	}
	if err := t.Store32(uint64(a.ReturnLength), uint32(len(v.data))); err != nil {
		return 0, err
	}
	if a.Length < uint32(len(v.data)) {
		return ntdef.STATUS_BUFFER_TOO_SMALL, nil
	}
	return ntdef.STATUS_SUCCESS, t.Write(a.Buffer, v.data)
}

type powerInformationArgs struct {
	Level        uint32
	Input        uint64
	InputLength  uint32
	Output       uint64
	OutputLength uint32
}

// powerLevels lay out what NtPowerInformation answers (winnt.h, POWER_INFORMATION_LEVEL).
var powerLevels = map[uint32]func(q *inquiry){
	5: func(q *inquiry) { // SystemBatteryState: on line, no battery
		q.b = append(q.b, 1)
		q.b = append(q.b, make([]byte, 31)...)
	},
	11: func(q *inquiry) { q.u32(0, 1000, 1000, 1000, 0, 0) }, // ProcessorInformation: 1 GHz
	14: func(q *inquiry) { q.u64(0) },                         // LastWakeTime
	15: func(q *inquiry) { q.u64(0) },                         // LastSleepTime
}

func ntPowerInformation(t *Thread, a *powerInformationArgs) (ntdef.Status, error) {
	lay := powerLevels[a.Level]
	if lay == nil {
		t.sys.refuse(fmt.Sprintf("NtPowerInformation: level %d", a.Level))
		return ntdef.STATUS_NOT_IMPLEMENTED, nil
	}
	var q inquiry
	lay(&q)
	switch {
	case a.Input != 0 || a.InputLength != 0:
		return ntdef.STATUS_INVALID_PARAMETER, nil
	case a.OutputLength < uint32(len(q.b)):
		return ntdef.STATUS_BUFFER_TOO_SMALL, nil
	}
	return ntdef.STATUS_SUCCESS, t.Write(a.Output, q.b)
}

type raiseHardErrorArgs struct {
	Status     uint32
	Count      uint32
	Strings    uint32 // which parameters are UNICODE_STRINGs
	Parameters uint64
	Options    uint32
	Response   ntdef.Ptr[uint32]
}

// ntRaiseHardError writes an error that a dialog would show to standard error, within relay's limit. Nobody is there to answer: what can
// only be acknowledged is, everything else comes back to the caller.
func ntRaiseHardError(t *Thread, a *raiseHardErrorArgs) (ntdef.Status, error) {
	const maxParameters, optionOk, optionShutdown, optionMax = 5, 1, 6, 8
	const returnToCaller, ok = 0, 6
	if err := t.Probe(uint64(a.Response), 4, x86.Write); err != nil {
		return 0, err
	}
	switch {
	case a.Count > maxParameters, a.Options > optionMax:
		return ntdef.STATUS_INVALID_PARAMETER, nil
	case a.Options == optionShutdown && !t.proc.Holds(SeShutdownPrivilege):
		return ntdef.STATUS_PRIVILEGE_NOT_HELD, nil
	}
	var text []string
	for i := range a.Count {
		v, err := t.Load64(a.Parameters + 8*uint64(i))
		if err != nil {
			return 0, err
		}
		if a.Strings>>i&1 == 0 {
			text = append(text, fmt.Sprintf("%#x", v))
			continue
		}
		s, err := t.UnicodeString(v)
		if err != nil {
			return 0, err
		}
		text = append(text, fmt.Sprintf("%q", s))
	}
	t.sys.relay("%s: hard error %v %s", t.proc.program.Name, ntdef.Status(a.Status), strings.Join(text, " "))
	response := uint32(returnToCaller)
	if a.Options == optionOk {
		response = ok
	}
	return ntdef.STATUS_SUCCESS, t.Store32(uint64(a.Response), response)
}

type displayStringArgs struct{ String uint64 }

// ntDisplayString writes to the screen as the machine starts: PRIVILEGE_NOT_HELD for all but the system.
func ntDisplayString(t *Thread, a *displayStringArgs) (ntdef.Status, error) {
	if !t.proc.Holds(SeTcbPrivilege) {
		return ntdef.STATUS_PRIVILEGE_NOT_HELD, nil
	}
	s, err := t.UnicodeString(a.String)
	if err != nil {
		return 0, err
	}
	t.sys.relay("%s: %s", t.proc.program.Name, s)
	return ntdef.STATUS_SUCCESS, nil
}

type allocateUuidsArgs struct {
	Time     ntdef.Ptr[uint64]
	Range    ntdef.Ptr[uint32]
	Sequence ntdef.Ptr[uint32]
	Seed     uint64 // 6 bytes
}

// ntAllocateUuids reserves a range of the times that UUIDs of version 1 carry, and says the node that they name, a random one.
func ntAllocateUuids(t *Thread, a *allocateUuidsArgs) (ntdef.Status, error) {
	const gregorian, ticks = 0x146bf33e42c000, 10_000 // 100 ns units from 1582-10-15 to 1601-01-01; a millisecond
	if err := t.probeAll(x86.Write, span{uint64(a.Time), 8}, span{uint64(a.Range), 4}, span{uint64(a.Sequence), 4}, span{a.Seed, 6}); err != nil {
		return 0, err
	}
	u := &t.sys.uuids
	if u.seed == 0 {
		u.seed = t.sys.Rand() | 1 // the multicast bit: no card has it
	}
	u.next = max(u.next, t.sys.SystemTime()+gregorian)
	var seed [8]byte
	binary.LittleEndian.PutUint64(seed[:], u.seed)
	start := u.next
	u.next += ticks
	if err := t.Store64(uint64(a.Time), start); err != nil {
		return 0, err
	}
	if err := t.Store32(uint64(a.Range), ticks); err != nil {
		return 0, err
	}
	if err := t.Store32(uint64(a.Sequence), uint32(u.seed>>48)); err != nil {
		return 0, err
	}
	return ntdef.STATUS_SUCCESS, t.Write(a.Seed, seed[:6])
}

// uuids is where NtAllocateUuids goes on.
type uuids struct{ next, seed uint64 }

type setUuidSeedArgs struct{ Seed uint64 }

// ntSetUuidSeed is for the system's own logon session.
func ntSetUuidSeed(*Thread, *setUuidSeedArgs) (ntdef.Status, error) {
	return ntdef.STATUS_ACCESS_DENIED, nil
}
