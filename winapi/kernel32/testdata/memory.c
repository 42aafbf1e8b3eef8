// memory: the Local, Global and heap functions, named sections and process memory; one line for each call, with the last error.
#include <stdio.h>
#include <string.h>
#include <windows.h>
#include <psapi.h>

static void show(const char *what, long long value) {
	printf("%s: %lld %lu\n", what, value, GetLastError());
	SetLastError(12345);
}

#define SHOW(call) show(#call, (long long)(call))
#define TRUTH(call) show(#call, (call) != 0)

static void local(void) {
	HLOCAL f = LocalAlloc(LPTR, 100);
	SHOW(LocalSize(f));
	SHOW(LocalFlags(f));
	TRUTH(LocalHandle(f) == f);
	TRUTH(LocalLock(f) == f);
	SHOW(LocalUnlock(f));
	int zero = 1;
	for (int i = 0; i < 100; i++)
		zero &= ((char *)f)[i] == 0;
	SHOW(zero);
	SHOW(LocalFree(f));

	HLOCAL h = LocalAlloc(LHND, 64);
	char *p = LocalLock(h);
	TRUTH((void *)h == (void *)p);
	SHOW(LocalSize(h));
	SHOW(LocalFlags(h));
	strcpy(p, "moveable");
	TRUTH(LocalHandle(p) == h);
	TRUTH(LocalLock(h) == p);
	SHOW(LocalFlags(h));
	SHOW(LocalUnlock(h));
	SHOW(LocalUnlock(h));
	SHOW(LocalUnlock(h));
	HLOCAL r = LocalReAlloc(h, 5000, LMEM_MOVEABLE | LMEM_ZEROINIT);
	p = LocalLock(r);
	TRUTH(r == h);
	printf("%s %d\n", p, p[4999]);
	SHOW(LocalSize(r));
	SHOW(LocalUnlock(r));
	TRUTH(LocalReAlloc(r, 0, LMEM_MOVEABLE) == r);
	SHOW(LocalSize(r));
	SHOW(LocalFlags(r));
	SHOW(LocalLock(r));
	TRUTH(LocalReAlloc(r, 10, LMEM_MOVEABLE) == r);
	SHOW(LocalSize(r));
	SHOW(LocalFlags(r));
	SHOW(LocalFree(r));
	SHOW(LocalFree(0));

	HLOCAL e = LocalAlloc(LMEM_MOVEABLE, 0);
	TRUTH(e);
	SHOW(LocalSize(e));
	SHOW(LocalFlags(e));
	LocalFree(e);
	e = LocalAlloc(LMEM_FIXED, 0);
	TRUTH(e);
	SHOW(LocalSize(e));
	LocalFree(e);
}

static void global(void) {
	HGLOBAL f = GlobalAlloc(GPTR, 100);
	SHOW(GlobalSize(f));
	SHOW(GlobalFlags(f));
	TRUTH(GlobalHandle(f) == f);
	TRUTH(GlobalLock(f) == f);
	SHOW(GlobalUnlock(f));
	HGLOBAL g = GlobalReAlloc(f, 50, 0);
	TRUTH(g == f);
	SHOW(GlobalSize(g));
	TRUTH(g = GlobalReAlloc(g, 200000, GMEM_MOVEABLE));
	SHOW(GlobalSize(g));
	SHOW(GlobalFree(g));

	HGLOBAL h = GlobalAlloc(GHND | GMEM_DISCARDABLE, 64);
	SHOW(GlobalSize(h));
	SHOW(GlobalFlags(h));
	char *p = GlobalLock(h);
	SHOW(GlobalFlags(h));
	TRUTH(GlobalHandle(p) == h);
	for (int i = 0; i < 3; i++)
		GlobalLock(h);
	SHOW(GlobalFlags(h));
	for (int i = 0; i < 5; i++)
		SHOW(GlobalUnlock(h));
	SHOW(GlobalFree(h));
	SHOW(GlobalAlloc(GMEM_FIXED, (SIZE_T)1 << 50));
}

static void heap(void) {
	HANDLE h = HeapCreate(0, 0, 0);
	char *a = HeapAlloc(h, 0, 100), *b = HeapAlloc(h, HEAP_ZERO_MEMORY, 3000), *c = HeapAlloc(h, 0, 50);
	HeapFree(h, 0, b);
	PROCESS_HEAP_ENTRY e = {0};
	int regions = 0, found = 0, more;
	while ((more = HeapWalk(h, &e))) {
		if (e.wFlags & PROCESS_HEAP_REGION)
			regions++;
		if (e.wFlags & PROCESS_HEAP_ENTRY_BUSY)
			found += e.lpData == a || e.lpData == c;
	}
	SHOW(more);
	TRUTH(regions);
	SHOW(found);
	ULONG info = 99;
	TRUTH(HeapQueryInformation(GetProcessHeap(), HeapCompatibilityInformation, &info, sizeof info, 0));
	SHOW(HeapQueryInformation(GetProcessHeap(), HeapCompatibilityInformation, &info, 1, 0));
	SHOW(HeapValidate(h, 0, 0));
	SHOW(HeapValidate(h, 0, a));
	SHOW(HeapSetInformation(0, HeapEnableTerminationOnCorruption, 0, 0));
	SHOW(HeapSize(h, 0, a));
	SHOW(HeapSize(h, 0, c));
	SHOW(HeapDestroy(h));
}

