// counters: every counter of memory, moved by what it counts. Each line is a fact. The machine has 64 MiB of RAM, a page file of 16 MiB and
// two privileges.
#include <stdio.h>
#include <string.h>
#include <windows.h>
#include <psapi.h>

#define CHECK(fact) (checks++, (fact) ? 1 : (failed++, printf("%d: not so: %s (last error %lu)\n", __LINE__, #fact, GetLastError())))
#define PAGE 0x1000
#define BOTH (MEM_RESERVE | MEM_COMMIT)

static int failed, checks;

#define NT(name, args) static LONG (WINAPI *name) args
NT(NtQuerySystemInformation, (int, void *, ULONG, ULONG *));
NT(NtSetSystemInformation, (int, void *, ULONG));
NT(NtQueryInformationProcess, (HANDLE, int, void *, ULONG, ULONG *));
NT(NtCreatePagingFile, (void *, LARGE_INTEGER *, LARGE_INTEGER *, ULONG));

struct performance { // SYSTEM_PERFORMANCE_INFORMATION
	ULONG64 idle, readBytes, writeBytes, otherBytes;
	ULONG reads, writes, others, available, committed, limit, peak, faults, copies, transitions, cacheTransitions, demandZero;
	ULONG pagesRead, reading, cacheReads, cacheIo, dirtyPages, dirtyWrites, mappedPages, mappedWrites;
	ULONG paged, nonPaged, pagedAllocs, pagedFrees, nonPagedAllocs, nonPagedFrees, systemPtes, code, drivers, codePages;
	ULONG nonPagedHits, pagedHits, availablePaged, cacheResident, pagedResident, driverResident, cc[30];
	ULONG switches, firstTb, secondTb, calls;
	ULONG64 dirty, threshold, residentAvailable, shared;
};
struct lists { ULONG64 zero, free, modified, noWrite, bad, standby[8], repurposed[8], pageFileModified; };
struct counters { // VM_COUNTERS_EX2
	SIZE_T peakVirtual, virtual_; ULONG faults;
	SIZE_T peakWs, ws, peakPaged, paged, peakNonPaged, nonPaged, commit, peakCommit, private_, privateWs, shared;
};

static struct performance a, b;
static struct counters c, d;
static HANDLE self;

static void take(struct performance *p, struct counters *v) {
	ULONG n;
	CHECK(NtQuerySystemInformation(2, p, sizeof *p, &n) == 0 && n == 344);
	CHECK(NtQueryInformationProcess(self, 3, v, sizeof *v, &n) == 0 && n == 112);
}
#define BEFORE take(&a, &c)
#define AFTER take(&b, &d)

static struct lists memoryLists(void) {
	struct lists l;
	ULONG n;
	CHECK(NtQuerySystemInformation(80, &l, sizeof l, &n) == 0 && n == 176);
	return l;
}

static void enable(const char *name) {
	HANDLE token;
	TOKEN_PRIVILEGES p = {1};
	OpenProcessToken(self, TOKEN_ADJUST_PRIVILEGES, &token);
	LookupPrivilegeValueA(0, name, &p.Privileges[0].Luid);
	p.Privileges[0].Attributes = SE_PRIVILEGE_ENABLED;
	CHECK(AdjustTokenPrivileges(token, FALSE, &p, 0, 0, 0) && GetLastError() == 0);
	CloseHandle(token);
}

static void list(ULONG command) { CHECK(NtSetSystemInformation(80, &command, 4) == 0); }

