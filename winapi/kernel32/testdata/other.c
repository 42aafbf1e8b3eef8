// other: memory services on another process. The program starts itself suspended and works on the child's address space: the SHOW lines
// are what Wine does too; "other documented" checks what it does not.
#include <stdio.h>
#include <string.h>
#include <windows.h>
#include <psapi.h>

#define SHOW(call) (SetLastError(0), printf("%s: %lld", #call, (long long)(call)), printf(" (%lu)\n", GetLastError()), fflush(stdout))
#define STATUS(call) (printf("%s: %08lx\n", #call, (unsigned long)(call)), fflush(stdout))
#define CHECK(fact) (checks++, (fact) ? 1 : (failed++, printf("%d: not so: %s (last error %lu)\n", __LINE__, #fact, GetLastError())))
#define FAILS(call, error) (SetLastError(0), CHECK(!(call)), CHECK(GetLastError() == (error)))
#define PAGE 0x1000

static int failed, checks;
static char data[3 * PAGE];

#define NT(name, args) static LONG (WINAPI *name) args
NT(NtMapViewOfSection, (HANDLE, HANDLE, void **, ULONG_PTR, SIZE_T, LARGE_INTEGER *, SIZE_T *, DWORD, ULONG, ULONG));
NT(NtUnmapViewOfSection, (HANDLE, void *));
NT(NtLockVirtualMemory, (HANDLE, void **, SIZE_T *, ULONG));
NT(NtUnlockVirtualMemory, (HANDLE, void **, SIZE_T *, ULONG));
NT(NtQueryVirtualMemory, (HANDLE, void *, int, void *, SIZE_T, SIZE_T *));
NT(NtFlushVirtualMemory, (HANDLE, void **, SIZE_T *, void *));
NT(NtGetWriteWatch, (HANDLE, ULONG, void *, SIZE_T, void **, ULONG_PTR *, ULONG *));
NT(NtResetWriteWatch, (HANDLE, void *, SIZE_T));
NT(NtAllocateVirtualMemoryEx, (HANDLE, void **, SIZE_T *, ULONG, ULONG, void *, ULONG));
NT(NtSetInformationVirtualMemory, (HANDLE, int, ULONG_PTR, void *, void *, ULONG));

static void functions(void) {
	HMODULE n = GetModuleHandleA("ntdll.dll");
	struct { const char *name; void *at; } all[] = {
		{"NtMapViewOfSection", &NtMapViewOfSection}, {"NtUnmapViewOfSection", &NtUnmapViewOfSection},
		{"NtLockVirtualMemory", &NtLockVirtualMemory}, {"NtUnlockVirtualMemory", &NtUnlockVirtualMemory},
		{"NtQueryVirtualMemory", &NtQueryVirtualMemory}, {"NtFlushVirtualMemory", &NtFlushVirtualMemory},
		{"NtGetWriteWatch", &NtGetWriteWatch}, {"NtResetWriteWatch", &NtResetWriteWatch},
		{"NtAllocateVirtualMemoryEx", &NtAllocateVirtualMemoryEx}, {"NtSetInformationVirtualMemory", &NtSetInformationVirtualMemory},
	};
	for (int i = 0; i < (int)(sizeof all / sizeof *all); i++)
		*(FARPROC *)all[i].at = GetProcAddress(n, all[i].name);
}

static PROCESS_INFORMATION start(const char *args, DWORD flags) {
	char path[300], line[400];
	GetModuleFileNameA(0, path, sizeof path);
	sprintf(line, "\"%s\" %s", path, args);
	STARTUPINFOA s = {sizeof s};
	PROCESS_INFORMATION p = {0};
	if (!CreateProcessA(0, line, 0, 0, TRUE, flags, 0, 0, &s, &p))
		printf("CreateProcess: error %lu\n", GetLastError());
	return p;
}

static DWORD end(PROCESS_INFORMATION p) {
	DWORD code;
	WaitForSingleObject(p.hProcess, INFINITE);
	GetExitCodeProcess(p.hProcess, &code);
	return code;
}

