// forms: the further forms of the memory functions: Ex, Numa, FromApp, 2 and 3, A and W. What Wine has of them it shows; "documented" checks
// the rest.
#include <stdio.h>
#include <string.h>
#include <windows.h>
#include <psapi.h>

#define SHOW(call) (SetLastError(0), printf("%s: %lld", #call, (long long)(call)), printf(" (%lu)\n", GetLastError()), fflush(stdout))
#define CHECK(fact) (checks++, (fact) ? 1 : (failed++, printf("%d: not so: %s (last error %lu)\n", __LINE__, #fact, GetLastError())))
#define FAILS(call, error) (SetLastError(0), CHECK(!(call)), CHECK(GetLastError() == (error)))
#define PAGE 0x1000
#define BOTH (MEM_RESERVE | MEM_COMMIT)

static int failed, checks;
static HMODULE base;

static void *from(const char *name) {
	void *p = GetProcAddress(base, name);
	if (!p)
		printf("%s is not there\n", name);
	return p;
}

static void shown(HANDLE self) {
	MEMORY_BASIC_INFORMATION i;
	char *p, *q;
	// Views.
	HANDLE s = CreateFileMappingW(INVALID_HANDLE_VALUE, 0, PAGE_READWRITE, 0, 0x20000, L"forms");
	p = MapViewOfFile(s, FILE_MAP_WRITE, 0, 0, 0), strcpy(p + 0x10000, "second");
	q = VirtualAlloc(0, 0x20000, MEM_RESERVE, PAGE_NOACCESS), VirtualFree(q, 0, MEM_RELEASE);
	SHOW(MapViewOfFileEx(s, FILE_MAP_READ, 0, 0x10000, 0, q) == q);
	SHOW(strcmp(q, "second"));
	SHOW(MapViewOfFileEx(s, FILE_MAP_READ, 0, 0, 0, q) != 0);
	SHOW(MapViewOfFileEx(s, FILE_MAP_READ, 0, 0, 0, q + 0x11000) != 0);
	SHOW(VirtualQuery(q, &i, sizeof i) == sizeof i && i.RegionSize == 0x10000);
	BOOL (WINAPI *unmapEx)(void *, ULONG) = from("UnmapViewOfFileEx");
	SHOW(UnmapViewOfFile(q));
	SHOW(UnmapViewOfFile(q));
	void *(WINAPI *numa)(HANDLE, DWORD, DWORD, DWORD, SIZE_T, void *, DWORD) = (void *)GetProcAddress(GetModuleHandleA("kernel32.dll"), "MapViewOfFileExNuma");
	SHOW((q = numa(s, FILE_MAP_READ, 0, 0x10000, 0, 0, 0xffffffff)) != 0);
	SHOW(q && !strcmp(q, "second") && UnmapViewOfFile(q));
	void *(WINAPI *mapApp)(HANDLE, ULONG, ULONG64, SIZE_T) = from("MapViewOfFileFromApp");
	SHOW((q = mapApp(s, FILE_MAP_READ, 0x10000, 0)) != 0);
	SHOW(!strcmp(q, "second") && UnmapViewOfFile(q));
	HANDLE (WINAPI *createApp)(HANDLE, void *, ULONG, ULONG64, const wchar_t *) = from("CreateFileMappingFromApp");
	HANDLE t;
	SHOW((t = createApp(INVALID_HANDLE_VALUE, 0, PAGE_READWRITE, 0x30000, L"forms")) != 0);
	SHOW((q = MapViewOfFile(t, FILE_MAP_WRITE, 0, 0, 0)) != 0);
	SHOW(q[0x10000] == 's' && VirtualQuery(q, &i, sizeof i) && i.RegionSize == 0x20000);
	SHOW(UnmapViewOfFile(q) && CloseHandle(t));
	SHOW((t = OpenFileMappingW(FILE_MAP_READ, FALSE, L"forms")) != 0);
	SHOW(CloseHandle(t));
	SHOW(OpenFileMappingA(FILE_MAP_READ, FALSE, "formss") != 0);
	UnmapViewOfFile(p), CloseHandle(s);

	// Allocations.
	SHOW((p = VirtualAllocExNuma(self, 0, PAGE, BOTH, PAGE_READWRITE, 0)) != 0);
	SHOW(p && VirtualFree(p, 0, MEM_RELEASE));
	void *(WINAPI *allocApp)(void *, SIZE_T, ULONG, ULONG) = from("VirtualAllocFromApp");
	SHOW((p = allocApp(0, PAGE, BOTH, PAGE_READWRITE)) != 0);
	*p = 1;
	SHOW(VirtualFree(p, 0, MEM_RELEASE));

	// Machines and heaps.
	SYSTEM_INFO x, y;
	GetSystemInfo(&x), GetNativeSystemInfo(&y);
	SHOW(memcmp(&x, &y, sizeof x));
	SHOW(x.dwAllocationGranularity);
	SHOW(x.dwPageSize);
	SHOW(x.wProcessorArchitecture);
	MEMORYSTATUS m;
	MEMORYSTATUSEX n = {sizeof n};
	GlobalMemoryStatus(&m), GlobalMemoryStatusEx(&n);
	SHOW(m.dwTotalPhys == n.ullTotalPhys && m.dwTotalVirtual == n.ullTotalVirtual);
	HANDLE h = HeapCreate(0, 0, 0), list[64];
	DWORD heaps = GetProcessHeaps(64, list), known = 0;
	for (DWORD k = 0; k < heaps; k++)
		known |= (list[k] == h) | (list[k] == GetProcessHeap()) << 1;
	SHOW(known);
	SHOW(GetProcessHeaps(0, list) == heaps);
	SHOW(HeapLock(h));
	SHOW(HeapUnlock(h));
	SHOW(HeapDestroy(h));
	HGLOBAL g = GlobalAlloc(GMEM_MOVEABLE | GMEM_DISCARDABLE, 100);
	SHOW(GlobalDiscard(g) == g);
	SHOW(GlobalSize(g));
	SHOW((GlobalFlags(g) & GMEM_DISCARDED) != 0);
	SHOW(GlobalFree(g) == 0);
	HLOCAL l = LocalAlloc(LMEM_MOVEABLE | LMEM_DISCARDABLE, 100);
	SHOW(LocalDiscard(l) == l);
	SHOW(LocalSize(l));
	SHOW(LocalFree(l) == 0);
	wchar_t name[300];
	SHOW(GetMappedFileNameW(self, (void *)GetModuleHandleA(0), name, 300) == wcslen(name) && wcsstr(name, L"\\forms.exe") != 0);
	SHOW(GetMappedFileNameW(self, &i, name, 300));
}