static void faults(void) {
	char *p = VirtualAlloc(0, 512 * PAGE, BOTH, PAGE_READWRITE);
	BEFORE;
	memset(p, 7, 400 * PAGE);
	AFTER;
	CHECK(b.faults - a.faults >= 400 && b.demandZero - a.demandZero >= 400 && a.available - b.available >= 400);
	CHECK(d.faults - c.faults >= 400 && d.ws - c.ws >= 400 * PAGE && d.privateWs - c.privateWs >= 400 * PAGE && d.peakWs >= d.ws);
	CHECK(b.secondTb > a.secondTb && b.committed - a.committed < 8 && d.private_ - c.private_ < 8 * PAGE);
	BEFORE;
	EmptyWorkingSet(self);
	struct lists m = memoryLists();
	AFTER;
	CHECK(c.ws - d.ws >= 400 * PAGE && d.peakWs == c.peakWs && m.modified >= 400 && m.pageFileModified >= 400);
	BEFORE;
	for (int i = 0; i < 100; i++)
		p[i * PAGE]++;
	AFTER;
	CHECK(b.transitions - a.transitions >= 100 && b.demandZero - a.demandZero < 10);

	// Out to the page file, and in again.
	EmptyWorkingSet(self);
	BEFORE;
	list(3);
	m = memoryLists();
	AFTER;
	ULONG64 standby = 0, more = 0, repurposed = 0;
	for (int i = 0; i < 8; i++)
		standby += m.standby[i], repurposed += m.repurposed[i];
	CHECK(b.dirtyPages - a.dirtyPages >= 400 && b.dirtyWrites - a.dirtyWrites >= 25 && m.pageFileModified < 16 && standby >= 400);
	list(4);
	m = memoryLists();
	for (int i = 0; i < 8; i++)
		more += m.standby[i];
	CHECK(more < standby - 350 && m.zero + m.free >= 400);
	BEFORE;
	for (int i = 0; i < 400; i++)
		CHECK(p[i * PAGE + 1] == 7);
	AFTER;
	CHECK(b.pagesRead - a.pagesRead >= 400 && b.reading - a.reading >= 25 && b.reading - a.reading <= 400);
	VirtualFree(p, 0, MEM_RELEASE);

	// Memory that nothing else can have is taken from standby.
	CHECK(m.bad == 0 && m.noWrite == 0);
	p = VirtualAlloc(0, 70 << 20, BOTH, PAGE_READWRITE);
	memset(p, 1, 70 << 20);
	m = memoryLists();
	for (int i = 0; i < 8; i++)
		more = i ? more + m.repurposed[i] : m.repurposed[i];
	CHECK(more > repurposed);
	VirtualFree(p, 0, MEM_RELEASE);
}

static void files(void) {
	char path[300], buffer[PAGE];
	GetTempPathA(sizeof path, path), strcat(path, "counters.bin");
	HANDLE f = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, 0, 0, CREATE_ALWAYS, FILE_FLAG_DELETE_ON_CLOSE, 0);
	DWORD n;
	memset(buffer, 5, PAGE);
	BEFORE;
	for (int i = 0; i < 32; i++)
		WriteFile(f, buffer, PAGE, &n, 0);
	SetFilePointer(f, 0, 0, FILE_BEGIN);
	ReadFile(f, buffer, 100, &n, 0);
	AFTER;
	CHECK(b.writes - a.writes == 32 && b.writeBytes - a.writeBytes == 32 * PAGE && b.reads - a.reads == 1 && b.readBytes - a.readBytes == 100);
	HANDLE s = CreateFileMappingA(f, 0, PAGE_READWRITE, 0, 0, 0);
	BEFORE;
	volatile char *v = MapViewOfFile(s, FILE_MAP_WRITE, 0, 0, 0), *w = MapViewOfFile(s, FILE_MAP_COPY, 0, 0, 0);
	AFTER;
	CHECK(d.paged - c.paged == 64 * 8 && b.committed - a.committed >= 32 && d.virtual_ - c.virtual_ == 64 * PAGE);
	BEFORE;
	for (int i = 0; i < 32; i++)
		CHECK(v[i * PAGE] == 5);
	AFTER;
	CHECK(b.pagesRead - a.pagesRead == 32 && b.reading - a.reading >= 1 && b.reading - a.reading <= 32 && b.cacheResident - a.cacheResident == 32);
	BEFORE;
	w[0] = 1, w[PAGE] = 1;
	AFTER;
	CHECK(b.copies - a.copies == 2);
	BEFORE;
	for (int i = 0; i < 8; i++)
		v[i * PAGE] = 9;
	UnmapViewOfFile((void *)w);
	CHECK(FlushViewOfFile((void *)v, 0));
	AFTER;
	CHECK(b.mappedPages - a.mappedPages == 8 && b.mappedWrites - a.mappedWrites >= 1 && d.peakPaged >= c.paged && d.paged < c.paged);
	v[0] = 3;
	UnmapViewOfFile((void *)v), CloseHandle(s), CloseHandle(f);
}