// The child: it waits until the parent has put a view into it, and answers there.
static int child(void) {
	char *v = *(char *volatile *)data;
	for (int i = 0; v[i]; i++)
		v[PAGE + i] = v[i] - 32;
	data[PAGE] = 1;
	return v[PAGE];
}

static void views(PROCESS_INFORMATION p) {
	HANDLE s = CreateFileMappingA(INVALID_HANDLE_VALUE, 0, PAGE_READWRITE, 0, 0x20000, 0);
	char *here = MapViewOfFile(s, FILE_MAP_WRITE, 0, 0, 0);
	void *there = 0;
	SIZE_T n = 0, done;
	STATUS(NtMapViewOfSection(s, p.hProcess, &there, 0, 0, 0, &n, 1, 0, PAGE_READWRITE));
	SHOW(there != 0 && n == 0x20000);
	strcpy(here, "sections");
	char b[16] = "";
	SHOW(ReadProcessMemory(p.hProcess, there, b, 9, &done));
	SHOW(strcmp(b, "sections"));
	SHOW(WriteProcessMemory(p.hProcess, data, &there, sizeof there, &done));
	MEMORY_BASIC_INFORMATION i;
	SHOW(VirtualQueryEx(p.hProcess, there, &i, sizeof i) == sizeof i && i.Type == MEM_MAPPED && i.RegionSize == 0x20000);
	void *second = 0;
	LARGE_INTEGER at = {{0x10000}};
	n = 0x1000;
	STATUS(NtMapViewOfSection(s, p.hProcess, &second, 0, 0, &at, &n, 1, 0, PAGE_READONLY));
	printf("a read-only view: %d\n", WriteProcessMemory(p.hProcess, second, "x", 1, 0)); // ERROR_NOACCESS, Wine: ACCESS_DENIED
	here[0x10000] = 'z';
	SHOW(ReadProcessMemory(p.hProcess, second, b, 1, 0) && b[0] == 'z');
	STATUS(NtUnmapViewOfSection(p.hProcess, (char *)second + 5));
	STATUS(NtUnmapViewOfSection(p.hProcess, second));
	ResumeThread(p.hThread);
	SHOW(end(p));
	SHOW(strcmp(here + PAGE, "SECTIONS"));
	UnmapViewOfFile(here), CloseHandle(s);
}

