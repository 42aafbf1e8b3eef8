// windows: what Windows documents of memoryapi.h and psapi.h and what Wine does not have or does otherwise. Each line is a fact.
#include <stdio.h>
#include <string.h>
#include <windows.h>
#include <psapi.h>

// Newer than these headers.
#define ERROR_DYNAMIC_CODE_BLOCKED 1655
#define ERROR_THREAD_MODE_ALREADY_BACKGROUND 400
#define ERROR_THREAD_MODE_NOT_BACKGROUND 401
#define ERROR_PROCESS_MODE_ALREADY_BACKGROUND 402
#define ERROR_PROCESS_MODE_NOT_BACKGROUND 403

static int failed, checks;


#define CHECK(fact) (checks++, (fact) ? 1 : (failed++, printf("%d: not so: %s (last error %lu)\n", __LINE__, #fact, GetLastError())))
#define FAILS(call, error) (SetLastError(0), CHECK(!(call)), CHECK(GetLastError() == (error)))

#define BOTH (MEM_RESERVE | MEM_COMMIT)
#define PAGE 0x1000

static HANDLE self;

static void *base(const char *name) {
	void *p = (void *)GetProcAddress(GetModuleHandleA("kernelbase.dll") ? GetModuleHandleA("kernelbase.dll") : LoadLibraryA("kernelbase.dll"), name);
	CHECK(p != 0);
	return p;
}

static int touches(volatile char *p) {
	MEMORY_BASIC_INFORMATION i;
	return VirtualQuery((void *)p, &i, sizeof i) && i.State == MEM_COMMIT && !(i.Protect & PAGE_NOACCESS);
}

static void offers(void) {
	char *p = VirtualAlloc(0, 8 * PAGE, BOTH, PAGE_READWRITE);
	memset(p, 7, 8 * PAGE);
	CHECK(OfferVirtualMemory(p + 1, PAGE, VmOfferPriorityLow) == ERROR_INVALID_PARAMETER);
	CHECK(OfferVirtualMemory(p, 0, VmOfferPriorityLow) == ERROR_INVALID_PARAMETER);
	CHECK(OfferVirtualMemory(p, 8 * PAGE, 9) == ERROR_INVALID_PARAMETER);
	CHECK(OfferVirtualMemory(p, 8 * PAGE, VmOfferPriorityVeryLow) == ERROR_SUCCESS);
	PSAPI_WORKING_SET_EX_INFORMATION w = {p};
	CHECK(QueryWorkingSetEx(self, &w, sizeof w) && !w.VirtualAttributes.Valid);
	CHECK(ReclaimVirtualMemory(p, 8 * PAGE) == ERROR_SUCCESS);
	CHECK(p[0] == 7 && p[8 * PAGE - 1] == 7);
	CHECK(DiscardVirtualMemory(p, 2 * PAGE) == ERROR_SUCCESS);
	CHECK(p[0] == 0 && p[2 * PAGE] == 7);
	WIN32_MEMORY_RANGE_ENTRY r[2] = {{p, PAGE}, {p + 4 * PAGE, PAGE}};
	CHECK(PrefetchVirtualMemory(self, 2, r, 0));
	FAILS(PrefetchVirtualMemory(self, 2, r, 1), ERROR_INVALID_PARAMETER);
	FAILS(PrefetchVirtualMemory(self, 0, r, 0), ERROR_INVALID_PARAMETER);
	CHECK(VirtualFree(p, 0, MEM_RELEASE));
	CHECK(OfferVirtualMemory(p, PAGE, VmOfferPriorityLow) != ERROR_SUCCESS);
}

typedef void *(WINAPI *alloc2)(HANDLE, void *, SIZE_T, ULONG, ULONG, MEM_EXTENDED_PARAMETER *, ULONG);
typedef void *(WINAPI *map3)(HANDLE, HANDLE, void *, ULONG64, SIZE_T, ULONG, ULONG, MEM_EXTENDED_PARAMETER *, ULONG);
typedef BOOL (WINAPI *unmap2)(HANDLE, void *, ULONG);
typedef BOOL (WINAPI *query)(HANDLE, const void *, int, void *, SIZE_T, SIZE_T *);

