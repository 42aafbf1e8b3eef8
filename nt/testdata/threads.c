// threads calls the native services of threads. What it prints is compared with what it prints under Wine.
#define _WIN32_WINNT 0x0a00
#include <stdio.h>
#include <string.h>
#include <windows.h>
#include <winternl.h>

typedef struct { ULONG_PTR Attribute; SIZE_T Size; ULONG_PTR Value; SIZE_T *Returned; } ATTRIBUTE;
typedef struct { SIZE_T Total; ATTRIBUTE a[2]; } LIST;
typedef struct { LONG Status; void *Teb; struct { HANDLE p, t; } Id; ULONG_PTR Affinity; LONG Priority, Base; } BASIC;
typedef struct { HANDLE p, t; } CID;

NTSTATUS NTAPI NtCreateThreadEx(HANDLE *, ACCESS_MASK, void *, HANDLE, void *, void *, ULONG, SIZE_T, SIZE_T, SIZE_T, void *);
NTSTATUS NTAPI NtOpenThread(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *, CID *);
NTSTATUS NTAPI NtGetNextThread(HANDLE, HANDLE, ACCESS_MASK, ULONG, ULONG, HANDLE *);
NTSTATUS NTAPI NtTerminateThread(HANDLE, LONG);
NTSTATUS NTAPI NtSuspendThread(HANDLE, ULONG *);
NTSTATUS NTAPI NtResumeThread(HANDLE, ULONG *);
NTSTATUS NTAPI NtGetContextThread(HANDLE, CONTEXT *);
NTSTATUS NTAPI NtSetContextThread(HANDLE, CONTEXT *);
NTSTATUS NTAPI NtQueryInformationThread(HANDLE, THREADINFOCLASS, void *, ULONG, ULONG *);
NTSTATUS NTAPI NtSetInformationThread(HANDLE, THREADINFOCLASS, const void *, ULONG);
ULONG NTAPI NtGetCurrentProcessorNumber(void);
NTSTATUS NTAPI NtYieldExecution(void);

static volatile LONG value, attached;
static DWORD slot;

static void NTAPI tls(void *image, DWORD reason, void *reserved) {
	if (reason == DLL_THREAD_ATTACH)
		InterlockedIncrement(&attached);
}
PIMAGE_TLS_CALLBACK callback __attribute__((section(".CRT$XLB"))) = tls;

static DWORD NTAPI work(void *arg) {
	value = (LONG)(LONG_PTR)arg;
	TlsSetValue(slot, (void *)7);
	return value + 1;
}

static DWORD NTAPI spin(void *arg) {
	while (!value)
		NtYieldExecution();
	return 3;
}

static DWORD NTAPI keeps(void *arg) {
	TlsSetValue(slot, (void *)7);
	SetEvent(((HANDLE *)arg)[0]);
	WaitForSingleObject(((HANDLE *)arg)[1], INFINITE);
	return TlsGetValue(slot) == 0;
}

static void NTAPI elsewhere(void) {
	value = 99;
	ExitThread(44);
}

static HANDLE make(void *start, void *arg, ULONG flags) {
	HANDLE h = 0;
	NTSTATUS st = NtCreateThreadEx(&h, THREAD_ALL_ACCESS, 0, GetCurrentProcess(), start, arg, flags, 0, 0, 0, 0);
	if (st)
		printf("NtCreateThreadEx %08lx\n", (long)st);
	return h;
}

static void say(const char *what, NTSTATUS st) { printf("%s %08lx\n", what, (long)st); }

static void ended(const char *what, HANDLE h) {
	BASIC b = {0};
	DWORD w = WaitForSingleObject(h, 5000);
	NtQueryInformationThread(h, 0, &b, sizeof b, 0);
	printf("%s: wait %lu, exit %ld, value %ld\n", what, w, b.Status, value);
}