static void rights(DWORD id) {
	HANDLE query = OpenProcess(PROCESS_QUERY_INFORMATION, FALSE, id), read = OpenProcess(PROCESS_VM_READ, FALSE, id);
	HANDLE operate = OpenProcess(PROCESS_VM_OPERATION, FALSE, id);
	MEMORY_BASIC_INFORMATION i;
	char b[8];
	DWORD old;
	SHOW(VirtualAllocEx(query, 0, PAGE, MEM_RESERVE, PAGE_READWRITE) != 0);
	void *m = VirtualAllocEx(operate, 0, PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
	SHOW(m != 0);
	SHOW(VirtualProtectEx(query, m, PAGE, PAGE_READONLY, &old));
	SHOW(VirtualProtectEx(operate, m, PAGE, PAGE_READONLY, &old));
	SHOW(ReadProcessMemory(query, m, b, 1, 0));
	SHOW(ReadProcessMemory(read, m, b, 1, 0));
	SHOW(WriteProcessMemory(read, m, b, 1, 0));
	SHOW(VirtualQueryEx(read, m, &i, sizeof i));
	SHOW(VirtualQueryEx(query, m, &i, sizeof i) == sizeof i);
	SHOW(VirtualFreeEx(query, m, 0, MEM_RELEASE));
	SHOW(VirtualFreeEx(operate, m, 0, MEM_RELEASE));
	HANDLE s = CreateFileMappingA(INVALID_HANDLE_VALUE, 0, PAGE_READWRITE, 0, PAGE, 0);
	SIZE_T n = 0;
	void *v = 0;
	STATUS(NtMapViewOfSection(s, query, &v, 0, 0, 0, &n, 1, 0, PAGE_READWRITE));
	STATUS(NtMapViewOfSection(s, operate, &v, 0, 0, 0, &n, 1, 0, PAGE_READWRITE));
	STATUS(NtUnmapViewOfSection(query, v));
	STATUS(NtUnmapViewOfSection(operate, v));
	CloseHandle(query), CloseHandle(read), CloseHandle(operate), CloseHandle(s);
}

typedef void *(WINAPI *alloc2)(HANDLE, void *, SIZE_T, ULONG, ULONG, MEM_EXTENDED_PARAMETER *, ULONG);
typedef void *(WINAPI *map3)(HANDLE, HANDLE, void *, ULONG64, SIZE_T, ULONG, ULONG, MEM_EXTENDED_PARAMETER *, ULONG);
typedef void *(WINAPI *mapNuma2)(HANDLE, HANDLE, ULONG64, void *, SIZE_T, ULONG, ULONG, ULONG);
typedef BOOL (WINAPI *unmap2)(HANDLE, void *, ULONG);
typedef BOOL (WINAPI *unlockEx)(HANDLE, void *, SIZE_T);
typedef BOOL (WINAPI *query)(HANDLE, const void *, int, void *, SIZE_T, SIZE_T *);

static void documented(PROCESS_INFORMATION p) {
	HMODULE base = LoadLibraryA("kernelbase.dll");
	alloc2 alloc = (alloc2)GetProcAddress(base, "VirtualAlloc2");
	map3 map = (map3)GetProcAddress(base, "MapViewOfFile3");
	mapNuma2 numa = (mapNuma2)GetProcAddress(base, "MapViewOfFileNuma2");
	unmap2 unmap = (unmap2)GetProcAddress(base, "UnmapViewOfFile2");
	unlockEx unlock = (unlockEx)GetProcAddress(base, "VirtualUnlockEx");
	query info = (query)GetProcAddress(base, "QueryVirtualMemoryInformation");
	HANDLE h = p.hProcess;
	SIZE_T done, n;

	// Extended parameters: a place, a node, an attribute; each once.
	MEM_ADDRESS_REQUIREMENTS want = {(void *)0x30000000, (void *)0x3fffffff, 0x2000000};
	MEM_EXTENDED_PARAMETER e[3] = {{{MemExtendedParameterAddressRequirements}}, {{MemExtendedParameterNumaNode}}, {{5}}};
	e[0].Pointer = &want, e[1].ULong = 0, e[2].ULong64 = 4;
	char *m = alloc(h, 0, 16 * PAGE, MEM_RESERVE | MEM_COMMIT | MEM_WRITE_WATCH, PAGE_READWRITE, e, 3);
	CHECK(m == (char *)0x30000000);
	MEMORY_BASIC_INFORMATION i;
	CHECK(!VirtualQuery(m, &i, sizeof i) || i.State == MEM_FREE || i.AllocationBase != m);
	CHECK(VirtualQueryEx(h, m, &i, sizeof i) && i.State == MEM_COMMIT && i.RegionSize == 16 * PAGE);
	e[1].ULong = 7;
	FAILS(alloc(h, 0, PAGE, MEM_RESERVE, PAGE_READWRITE, e, 2), ERROR_INVALID_PARAMETER);
	e[1] = e[0];
	FAILS(alloc(h, 0, PAGE, MEM_RESERVE, PAGE_READWRITE, e, 2), ERROR_INVALID_PARAMETER);
	FAILS(alloc(h, 0, PAGE, MEM_RESERVE, PAGE_READWRITE, 0, 1), ERROR_INVALID_PARAMETER);
	e[1].Type = MemExtendedParameterPartitionHandle;
	FAILS(alloc(h, 0, PAGE, MEM_RESERVE, PAGE_READWRITE, e + 1, 1), ERROR_INVALID_HANDLE);

	// Writes of the parent are writes of the child's pages: they fault there, and its write watch sees them.
	void *list[16];
	ULONG_PTR count = 16;
	ULONG grain;
	CHECK(NtGetWriteWatch(h, 0, m, 16 * PAGE, list, &count, &grain) == 0 && count == 0);
	CHECK(WriteProcessMemory(h, m + 3 * PAGE - 2, "abcd", 4, &done) && done == 4);
	count = 16;
	CHECK(NtGetWriteWatch(h, 0, m, 16 * PAGE, list, &count, &grain) == 0 && count == 2 && list[0] == m + 2 * PAGE && list[1] == m + 3 * PAGE);
	CHECK(NtResetWriteWatch(h, m, 16 * PAGE) == 0);
	count = 16;
	CHECK(NtGetWriteWatch(h, 0, m, 16 * PAGE, list, &count, &grain) == 0 && count == 0);

	// Working set: what the parent locks is in the child's.
	void *at = m + 4 * PAGE;
	n = 2 * PAGE;
	CHECK(NtLockVirtualMemory(h, &at, &n, 1) == 0);
	PSAPI_WORKING_SET_EX_INFORMATION w[2] = {{m + 4 * PAGE}, {m + 8 * PAGE}};
	CHECK(QueryWorkingSetEx(h, w, sizeof w) && w[0].VirtualAttributes.Valid && w[0].VirtualAttributes.Locked && !w[1].VirtualAttributes.Valid);
	CHECK(EmptyWorkingSet(h) && QueryWorkingSetEx(h, w, sizeof w) && w[0].VirtualAttributes.Valid);
	w[0].VirtualAddress = m + 2 * PAGE;
	CHECK(QueryWorkingSetEx(h, w, sizeof w) && !w[0].VirtualAttributes.Valid);
	CHECK(unlock(h, m + 4 * PAGE, 2 * PAGE));
	FAILS(unlock(h, m + 4 * PAGE, 2 * PAGE), ERROR_NOT_LOCKED);
	WIN32_MEMORY_RANGE_ENTRY r = {m, 16 * PAGE};
	CHECK(PrefetchVirtualMemory(h, 1, &r, 0));
	CHECK(QueryWorkingSetEx(h, w, sizeof w) && w[0].VirtualAttributes.Valid);
	ULONG zero = 0;
	CHECK(NtSetInformationVirtualMemory(h, 7, 1, &r, &zero, 4) == 0);
	CHECK(QueryWorkingSetEx(h, w, sizeof w) && !w[0].VirtualAttributes.Valid);
	static ULONG_PTR set[4096];
	CHECK(QueryWorkingSet(h, set, sizeof set) && set[0] > 0);
	SIZE_T low, high;
	CHECK(SetProcessWorkingSetSize(h, 60 * PAGE, 400 * PAGE) && GetProcessWorkingSetSize(h, &low, &high) && low == 60 * PAGE && high == 400 * PAGE);
	CHECK(GetProcessWorkingSetSize(GetCurrentProcess(), &low, &high) && low == 50 * PAGE);
	PROCESS_MEMORY_COUNTERS_EX c = {sizeof c};
	CHECK(GetProcessMemoryInfo(h, (void *)&c, sizeof c) && c.PrivateUsage >= 16 * PAGE);

	// Names, regions, modules.
	char name[300];
	CHECK(GetMappedFileNameA(h, (void *)GetModuleHandleA(0), name, sizeof name) && strstr(name, ".exe"));
	struct { void *base; ULONG protect, flags; SIZE_T size, commit; } region;
	CHECK(info(h, m + 5, 0, &region, sizeof region, &done) && region.base == m && region.size == 16 * PAGE && region.commit == 16 * PAGE);
	HMODULE mods[4];
	DWORD need;
	MODULEINFO mi, mine;
	CHECK(EnumProcessModules(h, mods, sizeof mods, &need) && mods[0] == GetModuleHandleA(0));
	CHECK(GetModuleInformation(h, mods[0], &mi, sizeof mi) && GetModuleInformation(GetCurrentProcess(), mods[0], &mine, sizeof mine));
	CHECK(mi.EntryPoint == mine.EntryPoint && mi.SizeOfImage == mine.SizeOfImage);
	DWORD ids[8], both = 0;
	CHECK(EnumProcesses(ids, sizeof ids, &need) && need == 8);
	for (DWORD k = 0; k < need / 4; k++)
		both |= (ids[k] == GetCurrentProcessId()) | (ids[k] == p.dwProcessId) << 1;
	CHECK(both == 3);

	// A view of a file there: what it writes is flushed from here.
	CHECK(VirtualFreeEx(h, m, 0, MEM_RELEASE));
	char path[300];
	GetTempPathA(sizeof path, path), strcat(path, "other.bin");
	HANDLE f = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, 0, CREATE_ALWAYS, FILE_FLAG_DELETE_ON_CLOSE, 0);
	HANDLE s = CreateFileMappingA(f, 0, PAGE_READWRITE, 0, 0x20000, 0);
	char *v = numa(s, h, 0x10000, 0, 0, 0, PAGE_READWRITE, 0xffffffff);
	CHECK(v != 0);
	FAILS(numa(s, h, 0, 0, 0, 0, PAGE_READWRITE, 9), ERROR_INVALID_PARAMETER);
	CHECK(WriteProcessMemory(h, v + 10, "from the view", 13, 0));
	struct { LONG_PTR status; ULONG_PTR information; } io;
	at = v, n = 0;
	CHECK(NtFlushVirtualMemory(h, &at, &n, &io) == 0 && io.status == 0 && n == 0x10000);
	char b[14] = "";
	OVERLAPPED o = {.Offset = 0x1000a};
	CHECK(ReadFile(f, b, 13, &need, &o) && !strcmp(b, "from the view"));
	FAILS(unmap(h, v, 0x80), ERROR_INVALID_PARAMETER);
	CHECK(unmap(h, v, 0));
	FAILS(unmap(h, v, 0), ERROR_INVALID_ADDRESS);
	want = (MEM_ADDRESS_REQUIREMENTS){(void *)0x30000000, 0, 0};
	v = map(s, h, 0, 0, 0, 0, PAGE_READONLY, e, 1);
	CHECK((ULONG_PTR)v >= 0x30000000 && unmap(h, v, 0));
	CloseHandle(s), CloseHandle(f);

	// A guard page of the child's stack is no stack of the parent's: the access fails, and the guard is gone.
	CONTEXT ctx = {.ContextFlags = CONTEXT_FULL};
	CHECK(GetThreadContext(p.hThread, &ctx));
	char *sp = (char *)(ctx.Rsp & -PAGE);
	do
		sp -= PAGE;
	while (VirtualQueryEx(h, sp, &i, sizeof i) && !(i.Protect & PAGE_GUARD));
	FAILS(ReadProcessMemory(h, i.BaseAddress, b, 1, &done), ERROR_PARTIAL_COPY);
	CHECK(VirtualQueryEx(h, i.BaseAddress, &i, sizeof i) && i.Protect == PAGE_READWRITE);

	// One that has ended has no memory; its peaks stay.
	CHECK(TerminateProcess(h, 3) && WaitForSingleObject(h, INFINITE) == 0);
	FAILS(VirtualAllocEx(h, 0, PAGE, MEM_RESERVE, PAGE_READWRITE), ERROR_ACCESS_DENIED);
	CHECK(GetProcessMemoryInfo(h, (void *)&c, sizeof c) && c.WorkingSetSize == 0 && c.PrivateUsage == 0 && c.PeakWorkingSetSize > 0 && c.PageFaultCount > 0);
}

int main(int argc, char **argv) {
	const char *how = argc > 1 ? argv[1] : "";
	if (!strcmp(how, "child"))
		return child();
	functions();
	PROCESS_INFORMATION p = start("child", CREATE_SUSPENDED);
	if (!strcmp(how, "documented")) {
		documented(p);
		printf("%d checks, %d failed\n", checks, failed);
		return failed;
	}
	rights(p.dwProcessId);
	views(p);
	return 77;
}
