// win32: what kernel32's functions return and which last errors they set, one line each.
#include <stdio.h>
#include <string.h>
#include <windows.h>

static DWORD last(void) {
	DWORD e = GetLastError();
	SetLastError(12345);
	return e;
}

static void bytes(const char *what, const void *p, int n) {
	printf("%s", what);
	for (int i = 0; i < n; i++)
		printf(" %02x", ((unsigned char *)p)[i]);
	printf("\n");
}

static void toWide(UINT cp, DWORD flags, const char *s, int n, int room) {
	WCHAR w[40];
	memset(w, 0x55, sizeof w);
	int r = MultiByteToWideChar(cp, flags, s, n, w, room);
	printf("MultiByteToWideChar %u %lx %d %d: %d %lu", cp, flags, n, room, r, last());
	for (int i = 0; i < r && i < room; i++)
		printf(" %04x", w[i]);
	printf("\n");
}

static void toBytes(UINT cp, DWORD flags, const WCHAR *s, int n, int room, const char *def, int ask) {
	char b[40];
	BOOL used = 2;
	memset(b, 0x55, sizeof b);
	int r = WideCharToMultiByte(cp, flags, s, n, b, room, def, ask ? &used : 0);
	printf("WideCharToMultiByte %u %lx %d %d: %d %lu used %d", cp, flags, n, room, r, last(), used);
	for (int i = 0; i < r && i < room; i++)
		printf(" %02x", (unsigned char)b[i]);
	printf("\n");
}

static void codePages(void) {
	static const UINT pages[] = {1252, 437};
	for (int p = 0; p < 2; p++) {
		char all[256];
		WCHAR wide[256];
		for (int i = 0; i < 256; i++)
			all[i] = i;
		printf("code page %u: %d\n", pages[p], MultiByteToWideChar(pages[p], 0, all, 256, wide, 256));
		for (int i = 0; i < 256; i++)
			printf("%04x%c", wide[i], i % 16 == 15 ? '\n' : ' ');
		char back[256];
		int n = WideCharToMultiByte(pages[p], 0, wide, 256, back, 256, 0, 0);
		printf("back %d %d\n", n, memcmp(back, all, 256));
	}
	toWide(0, 0, "caf\xe9", -1, 40);
	toWide(CP_UTF8, 0, "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", -1, 40);
	toWide(CP_UTF8, 0, "a\xff" "b\xc3(\xe2\x82(\xf0\x9f(", -1, 40);
	toWide(CP_UTF8, 0, "\xc0\x80|\xe2\x82", -1, 40);
	toWide(CP_UTF8, MB_ERR_INVALID_CHARS, "a\xff", -1, 40);
	toWide(CP_UTF8, MB_ERR_INVALID_CHARS, "ab", -1, 40);
	toWide(CP_UTF8, 0, "abc", 2, 40);
	toWide(CP_UTF8, 0, "abc", -1, 0);
	toWide(CP_UTF8, 0, "abc", -1, 2);
	toWide(1252, 0, "abc", -1, 2);
	toWide(1252, 0, "abc", 0, 2);
	toWide(9999, 0, "abc", -1, 40);
	toWide(CP_UTF8, 0x100, "abc", -1, 40);
	toWide(1252, 0x100, "abc", -1, 40);
	toBytes(0, 0, L"caf\xe9 \x20ac", -1, 40, 0, 1);
	toBytes(1252, 0, L"\x4e00x", -1, 40, 0, 1);
	toBytes(1252, 0, L"\x4e00x", -1, 40, "#", 1);
	toBytes(1252, 0, L"\xd83d\xde00x", -1, 40, 0, 1);
	toBytes(1252, 0, L"\x100\x3b1", -1, 40, 0, 1);
	toBytes(1252, WC_NO_BEST_FIT_CHARS, L"\x100\xe9", -1, 40, 0, 1);
	toBytes(437, 0, L"\xe9\x2500\xc0", -1, 40, 0, 1);
	toBytes(CP_UTF8, 0, L"\xe9\x20ac\xd83d\xde00", -1, 40, 0, 0);
	toBytes(CP_UTF8, 0, L"a\xd83dz\xde00", -1, 40, 0, 0);
	toBytes(CP_UTF8, WC_ERR_INVALID_CHARS, L"a\xd83d", -1, 40, 0, 0);
	toBytes(CP_UTF8, 0, L"abc", -1, 0, 0, 0);
	toBytes(CP_UTF8, 0, L"abc\xe9", -1, 4, 0, 0);
	toBytes(1252, 0, L"abc", -1, 3, 0, 0);
	toBytes(1252, 0, L"abc", 2, 3, 0, 0);
	CPINFO info;
	for (int i = 0; i < 3; i++) {
		static const UINT cp[] = {1252, 437, CP_UTF8};
		memset(&info, 0x55, sizeof info);
		printf("GetCPInfo %u: %d %u", cp[i], GetCPInfo(cp[i], &info), info.MaxCharSize);
		bytes("", info.DefaultChar, 14);
	}
	printf("GetCPInfo %d %lu\n", GetCPInfo(9999, &info), last());
	printf("IsValidCodePage %d %d %d %d\n", IsValidCodePage(1252), IsValidCodePage(65001), IsValidCodePage(9999), IsValidCodePage(0));
	printf("IsDBCSLeadByteEx %d %d\n", IsDBCSLeadByteEx(1252, 0x81), IsDBCSLeadByteEx(0, 0xe0));
	printf("GetACP %u\n", GetACP());
}

