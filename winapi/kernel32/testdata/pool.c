// pool has callbacks made by the thread pool: work, timers, waits, files, cleanup groups, and the older functions.
// What it prints does not depend on which thread makes which callback, and is the same under Wine.
#define _WIN32_WINNT 0x0a00
#include <stdio.h>
#include <string.h>
#include <windows.h>

static volatile LONG count, bits, cancelled, finalized;
static HANDLE event, semaphore, mutex;
static CRITICAL_SECTION section;
static DWORD main_thread;

static void CALLBACK simple(PTP_CALLBACK_INSTANCE i, void *context) { InterlockedAdd(&count, (LONG)(LONG_PTR)context); }

static void CALLBACK work(PTP_CALLBACK_INSTANCE i, void *context, PTP_WORK w) {
	if (GetCurrentThreadId() == main_thread)
		puts("the main thread");
	InterlockedAdd(&count, (LONG)(LONG_PTR)context);
}

static void CALLBACK slow(PTP_CALLBACK_INSTANCE i, void *context, PTP_WORK w) {
	Sleep(20);
	InterlockedIncrement(&count);
}

static void CALLBACK blocks(PTP_CALLBACK_INSTANCE i, void *context, PTP_WORK w) {
	InterlockedIncrement(&count);
	WaitForSingleObject(context, INFINITE);
}

static void CALLBACK completes(PTP_CALLBACK_INSTANCE i, void *context, PTP_WORK w) {
	SetEventWhenCallbackReturns(i, event);
	ReleaseSemaphoreWhenCallbackReturns(i, semaphore, 2);
	WaitForSingleObject(mutex, INFINITE);
	ReleaseMutexWhenCallbackReturns(i, mutex);
	EnterCriticalSection(&section);
	LeaveCriticalSectionWhenCallbackReturns(i, &section);
	printf("long %d\n", CallbackMayRunLong(i));
}

static void CALLBACK disassociates(PTP_CALLBACK_INSTANCE i, void *context, PTP_WORK w) {
	DisassociateCurrentThreadFromCallback(i);
	WaitForSingleObject(context, INFINITE);
	InterlockedIncrement(&count);
}

static void CALLBACK cancel(void *object, void *context) { InterlockedAdd(&cancelled, (LONG)(LONG_PTR)object * (LONG)(LONG_PTR)context); }
static void CALLBACK finalize(PTP_CALLBACK_INSTANCE i, void *context) { InterlockedIncrement(&finalized); }

static void works(void) {
	PTP_WORK w = CreateThreadpoolWork(work, (void *)3, NULL);
	for (int i = 0; i < 50; i++)
		SubmitThreadpoolWork(w);
	WaitForThreadpoolWorkCallbacks(w, FALSE);
	printf("work %ld\n", count);
	CloseThreadpoolWork(w);

	count = 0;
	printf("simple %d\n", TrySubmitThreadpoolCallback(simple, (void *)7, NULL));
	while (count != 7)
		Sleep(1);

	// Callbacks that block do not keep others from being made.
	count = 0;
	HANDLE go = CreateEventW(NULL, TRUE, FALSE, NULL);
	w = CreateThreadpoolWork(blocks, go, NULL);
	for (int i = 0; i < 5; i++) {
		SubmitThreadpoolWork(w);
		while (count != i + 1)
			Sleep(1);
	}
	SetEvent(go);
	WaitForThreadpoolWorkCallbacks(w, FALSE);
	CloseThreadpoolWork(w);

	event = CreateEventW(NULL, FALSE, FALSE, NULL);
	semaphore = CreateSemaphoreW(NULL, 0, 9, NULL);
	mutex = CreateMutexW(NULL, FALSE, NULL);
	w = CreateThreadpoolWork(completes, NULL, NULL);
	SubmitThreadpoolWork(w);
	WaitForThreadpoolWorkCallbacks(w, FALSE);
	LONG was = -1;
	DWORD e = WaitForSingleObject(event, 1000), m = WaitForSingleObject(mutex, 1000);
	BOOL s = ReleaseSemaphore(semaphore, 1, &was), c = TryEnterCriticalSection(&section);
	printf("when it returns: event %lu, mutex %lu, semaphore %d %ld, section %d\n", e, m, s, was, c);
	CloseThreadpoolWork(w);

	count = 0;
	ResetEvent(go);
	w = CreateThreadpoolWork(disassociates, go, NULL);
	SubmitThreadpoolWork(w);
	Sleep(10);
	WaitForThreadpoolWorkCallbacks(w, FALSE);
	printf("disassociated: %ld\n", count);
	SetEvent(go);
	while (!count)
		Sleep(1);
	CloseThreadpoolWork(w);
}

