// processes makes processes by the native services. What it prints is compared with what it prints under Wine.
#define _WIN32_WINNT 0x0a00
#include <stdio.h>
#include <string.h>
#include <windows.h>
#include <winternl.h>

typedef struct { ULONG_PTR Attribute; SIZE_T Size; ULONG_PTR Value; SIZE_T *Returned; } ATTRIBUTE;
typedef struct { SIZE_T Total; ATTRIBUTE a[6]; } LIST;
typedef struct { LONG Status; void *Peb; ULONG_PTR Affinity; LONG Base; ULONG_PTR Id, Parent; } BASIC;
typedef struct { HANDLE p, t; } CID;
typedef struct {
	SIZE_T Size;
	ULONG State;
	union { ULONG Flags; struct { ULONG Out; HANDLE File, Section; ULONGLONG Params; ULONG Wow, Current; ULONGLONG Peb; } ok; HANDLE File; char room[0x48]; } u;
} INFO;
typedef struct {
	void *Entry; ULONG ZeroBits; SIZE_T Reserve, Commit; ULONG Subsystem; USHORT Minor, Major; ULONG Version; USHORT Characteristics, Dll, Machine;
	char more[14];
} IMAGE;

NTSTATUS NTAPI NtCreateUserProcess(HANDLE *, HANDLE *, ACCESS_MASK, ACCESS_MASK, void *, void *, ULONG, ULONG, void *, INFO *, LIST *);
NTSTATUS NTAPI NtOpenProcess(HANDLE *, ACCESS_MASK, OBJECT_ATTRIBUTES *, CID *);
NTSTATUS NTAPI NtTerminateProcess(HANDLE, LONG);
NTSTATUS NTAPI NtSuspendProcess(HANDLE);
NTSTATUS NTAPI NtResumeProcess(HANDLE);
NTSTATUS NTAPI NtResumeThread(HANDLE, ULONG *);
NTSTATUS NTAPI NtQueryInformationProcess(HANDLE, PROCESSINFOCLASS, void *, ULONG, ULONG *);
NTSTATUS NTAPI NtQueryInformationThread(HANDLE, THREADINFOCLASS, void *, ULONG, ULONG *);
NTSTATUS NTAPI NtGetNextProcess(HANDLE, ACCESS_MASK, ULONG, ULONG, HANDLE *);
NTSTATUS NTAPI NtCreateProcessEx(HANDLE *, ACCESS_MASK, void *, HANDLE, ULONG, HANDLE, HANDLE, HANDLE, BOOLEAN);

static WCHAR self[MAX_PATH], image[MAX_PATH + 4];

static void say(const char *what, NTSTATUS st) { printf("%s %08lx\n", what, (long)st); }

static UNICODE_STRING *put(UNICODE_STRING *s, const WCHAR *text) {
	s->Length = 2 * wcslen(text);
	s->MaximumLength = s->Length + 2;
	s->Buffer = (WCHAR *)text;
	return s;
}

// params is a block of parameters as RtlCreateProcessParametersEx makes it.
static void *params(const WCHAR *line, HANDLE out) {
	char *p = calloc(1, 0x1000);
	*(ULONG *)(p + 0) = *(ULONG *)(p + 4) = 0x1000;
	*(ULONG *)(p + 8) = 1;
	*(HANDLE *)(p + 0x20) = GetStdHandle(STD_INPUT_HANDLE);
	*(HANDLE *)(p + 0x28) = out;
	*(HANDLE *)(p + 0x30) = GetStdHandle(STD_ERROR_HANDLE);
	static WCHAR *environment, folder[MAX_PATH];
	GetCurrentDirectoryW(MAX_PATH, folder);
	if (folder[wcslen(folder) - 1] != '\\')
		wcscat(folder, L"\\");
	put((void *)(p + 0x38), folder)->MaximumLength = 2 * MAX_PATH;
	put((void *)(p + 0x60), self);
	put((void *)(p + 0x70), line);
	put((void *)(p + 0xb0), self);
	put((void *)(p + 0xc0), L"WinSta0\\Default");
	environment = GetEnvironmentStringsW();
	SIZE_T n = 0;
	while (environment[n] || environment[n + 1])
		n++;
	static const WCHAR more[] = L"PARENTS=value\0";
	WCHAR *all = calloc(n + 100, 2);
	memcpy(all, environment, 2 * ++n);
	memcpy(all + n, more, sizeof more);
	*(WCHAR **)(p + 0x80) = all;
	*(SIZE_T *)(p + 0x3f0) = 2 * n + sizeof more;
	return p;
}

static LIST list;
static CID id;
static IMAGE info;
static void *teb;