static int released;
static void WINAPI release(void *p) { released += (int)(size_t)p; }

static void storage(void) {
	last();
	DWORD a = TlsAlloc(), b = TlsAlloc();
	printf("TlsAlloc %d\n", b == a + 1);
	printf("TlsGetValue %p", TlsGetValue(a));
	printf(" %lu\n", last());
	printf("TlsSetValue %d", TlsSetValue(a, (void *)7));
	printf(" %p\n", TlsGetValue(a));
	printf("TlsFree %d", TlsFree(a));
	last();
	printf(" %d", TlsFree(a));
	printf(" %lu\n", last());
	printf("TlsGetValue %p", TlsGetValue(5000));
	printf(" %lu\n", last());
	DWORD f = FlsAlloc(release);
	printf("FlsGetValue %p", FlsGetValue(f));
	printf(" %lu\n", last());
	printf("FlsSetValue %d %p\n", FlsSetValue(f, (void *)11), FlsGetValue(f));
	printf("FlsFree %d", FlsFree(f));
	printf(" released %d\n", released);
	last();
	printf("FlsFree %d", FlsFree(f));
	printf(" %lu\n", last());
}

static void watched(void) {
	HANDLE self = GetCurrentProcess();
	DWORD old;
	last();
	char *p = VirtualAllocEx(self, 0, 0x8000, MEM_RESERVE | MEM_COMMIT | MEM_WRITE_WATCH, PAGE_READWRITE);
	printf("VirtualAllocEx %d\n", p != 0);
	p[0x1000] = 1, p[0x3fff] = 1, p[0x7000] = 1;
	void *at[4] = {0};
	ULONG_PTR n = 2;
	DWORD size = 0;
	printf("GetWriteWatch %u", GetWriteWatch(0, p, 0x8000, at, &n, &size));
	printf(" %d %lu %d %d\n", (int)n, size, (int)((char *)at[0] - p), (int)((char *)at[1] - p));
	n = 4;
	printf("GetWriteWatch %u", GetWriteWatch(WRITE_WATCH_FLAG_RESET, p, 0x4000, at, &n, &size));
	printf(" %d\n", (int)n);
	n = 4;
	printf("GetWriteWatch %u", GetWriteWatch(0, p, 0x8000, at, &n, &size));
	printf(" %d %d\n", (int)n, (int)((char *)at[0] - p));
	printf("ResetWriteWatch %u", ResetWriteWatch(p, 0x8000));
	n = 4;
	printf(" %u %d\n", GetWriteWatch(0, p, 0x8000, at, &n, &size), (int)n);
	last();
	n = 0;
	printf("GetWriteWatch %u", GetWriteWatch(0, p, 0x8000, at, &n, &size));
	printf(" %lu\n", last());
	printf("GetWriteWatch %u", GetWriteWatch(8, p, 0x8000, at, &n, &size));
	printf(" %lu\n", last());
	printf("VirtualLock %d", VirtualLock(p, 0x1000));
	printf(" VirtualUnlock %d\n", VirtualUnlock(p, 0x1000));
	printf("VirtualProtectEx %d", VirtualProtectEx(self, p, 0x1000, PAGE_READONLY, &old));
	printf(" %lx\n", old);
	MEMORY_BASIC_INFORMATION m;
	printf("VirtualQueryEx %d", (int)VirtualQueryEx(self, p, &m, sizeof m));
	printf(" %d %lx\n", (int)m.RegionSize, m.Protect);
	printf("VirtualFreeEx %d\n", VirtualFreeEx(self, p, 0, MEM_RELEASE));
	last();
	printf("VirtualLock %d", VirtualLock(p, 0x1000));
	printf(" %d\n", last() != 0);
	printf("GetLargePageMinimum %d\n", (int)GetLargePageMinimum());
}

