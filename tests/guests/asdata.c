// asdata: a 32-bit DLL, lends.dll, is mapped for its data, as a file and as an image, and not loaded.
#include <stdint.h>
#include <stdio.h>
#include <windows.h>

static unsigned error(void) {
	unsigned e = GetLastError();
	SetLastError(0);
	return e;
}

static void tell(const char *what, int is) { printf("  %s %d, error %u\n", what, is, error()); }

static void load(const char *name, DWORD flags) {
	MEMORY_BASIC_INFORMATION info;
	char path[MAX_PATH];
	HMODULE m = LoadLibraryExA(name, NULL, flags);
	if (!m) {
		printf("%s, flags %lx: error %u\n", name, flags, error());
		return;
	}
	uint8_t *base = (uint8_t *)((uintptr_t)m & ~(uintptr_t)3);
	VirtualQuery(base, &info, sizeof info);
	printf("%s, flags %lx: handle +%d, type %lx, protection %lx, %.2s\n", name, flags, (int)((uintptr_t)m & 3), info.Type, info.Protect, (char *)base);
	// The second section, .data, begins with the address of a function: in the file as it was linked, in the image as it lies.
	uint32_t at = (uintptr_t)m & 2 ? 0x2000 : 0x600, linked = (uintptr_t)m & 2 ? (uint32_t)(uintptr_t)base : 0x10000000;
	printf("  function at +%x, ", *(uint32_t *)(base + at) - linked);
	uint32_t across = *(uint32_t *)(base + at + 0xffe) - linked;
	printf("text at +%x: %s\n", across, (char *)base + ((uintptr_t)m & 2 ? across : across - 0x4000 + 0x2600));
	tell("procedure", GetProcAddress(m, "answer") != NULL);
	tell("module", GetModuleHandleA(name) != NULL);
	tell("path", GetModuleFileNameA(m, path, sizeof path) != 0);
	tell("freed", FreeLibrary(m));
	tell("mapped", VirtualQuery(base, &info, sizeof info) && info.State != MEM_FREE);
}

int main(void) {
	static const DWORD flags[] = {
		LOAD_LIBRARY_AS_DATAFILE, LOAD_LIBRARY_AS_DATAFILE_EXCLUSIVE, LOAD_LIBRARY_AS_IMAGE_RESOURCE,
		LOAD_LIBRARY_AS_IMAGE_RESOURCE | LOAD_LIBRARY_AS_DATAFILE,
	};
	SetLastError(0);
	for (int i = 0; i < 4; i++)
		load("lends.dll", flags[i]);
	load("lends", LOAD_LIBRARY_AS_DATAFILE);
	load("lends.dll", 0);
	load("nothing.dll", LOAD_LIBRARY_AS_DATAFILE);
	load("nothing.dll", LOAD_LIBRARY_AS_IMAGE_RESOURCE);
	load("asdata.c", LOAD_LIBRARY_AS_DATAFILE);
	load("asdata.c", LOAD_LIBRARY_AS_IMAGE_RESOURCE);
	HMODULE loaded = GetModuleHandleA("kernel32.dll");
	tell("loaded already", LoadLibraryExA("kernel32.dll", NULL, LOAD_LIBRARY_AS_DATAFILE) == loaded);
	return 0;
}