// windows is what Windows does and Wine does not.
static void windows(void) {
	ULONG u = 0, n = 0;
	BASIC b;
	HANDLE h;
	// Nobody is told of a thread that skips it.
	attached = 0;
	h = make(work, (void *)5, 2);
	ended("skips", h);
	printf("attached %ld\n", attached);
	NTSTATUS st = NtQueryInformationThread(h, 20, &u, 4, &n);
	printf("terminated %08lx %lu %lu\n", (long)st, u, n);
	h = make(work, (void *)6, 0);
	ended("does not", h);
	printf("attached %ld\n", attached);
	say("short", NtQueryInformationThread(h, 0, &b, 8, &n));
	say("long", NtQueryInformationThread(h, 9, &b, 40, &n));
	say("class", NtQueryInformationThread(h, 99, &u, 4, 0));
	say("class", NtSetInformationThread(h, 99, &u, 4));
	say("suspend", NtSuspendThread(h, 0));
	struct { void *to; ULONG offset, n; } part = {&b, 0x48, 8};
	say("teb", NtQueryInformationThread(GetCurrentThread(), 26, &part, sizeof part, 0));
	printf("identifier %d\n", *(ULONG_PTR *)&b == GetCurrentThreadId());
	say("the last", NtTerminateThread(0, 0));
}

