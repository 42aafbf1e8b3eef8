// vm: reserve, commit, guard, protect, query, decommit, run code written at run time, and catch what goes wrong.
#include "probe.h"

static const char *state(DWORD s) {
	return s == MEM_COMMIT ? "commit" : s == MEM_RESERVE ? "reserve" : s == MEM_FREE ? "free" : "?";
}

// map prints the regions of [base, base+size).
static void map(char *base, SIZE_T size) {
	MEMORY_BASIC_INFORMATION m;
	for (char *p = base; p < base + size; p = (char *)m.BaseAddress + m.RegionSize) {
		if (VirtualQuery(p, &m, sizeof m) != sizeof m) {
			printf("  query failed, error %lu\n", GetLastError());
			return;
		}
		SIZE_T n = m.RegionSize;
		if ((char *)m.BaseAddress + n > base + size)
			n = base + size - (char *)m.BaseAddress;
		printf("  +%#7x %#7x %-7s protect %#5lx", (unsigned)((char *)m.BaseAddress - base), (unsigned)n, state(m.State),
			m.Protect);
		if (m.State != MEM_FREE)
			printf(" allocation +%#x protect %#lx type %#lx", (unsigned)((char *)m.AllocationBase - base),
				m.AllocationProtect, m.Type);
		printf("\n");
	}
}

static void check(const char *what, BOOL ok) {
	if (ok)
		printf("%s\n", what);
	else
		printf("%s: error %lu\n", what, GetLastError());
}

int main(void) {
	SYSTEM_INFO si;
	GetSystemInfo(&si);
	printf("page %lu, granularity %lu\n", si.dwPageSize, si.dwAllocationGranularity);
	PVOID handler = AddVectoredExceptionHandler(1, on_exception);
	const SIZE_T size = 0x40000;
	DWORD old;

	char *p = VirtualAlloc(NULL, size, MEM_RESERVE, PAGE_READWRITE);
	printf("reserved, aligned %d\n", ((ULONG_PTR)p & 0xffff) == 0);
	map(p, size);
	tell("read of a reserved page", probe_read(p), p);

	check("commit 4 pages at +0x10000", VirtualAlloc(p + 0x10000, 0x4000, MEM_COMMIT, PAGE_READWRITE) == p + 0x10000);
	tell("read of a committed page", probe_read(p + 0x10008), p);
	tell("write of a committed page", probe_write(p + 0x11010, 7), p);
	tell("read back", probe_read(p + 0x11010), p);
	map(p, size);

	check("protect +0x12000 guard", VirtualProtect(p + 0x12000, 0x2000, PAGE_READWRITE | PAGE_GUARD, &old));
	printf("old protection %#lx\n", old);
	map(p, size);
	tell("first touch of the guard page", probe_write(p + 0x12345, 1), p);
	tell("second touch", probe_write(p + 0x12345, 1), p);
	map(p, size);
	tell("touch of the other guard page", probe_read(p + 0x13000), p);

	check("protect +0x11000 read-only", VirtualProtect(p + 0x11001, 1, PAGE_READONLY, &old));
	printf("old protection %#lx\n", old);
	tell("write of a read-only page", probe_write(p + 0x11010, 9), p);
	tell("it still reads", probe_read(p + 0x11010), p);
	check("protect +0x11000 no access", VirtualProtect(p + 0x11000, 0x1000, PAGE_NOACCESS, &old));
	tell("read of a no-access page", probe_read(p + 0x11010), p);
	check("protect +0x11000 read-write", VirtualProtect(p + 0x11000, 0x1000, PAGE_READWRITE, &old));
	printf("old protection %#lx\n", old);
	tell("its contents are kept", probe_read(p + 0x11010), p);

	static const unsigned char code[] = {0xb8, 0x2a, 0, 0, 0, 0xc3}; // mov eax, 42; ret
	for (unsigned i = 0; i < sizeof code; i++)
		p[0x10000 + i] = code[i];
	tell("call of a page without execute", probe_call(p + 0x10000), p);
	check("protect +0x10000 execute-read", VirtualProtect(p + 0x10000, 0x1000, PAGE_EXECUTE_READ, &old));
	FlushInstructionCache(GetCurrentProcess(), p + 0x10000, sizeof code);
	tell("call of the code", probe_call(p + 0x10000), p);
	check("protect +0x10000 execute-read-write", VirtualProtect(p + 0x10000, 0x1000, PAGE_EXECUTE_READWRITE, &old));
	p[0x10001] = 43;
	FlushInstructionCache(GetCurrentProcess(), p + 0x10000, sizeof code);
	tell("call of the changed code", probe_call(p + 0x10000), p);

	check("decommit +0x11000", VirtualFree(p + 0x11000, 0x1000, MEM_DECOMMIT));
	tell("read of a decommitted page", probe_read(p + 0x11010), p);
	map(p, size);
	check("commit it again", VirtualAlloc(p + 0x11000, 0x1000, MEM_COMMIT, PAGE_READWRITE) != NULL);
	tell("it reads zero", probe_read(p + 0x11010), p);

	check("commit outside a reservation", VirtualAlloc(p + 0x3f000, 0x2000, MEM_COMMIT, PAGE_READWRITE) != NULL);
	check("reserve over it", VirtualAlloc(p + 0x20000, 0x1000, MEM_RESERVE, PAGE_READWRITE) != NULL);
	check("release from the middle", VirtualFree(p + 0x10000, 0, MEM_RELEASE));
	check("release with a size", VirtualFree(p, 0x1000, MEM_RELEASE));
	check("protect a reserved page", VirtualProtect(p, 0x1000, PAGE_READONLY, &old));
	check("protect with write-copy", VirtualProtect(p + 0x10000, 0x1000, PAGE_WRITECOPY, &old));
	check("allocate with no protection", VirtualAlloc(NULL, 0x1000, MEM_COMMIT, 0) != NULL);
	check("release", VirtualFree(p, 0, MEM_RELEASE));
	printf("release again fails %d\n", !VirtualFree(p, 0, MEM_RELEASE)); // Wine and Windows give different errors
	tell("read of a free page", probe_read(p + 0x10000), p);
	tell("read of page 0", probe_read((void *)8), NULL);
	printf("handler removed %d\n", RemoveVectoredExceptionHandler(handler) != 0);
	return 0;
}