// The ring buffer of VirtualAlloc2's documentation: two views of one section side by side.
static void placeholders(void) {
	alloc2 alloc = (alloc2)base("VirtualAlloc2");
	map3 map = (map3)base("MapViewOfFile3");
	unmap2 unmap = (unmap2)base("UnmapViewOfFile2");
	query info = (query)base("QueryVirtualMemoryInformation");
	SIZE_T n = 0x10000;
	FAILS(alloc(0, 0, 2 * n, MEM_RESERVE | 0x40000, PAGE_READWRITE, 0, 0), ERROR_INVALID_PARAMETER);
	char *p = alloc(0, 0, 2 * n, MEM_RESERVE | 0x40000, PAGE_NOACCESS, 0, 0);
	CHECK(p != 0);
	FAILS(VirtualAlloc(p, PAGE, MEM_COMMIT, PAGE_READWRITE), ERROR_INVALID_ADDRESS);
	CHECK(VirtualFree(p, n, MEM_RELEASE | 2));
	HANDLE s = CreateFileMappingA(INVALID_HANDLE_VALUE, 0, PAGE_READWRITE, 0, n, 0);
	char *a = map(s, 0, p, 0, n, 0x4000, PAGE_READWRITE, 0, 0), *b = map(s, 0, p + n, 0, n, 0x4000, PAGE_READWRITE, 0, 0);
	CHECK(a == p && b == p + n);
	a[n - 1] = 'x', a[n] = 'y'; // across the seam
	CHECK(b[n - 1] == 'x' && a[0] == 'y');
	struct { void *base; ULONG protect, flags; SIZE_T size, commit; } region;
	SIZE_T got = 0;
	CHECK(info(self, b + 5, 0, &region, sizeof region, &got) && got == sizeof region);
	CHECK(region.base == b && region.size == n && region.flags == 8 /* MappedPageFile */ && region.commit == 0);
	CHECK(unmap(0, a, 2) && unmap(self, b, 2));
	FAILS(unmap(self, b, 2), ERROR_INVALID_ADDRESS);
	CHECK(VirtualFree(p, 2 * n, MEM_RELEASE | 1));
	CHECK(VirtualFree(p, 0, MEM_RELEASE));
	CloseHandle(s);

	MEM_ADDRESS_REQUIREMENTS want = {(void *)0x20000000, (void *)0x2fffffff, 0x1000000};
	MEM_EXTENDED_PARAMETER e = {{1}};
	e.Pointer = &want;
	p = alloc(0, 0, PAGE, MEM_RESERVE, PAGE_READWRITE, &e, 1);
	CHECK(p == (char *)0x20000000);
	char *q = alloc(0, 0, PAGE, MEM_RESERVE, PAGE_READWRITE, &e, 1);
	CHECK(q == p + 0x1000000);
	FAILS(alloc(0, (void *)0x50000000, PAGE, MEM_RESERVE, PAGE_READWRITE, &e, 1), ERROR_INVALID_PARAMETER);
	VirtualFree(p, 0, MEM_RELEASE), VirtualFree(q, 0, MEM_RELEASE);
	want.Alignment = 0x1000;
	FAILS(alloc(0, 0, PAGE, MEM_RESERVE, PAGE_READWRITE, &e, 1), ERROR_INVALID_PARAMETER);
}

