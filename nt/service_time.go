package nt

import "github.com/pagewalk/pagewalk/ntdef"

var timeServices = []Service{
	service("NtDelayExecution", Full, ntDelayExecution),
	service("NtQueryPerformanceCounter", Full, ntQueryPerformanceCounter),
	service("NtQuerySystemTime", Full, ntQuerySystemTime),
	service("NtYieldExecution", Full, ntYieldExecution),
}

type delayExecutionArgs struct {
	Alertable uint8
	Interval  ntdef.Ptr[int64] // 100 ns units; negative: from now, else the system time to wait for
}

func ntDelayExecution(t *Thread, a *delayExecutionArgs) (ntdef.Status, error) {
	// Windows' own kernel32 never passes NULL; Wine's does for INFINITE.
	timeout, err := t.timeout(a.Interval)
	if err != nil {
		return 0, err
	}
	return t.Sleep(timeout, a.Alertable != 0)
}

// Until is how many nanoseconds are left to an NT time: negative ones count from now, in 100 ns units. The far future is a century off.
func (s *System) Until(interval int64) uint64 {
	const century = 100 * 366 * 86400 * 10_000_000
	left := uint64(0)
	if interval < 0 {
		left = -uint64(interval)
	} else if now := s.SystemTime(); uint64(interval) > now {
		left = uint64(interval) - now
	}
	return 100 * min(left, century)
}

// timeout reads the time to wait for at most: NULL is for ever, and so is the least number, which kernel32 passes for INFINITE.
func (t *Thread) timeout(at ntdef.Ptr[int64]) (uint64, error) {
	if at == 0 {
		return Infinite, nil
	}
	v, err := t.Load64(uint64(at))
	if v == 1<<63 {
		return Infinite, err
	}
	return t.sys.Until(int64(v)), err
}

type queryPerformanceCounterArgs struct {
	Counter   ntdef.Ptr[uint64]
	Frequency ntdef.Ptr[uint64]
}

func ntQueryPerformanceCounter(t *Thread, a *queryPerformanceCounterArgs) (ntdef.Status, error) {
	if err := t.Store64(uint64(a.Counter), t.sys.PerformanceCounter()); err != nil {
		return 0, err
	}
	return ntdef.STATUS_SUCCESS, t.storeLength(a.Frequency, PerformanceHertz)
}

type querySystemTimeArgs struct{ Time ntdef.Ptr[uint64] }

func ntQuerySystemTime(t *Thread, a *querySystemTimeArgs) (ntdef.Status, error) {
	return ntdef.STATUS_SUCCESS, t.Store64(uint64(a.Time), t.sys.SystemTime())
}

type yieldExecutionArgs struct{}

func ntYieldExecution(t *Thread, _ *yieldExecutionArgs) (ntdef.Status, error) {
	switched, err := t.Yield()
	if err != nil || !switched {
		return ntdef.STATUS_NO_YIELD_PERFORMED, err
	}
	return ntdef.STATUS_SUCCESS, nil
}
