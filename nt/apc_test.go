package nt_test

import (
	"testing"

	"github.com/pagewalk/pagewalk/ntdef"
)

// The statuses of NtQueueApcThreadEx and NtSetIoCompletionEx with reserve objects (Wine's conformance tests of ntdll have them from Windows).
func TestReserveObjects(t *testing.T) {
	perform(t, func(a *actor) {
		cell, count, status := a.cell(0), a.cell(0), a.cell(0)
		a.cell(0)
		queue := func(reserve uint64) ntdef.Status {
			return a.call("NtQueueApcThreadEx", thisThread, reserve, a.code+countAt, count, 0, 0)
		}
		a.is(ntdef.STATUS_INVALID_PARAMETER, a.call("NtAllocateReserveObject", cell, 0, 2), "another kind")
		a.must("NtAllocateReserveObject", cell, 0, 0)
		reserve := a.get(cell)
		a.must("NtAllocateReserveObject", cell, 0, 1)
		packet := a.get(cell)
		a.is(ntdef.STATUS_INVALID_HANDLE, queue(0x10000), "no handle")
		a.is(ntdef.STATUS_OBJECT_TYPE_MISMATCH, queue(thisThread), "a thread")
		a.is(ntdef.STATUS_OBJECT_TYPE_MISMATCH, queue(packet), "a reserve of another kind")
		a.is(ntdef.STATUS_SUCCESS, queue(reserve), "a reserve")
		a.is(ntdef.STATUS_INVALID_PARAMETER_2, queue(reserve), "one that is in use")
		a.is(ntdef.STATUS_SUCCESS, a.call("NtTestAlert"), "the call is made")
		a.is(uint64(1), a.get(count), "calls")
		a.is(ntdef.STATUS_SUCCESS, queue(reserve), "it is free again")
		a.must("NtClose", reserve)
		a.is(ntdef.STATUS_SUCCESS, a.call("NtTestAlert"), "the call is made after its handle was closed")
		a.is(uint64(2), a.get(count), "calls")

		a.must("NtCreateIoCompletion", cell, 0x1f0003, 0, 0)
		port := a.get(cell)
		post := func() ntdef.Status { return a.call("NtSetIoCompletionEx", port, packet, 7, 8, 0, 9) }
		a.is(ntdef.STATUS_SUCCESS, post(), "a packet")
		a.is(ntdef.STATUS_INVALID_PARAMETER_2, post(), "a second one in the same reserve")
		key := a.cell(0)
		a.must("NtRemoveIoCompletion", port, key, a.cell(0), status, 0)
		a.is(uint64(7), a.get(key), "the packet's key")
		a.is(ntdef.STATUS_SUCCESS, post(), "it is free again")
		a.must("NtClose", port)
		a.must("NtCreateIoCompletion", cell, 0x1f0003, 0, 0)
		port = a.get(cell)
		a.is(ntdef.STATUS_SUCCESS, post(), "the port that had it is gone")
	})
}

// A special user APC comes between two instructions of a thread that computes, and does not bring those with it that want to be waited for.
func TestSpecialAPCsComeToAThreadThatComputes(t *testing.T) {
	perform(t, func(a *actor) {
		flag, regular := a.cell(0), a.cell(0)
		done := make(chan bool, 1)
		spins := a.thread(a.code+spinAt, flag, func(b *actor) {
			b.is(uint64(0), b.get(regular), "regular APCs before the thread waits")
			b.is(ntdef.STATUS_USER_APC, b.call("NtDelayExecution", 1, b.cell(0)), "its wait")
			b.is(uint64(1), b.get(regular), "regular APCs then")
			done <- true
		})
		a.sleep()
		a.must("NtQueueApcThread", spins, a.code+countAt, regular, 0, 0)
		a.sleep()
		a.is(uint64(0), a.get(flag), "nothing has happened yet")
		a.must("NtQueueApcThreadEx2", spins, 0, 1, a.code+countAt, flag, 0, 0)
		a.must("NtWaitForSingleObject", spins, 0, 0)
		a.is(uint64(1), a.get(flag), "special APCs")
		a.is(1, len(done), "threads that have ended")
	})
}

// A wait that is not alertable ends first, an alertable one ends with USER_APC; the thread's own comes at once.
func TestSpecialAPCsAndWaits(t *testing.T) {
	perform(t, func(a *actor) {
		const special = 1
		count, cell := a.cell(0), a.cell(0)
		a.must("NtQueueApcThreadEx", thisThread, special, a.code+countAt, count, 0, 0)
		a.is(uint64(1), a.get(count), "the thread's own")

		a.must("NtCreateEvent", cell, eventAll, 0, 1, 0)
		event := a.get(cell)
		var waits [2]ntdef.Status
		var seen [2]uint64
		waiter := a.thread(a.code, 0, func(b *actor) {
			for i := range waits {
				waits[i] = b.call("NtWaitForSingleObject", event, uint64(i), 0)
				seen[i] = b.get(count)
			}
		})
		a.sleep()
		a.must("NtQueueApcThreadEx", waiter, special, a.code+countAt, count, 0, 0)
		a.sleep()
		a.is(uint64(1), a.get(count), "calls during a wait that is not alertable")
		a.must("NtSetEvent", event, 0)
		a.sleep()
		a.is(uint64(2), a.get(count), "calls after it")
		a.must("NtQueueApcThreadEx", waiter, special, a.code+countAt, count, 0, 0)
		a.must("NtWaitForSingleObject", waiter, 0, 0)
		a.is([2]ntdef.Status{ntdef.STATUS_SUCCESS, ntdef.STATUS_USER_APC}, waits, "how the waits ended")
		a.is([2]uint64{2, 3}, seen, "calls that were made by then")
		a.is(ntdef.STATUS_INVALID_PARAMETER, a.call("NtQueueApcThreadEx2", thisThread, 0, 2, a.code, 0, 0, 0), "another flag")
	})
}

// A thread that waits for a timer keeps it running, whoever closes its last handle; without one it stops, and its APC does not come.
func TestATimerLivesByItsWaits(t *testing.T) {
	perform(t, func(a *actor) {
		const timerAll = 0x1f0003
		count, cell := a.cell(0), a.cell(0)
		a.must("NtCreateTimer", cell, timerAll, 0, 1)
		timer := a.get(cell)
		a.must("NtSetTimer", timer, a.cell(^uint64(99_999)), a.code+countAt, count, 0, 20, 0)
		var waited ntdef.Status = ntdef.STATUS_PENDING
		waiter := a.thread(a.code, 0, func(b *actor) { waited = b.call("NtWaitForSingleObject", timer, 0, 0) })
		a.sleep()
		a.must("NtClose", timer)
		a.must("NtWaitForSingleObject", waiter, 0, 0)
		a.is(ntdef.STATUS_SUCCESS, waited, "the wait")
		a.is(ntdef.STATUS_SUCCESS, a.call("NtDelayExecution", 1, a.cell(^uint64(999_999))), "a sleep that its APC would end")
		a.is(uint64(0), a.get(count), "calls")
	})
}
