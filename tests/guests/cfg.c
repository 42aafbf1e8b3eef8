// cfg: a program that was built for control-flow guard, by hand: GNU ld knows no load configuration, so that it is written in assembly and
// loadconfig.go puts it into the headers. A guarded call is what MSVC makes of one: the check function, then the call.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#define CHECK(fact) (checks++, (fact) ? 1 : (failed++, printf("%d: not so: %s (last error %lu)\n", __LINE__, #fact, GetLastError())))
#define FAILS(call, error) (SetLastError(0), CHECK(!(call)), CHECK(GetLastError() == (error)))
#define PAGE 0x1000
#define TARGETS_INVALID 0x40000000
#define TARGETS_NO_UPDATE 0x40000000

static int failed, checks;

// Functions: two that the table has, one of which is not aligned, one that it has not, and one that it has as suppressed.
__asm__(".text\n"
	".balign 16\n"
	"good: mov $1,%eax\n ret\n"
	".balign 16\n nop\n"
	"odd: mov $2,%eax\n ret\n"
	".balign 16\n"
	".globl bad\n"
	"bad: mov $3,%eax\n ret\n"
	".balign 16\n"
	"suppressed: mov $4,%eax\n ret\n"
	".balign 16\n"
	"nothing: ret\n"
	"jump: jmp *%rax\n"
	// guarded(f): as the compiler calls through a pointer. dispatched(f): as newer ones do.
	"guarded: push %rbx\n mov %rcx,%rbx\n sub $32,%rsp\n call *check(%rip)\n call *%rbx\n add $32,%rsp\n pop %rbx\n ret\n"
	"dispatched: sub $40,%rsp\n mov %rcx,%rax\n call *dispatch(%rip)\n add $40,%rsp\n ret\n"
	".section .rdata,\"dr\"\n"
	".balign 8\n"
	"check: .quad nothing\n"
	"dispatch: .quad jump\n"
	"table: .rva good\n .byte 0\n .rva odd\n .byte 0\n .rva suppressed\n .byte 1\n .rva mainCRTStartup\n .byte 0\n"
	".balign 8\n"
	"loadconfig: .ascii \"LOADCONF\"\n"     // what loadconfig.go looks for
	".long 0x94, 0\n"                       // Size, TimeDateStamp
	".fill 0x50, 1, 0\n"                    // … up to SecurityCookie
	".quad 0, 0, 0\n"                       // SecurityCookie, SEHandlerTable, SEHandlerCount
	".quad check, dispatch, table, 4\n"     // GuardCFCheckFunctionPointer … GuardCFFunctionCount
	".long 0x10000500\n"                    // GuardFlags: instrumented, a table, one byte beside each address
	".text\n");
extern int good(void), odd(void), bad(void), suppressed(void), guarded(void *f), dispatched(void *f);
extern void *check, *dispatch;

typedef struct { ULONG_PTR offset, flags; } target;
static BOOL (WINAPI *setTargets)(HANDLE, void *, SIZE_T, ULONG, target *);
static BOOL (WINAPI *setViewTargets)(HANDLE, void *, SIZE_T, ULONG, target *, HANDLE, ULONG64);
static BYTE *bitmap;

// bits is what the bitmap says of an address: 0 no target, 1 its first byte, 3 every byte of 16.
static int bits(void *p) {
	ULONG_PTR a = (ULONG_PTR)p;
	return bitmap[a >> 6] >> (a >> 4 & 3) * 2 & 3;
}

static char *code(DWORD type, DWORD protect) {
	char *p = VirtualAlloc(0, 4 * PAGE, type, PAGE_READWRITE);
	for (int i = 0; i < 4 * PAGE; i += 8)
		memcpy(p + i, "\xb8\x07\x00\x00\x00\xc3\xcc", 8); // mov eax,7; ret
	DWORD old;
	CHECK(VirtualProtect(p, 4 * PAGE, protect, &old));
	return p;
}

