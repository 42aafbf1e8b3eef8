package crt

import (
	"strings"

	"github.com/pagewalk/pagewalk/nt"
)

// Time returns functions of time.h. Time is virtual and the zone UTC unless the environment's TZ names another.
func Time(f Flavor) []nt.UserFunc {
	funcs := []nt.UserFunc{
		nt.Func("_time64", unixTime),
		bind(f, "_tzset", tzset),
		nt.Func("clock", clock),
	}
	if f == MSVCRT {
		funcs = append(funcs, nt.Func("time", unixTime))
	}
	return funcs
}

type timeArgs struct{ Time uint64 }

// unixTime returns the seconds since 1970 and stores them where the argument is not NULL.
func unixTime(t *nt.Thread, a *timeArgs) (uint64, error) {
	const unixEpoch, second = 116_444_736_000_000_000, 10_000_000 // of FILETIME
	v := (t.System().SystemTime() - unixEpoch) / second
	if a.Time != 0 {
		return v, t.Store64(a.Time, v)
	}
	return v, nil
}

// clock returns the milliseconds that passed, not those that were computed, as on Windows.
func clock(t *nt.Thread, _ *noArgs) (uint64, error) { return t.System().TickCount() & 0x7fffffff, nil }

// zoneNameSize is the room for each of the two names of a time zone.
const zoneNameSize = 64

// tzset fills _timezone (seconds west of UTC), _daylight and _tzname.
func tzset(s *state, t *nt.Thread, _ *noArgs) (uint64, error) {
	z := zone{standard: "UTC"}
	va, err := getenvName(s, t, "TZ")
	if err != nil {
		return 0, err
	}
	if va != 0 {
		text, err := t.CString(va)
		if err != nil {
			return 0, err
		}
		if text != "" {
			z = parseZone(text)
		}
	}
	daylight := uint32(0)
	if z.daylight != "" {
		daylight = 1
	}
	if err := t.Store32(s.vars.timezone, uint32(z.west)); err != nil {
		return 0, err
	}
	if err := t.Store32(s.vars.daylight, daylight); err != nil {
		return 0, err
	}
	for i, name := range [...]string{z.standard, z.daylight} {
		at, err := t.Load64(s.vars.tzname + 8*uint64(i))
		if err != nil {
			return 0, err
		}
		if err := t.Write(at, append([]byte(name), 0)); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// A zone is what TZ says.
type zone struct {
	standard, daylight string
	west               int32 // seconds
}

// parseZone reads TZ: three letters, hours west of UTC with a sign and perhaps minutes and seconds, and three letters for
// daylight saving time where there is one ("_tzset", Microsoft C run-time library reference).
func parseZone(s string) (z zone) {
	cut := func() string {
		n := min(3, len(s))
		name := s[:n]
		s = s[n:]
		return name
	}
	z.standard = cut()
	sign := int32(1)
	if s != "" && (s[0] == '-' || s[0] == '+') {
		if s[0] == '-' {
			sign = -1
		}
		s = s[1:]
	}
	for _, unit := range []int32{3600, 60, 1} {
		var v int32
		for s != "" && s[0] >= '0' && s[0] <= '9' {
			v = min(10*v+int32(s[0]-'0'), 1000)
			s = s[1:]
		}
		z.west += sign * v * unit
		if !strings.HasPrefix(s, ":") {
			break
		}
		s = s[1:]
	}
	z.daylight = cut()
	return z
}