static void lockMemory(void) {
	FAILS(VirtualAlloc(0, GetLargePageMinimum(), BOTH | MEM_LARGE_PAGES, PAGE_READWRITE), ERROR_PRIVILEGE_NOT_HELD);
	ULONG_PTR frames[8], n = 8;
	FAILS(AllocateUserPhysicalPages(self, &n, frames), ERROR_PRIVILEGE_NOT_HELD);
	HANDLE token;
	TOKEN_PRIVILEGES p = {1}, old;
	DWORD size = 0;
	CHECK(OpenProcessToken(self, TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY, &token));
	CHECK(LookupPrivilegeValueA(0, "SeDebugPrivilege", &p.Privileges[0].Luid));
	p.Privileges[0].Attributes = SE_PRIVILEGE_ENABLED;
	CHECK(AdjustTokenPrivileges(token, FALSE, &p, 0, 0, 0) && GetLastError() == ERROR_NOT_ALL_ASSIGNED);
	CHECK(LookupPrivilegeValueA(0, "SeLockMemoryPrivilege", &p.Privileges[0].Luid));
	CHECK(AdjustTokenPrivileges(token, FALSE, &p, sizeof old, &old, &size) && GetLastError() == 0);
	CHECK(old.PrivilegeCount == 1 && old.Privileges[0].Attributes == 0 && size == sizeof old);

	char *large = VirtualAlloc(0, 2 * GetLargePageMinimum(), BOTH | MEM_LARGE_PAGES, PAGE_READWRITE);
	CHECK(large && (ULONG_PTR)large % GetLargePageMinimum() == 0);
	large[0] = large[(4 << 20) - 1] = 1;
	PSAPI_WORKING_SET_EX_INFORMATION w = {large + 0x123456};
	CHECK(QueryWorkingSetEx(self, &w, sizeof w) && w.VirtualAttributes.Valid && w.VirtualAttributes.LargePage && w.VirtualAttributes.Locked);
	CHECK(VirtualFree(large, 0, MEM_RELEASE));
	FAILS(VirtualAlloc(0, PAGE, BOTH | MEM_LARGE_PAGES, PAGE_READWRITE), ERROR_INVALID_PARAMETER);
	FAILS(VirtualAlloc(0, GetLargePageMinimum(), MEM_RESERVE | MEM_LARGE_PAGES, PAGE_READWRITE), ERROR_INVALID_PARAMETER);

	// Address windowing: 8 frames, a window of 2 pages that shows them in turn.
	CHECK(AllocateUserPhysicalPages(self, &n, frames) && n == 8);
	char *win = VirtualAlloc(0, 2 * PAGE, MEM_RESERVE | MEM_PHYSICAL, PAGE_READWRITE);
	CHECK(win != 0 && !touches(win));
	for (int i = 0; i < 8; i += 2) {
		CHECK(MapUserPhysicalPages(win, 2, frames + i));
		CHECK(win[0] == 0);
		win[0] = i, win[PAGE] = i + 1;
	}
	void *pages[2] = {win + PAGE, win};
	CHECK(MapUserPhysicalPagesScatter(pages, 2, frames + 2));
	CHECK(win[0] == 3 && win[PAGE] == 2);
	ULONG_PTR twice[2] = {frames[0], frames[0]};
	FAILS(MapUserPhysicalPages(win, 2, twice), ERROR_INVALID_PARAMETER);
	CHECK(MapUserPhysicalPages(win, 2, 0) && !touches(win));
	n = 8;
	CHECK(FreeUserPhysicalPages(self, &n, frames) && n == 8);
	n = 1;
	CHECK(!FreeUserPhysicalPages(self, &n, frames) && n == 0);
	CHECK(VirtualFree(win, 0, MEM_RELEASE));
	p.Privileges[0].Attributes = 0;
	CHECK(AdjustTokenPrivileges(token, FALSE, &p, 0, 0, 0));
	FAILS(VirtualAlloc(0, GetLargePageMinimum(), BOTH | MEM_LARGE_PAGES, PAGE_READWRITE), ERROR_PRIVILEGE_NOT_HELD);
	CloseHandle(token);
}

