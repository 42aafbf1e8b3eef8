// threads: threads and what they wait for; the output does not depend on who runs when.
#include <stdio.h>
#include <string.h>
#include <windows.h>

static void show(const char *what, long long value) {
	printf("%s: %lld %lu\n", what, value, GetLastError());
	SetLastError(12345);
}

#define SHOW(call) show(#call, (long long)(call))
#define TRUTH(call) show(#call, (call) != 0)

static HANDLE thread(DWORD (WINAPI *f)(void *), void *arg) {
	DWORD id;
	return CreateThread(0, 0, f, arg, 0, &id);
}

static void join(HANDLE h) {
	WaitForSingleObject(h, INFINITE);
	CloseHandle(h);
}

static __thread int local = 7;
static DWORD slot, fiber;
static volatile LONG sum, tls, callbacks;

static void WINAPI gone(void *p) { InterlockedAdd(&callbacks, (LONG)(size_t)p); }

static DWORD WINAPI adds(void *arg) {
	local += (int)(size_t)arg;
	TlsSetValue(slot, arg);
	FlsSetValue(fiber, arg);
	for (int i = 0; i < 1000; i++)
		InterlockedIncrement(&sum);
	Sleep(1);
	InterlockedAdd(&tls, local == 7 + (int)(size_t)arg && TlsGetValue(slot) == arg);
	SetLastError((DWORD)(size_t)arg);
	return GetLastError();
}

static void basics(void) {
	HANDLE h[8];
	DWORD code;
	slot = TlsAlloc(), fiber = FlsAlloc(gone);
	for (int i = 0; i < 8; i++)
		h[i] = thread(adds, (void *)(size_t)(i + 1));
	SHOW(WaitForMultipleObjects(8, h, TRUE, INFINITE));
	SHOW(sum);
	SHOW(tls);
	SHOW(callbacks);
	SHOW(GetExitCodeThread(h[4], &code));
	SHOW(code);
	SHOW(WaitForSingleObject(h[3], 0));
	for (int i = 0; i < 8; i++)
		CloseHandle(h[i]);
	SHOW(GetExitCodeThread(GetCurrentThread(), &code));
	SHOW(code);
	SHOW(local);
	SHOW(WaitForSingleObject((HANDLE)0x4444, 0));
	SHOW(WaitForMultipleObjects(0, h, TRUE, 0));
	SHOW(GetThreadPriority(GetCurrentThread()));
	SHOW(SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_HIGHEST));
	SHOW(GetThreadPriority(GetCurrentThread()));
	SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_NORMAL);
}

static HANDLE go, done, mutex;
static int order[20], n;

static DWORD WINAPI waits(void *arg) {
	WaitForSingleObject(go, INFINITE);
	EnterCriticalSection(arg);
	n++;
	LeaveCriticalSection(arg);
	ReleaseSemaphore(done, 1, 0);
	return 0;
}

static DWORD WINAPI abandons(void *arg) {
	WaitForSingleObject(mutex, INFINITE);
	return 0;
}

static DWORD WINAPI holds(void *arg) {
	WaitForSingleObject(mutex, INFINITE);
	SetEvent(arg);
	Sleep(20);
	n = 99;
	ReleaseMutex(mutex);
	return 0;
}

static void events(void) {
	CRITICAL_SECTION cs;
	InitializeCriticalSection(&cs);
	HANDLE h[4];
	LONG was;
	TRUTH(go = CreateEventA(0, FALSE, FALSE, "go"));
	TRUTH(done = CreateSemaphoreA(0, 0, 4, 0));
	SHOW(CreateSemaphoreA(0, 5, 4, 0));
	TRUTH(h[0] = CreateEventA(0, TRUE, TRUE, "go"));
	TRUTH(h[1] = OpenEventA(EVENT_ALL_ACCESS, FALSE, "go"));
	SHOW(OpenEventA(EVENT_ALL_ACCESS, FALSE, "none"));
	SHOW(SetEvent(h[1]));
	SHOW(WaitForSingleObject(go, 0));
	SHOW(WaitForSingleObject(go, 0));
	SHOW(WaitForSingleObject(go, 5));
	CloseHandle(h[0]), CloseHandle(h[1]);
	for (int i = 0; i < 4; i++)
		h[i] = thread(waits, &cs);
	for (int i = 0; i < 4; i++) {
		SetEvent(go);
		SHOW(WaitForSingleObject(done, INFINITE));
		SHOW(n);
	}
	for (int i = 0; i < 4; i++)
		join(h[i]);
	SHOW(ReleaseSemaphore(done, 3, &was));
	SHOW(was);
	SHOW(ReleaseSemaphore(done, 2, 0));
	SHOW(WaitForSingleObject(done, 0) + WaitForSingleObject(done, 0) + WaitForSingleObject(done, 0));
	SHOW(WaitForSingleObject(done, 0));
	TRUTH(mutex = CreateMutexA(0, FALSE, 0));
	SHOW(ReleaseMutex(mutex));
	join(thread(abandons, 0));
	SHOW(WaitForSingleObject(mutex, INFINITE));
	SHOW(WaitForSingleObject(mutex, INFINITE));
	SHOW(ReleaseMutex(mutex));
	SHOW(ReleaseMutex(mutex));
	SHOW(ReleaseMutex(mutex));
	HANDLE held = CreateEventA(0, TRUE, FALSE, 0), t = thread(holds, held);
	WaitForSingleObject(held, INFINITE);
	SHOW(WaitForSingleObject(mutex, 0));
	SHOW(WaitForSingleObject(mutex, INFINITE));
	SHOW(n);
	ReleaseMutex(mutex);
	join(t);
	HANDLE two[2] = {held, mutex};
	SHOW(WaitForMultipleObjects(2, two, FALSE, 0));
	ResetEvent(held);
	SHOW(WaitForMultipleObjects(2, two, FALSE, 0));
	SHOW(WaitForMultipleObjects(2, two, TRUE, 5));
	SHOW(SignalObjectAndWait(held, mutex, 0, FALSE));
}

