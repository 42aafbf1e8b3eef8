// factory is a small thread pool over a worker factory, and threads at a completion port that lets one of them run.
// What it prints is asserted as Windows documents it: Wine has no worker factories, and lets all threads of a port run.
#define _WIN32_WINNT 0x0a00
#include <stdio.h>
#include <string.h>
#include <windows.h>
#include <winternl.h>

typedef struct { void *Key, *Context; ULONG_PTR Status, Information; } PACKET;
typedef struct {
	LARGE_INTEGER Timeout, RetryTimeout, IdleTimeout;
	BOOLEAN Paused, TimerSet, QueuedToExWorker, MayCreate, CreateInProgress, InsertedIntoQueue, Shutdown;
	ULONG BindingCount, ThreadMinimum, ThreadMaximum, PendingWorkerCount, WaitingWorkerCount, TotalWorkerCount, ReleaseCount;
	LONGLONG InfiniteWaitGoal;
	void *StartRoutine, *StartParameter;
	HANDLE ProcessId;
	SIZE_T StackReserve, StackCommit;
	NTSTATUS LastThreadCreationStatus;
} BASIC;

NTSTATUS NTAPI NtCreateIoCompletion(HANDLE *, ACCESS_MASK, void *, ULONG);
NTSTATUS NTAPI NtSetIoCompletion(HANDLE, void *, void *, NTSTATUS, ULONG_PTR);
NTSTATUS NTAPI NtCreateWorkerFactory(HANDLE *, ACCESS_MASK, void *, HANDLE, HANDLE, void *, void *, ULONG, SIZE_T, SIZE_T);
NTSTATUS NTAPI NtQueryInformationWorkerFactory(HANDLE, ULONG, void *, ULONG, ULONG *);
NTSTATUS NTAPI NtSetInformationWorkerFactory(HANDLE, ULONG, void *, ULONG);
NTSTATUS NTAPI NtWorkerFactoryWorkerReady(HANDLE);
NTSTATUS NTAPI NtReleaseWorkerFactoryWorker(HANDLE);
NTSTATUS NTAPI NtWaitForWorkViaWorkerFactory(HANDLE, PACKET *, ULONG, ULONG *, void *);
NTSTATUS NTAPI NtShutdownWorkerFactory(HANDLE, LONG *);

enum { IdleTimeout = 2, BindingCount, ThreadMinimum, ThreadMaximum, Basic = 7, StackInformation = 10, TimeoutWaiters = 12 };
enum { Count = 1, Block = 2, Spin = 3, Quit = 4 };

static HANDLE factory, port, event;
static volatile LONG released, counted, blocked, left, stop;

static void NTAPI worker(void *arg) {
	PACKET p[4];
	ULONG n;
	if (arg != &factory || NtWorkerFactoryWorkerReady(factory))
		ExitProcess(9);
	while (!NtWaitForWorkViaWorkerFactory(factory, p, 1, &n, NULL))
		switch ((ULONG_PTR)p->Key) {
		case 0:
			InterlockedIncrement(&released);
			break;
		case Count:
			InterlockedAdd(&counted, (LONG)p->Information);
			break;
		case Block:
			InterlockedIncrement(&blocked);
			WaitForSingleObject(event, INFINITE);
			break;
		case Spin:
			while (!stop)
				YieldProcessor();
			break;
		case Quit:
			InterlockedIncrement(&left);
			ExitThread(0);
		}
	InterlockedIncrement(&left);
	ExitThread(0);
}

static void post(ULONG_PTR key) {
	NTSTATUS st = NtSetIoCompletion(port, (void *)key, NULL, 0, 5);
	if (st)
		printf("post %08lx\n", st);
}

static BASIC query(void) {
	BASIC b;
	ULONG n = 0;
	NTSTATUS st = NtQueryInformationWorkerFactory(factory, Basic, &b, sizeof b, &n);
	if (st || n != sizeof b)
		printf("query %08lx %lu\n", st, n);
	return b;
}

static void show(const char *when) {
	BASIC b = query();
	printf("%s: total %lu, waiting %lu, pending %lu, releases %lu; released %ld, counted %ld, blocked %ld, left %ld\n", when,
		b.TotalWorkerCount, b.WaitingWorkerCount, b.PendingWorkerCount, b.ReleaseCount, released, counted, blocked, left);
}

static void set(ULONG class, LONGLONG v, ULONG size) {
	NTSTATUS st = NtSetInformationWorkerFactory(factory, class, &v, size);
	if (st)
		printf("set %lu %08lx\n", class, st);
}