static void workingSet(void) {
	SIZE_T low, high;
	DWORD flags;
	CHECK(GetProcessWorkingSetSizeEx(self, &low, &high, &flags) && low == 50 * PAGE && high == 345 * PAGE);
	CHECK(flags == (QUOTA_LIMITS_HARDWS_MIN_DISABLE | QUOTA_LIMITS_HARDWS_MAX_DISABLE));
	CHECK(SetProcessWorkingSetSizeEx(self, 100 * PAGE, 500 * PAGE, QUOTA_LIMITS_HARDWS_MIN_ENABLE | QUOTA_LIMITS_HARDWS_MAX_DISABLE));
	CHECK(GetProcessWorkingSetSizeEx(self, &low, &high, &flags) && low == 100 * PAGE && high == 500 * PAGE);
	CHECK(flags == (QUOTA_LIMITS_HARDWS_MIN_ENABLE | QUOTA_LIMITS_HARDWS_MAX_DISABLE));
	FAILS(SetProcessWorkingSetSize(self, 500 * PAGE, 100 * PAGE), ERROR_INVALID_PARAMETER);

	char *p = VirtualAlloc(0, 200 * PAGE, BOTH, PAGE_READWRITE);
	CHECK(VirtualLock(p, 50 * PAGE));
	FAILS(VirtualLock(p, 200 * PAGE), ERROR_WORKING_SET_QUOTA);
	memset(p, 1, 200 * PAGE);
	PROCESS_MEMORY_COUNTERS_EX a = {sizeof a}, b = {sizeof b};
	GetProcessMemoryInfo(self, (void *)&a, sizeof a);
	CHECK(EmptyWorkingSet(self));
	GetProcessMemoryInfo(self, (void *)&b, sizeof b);
	CHECK(a.WorkingSetSize >= 200 * PAGE && b.WorkingSetSize < a.WorkingSetSize - 140 * PAGE);
	CHECK(b.PeakWorkingSetSize >= a.WorkingSetSize && b.PrivateUsage == a.PrivateUsage && b.PagefileUsage == b.PrivateUsage);
	PSAPI_WORKING_SET_EX_INFORMATION w[2] = {{p}, {p + 100 * PAGE}};
	QueryWorkingSetEx(self, w, sizeof w);
	CHECK(w[0].VirtualAttributes.Valid && w[0].VirtualAttributes.Locked && !w[1].VirtualAttributes.Valid);
	CHECK(p[150 * PAGE] == 1);
	CHECK(VirtualUnlock(p, 50 * PAGE));
	FAILS(VirtualUnlock(p, 50 * PAGE), ERROR_NOT_LOCKED);

	// Every fault that brings a page in is told of.
	CHECK(InitializeProcessForWsWatch(self));
	PSAPI_WS_WATCH_INFORMATION changes[1100];
	CHECK(GetWsChanges(self, changes, sizeof changes));
	EmptyWorkingSet(self);
	volatile char c = p[120 * PAGE + 5];
	CHECK(GetWsChanges(self, changes, sizeof changes));
	int seen = 0, i;
	for (i = 0; changes[i].FaultingPc; i++)
		seen += (ULONG_PTR)changes[i].FaultingVa == (ULONG_PTR)(p + 120 * PAGE + 5);
	CHECK(seen == 1 && changes[i].FaultingVa == 0);

	static ULONG_PTR set[4096];
	CHECK(QueryWorkingSet(self, set, sizeof set));
	for (i = 1, seen = 0; i <= (int)set[0]; i++)
		seen += set[i] >> 12 == (ULONG_PTR)(p + 120 * PAGE) >> 12 && (set[i] & 0x1f) == 4 && !(set[i] >> 8 & 1);
	CHECK(seen == 1);
	SetLastError(0);
	CHECK(!QueryWorkingSet(self, set, 8) && GetLastError() == ERROR_BAD_LENGTH);
	VirtualFree(p, 0, MEM_RELEASE);
}

static BOOL CALLBACK pageFile(void *context, ENUM_PAGE_FILE_INFORMATION *i, const wchar_t *name) {
	CHECK(i->cb == sizeof *i && i->TotalSize == 4096 && i->TotalInUse <= i->PeakUsage && !wcscmp(name, L"\\??\\C:\\pagefile.sys"));
	++*(int *)context;
	return TRUE;
}