static void named(void) {
	HANDLE a = CreateFileMappingA(INVALID_HANDLE_VALUE, 0, PAGE_READWRITE, 0, 0x3000, "Local\\pagewalk-one");
	TRUTH(a);
	HANDLE b = CreateFileMappingW(INVALID_HANDLE_VALUE, 0, PAGE_READWRITE, 0, 0x9000, L"Local\\pagewalk-one");
	TRUTH(b);
	HANDLE c = OpenFileMappingA(FILE_MAP_READ, FALSE, "Local\\pagewalk-one");
	TRUTH(c);
	char *x = MapViewOfFile(a, FILE_MAP_WRITE, 0, 0, 0), *y = MapViewOfFile(c, FILE_MAP_READ, 0, 0, 0);
	MEMORY_BASIC_INFORMATION i;
	VirtualQuery(y, &i, sizeof i);
	SHOW(i.RegionSize);
	strcpy(x + 0x2000, "through the name");
	printf("%s\n", y + 0x2000);
	SHOW(FlushViewOfFile(x, 0));
	SHOW(OpenFileMappingA(FILE_MAP_READ, FALSE, "Local\\pagewalk-two"));
	CloseHandle(a), CloseHandle(b);
	TRUTH(a = OpenFileMappingW(FILE_MAP_READ, FALSE, L"Local\\pagewalk-one"));
	CloseHandle(a), CloseHandle(c);
	printf("view %s\n", y + 0x2000);
	SHOW(UnmapViewOfFile(x));
	SHOW(UnmapViewOfFile(y));
	SHOW(UnmapViewOfFile(y));
}

static void other(void) {
	char to[20] = {0}, from[] = "process memory";
	SIZE_T n = 77;
	HANDLE p = OpenProcess(PROCESS_ALL_ACCESS, FALSE, GetCurrentProcessId());
	TRUTH(p);
	TRUTH(GetProcessId(p) == GetCurrentProcessId());
	SHOW(OpenProcess(PROCESS_ALL_ACCESS, FALSE, 0xfffffff0));
	SHOW(ReadProcessMemory(p, from, to, sizeof from, &n));
	printf("%d %s\n", (int)n, to);
	char *two = VirtualAlloc(0, 0x2000, MEM_RESERVE, PAGE_READWRITE);
	VirtualAlloc(two, 0x1000, MEM_COMMIT, PAGE_READWRITE);
	SHOW(WriteProcessMemory(p, two + 0x10, from, sizeof from, &n));
	printf("%d %s\n", (int)n, two + 0x10);
	HANDLE d = 0;
	SHOW(DuplicateHandle(GetCurrentProcess(), p, GetCurrentProcess(), &d, 0, FALSE, DUPLICATE_SAME_ACCESS));
	TRUTH(d != 0 && d != p);
	SHOW(CloseHandle(d));
	SHOW(CloseHandle(d));
	SHOW(CloseHandle(p));
	VirtualFree(two, 0, MEM_RELEASE);

	MEMORYSTATUSEX m = {sizeof m};
	SHOW(GlobalMemoryStatusEx(&m));
	TRUTH(m.ullAvailPhys <= m.ullTotalPhys && m.ullAvailPageFile <= m.ullTotalPageFile && m.ullAvailVirtual < m.ullTotalVirtual);
	m.dwLength = 1;
	TRUTH(GlobalMemoryStatusEx(&m));
	PROCESS_MEMORY_COUNTERS_EX c = {0};
	SHOW(GetProcessMemoryInfo(GetCurrentProcess(), (void *)&c, sizeof c));
	TRUTH(c.WorkingSetSize > 0 && c.WorkingSetSize <= c.PeakWorkingSetSize && c.PagefileUsage > 0);
	SHOW(GetProcessMemoryInfo(GetCurrentProcess(), (void *)&c, 8));
	char *page = VirtualAlloc(0, 0x2000, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
	page[0] = 1;
	PSAPI_WORKING_SET_EX_INFORMATION w[2] = {{page}, {page + 0x1000}};
	SHOW(QueryWorkingSetEx(GetCurrentProcess(), w, sizeof w));
	SHOW(w[0].VirtualAttributes.Valid);
	SHOW(w[1].VirtualAttributes.Valid);
	SHOW(w[0].VirtualAttributes.Win32Protection);
	SHOW(w[0].VirtualAttributes.Shared);
	HMODULE mods[8];
	DWORD need = 0;
	SHOW(EnumProcessModules(GetCurrentProcess(), mods, sizeof mods, &need));
	TRUTH(need >= 3 * sizeof *mods && mods[0] == GetModuleHandleA(0));
	MODULEINFO info;
	SHOW(GetModuleInformation(GetCurrentProcess(), mods[0], &info, sizeof info));
	TRUTH(info.lpBaseOfDll == (void *)mods[0]);
	HANDLE token;
	TOKEN_PRIVILEGES tp = {1};
	SHOW(OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY, &token));
	SHOW(LookupPrivilegeValueA(0, "SeLockMemoryPrivilege", &tp.Privileges[0].Luid));
	printf("%lu %ld\n", tp.Privileges[0].Luid.LowPart, tp.Privileges[0].Luid.HighPart);
	SHOW(LookupPrivilegeValueA(0, "SeNoSuchPrivilege", &tp.Privileges[0].Luid));
}

int main(void) {
	SetLastError(12345);
	local();
	global();
	heap();
	named();
	other();
	return 77;
}
