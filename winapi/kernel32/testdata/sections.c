// sections: what the native services say of sections and of the memory that shows them.
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <windows.h>

#define STATUS(call) (printf("%s: %08lx\n", #call, (unsigned long)(call)), fflush(stdout))
#define CHECK(fact) (checks++, (fact) ? 1 : (failed++, printf("%d: not so: %s\n", __LINE__, #fact)))
#define PAGE 0x1000

static int failed, checks;

#define NT(name, args) static LONG (WINAPI *name) args
NT(NtCreateSection, (HANDLE *, DWORD, void *, LARGE_INTEGER *, ULONG, ULONG, HANDLE));
NT(NtQuerySection, (HANDLE, int, void *, SIZE_T, SIZE_T *));
NT(NtMapViewOfSection, (HANDLE, HANDLE, void **, ULONG_PTR, SIZE_T, LARGE_INTEGER *, SIZE_T *, DWORD, ULONG, ULONG));
NT(NtMapViewOfSectionEx, (HANDLE, HANDLE, void **, LARGE_INTEGER *, SIZE_T *, ULONG, ULONG, MEM_EXTENDED_PARAMETER *, ULONG));
NT(NtUnmapViewOfSection, (HANDLE, void *));
NT(NtQueryVirtualMemory, (HANDLE, void *, int, void *, SIZE_T, SIZE_T *));
NT(NtSetInformationVirtualMemory, (HANDLE, int, ULONG_PTR, void *, void *, ULONG));

struct image {
	void *transfer;
	ULONG zeroBits;
	SIZE_T stackReserve, stackCommit;
	ULONG subsystem;
	USHORT minorSubsystem, majorSubsystem, majorOS, minorOS, characteristics, dllCharacteristics, machine;
	BOOLEAN code;
	UCHAR flags;
	ULONG loaderFlags, fileSize, checkSum;
};

static void show(HANDLE s) {
	struct image i;
	SIZE_T n = 0;
	memset(&i, 0xcc, sizeof i);
	STATUS(NtQuerySection(s, 1, &i, sizeof i, &n));
	printf("%d bytes, entry %x, zero bits %lx, stack %llx %llx, subsystem %lu %u.%u, system %u.%u\n", (int)n, (int)(ULONG_PTR)i.transfer & 0xffff, i.zeroBits,
		(long long)i.stackReserve, (long long)i.stackCommit, i.subsystem, i.majorSubsystem, i.minorSubsystem, i.majorOS, i.minorOS);
	printf("characteristics %x, dll %x, machine %x, code %d, loader flags %lx, checksum %lx\n", i.characteristics,
		i.dllCharacteristics, i.machine, i.code, i.loaderFlags, i.checkSum);
	printf("dynamically relocated %d\n", i.flags >> 2 & 1);
	STATUS(NtQuerySection(s, 1, &i, sizeof i - 1, 0));
}

static HANDLE file(const char *name) {
	return CreateFileA(name, GENERIC_READ | GENERIC_EXECUTE, FILE_SHARE_READ | FILE_SHARE_DELETE, 0, OPEN_EXISTING, 0, 0);
}