static void pool(void) {
	SIZE_T stack[2] = {0x40000, 0x3000};
	BASIC b = query();
	printf("made: idle %lld s, maximum %lu, minimum %lu, start %d %d, process %d, may create %d\n", b.IdleTimeout.QuadPart / -10000000,
		b.ThreadMaximum, b.ThreadMinimum, b.StartRoutine == (void *)worker, b.StartParameter == &factory,
		b.ProcessId == (HANDLE)(ULONG_PTR)GetCurrentProcessId(), b.MayCreate);
	post(Count);
	Sleep(10);
	show("unbound");
	set(BindingCount, 1, 4);
	Sleep(10);
	show("bound");
	NtReleaseWorkerFactoryWorker(factory);
	NtReleaseWorkerFactoryWorker(factory);
	show("released twice");
	Sleep(10);
	show("and run");
	post(Block);
	post(Count);
	Sleep(10);
	show("one is blocked, another made");
	post(Block);
	post(Block);
	post(Block);
	post(Count);
	Sleep(10);
	show("the maximum is 4");
	SetEvent(event);
	Sleep(10);
	ResetEvent(event);
	show("all are back");
	Sleep(11000);
	show("idle ones go, one stays");
	set(ThreadMinimum, 3, 4);
	Sleep(10);
	show("the minimum is 3");
	Sleep(30000);
	show("and stays");
	post(Quit);
	Sleep(10);
	show("one ended, another made");
	set(ThreadMinimum, 0, 4);
	set(TimeoutWaiters, 1, 4);
	Sleep(10);
	show("sent off");
	post(Spin);
	post(Count);
	Sleep(1);
	show("one spins: no other may run");
	stop = 1;
	Sleep(10);
	show("it ran on");
	set(StackInformation, 0, 8);
	if (NtSetInformationWorkerFactory(factory, StackInformation, stack, sizeof stack))
		puts("stack");
	b = query();
	printf("stack %#llx %#llx\n", b.StackReserve, b.StackCommit);
	LONG pending = 7;
	NTSTATUS st = NtShutdownWorkerFactory(factory, &pending);
	Sleep(10);
	show("shut down");
	b = query();
	printf("%08lx: pending %ld, shutdown %d, may create %d\n", st, pending, b.Shutdown, b.MayCreate);
	printf("release %08lx\n", NtReleaseWorkerFactoryWorker(factory));
	Sleep(10);
	show("for nobody");
	CloseHandle(factory);
	CloseHandle(port);
}

// Two threads take packets of a port that lets one run.
static char log[64];
static volatile LONG logged;

static DWORD WINAPI taker(void *arg) {
	DWORD n;
	ULONG_PTR key;
	OVERLAPPED *o;
	while (GetQueuedCompletionStatus(port, &n, &key, &o, INFINITE)) {
		log[logged++] = *(char *)arg, log[logged++] = (char)key;
		if (key == 'w')
			Sleep(20);
		for (volatile int i = 0; i < 40000; i++)
			;
		log[logged++] = *(char *)arg;
	}
	return GetLastError();
}

static void concurrency(ULONG most, const char *keys) {
	HANDLE t[2];
	DWORD code[2];
	port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, most);
	logged = 0;
	for (int i = 0; i < 2; i++) {
		t[i] = CreateThread(NULL, 0, taker, "ab" + i, 0, NULL);
		Sleep(1);
	}
	for (const char *k = keys; *k; k++)
		PostQueuedCompletionStatus(port, 0, *k, NULL);
	Sleep(100);
	CloseHandle(port);
	WaitForMultipleObjects(2, t, TRUE, INFINITE);
	for (int i = 0; i < 2; i++)
		GetExitCodeThread(t[i], code + i);
	log[logged] = 0;
	printf("%lu may run: %s, ended with %lu and %lu\n", most, log, code[0], code[1]);
}

int main(int argc, char **argv) {
	event = CreateEventW(NULL, TRUE, FALSE, NULL);
	NTSTATUS st = NtCreateIoCompletion(&port, GENERIC_ALL, NULL, 0);
	if (!st)
		st = NtCreateWorkerFactory(&factory, GENERIC_ALL, NULL, port, GetCurrentProcess(), worker, &factory, 4, 0, 0);
	if (st) {
		printf("create %08lx\n", st);
		return 1;
	}
	if (argc > 1) { // stuck
		NtReleaseWorkerFactoryWorker(factory);
		set(ThreadMinimum, 1, 4);
		WaitForSingleObject(event, INFINITE);
	}
	pool();
	concurrency(1, "xxx");
	concurrency(1, "wx");
	concurrency(2, "xx");
	concurrency(0, "xx");
	return 0;
}