static void machine(void) {
	MEMORYSTATUSEX m = {sizeof m};
	CHECK(GlobalMemoryStatusEx(&m));
	PERFORMANCE_INFORMATION a = {0}, b = {0};
	CHECK(GetPerformanceInfo(&a, sizeof a));
	FAILS(GetPerformanceInfo(&b, 8), ERROR_BAD_LENGTH);
	CHECK(a.PageSize == PAGE && a.PhysicalTotal * PAGE == m.ullTotalPhys && a.CommitLimit == a.PhysicalTotal + 4096);
	CHECK(a.CommitTotal <= a.CommitPeak && a.CommitPeak <= a.CommitLimit && a.ProcessCount == 1 && a.ThreadCount == 1);
	HANDLE h = CreateMemoryResourceNotification(HighMemoryResourceNotification), l = CreateMemoryResourceNotification(LowMemoryResourceNotification);
	BOOL high = 5, low = 5;
	CHECK(QueryMemoryResourceNotification(h, &high) && high == TRUE);
	CHECK(QueryMemoryResourceNotification(l, &low) && low == FALSE);
	FAILS(CreateMemoryResourceNotification(2), ERROR_INVALID_PARAMETER);

	SIZE_T n = 10 << 20;
	char *p = VirtualAlloc(0, n, BOTH, PAGE_READWRITE);
	GetPerformanceInfo(&b, sizeof b);
	CHECK(b.CommitTotal - a.CommitTotal - n / PAGE < 8); // and page tables
	CHECK(b.HandleCount - a.HandleCount == 2);
	CHECK(a.PhysicalAvailable - b.PhysicalAvailable < 20); // committed, not touched
	VirtualFree(p, 0, MEM_RELEASE);
	FAILS(VirtualAlloc(0, a.CommitLimit * PAGE, BOTH, PAGE_READWRITE), ERROR_COMMITMENT_LIMIT);
	CHECK((p = VirtualAlloc(0, a.CommitLimit * PAGE, MEM_RESERVE, PAGE_READWRITE)) != 0);
	VirtualFree(p, 0, MEM_RELEASE);
	int files = 0;
	CHECK(EnumPageFilesW(pageFile, &files) && files == 1);
	ULONGLONG kb = 0;
	CHECK(GetPhysicallyInstalledSystemMemory(&kb) && kb >= m.ullTotalPhys >> 10);
	ULONG flags = 1;
	CHECK(GetMemoryErrorHandlingCapabilities(&flags) && flags == 0);
	SIZE_T min, max;
	CHECK(GetSystemFileCacheSize(&min, &max, &flags));
	FAILS(SetSystemFileCacheSize(1 << 20, 1 << 24, 0), ERROR_PRIVILEGE_NOT_HELD);
}

static void copies(void) {
	char *two = VirtualAlloc(0, 2 * PAGE, MEM_RESERVE, PAGE_READWRITE), to[16];
	SIZE_T n = 77;
	VirtualAlloc(two, PAGE, MEM_COMMIT, PAGE_READWRITE);
	FAILS(ReadProcessMemory(self, two + PAGE - 4, to, 8, &n), ERROR_PARTIAL_COPY);
	CHECK(n == 4);
	FAILS(WriteProcessMemory(self, two + PAGE, to, 8, &n), ERROR_NOACCESS);
	DWORD old;
	VirtualProtect(two, PAGE, PAGE_EXECUTE_READ, &old);
	CHECK(WriteProcessMemory(self, two, "\xc3", 1, 0) && *(unsigned char *)two == 0xc3); // a debugger's write
	MEMORY_BASIC_INFORMATION i;
	CHECK(VirtualQuery(two, &i, sizeof i) && i.Protect == PAGE_EXECUTE_READ);
	VirtualProtect(two, PAGE, PAGE_READONLY, &old);
	FAILS(WriteProcessMemory(self, two, "\xc3", 1, 0), ERROR_NOACCESS);
	VirtualFree(two, 0, MEM_RELEASE);
}