static void commit(void) {
	BEFORE;
	HANDLE s = CreateFileMappingA(INVALID_HANDLE_VALUE, 0, PAGE_READWRITE, 0, 1 << 20, 0);
	AFTER;
	CHECK(b.shared - a.shared == 256 && b.committed - a.committed >= 256 && d.shared == c.shared && b.availablePaged < a.availablePaged);
	void *v = MapViewOfFile(s, FILE_MAP_WRITE, 0, 0, 0);
	AFTER;
	CHECK(d.shared - c.shared == 1 << 20 && b.paged >= a.paged && b.pagedResident == b.paged);
	UnmapViewOfFile(v), CloseHandle(s);
	BEFORE;
	void *p = VirtualAlloc(0, 4 << 20, BOTH, PAGE_READWRITE);
	AFTER;
	CHECK(b.committed - a.committed == 1024 && d.commit - c.commit == 4 << 20 && d.private_ - c.private_ == 4 << 20 && b.peak >= b.committed && d.peakCommit >= d.commit);
	CHECK(d.virtual_ - c.virtual_ == 4 << 20 && d.peakVirtual >= d.virtual_);
	BEFORE;
	VirtualLock(p, 20 * PAGE);
	AFTER;
	CHECK(a.residentAvailable - b.residentAvailable >= 20);
	VirtualFree(p, 0, MEM_RELEASE);
	void *many[200];
	BEFORE;
	for (int i = 0; i < 200; i++)
		many[i] = VirtualAlloc(0, PAGE, MEM_RESERVE, PAGE_READWRITE);
	AFTER;
	CHECK(d.nonPaged > c.nonPaged + 200 * 32 && d.peakNonPaged >= d.nonPaged && b.nonPaged > a.nonPaged);
	for (int i = 0; i < 200; i++)
		VirtualFree(many[i], 0, MEM_RELEASE);
	struct { SIZE_T peakPaged, paged, limitPaged, peakNon, non, limitNon, peakFile, file, limitFile; } pool;
	CHECK(NtQueryInformationProcess(self, 14, &pool, sizeof pool, 0) == 0);
	BEFORE;
	CHECK(pool.paged == c.paged && pool.peakNon == c.peakNonPaged && pool.file == c.commit && pool.peakFile == c.peakCommit && pool.limitFile == (SIZE_T)-1);
}

static DWORD WINAPI thread(void *e) { return WaitForSingleObject(e, INFINITE); }

static void machine(void) {
	PERFORMANCE_INFORMATION x, y;
	HANDLE e[50];
	BEFORE;
	GetPerformanceInfo(&x, sizeof x);
	for (int i = 0; i < 50; i++)
		e[i] = CreateEventA(0, TRUE, FALSE, 0);
	HANDLE t = CreateThread(0, 0, thread, e[0], 0, 0);
	Sleep(5);
	char path[300];
	GetModuleFileNameA(0, path, sizeof path);
	STARTUPINFOA start = {sizeof start};
	PROCESS_INFORMATION p;
	CHECK(CreateProcessA(path, 0, 0, 0, FALSE, CREATE_SUSPENDED, 0, 0, &start, &p));
	GetPerformanceInfo(&y, sizeof y);
	AFTER;
	CHECK(y.HandleCount - x.HandleCount >= 53 && y.ThreadCount - x.ThreadCount == 2 && y.ProcessCount == 2 && x.ProcessCount == 1);
	CHECK(y.CommitTotal > x.CommitTotal && y.KernelTotal == y.KernelPaged + y.KernelNonpaged && y.KernelPaged >= x.KernelPaged);
	CHECK(y.PhysicalAvailable == b.available && y.CommitTotal == b.committed && y.SystemCache > 0 && y.PageSize == PAGE);
	CHECK(b.idle - a.idle >= 40000 && b.switches - a.switches >= 2 && b.calls > a.calls && b.nonPagedAllocs - a.nonPagedAllocs >= 50);
	TerminateProcess(p.hProcess, 0), CloseHandle(p.hProcess), CloseHandle(p.hThread);
	SetEvent(e[0]), WaitForSingleObject(t, INFINITE), CloseHandle(t);
	BEFORE;
	for (int i = 0; i < 50; i++)
		CloseHandle(e[i]);
	AFTER;
	CHECK(b.nonPagedFrees - a.nonPagedFrees >= 50);
}

static BOOL CALLBACK pageFile(void *context, ENUM_PAGE_FILE_INFORMATION *i, const wchar_t *name) {
	if (!wcscmp(name, L"\\??\\C:\\second.sys"))
		*(SIZE_T *)context = i->TotalSize;
	return TRUE;
}