static void documented(void) {
	HANDLE self = GetCurrentProcess();
	struct { ULONG flags; } policy = {0};
	CHECK(GetProcessMitigationPolicy(self, 7, &policy, sizeof policy) && policy.flags == 1);
	BOOLEAN (WINAPI *enforced)(void) = (void *)GetProcAddress(GetModuleHandleA("ntdll.dll"), "LdrControlFlowGuardEnforced");
	CHECK(enforced && enforced());

	// The loader has put ntdll's functions in place of the image's own, and left the pointers read-only.
	HMODULE in = 0, ntdll = GetModuleHandleA("ntdll.dll");
	CHECK(GetModuleHandleExA(6, (void *)check, &in) && in == ntdll && GetModuleHandleExA(6, (void *)dispatch, &in) && in == ntdll);
	MEMORY_BASIC_INFORMATION i;
	CHECK(VirtualQuery(&check, &i, sizeof i) && i.Protect == PAGE_READONLY);

	// The bitmap: reserved whole, read-only where it is committed, and nobody's to change.
	CHECK(VirtualQuery(bitmap, &i, sizeof i) && i.AllocationBase == bitmap && i.AllocationProtect == PAGE_READONLY);
	void *mine = bitmap + ((ULONG_PTR)good >> 6);
	CHECK(VirtualQuery(mine, &i, sizeof i) && i.State == MEM_COMMIT && i.Protect == PAGE_READONLY);
	DWORD old;
	CHECK(!VirtualProtect(mine, 1, PAGE_READWRITE, &old) && !VirtualFree(bitmap, 0, MEM_RELEASE) && !VirtualFree(mine, 1, MEM_DECOMMIT));
	CHECK(!VirtualAlloc(mine, 1, MEM_COMMIT, PAGE_READWRITE));
	CHECK(bits(good) == 1 && bits(odd) == 3 && bits(suppressed) == 0 && bits((char *)bad + 64) == 0);
	CHECK(bits(GetProcAddress(ntdll, "NtClose")) == 3); // not built for it: valid everywhere
	CHECK(guarded(good) == 1 && guarded(odd) == 2 && dispatched(good) == 1 && dispatched(odd) == 2);

	// Memory that a program makes executable.
	char *p = code(MEM_RESERVE | MEM_COMMIT, PAGE_EXECUTE_READ);
	CHECK(bits(p) == 3 && bits(p + 4 * PAGE - 1) == 3 && bits(p + 4 * PAGE) == 0 && guarded(p + 8) == 7);
	CHECK(VirtualFree(p, 0, MEM_RELEASE) && bits(p) == 0);
	p = VirtualAlloc(0, 4 * PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_EXECUTE_READWRITE | TARGETS_INVALID);
	memset(p, 0xc3, 4 * PAGE);
	CHECK(bits(p) == 0 && VirtualQuery(p, &i, sizeof i) && i.Protect == PAGE_EXECUTE_READWRITE && i.AllocationProtect == PAGE_EXECUTE_READWRITE);
	target t[3] = {{0x20, 1}, {0x1000, 1}, {0x3ff0, 1}};
	CHECK(setTargets(self, p, 4 * PAGE, 3, t) && t[0].flags == 3 && t[2].flags == 3);
	CHECK(bits(p + 0x20) == 1 && bits(p + PAGE) == 1 && bits(p + 0x3ff0) == 1 && bits(p + 0x30) == 0);
	guarded(p + 0x20), dispatched(p + 0x3ff0);
	t[0].flags = 0;
	CHECK(setTargets(self, p, 4 * PAGE, 1, t) && bits(p + 0x20) == 0 && bits(p + PAGE) == 1);
	// Protections: to writable and back without an update; then with one.
	CHECK(VirtualProtect(p, 4 * PAGE, PAGE_READWRITE, &old) && bits(p + PAGE) == 1);
	CHECK(VirtualProtect(p, 4 * PAGE, PAGE_EXECUTE_READ | TARGETS_NO_UPDATE, &old) && bits(p + PAGE) == 1 && bits(p + 0x20) == 0);
	CHECK(VirtualProtect(p, PAGE, PAGE_EXECUTE_READ, &old) && bits(p + 0x20) == 3 && bits(p + PAGE + 0x20) == 0);
	FAILS(VirtualProtect(p, PAGE, PAGE_READONLY | TARGETS_NO_UPDATE, &old), ERROR_INVALID_PARAMETER);
	CHECK(VirtualFree(p + PAGE, PAGE, MEM_DECOMMIT) && bits(p + PAGE) == 0 && bits(p + 0x3ff0) == 1);
	FAILS(setTargets(self, p, 2 * PAGE, 1, t), ERROR_INVALID_PARAMETER); // a page of it is not committed
	t[0] = (target){0x28, 1};
	FAILS(setTargets(self, p, PAGE, 1, t), ERROR_INVALID_PARAMETER);
	t[0] = (target){PAGE, 1};
	FAILS(setTargets(self, p, PAGE, 1, t), ERROR_INVALID_PARAMETER);
	FAILS(setTargets(self, p, PAGE, 0, t), ERROR_INVALID_PARAMETER);
	FAILS(setTargets(self, malloc(10), PAGE, 1, t), ERROR_INVALID_PARAMETER);
	VirtualFree(p, 0, MEM_RELEASE);

	// Views.
	HANDLE s = CreateFileMappingA(INVALID_HANDLE_VALUE, 0, PAGE_EXECUTE_READWRITE, 0, 0x20000, 0);
	char *v = MapViewOfFile(s, FILE_MAP_READ | FILE_MAP_EXECUTE, 0, 0, 0), *w = MapViewOfFile(s, FILE_MAP_READ | FILE_MAP_EXECUTE | 0x40000000, 0, 0x10000, 0);
	CHECK(bits(v) == 3 && bits(v + 0x1ffff) == 3 && w && bits(w) == 0);
	t[0] = (target){0x40, 1};
	FAILS(setViewTargets(self, w, PAGE, 1, t, s, 0), ERROR_INVALID_PARAMETER);
	CHECK(setViewTargets(self, w, PAGE, 1, t, s, 0x10000) && bits(w + 0x40) == 1);
	CHECK(UnmapViewOfFile(v) && bits(v) == 0 && UnmapViewOfFile(w) && bits(w + 0x40) == 0);

	// A reservation of most of the address space comes and goes at once.
	p = VirtualAlloc(0, (SIZE_T)100 << 40, MEM_RESERVE, PAGE_EXECUTE_READ);
	CHECK(p && bits(p) == 0 && VirtualFree(p, 0, MEM_RELEASE));

	// A child has its own bitmap, which is marked from here.
	char path[300], line[320];
	GetModuleFileNameA(0, path, sizeof path);
	sprintf(line, "\"%s\" child", path);
	STARTUPINFOA start = {sizeof start};
	PROCESS_INFORMATION c;
	CHECK(CreateProcessA(0, line, 0, 0, FALSE, CREATE_SUSPENDED, 0, 0, &start, &c));
	p = VirtualAllocEx(c.hProcess, (void *)0x20000000, PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_EXECUTE_READWRITE | TARGETS_INVALID);
	CHECK(p && WriteProcessMemory(c.hProcess, p + 0x40, "\xb8\x2a\x00\x00\x00\xc3", 6, 0));
	t[0] = (target){0x40, 1};
	CHECK(setTargets(c.hProcess, p, PAGE, 1, t) && bits(p + 0x40) == 0);
	ResumeThread(c.hThread);
	DWORD exit;
	CHECK(WaitForSingleObject(c.hProcess, INFINITE) == 0 && GetExitCodeProcess(c.hProcess, &exit) && exit == 42);
}