static void documented(HANDLE s, HANDLE self) {
	HANDLE p = CreateFileMappingA(INVALID_HANDLE_VALUE, 0, PAGE_READWRITE, 0, 0x20000, 0);
	struct image i;
	struct { struct image i; ULONG flags; } internal;
	ULONG_PTR delta = 1, original = 0;
	SIZE_T n, size = 0;
	CHECK(NtQuerySection(s, 2, &delta, 8, &n) == 0 && n == 8);
	CHECK(NtQuerySection(s, 3, &original, 8, &n) == 0 && original == 0x140000000);
	CHECK(NtQuerySection(s, 1, &i, sizeof i, 0) == 0 && (ULONG_PTR)i.transfer - delta - original < 0x100000);
	CHECK(NtQuerySection(s, 4, &internal, sizeof internal, &n) == 0 && n == 72 && !memcmp(&internal.i, &i, sizeof i) && internal.flags == 0);
	CHECK(NtQuerySection(p, 1, &i, sizeof i, 0) == 0xc0000049 && NtQuerySection(p, 3, &original, 8, 0) == 0xc0000049);
	CHECK(NtQuerySection(s, 4, &internal, 71, 0) == 0xc0000004);

	// The machine of an image, and a place for a view.
	MEM_EXTENDED_PARAMETER e = {{6}};
	void *v = 0;
	e.ULong = 0x8664;
	CHECK(NtMapViewOfSectionEx(s, self, &v, 0, &size, 0, PAGE_READONLY, &e, 1) >= 0 && v);
	struct { void *base; SIZE_T size; ULONG flags; } image;
	CHECK(NtQueryVirtualMemory(self, (char *)v + 0x1234, 6, &image, sizeof image, &n) == 0 && image.base == v && image.size == size && n == 24);
	CHECK(NtUnmapViewOfSection(self, v) == 0);
	CHECK(NtQueryVirtualMemory(self, v, 6, &image, sizeof image, 0) == 0xc0000141);
	CHECK(NtQueryVirtualMemory(self, &image, 6, &image, sizeof image, 0) == 0 && image.base == 0 && image.size == 0);
	v = 0, size = 0, e.ULong = 0x14c;
	CHECK(NtMapViewOfSectionEx(s, self, &v, 0, &size, 0, PAGE_READONLY, &e, 1) == 0xc00000bb);

	// Shared commit, regions.
	SIZE_T before, after;
	CHECK(NtQueryVirtualMemory(self, 0, 5, &before, 8, &n) == 0 && n == 8);
	v = 0, size = 0;
	CHECK(NtMapViewOfSection(p, self, &v, 0, 0, 0, &size, 1, 0, PAGE_READWRITE) == 0);
	CHECK(NtQueryVirtualMemory(self, 0, 5, &after, 8, 0) == 0 && after == before + 0x20000);
	struct { void *base; ULONG protect, type; SIZE_T size, commit, partition, node; } r;
	CHECK(NtQueryVirtualMemory(self, v, 3, &r, 24, &n) == 0 && n == 24 && r.base == v && r.type == 8 && r.size == 0x20000);
	CHECK(NtQueryVirtualMemory(self, v, 7, &r, sizeof r, &n) == 0 && n == 48 && r.partition == 0);
	CHECK(NtQueryVirtualMemory(self, v, 3, &r, 23, 0) == 0xc0000004);
	char *w = VirtualAlloc(0, 2 * PAGE, MEM_RESERVE | MEM_WRITE_WATCH, PAGE_READWRITE);
	CHECK(NtQueryVirtualMemory(self, w, 7, &r, sizeof r, 0) == 0 && r.type == (1 | 1 << 10) && r.commit == 0);
	VirtualAlloc(w, PAGE, MEM_COMMIT, PAGE_READWRITE);
	CHECK(NtQueryVirtualMemory(self, w, 7, &r, sizeof r, 0) == 0 && r.commit == PAGE);
	MEMORY_BASIC_INFORMATION b, c;
	CHECK(NtQueryVirtualMemory(self, w, 8, &b, sizeof b, 0) == 0 && NtQueryVirtualMemory(self, w, 0, &c, sizeof c, 0) == 0 && b.State == MEM_COMMIT && b.RegionSize == c.RegionSize);
	CHECK(NtQueryVirtualMemory(self, w, 10, &b, sizeof b, 0) == 0 && b.RegionSize == PAGE);
	char enclave[88];
	CHECK(NtQueryVirtualMemory(self, w, 9, enclave, sizeof enclave, 0) == 0xc0000141);

	// Physical contiguity: a page that is there is a unit by itself; one that is not, and one that is only reserved.
	ULONG units[3] = {9, 9, 9};
	char *q = VirtualAlloc(0, 16 * PAGE, MEM_RESERVE, PAGE_READWRITE);
	VirtualAlloc(q, 2 * PAGE, MEM_COMMIT, PAGE_READWRITE);
	*q = 1;
	struct { void *va; SIZE_T size, unit; ULONG flags; ULONG *units; } contiguity = {q, 3 * PAGE, PAGE, 0, units};
	CHECK(NtQueryVirtualMemory(self, 0, 11, &contiguity, sizeof contiguity, 0) == 0);
	CHECK(units[0] == 1 && units[1] == 2 && units[2] == 3);
	contiguity.unit = 3 * PAGE;
	CHECK(NtQueryVirtualMemory(self, 0, 11, &contiguity, sizeof contiguity, 0) == 0xc000000d);

	// Populating brings pages of zeros in; removing takes them out.
	struct { void *va; SIZE_T size; } range = {q, 16 * PAGE};
	ULONG zero = 0;
	CHECK(NtSetInformationVirtualMemory(self, 6, 1, &range, &zero, 4) == 0);
	contiguity.unit = PAGE;
	CHECK(NtQueryVirtualMemory(self, 0, 11, &contiguity, sizeof contiguity, 0) == 0 && units[1] == 1);
	CHECK(NtSetInformationVirtualMemory(self, 7, 1, &range, &zero, 4) == 0);
	CHECK(NtQueryVirtualMemory(self, 0, 11, &contiguity, sizeof contiguity, 0) == 0 && units[0] == 2 && units[1] == 2);
	CHECK(*q == 1);
	CHECK(NtSetInformationVirtualMemory(self, 5, 1, &range, &zero, 4) == 0xc0000061);
}