static void mapped(void) {
	last();
	HANDLE h = CreateFileMappingW(INVALID_HANDLE_VALUE, 0, PAGE_READWRITE, 0, 0x20000, 0);
	printf("CreateFileMapping %d", h != 0);
	printf(" %lu\n", last());
	char *a = MapViewOfFile(h, FILE_MAP_ALL_ACCESS, 0, 0, 0), *b = MapViewOfFile(h, FILE_MAP_WRITE, 0, 0x10000, 0x1000);
	char *c = MapViewOfFile(h, FILE_MAP_READ, 0, 0, 0x2000), *d = MapViewOfFile(h, FILE_MAP_COPY, 0, 0, 0x2000);
	printf("MapViewOfFile %d %d %d %d\n", a != 0, b != 0, c != 0, d != 0);
	a[0x10000] = 5, a[1] = 7, d[1] = 9, d[0x1000] = 3;
	printf("views %d %d %d %d %d\n", b[0], c[1], d[1], a[0x1000], a[1]);
	MEMORY_BASIC_INFORMATION m;
	VirtualQuery(a, &m, sizeof m);
	printf("view %lx %lx %lx %lx\n", (long)m.RegionSize, m.State, m.Protect, m.Type);
	printf("CloseHandle %d\n", CloseHandle(h));
	b[1] = 8;
	printf("view %d\n", a[0x10001]);
	printf("UnmapViewOfFile %d %d %d %d", UnmapViewOfFile(a), UnmapViewOfFile(b), UnmapViewOfFile(c), UnmapViewOfFile(d));
	last();
	printf(" %d", UnmapViewOfFile(a));
	printf(" %lu\n", last());
	printf("CreateFileMapping %p", CreateFileMappingA(INVALID_HANDLE_VALUE, 0, PAGE_READWRITE, 0, 0, 0));
	printf(" %lu\n", last());
	printf("MapViewOfFile %p", MapViewOfFile((HANDLE)0x7770, FILE_MAP_READ, 0, 0, 0));
	printf(" %lu\n", last());
	h = CreateFileMappingA(INVALID_HANDLE_VALUE, 0, PAGE_READWRITE | SEC_RESERVE, 0, 0x10000, 0);
	a = MapViewOfFile(h, FILE_MAP_WRITE, 0, 0, 0);
	VirtualQuery(a, &m, sizeof m);
	printf("reserved %lx\n", m.State);
	printf("commit %d", VirtualAlloc(a + 0x1000, 0x1000, MEM_COMMIT, PAGE_READWRITE) == a + 0x1000);
	a[0x1000] = 1;
	printf(" %d", a[0x1000]);
	printf(" misaligned %p", MapViewOfFile(h, FILE_MAP_READ, 0, 0x1000, 0));
	printf(" %lu\n", last());
}