static LONG WINAPI never(EXCEPTION_POINTERS *e) {
	printf("a handler saw %lx\n", e->ExceptionRecord->ExceptionCode);
	return EXCEPTION_CONTINUE_SEARCH;
}

int main(int argc, char **argv) {
	HMODULE base = LoadLibraryA("kernelbase.dll");
	setTargets = (void *)GetProcAddress(base, "SetProcessValidCallTargets");
	setViewTargets = (void *)GetProcAddress(base, "SetProcessValidCallTargetsForMappedView");
	bitmap = *(BYTE **)((char *)GetProcAddress(GetModuleHandleA("ntdll.dll"), "LdrSystemDllInitBlock") + 0xb8);
	setvbuf(stdout, 0, _IONBF, 0);
	const char *how = argc > 1 ? argv[1] : "";
	if (!strcmp(how, "child"))
		return guarded((void *)0x20000040);
	if (*how) {
		AddVectoredExceptionHandler(1, never); // a fast fail asks nobody
		char *p = VirtualAlloc(0, PAGE, MEM_RESERVE | MEM_COMMIT, PAGE_EXECUTE_READWRITE | (!strcmp(how, "data") ? 0 : TARGETS_INVALID));
		memset(p, 0xc3, PAGE);
		if (!strcmp(how, "check"))
			guarded(bad);
		else if (!strcmp(how, "dispatch"))
			dispatched(bad);
		else if (!strcmp(how, "inside"))
			guarded((char *)good + 1); // only its first byte is a target
		else if (!strcmp(how, "suppressed"))
			guarded(suppressed);
		else if (!strcmp(how, "invalid"))
			guarded(p);
		else if (!strcmp(how, "free"))
			guarded((void *)0x12340000); // whose part of the bitmap was never committed
		return 1;
	}
	documented();
	printf("%d checks, %d failed\n", checks, failed);
	return failed;
}