int main(int argc, char **argv) {
	setvbuf(stdout, 0, _IONBF, 0);
	slot = TlsAlloc();

	// A suspended thread, and what it is.
	CID id = {0};
	void *teb = 0;
	SIZE_T n1 = 0, n2 = 0;
	LIST list = {sizeof list, {{0x10003, sizeof id, (ULONG_PTR)&id, &n1}, {0x10004, sizeof teb, (ULONG_PTR)&teb, &n2}}};
	HANDLE h = 0, g = 0;
	NTSTATUS st = NtCreateThreadEx(&h, THREAD_ALL_ACCESS, 0, GetCurrentProcess(), work, (void *)41, 1, 0, 0x10000, 0x40000, &list);
	BASIC b = {0};
	ULONG n = 0, u = 9;
	printf("create %08lx, attributes %d %d\n", (long)st, (int)n1, (int)n2);
	st = NtQueryInformationThread(h, 0, &b, sizeof b, &n);
	printf("basic %08lx %lu: status %lx, process %d, thread %d, affinity %d\n", (long)st, n, b.Status, b.Id.p == id.p, b.Id.t == id.t, (int)(b.Affinity & 1));
	void *start = 0;
	say("start", NtQueryInformationThread(h, 9, &start, 8, 0));
	printf("it is %d\n", start == (void *)work);
	st = NtQueryInformationThread(h, 35, &u, 4, 0);
	printf("suspend count %08lx %lu\n", (long)st, u);
	st = NtQueryInformationThread(h, 12, &u, 4, 0);
	printf("last %08lx %lu\n", (long)st, u);
	WCHAR text[] = L"a worker";
	UNICODE_STRING name = {16, 18, text};
	struct { UNICODE_STRING s; WCHAR text[20]; } got;
	st = NtSetInformationThread(h, 38, &name, sizeof name);
	printf("name %08lx", (long)st);
	st = NtQueryInformationThread(h, 38, &got, 20, &n);
	printf(" %08lx %lu", (long)st, n);
	st = NtQueryInformationThread(h, 38, &got, sizeof got, &n);
	printf(" %08lx %lu %.8ls\n", (long)st, n, got.s.Buffer);

	// Suspension nests.
	for (int i = 0; i < 2; i++) {
		st = NtSuspendThread(h, &u);
		printf("suspend %08lx %lu\n", (long)st, u);
	}
	for (int i = 0; i < 3; i++) {
		st = NtResumeThread(h, &u);
		printf("resume %08lx %lu\n", (long)st, u);
	}
	ended("work", h);
	say("terminate", NtTerminateThread(h, 5));
	CloseHandle(h);
	say("closed", NtQueryInformationThread(h, 0, &b, sizeof b, 0));

	// The context of a thread that has not begun: where RtlUserThreadStart will be entered.
	CONTEXT c;
	memset(&c, 0xcc, sizeof c);
	c.ContextFlags = CONTEXT_INTEGER;
	h = make(work, (void *)1, 1);
	st = NtGetContextThread(h, &c);
	printf("context %08lx: start %d, argument %d, no control %d\n", (long)st, c.Rcx == (DWORD64)work, (int)c.Rdx, c.Rip == 0xccccccccccccccccull);
	c.Rdx = 1000;
	say("set", NtSetContextThread(h, &c));
	NtResumeThread(h, 0);
	ended("another argument", h);

	// And of one that runs.
	value = 0;
	h = make(spin, 0, 0);
	Sleep(1);
	NtSuspendThread(h, 0);
	c.ContextFlags = CONTEXT_FULL;
	st = NtGetContextThread(h, &c);
	printf("context %08lx, inside %d\n", (long)st, c.Rsp != 0);
	c.Rip = (DWORD64)elsewhere;
	c.Rsp = (c.Rsp & ~15) - 0x108;
	c.ContextFlags = CONTEXT_CONTROL;
	say("set", NtSetContextThread(h, &c));
	NtResumeThread(h, 0);
	ended("elsewhere", h);

	// TlsFree clears the slot in every thread.
	HANDLE two[2] = {CreateEventA(0, 0, 0, 0), CreateEventA(0, 0, 0, 0)};
	h = make(keeps, two, 0);
	WaitForSingleObject(two[0], INFINITE);
	say("zero", NtSetInformationThread(GetCurrentThread(), 10, &slot, 4));
	u = 5000;
	say("zero", NtSetInformationThread(GetCurrentThread(), 10, &u, 4));
	SetEvent(two[1]);
	ended("zeroed", h);

	// By identifier, and one after another.
	id.p = 0;
	id.t = (HANDLE)(ULONG_PTR)GetCurrentThreadId();
	OBJECT_ATTRIBUTES none = {sizeof none};
	st = NtOpenThread(&h, THREAD_QUERY_INFORMATION, &none, &id);
	printf("open %08lx", (long)st);
	st = NtQueryInformationThread(h, 0, &b, sizeof b, 0);
	printf(" %08lx %d\n", (long)st, b.Id.t == id.t);
	say("may not suspend", NtSuspendThread(h, 0));
	id.t = (HANDLE)0x7ffffffc;
	say("nobody", NtOpenThread(&g, THREAD_QUERY_INFORMATION, &none, &id));
	int count = 0;
	HANDLE at = 0, next;
	while (!NtGetNextThread(GetCurrentProcess(), at, THREAD_QUERY_INFORMATION, 0, 0, &next))
		at = next, count++;
	printf("threads %d\n", count);
	say("no more", NtGetNextThread(GetCurrentProcess(), at, THREAD_QUERY_INFORMATION, 0, 0, &next));
	h = make(work, 0, 1);
	say("terminate", NtTerminateThread(h, 77));
	ended("terminated", h);

	// Priorities, boosts, processors.
	LONG p = 2;
	say("priority", NtSetInformationThread(GetCurrentThread(), 3, &p, 4));
	p = 3;
	say("priority", NtSetInformationThread(GetCurrentThread(), 3, &p, 4));
	p = 0;
	say("priority", NtSetInformationThread(GetCurrentThread(), 3, &p, 4));
	ULONG_PTR mask = 0;
	say("no processor", NtSetInformationThread(GetCurrentThread(), 4, &mask, 8));
	UCHAR hidden = 9;
	st = NtQueryInformationThread(GetCurrentThread(), 17, &hidden, 1, 0);
	printf("hidden %08lx %d\n", (long)st, hidden);
	say("hide", NtSetInformationThread(GetCurrentThread(), 17, 0, 0));
	say("hide", NtSetInformationThread(GetCurrentThread(), 17, &u, 4));
	NtQueryInformationThread(GetCurrentThread(), 17, &hidden, 1, 0);
	printf("hidden %d\n", hidden);
	say("bad handle", NtSuspendThread((HANDLE)0x9990, 0));
	say("bad handle", NtTerminateThread((HANDLE)0x9990, 0));
	say("an event", NtResumeThread(two[0], 0));
	if (argc > 1)
		windows();
	return 0;
}