int main(int argc, char **argv) {
	HMODULE n = GetModuleHandleA("ntdll.dll");
	*(FARPROC *)&NtCreateSection = GetProcAddress(n, "NtCreateSection");
	*(FARPROC *)&NtQuerySection = GetProcAddress(n, "NtQuerySection");
	*(FARPROC *)&NtMapViewOfSection = GetProcAddress(n, "NtMapViewOfSection");
	*(FARPROC *)&NtMapViewOfSectionEx = GetProcAddress(n, "NtMapViewOfSectionEx");
	*(FARPROC *)&NtUnmapViewOfSection = GetProcAddress(n, "NtUnmapViewOfSection");
	*(FARPROC *)&NtQueryVirtualMemory = GetProcAddress(n, "NtQueryVirtualMemory");
	*(FARPROC *)&NtSetInformationVirtualMemory = GetProcAddress(n, "NtSetInformationVirtualMemory");
	char path[300];
	HANDLE s = 0, self = GetCurrentProcess();
	GetModuleFileNameA(0, path, sizeof path);
	HANDLE f = file(path);
	STATUS(NtCreateSection(&s, SECTION_ALL_ACCESS, 0, 0, PAGE_EXECUTE_READ, SEC_IMAGE, f));
	if (argc > 1) {
		documented(s, self);
		printf("%d checks, %d failed\n", checks, failed);
		return failed;
	}
	show(s);
	struct image i;
	NtQuerySection(s, 1, &i, sizeof i, 0);
	printf("file size %d\n", i.fileSize == GetFileSize(f, 0));
	struct { void *base; ULONG attributes; LARGE_INTEGER size; } b;
	SIZE_T got, size = 0;
	STATUS(NtQuerySection(s, 0, &b, sizeof b, &got));
	printf("%p %lx %llx\n", b.base, b.attributes, b.size.QuadPart);
	HANDLE p = CreateFileMappingA(INVALID_HANDLE_VALUE, 0, PAGE_READWRITE | SEC_RESERVE, 0, 0x12345, 0);
	STATUS(NtQuerySection(p, 0, &b, sizeof b, &got));
	printf("%p %lx %llx\n", b.base, b.attributes, b.size.QuadPart);
	STATUS(NtQuerySection(p, 1, &i, sizeof i, &got));
	STATUS(NtQuerySection(0, 0, &b, sizeof b, &got));
	STATUS(NtQuerySection(GetStdHandle(STD_OUTPUT_HANDLE), 0, &b, sizeof b, &got));
	HANDLE named = CreateFileMappingA(INVALID_HANDLE_VALUE, 0, PAGE_READWRITE, 0, PAGE, "sections"), d = OpenFileMappingA(FILE_MAP_READ, FALSE, "sections");
	STATUS(NtQuerySection(d, 0, &b, sizeof b, &got));
	return 77;
}