static void CALLBACK tick(PTP_CALLBACK_INSTANCE i, void *context, PTP_TIMER timer) { InterlockedIncrement(&count); }

static FILETIME from_now(int ms) {
	LARGE_INTEGER l;
	FILETIME f;
	l.QuadPart = -10000LL * ms;
	memcpy(&f, &l, sizeof f);
	return f;
}

static void timers(void) {
	PTP_TIMER t = CreateThreadpoolTimer(tick, NULL, NULL);
	FILETIME f = from_now(30);
	count = 0;
	printf("set %d", IsThreadpoolTimerSet(t));
	SetThreadpoolTimer(t, &f, 0, 0);
	printf(" %d", IsThreadpoolTimerSet(t));
	Sleep(5);
	printf(", before %ld", count);
	Sleep(60);
	printf(", after %ld\n", count);
	f = from_now(0);
	SetThreadpoolTimer(t, &f, 0, 0);
	Sleep(20);
	printf("at once %ld\n", count);
	count = 0;
	f = from_now(10);
	SetThreadpoolTimer(t, &f, 10, 0);
	while (count < 4)
		Sleep(5);
	SetThreadpoolTimer(t, NULL, 0, 0);
	WaitForThreadpoolTimerCallbacks(t, TRUE);
	LONG n = count;
	Sleep(40);
	printf("periodic, then stopped: %d, set %d\n", count == n, IsThreadpoolTimerSet(t));
	CloseThreadpoolTimer(t);
}

static volatile LONG waits, timeouts;

static void CALLBACK waited(PTP_CALLBACK_INSTANCE i, void *context, PTP_WAIT w, TP_WAIT_RESULT result) {
	InterlockedIncrement(result == WAIT_OBJECT_0 ? &waits : &timeouts);
	if (context)
		SetThreadpoolWait(w, context, NULL); // again
}

static void waiting(void) {
	HANDLE h = CreateEventW(NULL, FALSE, FALSE, NULL);
	PTP_WAIT w = CreateThreadpoolWait(waited, NULL, NULL);
	FILETIME f = from_now(20);
	SetThreadpoolWait(w, h, NULL);
	Sleep(5);
	printf("wait %ld", waits);
	SetEvent(h);
	Sleep(20);
	printf(" %ld, consumed %lu\n", waits, WaitForSingleObject(h, 0));
	SetEvent(h);
	Sleep(20);
	printf("once %ld, left %lu\n", waits, WaitForSingleObject(h, 0));
	SetEvent(h);
	SetThreadpoolWait(w, h, NULL);
	WaitForThreadpoolWaitCallbacks(w, FALSE);
	Sleep(10);
	printf("signaled already %ld\n", waits);
	SetThreadpoolWait(w, h, &f);
	Sleep(60);
	printf("timeouts %ld, waits %ld\n", timeouts, waits);
	SetThreadpoolWait(w, h, NULL);
	SetThreadpoolWait(w, NULL, NULL);
	SetEvent(h);
	Sleep(20);
	printf("stopped %ld\n", waits);
	ResetEvent(h);
	CloseThreadpoolWait(w);
	waits = 0;
	w = CreateThreadpoolWait(waited, h, NULL);
	SetThreadpoolWait(w, h, NULL);
	for (int i = 0; i < 4; i++) {
		SetEvent(h);
		Sleep(10);
	}
	printf("set anew by its callback %ld\n", waits);
	SetThreadpoolWait(w, NULL, NULL);
	WaitForThreadpoolWaitCallbacks(w, TRUE);
	CloseThreadpoolWait(w);
	CloseHandle(h);
}