static void attribute(ULONG_PTR kind, SIZE_T size, ULONG_PTR value) {
	int n = (list.Total - sizeof list.Total) / sizeof list.a[0];
	list.a[n] = (ATTRIBUTE){kind, size, value, 0};
	list.Total += sizeof list.a[0];
}

static void begin(const WCHAR *name) {
	list.Total = sizeof list.Total;
	attribute(0x20005, 2 * wcslen(name), (ULONG_PTR)name);
	attribute(0x10003, sizeof id, (ULONG_PTR)&id);
	attribute(6, sizeof info, (ULONG_PTR)&info);
}

static HANDLE process, thread;

static NTSTATUS create(const WCHAR *line, HANDLE out, ULONG flags, ULONG suspended) {
	INFO i = {sizeof i};
	process = thread = 0;
	NTSTATUS st = NtCreateUserProcess(&process, &thread, PROCESS_ALL_ACCESS, THREAD_ALL_ACCESS, 0, 0, flags, suspended, params(line, out), &i, &list);
	return st;
}

static void ended(const char *what) {
	BASIC b = {0};
	DWORD w = WaitForSingleObject(process, 10000);
	NtQueryInformationProcess(process, 0, &b, sizeof b, 0);
	printf("%s: wait %lu, exit %lx\n", what, w, b.Status);
}

static void drain(HANDLE r, HANDLE w) {
	char b[1000];
	DWORD n, all = 0;
	CloseHandle(w);
	while (ReadFile(r, b + all, sizeof b - all, &n, 0) && n)
		all += n;
	if (all)
		printf("| %.*s", (int)all, b);
	CloseHandle(r);
}

static DWORD WINAPI forever(void *arg) {
	Sleep(INFINITE);
	return 0;
}

