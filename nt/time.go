package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
)

// Virtual time: one retired instruction is a nanosecond, and waits add what they waited; with Config.Timing translations
// take time too. The machine is switched on at bootTime.
const (
	bootTime         = 134_116_128_000_000_000 // 2026-01-01 00:00 UTC in 100 ns units since 1601
	PerformanceHertz = 10_000_000              // of NtQueryPerformanceCounter, as on Windows 10 and later
	uptime           = 10_000_000_000          // nanoseconds that the machine had run when its first process began: run-times refuse a clock at 0
	tickMillis       = 1                       // KUSER_SHARED_DATA's tick is a millisecond here
)

// Now returns the virtual nanoseconds since the machine was switched on; it is also the time-stamp counter.
func (s *System) Now() uint64 {
	t := s.cpu.IC + s.waited
	if s.timing {
		t += s.mmu.Cycles()
	}
	return t
}

// SystemTime returns the virtual UTC time in 100 ns units since 1601.
func (s *System) SystemTime() uint64 { return bootTime + s.Now()/100 }

// InterruptTime returns the 100 ns units since the machine was switched on.
func (s *System) InterruptTime() uint64 { return (uptime + s.Now()) / 100 }

// TickCount returns the milliseconds since the machine was switched on.
func (s *System) TickCount() uint64 { return (uptime + s.Now()) / 1_000_000 }

// PerformanceCounter returns the value of NtQueryPerformanceCounter, at PerformanceHertz.
func (s *System) PerformanceCounter() uint64 { return s.Now() / 100 }

// Wait lets virtual time pass: with one thread nothing else can happen meanwhile.
func (s *System) Wait(nanoseconds uint64) {
	s.waited += nanoseconds
	s.updateClock()
}

// updateClock writes the times of KUSER_SHARED_DATA through its physical address, as the kernel's mapping does.
func (s *System) updateClock() {
	frame := s.mem.Frame(s.kuser)
	if s.kuser == 0 || frame == nil {
		return
	}
	ksystemTime := func(offset int, v uint64) {
		le := binary.LittleEndian
		le.PutUint32(frame[offset:], uint32(v))
		le.PutUint32(frame[offset+4:], uint32(v>>32))
		le.PutUint32(frame[offset+8:], uint32(v>>32))
	}
	ksystemTime(ntdef.KUserInterruptTime, s.InterruptTime())
	ksystemTime(ntdef.KUserSystemTime, s.SystemTime())
	ksystemTime(ntdef.KUserTickCount, s.TickCount()/tickMillis)
}

func putUint64(b []byte, v uint64) { binary.LittleEndian.PutUint64(b, v) }