static BOOL CALLBACK pageFile(void *context, ENUM_PAGE_FILE_INFORMATION *i, const char *name) {
	*(int *)context += i->TotalSize == 4096 && !strcmp(name, "\\??\\C:\\pagefile.sys");
	return TRUE;
}

struct partition {
	ULONG flags, node, channel, nodes;
	ULONG64 resident, committed, limit, peak, total, available, zero, free, standby, reserved[16], most, reserved2;
	ULONG id;
};

static void documented(HANDLE self) {
	// NUMA: there is one node.
	FAILS(VirtualAllocExNuma(self, 0, PAGE, BOTH, PAGE_READWRITE, 1), ERROR_INVALID_PARAMETER);
	HANDLE s = CreateFileMappingNumaW(INVALID_HANDLE_VALUE, 0, PAGE_EXECUTE_READWRITE, 0, 0x20000, L"numa", 0);
	CHECK(s != 0);
	FAILS(CreateFileMappingNumaW(INVALID_HANDLE_VALUE, 0, PAGE_READWRITE, 0, 0x20000, 0, 3), ERROR_INVALID_PARAMETER);
	ULONG_PTR n = 1, frame;
	FAILS(AllocateUserPhysicalPagesNuma(self, &n, &frame, 9), ERROR_INVALID_PARAMETER);
	FAILS(AllocateUserPhysicalPagesNuma(self, &n, &frame, 0), ERROR_PRIVILEGE_NOT_HELD);
	BOOL (WINAPI *allocate2)(HANDLE, ULONG_PTR *, ULONG_PTR *, MEM_EXTENDED_PARAMETER *, ULONG) = from("AllocateUserPhysicalPages2");
	FAILS(allocate2(self, &n, &frame, 0, 0), ERROR_PRIVILEGE_NOT_HELD);
	FAILS(allocate2(self, &n, &frame, 0, 1), ERROR_INVALID_PARAMETER);

	// FromApp: nothing executable is allocated.
	void *(WINAPI *allocApp)(void *, SIZE_T, ULONG, ULONG) = from("VirtualAllocFromApp");
	BOOL (WINAPI *protectApp)(void *, SIZE_T, ULONG, ULONG *) = from("VirtualProtectFromApp");
	void *(WINAPI *alloc2App)(HANDLE, void *, SIZE_T, ULONG, ULONG, void *, ULONG) = from("VirtualAlloc2FromApp");
	HANDLE (WINAPI *openApp)(ULONG, BOOL, const wchar_t *) = from("OpenFileMappingFromApp");
	void *(WINAPI *map3App)(HANDLE, HANDLE, void *, ULONG64, SIZE_T, ULONG, ULONG, void *, ULONG) = from("MapViewOfFile3FromApp");
	FAILS(allocApp(0, PAGE, BOTH, PAGE_EXECUTE_READWRITE), ERROR_INVALID_PARAMETER);
	char *p = alloc2App(0, 0, PAGE, BOTH, PAGE_READWRITE, 0, 0);
	ULONG old = 0;
	CHECK(p && protectApp(p, PAGE, PAGE_READONLY, &old) && old == PAGE_READWRITE);
	FAILS(protectApp(p, PAGE, PAGE_READONLY, 0), ERROR_NOACCESS);
	FAILS(protectApp(p, 2 * PAGE, PAGE_READONLY, &old), ERROR_INVALID_ADDRESS);
	VirtualFree(p, 0, MEM_RELEASE);
	HANDLE t = openApp(FILE_MAP_WRITE | FILE_MAP_READ, FALSE, L"numa");
	CHECK(t && (p = map3App(t, 0, 0, 0x10000, 0, 0, PAGE_READWRITE, 0, 0)));
	*p = 'm';
	BOOL (WINAPI *unmapEx)(void *, ULONG) = (void *)GetProcAddress(GetModuleHandleA("kernel32.dll"), "UnmapViewOfFileEx");
	FAILS(unmapEx(p, 8), ERROR_INVALID_PARAMETER);
	CHECK(unmapEx(p, 1)); // MEM_UNMAP_WITH_TRANSIENT_BOOST
	FAILS(unmapEx(p, 0), ERROR_INVALID_ADDRESS);
	FAILS(openApp(FILE_MAP_READ, FALSE, L"nothing"), ERROR_FILE_NOT_FOUND);
	HANDLE (WINAPI *create2)(HANDLE, void *, ULONG, ULONG, ULONG, ULONG64, const wchar_t *, MEM_EXTENDED_PARAMETER *, ULONG) = from("CreateFileMapping2");
	MEM_EXTENDED_PARAMETER e = {{MemExtendedParameterNumaNode}};
	HANDLE u = create2(INVALID_HANDLE_VALUE, 0, FILE_MAP_ALL_ACCESS, PAGE_READWRITE, SEC_COMMIT, 0x10000, L"numa", &e, 1);
	CHECK(u && GetLastError() == ERROR_ALREADY_EXISTS);
	e.Type = MemExtendedParameterAddressRequirements;
	FAILS(create2(INVALID_HANDLE_VALUE, 0, 0, PAGE_READWRITE, SEC_COMMIT, 0x10000, 0, 0, 1), ERROR_INVALID_PARAMETER);
	CloseHandle(s), CloseHandle(t), CloseHandle(u);

	// What the hardware cannot tell, and policies.
	HMODULE k = GetModuleHandleA("kernel32.dll");
	void *(WINAPI *bad)(void *) = (void *)GetProcAddress(k, "RegisterBadMemoryNotification");
	BOOL (WINAPI *notBad)(void *) = (void *)GetProcAddress(k, "UnregisterBadMemoryNotification");
	FAILS(bad(documented), ERROR_NOT_SUPPORTED);
	FAILS(notBad(0), ERROR_INVALID_PARAMETER);
	CHECK(GetSystemDEPPolicy() == 2);
	BOOL (WINAPI *targets)(HANDLE, void *, SIZE_T, ULONG, void *) = from("SetProcessValidCallTargets");
	FAILS(targets(self, documented, PAGE, 1, &e), ERROR_INVALID_PARAMETER); // the program was not built for it
	struct { ULONG flags; } cfg = {1};
	CHECK(GetProcessMitigationPolicy(self, 7, &cfg, sizeof cfg) && cfg.flags == 0);

	// Partitions: the system's alone.
	HANDLE (WINAPI *dedicated)(HANDLE, ULONG64, DWORD, BOOL) = from("OpenDedicatedMemoryPartition");
	BOOL (WINAPI *query)(HANDLE, int, void *, ULONG) = from("QueryPartitionInformation");
	FAILS(dedicated(0, 1, 1, FALSE), ERROR_NOT_FOUND);
	LONG (WINAPI *open)(HANDLE *, DWORD, void *) = (void *)GetProcAddress(GetModuleHandleA("ntdll.dll"), "NtOpenPartition");
	struct { USHORT length, max; const wchar_t *text; } name = {0, 0, L"\\KernelObjects\\MemoryPartition0"};
	name.length = name.max = 2 * wcslen(name.text);
	struct { ULONG length; HANDLE root; void *name; ULONG attributes; void *descriptor, *qos; } attributes = {sizeof attributes, 0, &name};
	HANDLE m = 0;
	CHECK(open(&m, 3, &attributes) == 0);
	struct partition i;
	PERFORMANCE_INFORMATION x;
	CHECK(query(m, 0, &i, sizeof i) && GetPerformanceInfo(&x, sizeof x));
	CHECK(i.total == x.PhysicalTotal && i.committed == x.CommitTotal && i.limit == x.CommitLimit && i.most >= i.limit && i.nodes == 1 && i.id == 0);
	CHECK(i.available == i.zero + i.free + i.standby && i.resident < i.total);
	FAILS(query(m, 0, &i, sizeof i - 8), ERROR_BAD_LENGTH);
	FAILS(query(m, 1, &i, sizeof i), ERROR_INVALID_PARAMETER);
	FAILS(query(0, 0, &i, sizeof i), ERROR_INVALID_HANDLE);
	void *(WINAPI *alloc2)(HANDLE, void *, SIZE_T, ULONG, ULONG, MEM_EXTENDED_PARAMETER *, ULONG) = from("VirtualAlloc2");
	e.Type = MemExtendedParameterPartitionHandle, e.Handle = m;
	CHECK((p = alloc2(0, 0, PAGE, BOTH, PAGE_READWRITE, &e, 1)) && VirtualFree(p, 0, MEM_RELEASE));
	CloseHandle(m);

	// psapi.
	PSAPI_WS_WATCH_INFORMATION_EX changes[200];
	DWORD size = sizeof changes;
	BOOL (WINAPI *getChanges)(HANDLE, void *, DWORD *) = (void *)GetProcAddress(k, "K32GetWsChangesEx"); // mingw's header has no pointer
	FAILS(getChanges(self, changes, &size), ERROR_GEN_FAILURE);
	CHECK(InitializeProcessForWsWatch(self));
	p = VirtualAlloc(0, PAGE, BOTH, PAGE_READWRITE), *p = 1;
	CHECK(getChanges(self, changes, &size));
	int seen = 0;
	for (int c = 0; changes[c].BasicInfo.FaultingPc; c++)
		seen += changes[c].BasicInfo.FaultingVa == (void *)p && changes[c].FaultingThreadId == GetCurrentThreadId();
	CHECK(seen == 1);
	size = 8;
	FAILS(getChanges(self, changes, &size), ERROR_INSUFFICIENT_BUFFER);
	CHECK(size >= sizeof *changes);
	int files = 0;
	CHECK(EnumPageFilesA(pageFile, &files) && files == 1);
}

int main(int argc, char **argv) {
	base = LoadLibraryA("kernelbase.dll");
	setvbuf(stdout, 0, _IONBF, 0);
	if (argc > 1) {
		documented(GetCurrentProcess());
		printf("%d checks, %d failed\n", checks, failed);
		return failed;
	}
	shown(GetCurrentProcess());
	return 77;
}