int main(int argc, char **argv) {
	HANDLE r, w, h, other;
	SECURITY_ATTRIBUTES inherits = {sizeof inherits, 0, TRUE};
	setvbuf(stdout, 0, _IONBF, 0);
	GetModuleFileNameW(0, self, MAX_PATH);
	wcscpy(image, L"\\??\\");
	wcscat(image, self);
	if (argc > 1 && !strcmp(argv[1], "child")) {
		printf("the child: %d arguments, %s, its variable %s\n", argc, argv[2], getenv("PARENTS"));
		return 7;
	}
	if (argc > 1 && !strcmp(argv[1], "sleeps")) {
		Sleep(INFINITE);
		return 8;
	}
	if (argc > 1 && !strcmp(argv[1], "alone")) { // the other threads end, and this one exits as it likes
		HANDLE t = CreateThread(0, 0, forever, 0, 0, 0);
		say("others", NtTerminateProcess(0, 5));
		printf("wait %lu\n", WaitForSingleObject(t, 1000));
		return 9;
	}
	if (argc > 1 && !strcmp(argv[1], "handles")) {
		HANDLE a = (HANDLE)strtoull(argv[2], 0, 16), b = (HANDLE)strtoull(argv[3], 0, 16);
		printf("handles %d %d\n", SetEvent(a), SetEvent(b));
		return 10;
	}

	// A child with a pipe as its output.
	CreatePipe(&r, &w, &inherits, 0);
	SetHandleInformation(r, HANDLE_FLAG_INHERIT, 0);
	begin(image);
	say("create", create(L"processes child one", w, 4, 0));
	printf("machine %x, subsystem %lu, entry %d\n", info.Machine, info.Subsystem, info.Entry != 0);
	printf("same %d %d\n", GetProcessId(process) == (DWORD)(ULONG_PTR)id.p, GetThreadId(thread) == (DWORD)(ULONG_PTR)id.t);
	drain(r, w);
	ended("the first");

	// Standard handles go to a child that inherits nothing.
	CreatePipe(&r, &w, 0, 0);
	begin(image);
	say("create", create(L"processes child two", w, 0, 0));
	drain(r, w);
	ended("the second");

	// Suspended, and looked at.
	begin(image);
	say("create", create(L"processes sleeps", GetStdHandle(STD_OUTPUT_HANDLE), 0, 1));
	BASIC b;
	say("query", NtQueryInformationProcess(process, 0, &b, sizeof b, 0));
	printf("%lx, parent %d, id %d\n", b.Status, b.Parent == GetCurrentProcessId(), b.Id == (ULONG_PTR)id.p);
	ULONG count = 0;
	say("resume", NtResumeThread(thread, &count));
	printf("was %lu\n", count);
	say("suspend", NtSuspendProcess(process));
	NtQueryInformationThread(thread, 35, &count, 4, 0);
	printf("count %lu\n", count);
	say("resume", NtResumeProcess(process));
	NtQueryInformationThread(thread, 35, &count, 4, 0);
	printf("count %lu\n", count);
	OBJECT_ATTRIBUTES none = {sizeof none};
	say("open", NtOpenProcess(&h, PROCESS_QUERY_LIMITED_INFORMATION, &none, &id));
	say("may not", NtTerminateProcess(h, 3));
	CID wrong = {(HANDLE)0x7ffffffc, 0};
	say("nobody", NtOpenProcess(&other, PROCESS_TERMINATE, &none, &wrong));
	printf("running %lu\n", WaitForSingleObject(process, 0));
	say("terminate", NtTerminateProcess(process, 0x1234));
	ended("the third");
	NTSTATUS st = NtQueryInformationThread(thread, 0, &b, sizeof b, 0);
	printf("its thread %08lx %lx\n", (long)st, b.Status);

	// The others end, the caller goes on.
	CreatePipe(&r, &w, 0, 0);
	begin(image);
	say("create", create(L"processes alone", w, 0, 0));
	drain(r, w);
	ended("the fourth");

	// A list of handles: the one that is not in it does not go.
	HANDLE in = CreateEventA(&inherits, 0, 0, 0), out = CreateEventA(&inherits, 0, 0, 0);
	WCHAR line[100];
	swprintf(line, 100, L"processes handles %llx %llx", (long long)(ULONG_PTR)in, (long long)(ULONG_PTR)out);
	HANDLE handles[] = {in};
	CreatePipe(&r, &w, 0, 0);
	begin(image);
	attribute(0x2000b, sizeof handles, (ULONG_PTR)handles);
	say("create", create(line, w, 4, 0));
	drain(r, w);
	ended("the fifth");
	printf("set %lu %lu\n", WaitForSingleObject(in, 0), WaitForSingleObject(out, 0));

	// What is no program.
	other = thread;
	WCHAR missing[] = L"\\??\\C:\\nowhere.exe";
	begin(missing);
	say("missing", create(L"x", 0, 0, 0));
	say("bad handle", NtTerminateProcess((HANDLE)0x9990, 0));
	if (argc == 1)
		return 0;

	// What Windows does and Wine does not.
	say("a thread", NtTerminateProcess(other, 0));
	say("bad flags", NtGetNextProcess(0, PROCESS_QUERY_LIMITED_INFORMATION, 0, 8, &h));
	int n = 0;
	HANDLE at = 0;
	DWORD me = 0;
	while (!NtGetNextProcess(at, PROCESS_QUERY_LIMITED_INFORMATION, 0, 0, &h))
		at = h, n++, me |= GetProcessId(h) == GetCurrentProcessId();
	printf("processes %d, this one among them %lu\n", n > 0, me);
	INFO i = {sizeof i};
	begin(missing);
	say("missing", NtCreateUserProcess(&process, &thread, PROCESS_ALL_ACCESS, THREAD_ALL_ACCESS, 0, 0, 0, 0, params(L"x", 0), &i, &list));
	printf("state %lu\n", i.State);
	WCHAR text[] = L"\\??\\C:\\Temp\\text.exe";
	FILE *f = fopen("C:\\Temp\\text.exe", "w");
	fprintf(f, "this is no program");
	fclose(f);
	i.State = 0;
	begin(text);
	say("text", NtCreateUserProcess(&process, &thread, PROCESS_ALL_ACCESS, THREAD_ALL_ACCESS, 0, 0, 0, 0, params(L"x", 0), &i, &list));
	printf("state %lu, file %d\n", i.State, CloseHandle(i.u.File));
	i.State = 0;
	i.u.Flags = 1;
	begin(image);
	say("writes", NtCreateUserProcess(&process, &thread, PROCESS_ALL_ACCESS, THREAD_ALL_ACCESS, 0, 0, 0, 1, params(L"processes sleeps", 0), &i, &list));
	NtQueryInformationProcess(process, 0, &b, sizeof b, 0);
	printf("state %lu, peb %d, parameters %d, file %d, section %d\n", i.State, i.u.ok.Peb == (ULONGLONG)b.Peb, i.u.ok.Params != 0, CloseHandle(i.u.ok.File),
		CloseHandle(i.u.ok.Section));
	say("terminate", NtTerminateProcess(process, 1));
	say("again", NtTerminateProcess(process, 1));
	begin(image);
	attribute(0x60001, 8, 4);
	say("debug", create(L"x", 0, 0, 0));
	begin(image);
	attribute(0x20055, 8, 4);
	say("unknown", create(L"x", 0, 0, 0));
	begin(image);
	attribute(0x2000b, sizeof handles, (ULONG_PTR)handles);
	SetHandleInformation(in, HANDLE_FLAG_INHERIT, 0);
	say("list", create(L"x", 0, 4, 0));
	say("fork", NtCreateProcessEx(&h, PROCESS_ALL_ACCESS, 0, GetCurrentProcess(), 0, 0, 0, 0, 0));
	return 0;
}
