package nt

import "github.com/pagewalk/pagewalk/ntdef"

var timeServices = []Service{
	service("NtDelayExecution", Partial("virtual time passes; no alerts"), ntDelayExecution),
	service("NtQueryPerformanceCounter", Full, ntQueryPerformanceCounter),
	service("NtQuerySystemTime", Full, ntQuerySystemTime),
	service("NtYieldExecution", Partial("there is one thread"), ntYieldExecution),
}

type delayExecutionArgs struct {
	Alertable bool
	Interval  ntdef.Ptr[int64] // 100 ns units; negative: from now, else the system time to wait for
}

func ntDelayExecution(t *Thread, a *delayExecutionArgs) (ntdef.Status, error) {
	v, err := t.Load64(uint64(a.Interval))
	if err != nil {
		return 0, err
	}
	interval := int64(v)
	if interval < 0 {
		t.sys.Wait(100 * uint64(-interval))
	} else if now := t.sys.SystemTime(); uint64(interval) > now {
		t.sys.Wait(100 * (uint64(interval) - now))
	}
	return ntdef.STATUS_SUCCESS, nil
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

// ntYieldExecution finds no other thread to run.
func ntYieldExecution(t *Thread, a *yieldExecutionArgs) (ntdef.Status, error) {
	return ntdef.STATUS_NO_YIELD_PERFORMED, nil
}