static void policies(void) {
	ULONG bytes = 0;
	CHECK(SetThreadStackGuarantee(&bytes) && bytes == 0);
	bytes = 10000;
	CHECK(SetThreadStackGuarantee(&bytes) && bytes == 0);
	bytes = 0;
	CHECK(SetThreadStackGuarantee(&bytes) && bytes == 3 * PAGE);
	FAILS(SetProcessDEPPolicy(1), ERROR_NOT_SUPPORTED);
	PROCESS_MITIGATION_DEP_POLICY dep = {0};
	CHECK(GetProcessMitigationPolicy(self, ProcessDEPPolicy, &dep, sizeof dep) && dep.Enable && dep.Permanent);
	MEMORY_PRIORITY_INFORMATION prio = {0};
	CHECK(GetProcessInformation(self, ProcessMemoryPriority, &prio, sizeof prio) && prio.MemoryPriority == MEMORY_PRIORITY_NORMAL);
	prio.MemoryPriority = MEMORY_PRIORITY_LOW;
	CHECK(SetProcessInformation(self, ProcessMemoryPriority, &prio, sizeof prio));
	char *p = VirtualAlloc(0, PAGE, BOTH, PAGE_READWRITE);
	*p = 1;
	PSAPI_WORKING_SET_EX_INFORMATION w = {p};
	CHECK(QueryWorkingSetEx(self, &w, sizeof w) && w.VirtualAttributes.Valid && (w.VirtualAttributes.Flags >> 24 & 7) == MEMORY_PRIORITY_LOW);
	prio.MemoryPriority = 6;
	FAILS(SetProcessInformation(self, ProcessMemoryPriority, &prio, sizeof prio), ERROR_INVALID_PARAMETER);
	PROCESS_MITIGATION_DYNAMIC_CODE_POLICY code = {0};
	code.ProhibitDynamicCode = 1;
	CHECK(SetProcessMitigationPolicy(ProcessDynamicCodePolicy, &code, sizeof code));
	FAILS(VirtualAlloc(0, PAGE, BOTH, PAGE_EXECUTE_READWRITE), ERROR_DYNAMIC_CODE_BLOCKED);
	DWORD old;
	FAILS(VirtualProtect(p, PAGE, PAGE_EXECUTE_READ, &old), ERROR_DYNAMIC_CODE_BLOCKED);
	code.ProhibitDynamicCode = 0;
	FAILS(SetProcessMitigationPolicy(ProcessDynamicCodePolicy, &code, sizeof code), ERROR_ACCESS_DENIED);
}

static void rights(void) {
	HANDLE s = CreateFileMappingA(INVALID_HANDLE_VALUE, 0, PAGE_READWRITE, 0, 0x10000, "rights"), r = OpenFileMappingA(FILE_MAP_READ, FALSE, "rights");
	FAILS(MapViewOfFile(s, FILE_MAP_READ, 0, 0x10000, 0), ERROR_ACCESS_DENIED); // behind the end
	FAILS(MapViewOfFile(r, FILE_MAP_WRITE, 0, 0, 0), ERROR_ACCESS_DENIED);
	FAILS(MapViewOfFile(s, FILE_MAP_READ | FILE_MAP_EXECUTE, 0, 0, 0), ERROR_ACCESS_DENIED);
	void *v = MapViewOfFile(r, FILE_MAP_READ, 0, 0, 0);
	CHECK(v != 0);
	HANDLE d = 0;
	CHECK(DuplicateHandle(self, r, self, &d, 0, FALSE, DUPLICATE_SAME_ACCESS | DUPLICATE_CLOSE_SOURCE));
	FAILS(MapViewOfFile(d, FILE_MAP_WRITE, 0, 0, 0), ERROR_ACCESS_DENIED);
	DWORD old;
	FAILS(VirtualProtect(v, PAGE, PAGE_READWRITE, &old), ERROR_INVALID_PARAMETER); // the view's protection bounds its pages'
	CHECK(UnmapViewOfFile(v) && CloseHandle(s) && CloseHandle(d));
	FAILS(OpenFileMappingA(FILE_MAP_READ, FALSE, "rights"), ERROR_FILE_NOT_FOUND);
}