static void groups(void) {
	TP_CALLBACK_ENVIRON env;
	PTP_POOL pool = CreateThreadpool(NULL);
	PTP_CLEANUP_GROUP group = CreateThreadpoolCleanupGroup();
	TP_POOL_STACK_INFORMATION stack = {0x80000, 0x4000}, got = {0};
	SetThreadpoolThreadMaximum(pool, 1);
	printf("pool %d %d", SetThreadpoolThreadMinimum(pool, 1), SetThreadpoolStackInformation(pool, &stack));
	printf(" %d", QueryThreadpoolStackInformation(pool, &got));
	printf(" %#llx %#llx\n", got.StackReserve, got.StackCommit);
	InitializeThreadpoolEnvironment(&env);
	SetThreadpoolCallbackPool(&env, pool);
	SetThreadpoolCallbackCleanupGroup(&env, group, cancel);
	env.FinalizationCallback = finalize;
	count = 0;
	PTP_WORK a = CreateThreadpoolWork(slow, (void *)1, &env), b = CreateThreadpoolWork(slow, (void *)100, &env);
	SubmitThreadpoolWork(a);
	SubmitThreadpoolWork(a);
	Sleep(10); // the first runs, on the one thread
	SubmitThreadpoolWork(b);
	CloseThreadpoolCleanupGroupMembers(group, TRUE, (void *)3);
	printf("group: ran %ld, finalized %ld, cancelled %d\n", count, finalized, cancelled != 0);
	CreateThreadpoolWork(slow, NULL, &env);
	CreateThreadpoolTimer(tick, NULL, &env);
	CloseThreadpoolCleanupGroupMembers(group, FALSE, NULL);
	CloseThreadpoolCleanupGroup(group);

	// Priorities count where callbacks wait.
	TP_CALLBACK_ENVIRON low;
	HANDLE go = CreateEventW(NULL, TRUE, FALSE, NULL);
	InitializeThreadpoolEnvironment(&low);
	SetThreadpoolCallbackPool(&low, pool);
	PTP_WORK c = CreateThreadpoolWork(blocks, go, &low);
	count = 0;
	SubmitThreadpoolWork(c);
	while (!count)
		Sleep(1);
	SetThreadpoolCallbackPriority(&low, TP_CALLBACK_PRIORITY_LOW);
	PTP_WORK d = CreateThreadpoolWork(work, (void *)10, &low);
	SetThreadpoolCallbackPriority(&low, TP_CALLBACK_PRIORITY_HIGH);
	PTP_WORK e = CreateThreadpoolWork(slow, NULL, &low);
	SubmitThreadpoolWork(d);
	SubmitThreadpoolWork(e);
	SetEvent(go);
	Sleep(10);
	printf("the one of high priority runs first: %d\n", count < 10);
	WaitForThreadpoolWorkCallbacks(d, FALSE);
	WaitForThreadpoolWorkCallbacks(e, FALSE);
	printf("both %ld\n", count);
	CloseThreadpoolWork(c);
	CloseThreadpoolWork(d);
	CloseThreadpoolWork(e);
	CloseThreadpool(pool);
}

static volatile LONG io_result, io_bytes;

static void CALLBACK transferred(PTP_CALLBACK_INSTANCE i, void *context, void *o, ULONG result, ULONG_PTR bytes, PTP_IO io) {
	io_result = result;
	io_bytes = (LONG)bytes;
	InterlockedIncrement(&count);
	SetEvent(context);
}

static void CALLBACK bound(DWORD error, DWORD bytes, OVERLAPPED *o) {
	io_result = error;
	io_bytes = bytes;
	SetEvent(o->hEvent);
}

static void files(void) {
	OVERLAPPED o = {0};
	HANDLE done = CreateEventW(NULL, FALSE, FALSE, NULL);
	HANDLE f = CreateFileA("pool.tmp", GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, FILE_FLAG_OVERLAPPED | FILE_FLAG_DELETE_ON_CLOSE, NULL);
	PTP_IO io = CreateThreadpoolIo(f, transferred, done, NULL);
	count = 0;
	StartThreadpoolIo(io);
	if (!WriteFile(f, "12345", 5, NULL, &o) && GetLastError() != ERROR_IO_PENDING)
		CancelThreadpoolIo(io);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	printf("io %ld: result %ld, bytes %ld, event %lu\n", count, io_result, io_bytes, WaitForSingleObject(done, 1000));
	StartThreadpoolIo(io);
	CancelThreadpoolIo(io);
	WaitForThreadpoolIoCallbacks(io, FALSE);
	CloseThreadpoolIo(io);
	CloseHandle(f);
	SetLastError(0);
	io = CreateThreadpoolIo((HANDLE)0x7778, transferred, done, NULL);
	printf("no file: %d, error %lu\n", io != NULL, GetLastError());

	f = CreateFileA("pool.tmp", GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, FILE_FLAG_OVERLAPPED | FILE_FLAG_DELETE_ON_CLOSE, NULL);
	printf("bind %d", BindIoCompletionCallback(f, bound, 0));
	memset(&o, 0, sizeof o);
	o.hEvent = done;
	ResetEvent(done);
	WriteFile(f, "1234567", 7, NULL, &o);
	printf(" %lu", WaitForSingleObject(done, 1000));
	Sleep(10);
	printf(" %ld %ld\n", io_result, io_bytes);
	CloseHandle(f);
}