static void memory(void) {
	DWORD old;
	last();
	char *p = VirtualAlloc(0, 0x3000, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
	printf("VirtualAlloc %d\n", p != 0 && ((size_t)p & 0xffff) == 0);
	printf("VirtualAlloc %p", VirtualAlloc((void *)0x1000, 0x1000, MEM_RESERVE, PAGE_READWRITE));
	printf(" %lu\n", last());
	printf("VirtualAlloc %p", VirtualAlloc(0, 0, MEM_RESERVE, PAGE_READWRITE));
	printf(" %lu\n", last());
	printf("VirtualAlloc %p", VirtualAlloc(0, 0x1000, MEM_RESERVE, 0x77));
	printf(" %lu\n", last());
	printf("VirtualAlloc %p", VirtualAlloc(p, 0x1000, MEM_RESERVE, PAGE_READWRITE));
	printf(" %lu\n", last());
	printf("VirtualProtect %d", VirtualProtect(p, 0x1000, PAGE_READONLY, &old));
	printf(" %lx\n", old);
	printf("VirtualProtect %d", VirtualProtect(p, 0x1000, PAGE_READWRITE, 0));
	printf(" %lu\n", last());
	printf("VirtualProtect %d", VirtualProtect(p, 0x1000, PAGE_READWRITE, (DWORD *)8));
	printf(" %lu\n", last());
	MEMORY_BASIC_INFORMATION m;
	printf("VirtualQuery %d", (int)VirtualQuery(p + 0x1234, &m, sizeof m));
	printf(" %d %d %d %lx %lx %lx %lx\n", m.BaseAddress == p + 0x1000, m.AllocationBase == p, (int)m.RegionSize, m.AllocationProtect,
	       m.State, m.Protect, m.Type);
	printf("VirtualQuery %d", (int)VirtualQuery(p, &m, 8));
	printf(" %lu\n", last());
	printf("VirtualQuery %d", (int)VirtualQuery((void *)0xffff800000000000, &m, sizeof m));
	printf(" %lu\n", last());
	printf("VirtualFree %d", VirtualFree(p, 0x1000, MEM_RELEASE));
	printf(" %lu\n", last());
	printf("VirtualFree %d", VirtualFree(p, 0x1000, MEM_DECOMMIT));
	printf(" %d", VirtualFree(p, 0, MEM_RELEASE));
	printf(" %d\n", VirtualFree(p, 0, MEM_RELEASE));
	last();
	HANDLE h = HeapCreate(0, 0, 0);
	char *q = HeapAlloc(h, HEAP_ZERO_MEMORY, 100);
	printf("heap %d %d %d", q[99], (int)HeapSize(h, 0, q), HeapValidate(h, 0, q));
	q = HeapReAlloc(h, 0, q, 5000);
	printf(" %d", (int)HeapSize(h, 0, q));
	printf(" %d\n", HeapFree(h, 0, q));
	printf("HeapDestroy %d", HeapDestroy(h));
	printf(" %d\n", HeapDestroy(GetProcessHeap()));
	void *l = LocalAlloc(LPTR, 10);
	printf("LocalFree %p\n", LocalFree(l));
	SYSTEM_INFO s;
	GetSystemInfo(&s);
	printf("GetSystemInfo %d %lu %lu %p %p\n", s.wProcessorArchitecture, s.dwPageSize, s.dwAllocationGranularity,
	       s.lpMinimumApplicationAddress, s.lpMaximumApplicationAddress);
	printf("DecodePointer %d\n", DecodePointer(EncodePointer(p)) == p);
}

static void process(void) {
	char b[64];
	WCHAR w[64];
	DWORD n;
	last();
	n = GetModuleFileNameA(0, b, sizeof b);
	printf("GetModuleFileNameA %d %d %lu\n", n == strlen(b), b[1] == ':', last());
	n = GetModuleFileNameA(0, b, 4);
	printf("GetModuleFileNameA %lu %lu\n", n, last());
	n = GetModuleFileNameW((HMODULE)0x1230000, w, 64);
	printf("GetModuleFileNameW %lu %lu\n", n, last());
	printf("GetModuleHandle %d\n", GetModuleHandleA("KERNEL32") == GetModuleHandleW(L"kernel32.dll"));
	printf("GetModuleHandleA %p", GetModuleHandleA("nosuch"));
	printf(" %lu\n", last());
	HMODULE m;
	printf("GetModuleHandleExA %d", GetModuleHandleExA(4, (char *)process, &m));
	printf(" %d\n", m == GetModuleHandleA(0));
	printf("GetModuleHandleExA %d", GetModuleHandleExA(2, "nosuch", &m));
	printf(" %p %lu\n", m, last());
	printf("GetModuleHandleExA %d", GetModuleHandleExA(3, 0, &m));
	printf(" %lu\n", last());
	m = GetModuleHandleA("kernel32");
	printf("GetProcAddress %d %p", GetProcAddress(m, "Sleep") == (FARPROC)Sleep || GetProcAddress(m, "Sleep") != 0,
	       GetProcAddress(m, "NoSuchFunction"));
	printf(" %lu\n", last());
	printf("LoadLibraryA %d", LoadLibraryA("kernel32.dll") == m);
	printf(" %p", LoadLibraryA("nosuch.dll"));
	printf(" %lu\n", last());
	printf("FreeLibrary %d", FreeLibrary(m));
	printf(" %d", GetModuleHandleA("kernel32") == m);
	printf(" %d", FreeLibrary((HMODULE)0x1230000));
	printf(" %lu", last());
	printf(" %d", FreeLibrary(0));
	printf(" %lu\n", last());
	printf("DisableThreadLibraryCalls %d", DisableThreadLibraryCalls(m));
	printf(" %d", DisableThreadLibraryCalls((HMODULE)0x1230000));
	printf(" %lu\n", last());
	printf("GetModuleHandleExA %d", GetModuleHandleExA(1, "kernel32", &m));
	printf(" %d\n", FreeLibrary(m) && GetModuleHandleA("kernel32") == m);
	printf("GetEnvironmentVariableA %lu", GetEnvironmentVariableA("NO_SUCH", b, sizeof b));
	printf(" %lu\n", last());
	WCHAR *env = GetEnvironmentStringsW();
	printf("environment %d", env[0] != 0);
	printf(" %d\n", FreeEnvironmentStringsW(env));
	DWORD done = 9;
	printf("WriteFile %d", WriteFile((HANDLE)0x7770, "x", 1, &done, 0));
	printf(" %lu %lu\n", done, last());
	printf("GetStdHandle %d", GetStdHandle(-1) == INVALID_HANDLE_VALUE);
	printf(" %lu\n", last());
	printf("GetConsoleMode %d", GetConsoleMode(GetStdHandle(STD_OUTPUT_HANDLE), &done));
	printf(" %lu\n", last());
	printf("GetFileType %lu", GetFileType((HANDLE)0x7770));
	printf(" %lu\n", last());
	printf("CloseHandle %d", CloseHandle((HANDLE)0x7770));
	printf(" %lu\n", last());
	printf("GetCurrentProcess %p %p %d\n", GetCurrentProcess(), GetCurrentThread(), IsDebuggerPresent());
	STARTUPINFOA si;
	GetStartupInfoA(&si);
	printf("GetStartupInfoA %lu\n", si.cb);
	CRITICAL_SECTION cs;
	printf("critical section %d", InitializeCriticalSectionEx(&cs, 0, 0));
	printf(" %d", TryEnterCriticalSection(&cs));
	EnterCriticalSection(&cs);
	printf(" %ld %d", cs.RecursionCount, (DWORD)(size_t)cs.OwningThread == GetCurrentThreadId());
	LeaveCriticalSection(&cs);
	LeaveCriticalSection(&cs);
	printf(" %ld %ld\n", cs.LockCount, cs.RecursionCount);
	DWORD t0 = GetTickCount();
	Sleep(50);
	printf("Sleep %d\n", GetTickCount() - t0 >= 15);
	LARGE_INTEGER f, c;
	printf("QueryPerformance %d %d", QueryPerformanceFrequency(&f), QueryPerformanceCounter(&c));
	printf(" %d\n", (int)f.QuadPart);
}

static void WINAPI atEnd(void *p) { printf("fiber local %d\n", (int)(size_t)p), fflush(stdout); }

int main(void) {
	codePages();
	storage();
	memory();
	watched();
	mapped();
	process();
	DWORD f = FlsAlloc(atEnd);
	FlsSetValue(f, (void *)3);
	fflush(stdout);
	ExitProcess(77);
}