static void heaps(void) {
	ULONG lfh = 9;
	CHECK(HeapQueryInformation(GetProcessHeap(), HeapCompatibilityInformation, &lfh, sizeof lfh, 0) && lfh == 2);
	HANDLE h = HeapCreate(HEAP_NO_SERIALIZE, 0, 0x20000);
	CHECK(HeapQueryInformation(h, HeapCompatibilityInformation, &lfh, sizeof lfh, 0) && lfh == 0);
	char *a = HeapAlloc(h, 0, 1000);
	BOOL (WINAPI *summary)(HANDLE, DWORD, void *) = (void *)GetProcAddress(GetModuleHandleA("kernel32.dll"), "HeapSummary");
	struct { DWORD cb; SIZE_T allocated, committed, reserved, max; } s = {sizeof s};
	CHECK(summary(h, 0, &s) && s.allocated == 1000 && s.committed >= 1000 && s.reserved == 0x20000 && s.max == 0x20000);
	CHECK(HeapCompact(h, 0) > 0);
	PROCESS_HEAP_ENTRY e = {0};
	int blocks = 0, ends = 0;
	while (HeapWalk(h, &e)) {
		blocks += (e.wFlags & PROCESS_HEAP_ENTRY_BUSY) && e.lpData == a && e.cbData == 1000;
		ends += e.wFlags & PROCESS_HEAP_UNCOMMITTED_RANGE ? e.cbData > 0 : 0;
	}
	CHECK(GetLastError() == ERROR_NO_MORE_ITEMS && blocks == 1 && ends == 1);
	HeapDestroy(h);
	h = HeapCreate(0, 0, 0);
	a = HeapAlloc(h, 0, 3 << 20);
	for (blocks = 0, memset(&e, 0, sizeof e); HeapWalk(h, &e);)
		blocks += e.lpData == a && e.cbData == 3 << 20;
	CHECK(blocks == 1);
	HeapDestroy(h);
}

static DWORD memoryPriority(void) {
	MEMORY_PRIORITY_INFORMATION m = {0};
	GetProcessInformation(self, ProcessMemoryPriority, &m, sizeof m);
	return m.MemoryPriority;
}

static void background(void) {
	HANDLE thread = GetCurrentThread();
	DWORD before = memoryPriority();
	CHECK(SetPriorityClass(self, ABOVE_NORMAL_PRIORITY_CLASS));
	CHECK(SetThreadPriority(thread, 1));
	FAILS(SetPriorityClass(self, PROCESS_MODE_BACKGROUND_END), ERROR_PROCESS_MODE_NOT_BACKGROUND);
	CHECK(SetPriorityClass(self, PROCESS_MODE_BACKGROUND_BEGIN));
	FAILS(SetPriorityClass(self, PROCESS_MODE_BACKGROUND_BEGIN), ERROR_PROCESS_MODE_ALREADY_BACKGROUND);
	CHECK(GetPriorityClass(self) == IDLE_PRIORITY_CLASS && memoryPriority() == MEMORY_PRIORITY_VERY_LOW && GetThreadPriority(thread) == 1);
	CHECK(SetPriorityClass(self, PROCESS_MODE_BACKGROUND_END));
	CHECK(GetPriorityClass(self) == ABOVE_NORMAL_PRIORITY_CLASS && memoryPriority() == before);
	CHECK(SetPriorityClass(self, NORMAL_PRIORITY_CLASS));

	FAILS(SetThreadPriority(thread, THREAD_MODE_BACKGROUND_END), ERROR_THREAD_MODE_NOT_BACKGROUND);
	CHECK(SetThreadPriority(thread, THREAD_MODE_BACKGROUND_BEGIN) && GetThreadPriority(thread) == -4);
	FAILS(SetThreadPriority(thread, THREAD_MODE_BACKGROUND_BEGIN), ERROR_THREAD_MODE_ALREADY_BACKGROUND);
	CHECK(SetThreadPriority(thread, THREAD_MODE_BACKGROUND_END) && GetThreadPriority(thread) == 1);
	CHECK(SetThreadPriority(thread, THREAD_PRIORITY_NORMAL));
}

int main(void) {
	setvbuf(stdout, 0, _IONBF, 0);
	self = GetCurrentProcess();
	offers();
	placeholders();
	workingSet();
	lockMemory();
	machine();
	copies();
	heaps();
	rights();
	policies();
	background();
	printf("%d checks, %d failed\n", checks, failed);
	return failed;
}