static DWORD CALLBACK item(void *context) {
	InterlockedAdd(&count, (LONG)(LONG_PTR)context);
	return 0;
}

static void CALLBACK registered(void *context, BOOLEAN timed_out) {
	InterlockedIncrement(timed_out ? &timeouts : &waits);
	if (context)
		WaitForSingleObject(context, INFINITE);
}

static void CALLBACK queued(void *context, BOOLEAN fired) { InterlockedAdd(&count, fired ? (LONG)(LONG_PTR)context : 1000); }

static void older(void) {
	HANDLE h = CreateEventW(NULL, FALSE, FALSE, NULL), r, q, t, go = CreateEventW(NULL, TRUE, FALSE, NULL);
	count = waits = timeouts = 0;
	printf("item %d", QueueUserWorkItem(item, (void *)5, WT_EXECUTELONGFUNCTION));
	while (count != 5)
		Sleep(1);
	printf(" %ld\n", count);
	printf("register %d", RegisterWaitForSingleObject(&r, h, registered, NULL, INFINITE, 0));
	for (int i = 0; i < 3; i++) {
		SetEvent(h);
		Sleep(20);
	}
	printf(", called %ld", waits);
	printf(", unregister %d", UnregisterWaitEx(r, INVALID_HANDLE_VALUE));
	SetEvent(h);
	Sleep(20);
	printf(", then %ld\n", waits);
	ResetEvent(h);
	RegisterWaitForSingleObject(&r, h, registered, NULL, 10, WT_EXECUTEONLYONCE);
	Sleep(60);
	printf("once: timeouts %ld, waits %ld, unregister %d\n", timeouts, waits, UnregisterWaitEx(r, NULL));
	SetEvent(h);
	RegisterWaitForSingleObject(&r, h, registered, go, INFINITE, WT_EXECUTEONLYONCE);
	Sleep(20);
	SetLastError(0);
	BOOL ok = UnregisterWait(r);
	printf("while it runs %d, error %lu\n", ok, GetLastError());
	SetEvent(go);

	count = 0;
	q = CreateTimerQueue();
	printf("timer %d", CreateTimerQueueTimer(&t, q, queued, (void *)1, 10, 0, 0));
	Sleep(50);
	printf(" %ld", count);
	printf(", change %d", ChangeTimerQueueTimer(q, t, 5, 5)); // too late for one that was due
	Sleep(40);
	printf(" %ld", count);
	CreateTimerQueueTimer(&t, q, queued, (void *)1, 60000, 60000, 0);
	printf(", change %d", ChangeTimerQueueTimer(q, t, 10, 10));
	while (count < 4)
		Sleep(5);
	printf(", delete %d", DeleteTimerQueueTimer(q, t, INVALID_HANDLE_VALUE));
	LONG n = count;
	Sleep(40);
	printf(", then %d\n", count == n);
	count = 0;
	CreateTimerQueueTimer(&t, q, queued, (void *)1, 0, 0, 0);
	Sleep(20);
	CreateTimerQueueTimer(&t, q, queued, (void *)1, 60000, 0, 0);
	ResetEvent(h);
	ok = DeleteTimerQueueEx(q, INVALID_HANDLE_VALUE);
	printf("queue %ld, delete %d\n", count, ok);
	CreateTimerQueueTimer(&t, NULL, queued, (void *)4, 5, 0, WT_EXECUTEONLYONCE);
	Sleep(30);
	printf("the process's queue %ld\n", count);
	DeleteTimerQueueTimer(NULL, t, INVALID_HANDLE_VALUE);
}

int main(int argc, char **argv) {
	main_thread = GetCurrentThreadId();
	InitializeCriticalSection(&section);
	if (argc > 1 && !strcmp(argv[1], "bad")) // not under Wine, which looks into it
		CloseThreadpoolWork((PTP_WORK)&count);
	if (argc > 1 && !strcmp(argv[1], "mutex"))
		SetThreadpoolWait(CreateThreadpoolWait(waited, NULL, NULL), CreateMutexW(NULL, FALSE, NULL), NULL);
	if (argc > 1) { // stuck
		PTP_WORK w = CreateThreadpoolWork(blocks, CreateEventW(NULL, FALSE, FALSE, NULL), NULL);
		SubmitThreadpoolWork(w);
		WaitForThreadpoolWorkCallbacks(w, FALSE);
	}
	works();
	timers();
	waiting();
	groups();
	files();
	older();
	return 77;
}