static SRWLOCK lock = SRWLOCK_INIT;
static CONDITION_VARIABLE filled = CONDITION_VARIABLE_INIT, emptied = CONDITION_VARIABLE_INIT;
static int box, total;

static DWORD WINAPI produces(void *arg) {
	for (int i = 1; i <= 100; i++) {
		AcquireSRWLockExclusive(&lock);
		while (box)
			SleepConditionVariableSRW(&emptied, &lock, INFINITE, 0);
		box = i;
		ReleaseSRWLockExclusive(&lock);
		WakeConditionVariable(&filled);
	}
	return 0;
}

static DWORD WINAPI consumes(void *arg) {
	for (int i = 0; i < 50; i++) {
		AcquireSRWLockExclusive(&lock);
		while (!box)
			SleepConditionVariableSRW(&filled, &lock, INFINITE, 0);
		total += box;
		box = 0;
		ReleaseSRWLockExclusive(&lock);
		WakeConditionVariable(&emptied);
	}
	return 0;
}

static BOOL CALLBACK once(INIT_ONCE *o, void *param, void **context) {
	++*(int *)param;
	*context = (void *)0x1230;
	return TRUE;
}

static DWORD WINAPI addressed(void *arg) {
	LONG zero = 0;
	while (*(volatile LONG *)arg == 0)
		WaitOnAddress(arg, &zero, sizeof zero, INFINITE);
	return 5;
}

static void slim(void) {
	HANDLE h[3] = {thread(produces, 0), thread(consumes, 0), thread(consumes, 0)};
	WaitForMultipleObjects(3, h, TRUE, INFINITE);
	SHOW(total);
	AcquireSRWLockShared(&lock);
	SHOW(TryAcquireSRWLockShared(&lock));
	SHOW(TryAcquireSRWLockExclusive(&lock));
	ReleaseSRWLockShared(&lock), ReleaseSRWLockShared(&lock);
	SHOW(TryAcquireSRWLockExclusive(&lock));
	SHOW(TryAcquireSRWLockShared(&lock));
	SHOW(SleepConditionVariableSRW(&filled, &lock, 1, 0));
	ReleaseSRWLockExclusive(&lock);
	INIT_ONCE o = INIT_ONCE_STATIC_INIT;
	int calls = 0;
	void *context;
	SHOW(InitOnceExecuteOnce(&o, once, &calls, &context));
	SHOW(InitOnceExecuteOnce(&o, once, &calls, &context));
	SHOW(calls);
	SHOW(context);
	LONG word = 0, same = 0;
	SHOW(WaitOnAddress(&word, &same, sizeof word, 1));
	HANDLE t = thread(addressed, &word);
	Sleep(1);
	word = 1;
	WakeByAddressAll(&word);
	SHOW(WaitForSingleObject(t, INFINITE));
}

static int apcs;
static void CALLBACK apc(ULONG_PTR p) { apcs += (int)p; }
static void CALLBACK rings(void *p, DWORD low, DWORD high) { apcs += (int)(size_t)p; }

static DWORD WINAPI sleeps(void *arg) {
	SetEvent(arg);
	DWORD r = SleepEx(INFINITE, TRUE);
	return r * 1000 + apcs;
}

static DWORD WINAPI spins(void *arg) {
	for (;;)
		++*(volatile int *)arg;
}

static void alerts(void) {
	HANDLE e = CreateEventA(0, TRUE, FALSE, 0), t = thread(sleeps, e);
	DWORD code;
	WaitForSingleObject(e, INFINITE);
	SHOW(QueueUserAPC(apc, t, 3) != 0);
	WaitForSingleObject(t, INFINITE);
	GetExitCodeThread(t, &code);
	SHOW(code);
	SHOW(QueueUserAPC(apc, GetCurrentThread(), 4) != 0);
	SHOW(SleepEx(10, FALSE));
	SHOW(apcs);
	SHOW(SleepEx(10, TRUE));
	SHOW(apcs);
	HANDLE timer = CreateWaitableTimerA(0, FALSE, 0);
	LARGE_INTEGER due = {.QuadPart = -20000};
	SHOW(SetWaitableTimer(timer, &due, 3, 0, 0, FALSE));
	SHOW(WaitForSingleObject(timer, INFINITE));
	SHOW(WaitForSingleObject(timer, INFINITE));
	SHOW(CancelWaitableTimer(timer));
	SHOW(WaitForSingleObject(timer, 10));
	SHOW(SetWaitableTimer(timer, &due, 0, rings, (void *)50, FALSE));
	SHOW(SleepEx(100, TRUE));
	SHOW(apcs);

	volatile int count = 0;
	t = CreateThread(0, 0, spins, (void *)&count, CREATE_SUSPENDED, 0);
	SHOW(count);
	SHOW(SuspendThread(t));
	SHOW(ResumeThread(t));
	SHOW(ResumeThread(t));
	while (count < 10)
		Sleep(1);
	SHOW(TerminateThread(t, 42));
	SHOW(WaitForSingleObject(t, INFINITE));
	GetExitCodeThread(t, &code);
	SHOW(code);
}

static DWORD WINAPI last(void *arg) {
	Sleep(5);
	printf("the last thread\n");
	fflush(stdout);
	return 77;
}

int main(void) {
	SetLastError(12345);
	basics();
	events();
	slim();
	alerts();
	fflush(stdout);
	CreateThread(0, 0, last, 0, 0, 0);
	ExitThread(5);
}