static void pageFiles(void) {
	struct { USHORT length, max; const wchar_t *text; } name = {0, 0, L"\\??\\C:\\second.sys"};
	LARGE_INTEGER low = {.QuadPart = 8 << 20}, high = {.QuadPart = 32 << 20};
	name.length = name.max = 2 * wcslen(name.text);
	CHECK(NtCreatePagingFile(&name, &low, &high, 0) == 0xc0000061);
	enable("SeCreatePagefilePrivilege");
	CHECK(NtCreatePagingFile(0, &low, &high, 0) == 0xc0000005 && NtCreatePagingFile(&name, 0, &high, 0) == 0xc0000005);
	CHECK(NtCreatePagingFile(&name, &high, &low, 0) == 0xc00000f1);
	low.QuadPart = 4096;
	CHECK(NtCreatePagingFile(&name, &low, &high, 0) == 0xc00000f0);
	low.QuadPart = 8 << 20;
	name.length = 0;
	CHECK(NtCreatePagingFile(&name, &low, &high, 0) == 0xc0000033);
	struct { USHORT length, max; const wchar_t *text; } bad = {42, 42, L"\\??\\Q:\\pagefile.sys  "}, folder = {24, 24, L"\\??\\C:\\Windows"};
	folder.length = 2 * wcslen(folder.text);
	CHECK(NtCreatePagingFile(&bad, &low, &high, 0) < 0 && NtCreatePagingFile(&folder, &low, &high, 0) == 0xc00000ba);
	name.length = name.max;
	BEFORE;
	CHECK(NtCreatePagingFile(&name, &low, &high, 0) == 0);
	AFTER;
	CHECK(b.limit - a.limit == 2048);
	SIZE_T total = 0;
	CHECK(EnumPageFilesW(pageFile, &total) && total == 2048);
	struct { ULONG next, size, used, peak; USHORT length, max; void *text; ULONG least, most; } *f;
	char buffer[512];
	ULONG n;
	CHECK(NtQuerySystemInformation(144, buffer, sizeof buffer, &n) == 0);
	f = (void *)buffer;
	CHECK(f->next && f->size == 4096 && f->peak >= 400 && f->peak >= f->used);
	f = (void *)(buffer + f->next);
	CHECK(!f->next && f->size == 2048 && f->least == 2048 && f->most == 8192);
	// The commit limit is followed by extension up to the maximum; beyond it nothing is promised.
	void *p = VirtualAlloc(0, (SIZE_T)(b.limit - b.committed + 3000) * PAGE, BOTH, PAGE_READWRITE);
	CHECK(p != 0);
	AFTER;
	CHECK(b.limit - a.limit >= 2048 + 3000 && b.limit - a.limit <= 8192 && VirtualFree(p, 0, MEM_RELEASE));
	CHECK(!VirtualAlloc(0, (SIZE_T)(b.limit + 8192) * PAGE, BOTH, PAGE_READWRITE) && GetLastError() == ERROR_COMMITMENT_LIMIT);
	// Another maximum for the same file.
	low.QuadPart = 8 << 20, high.QuadPart = 4 << 20;
	CHECK(NtCreatePagingFile(&name, &low, &high, 0) == 0xc00000f1);
	low.QuadPart = 4 << 20, high.QuadPart = 64 << 20;
	CHECK(NtCreatePagingFile(&name, &low, &high, 0) == 0xc00000f0);
	low.QuadPart = 40 << 20;
	CHECK(NtCreatePagingFile(&name, &low, &high, 0) == 0);
	AFTER;
	CHECK(b.limit - a.limit == 40 << 8);
}

int main(void) {
	HMODULE n = GetModuleHandleA("ntdll.dll");
	*(FARPROC *)&NtQuerySystemInformation = GetProcAddress(n, "NtQuerySystemInformation");
	*(FARPROC *)&NtSetSystemInformation = GetProcAddress(n, "NtSetSystemInformation");
	*(FARPROC *)&NtQueryInformationProcess = GetProcAddress(n, "NtQueryInformationProcess");
	*(FARPROC *)&NtCreatePagingFile = GetProcAddress(n, "NtCreatePagingFile");
	self = GetCurrentProcess();
	setvbuf(stdout, 0, _IONBF, 0);
	enable("SeProfileSingleProcessPrivilege");
	faults();
	files();
	commit();
	machine();
	pageFiles();
	printf("%d checks, %d failed\n", checks, failed);
	return failed;
}
