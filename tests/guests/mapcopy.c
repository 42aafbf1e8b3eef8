// mapcopy copies a file by mapping both: mapcopy FROM TO.
#include <stdio.h>
#include <string.h>
#include <windows.h>

static void fail(const char *what) {
	fprintf(stderr, "%s: error %lu\n", what, GetLastError());
	ExitProcess(1);
}

int main(int argc, char **argv) {
	if (argc != 3) {
		fprintf(stderr, "mapcopy FROM TO\n");
		return 2;
	}
	HANDLE from = CreateFileA(argv[1], GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
	HANDLE to = CreateFileA(argv[2], GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
	LARGE_INTEGER size;
	if (from == INVALID_HANDLE_VALUE || to == INVALID_HANDLE_VALUE || !GetFileSizeEx(from, &size)) fail("open");
	HANDLE in = CreateFileMappingA(from, NULL, PAGE_READONLY, 0, 0, NULL);
	HANDLE out = CreateFileMappingA(to, NULL, PAGE_READWRITE, size.HighPart, size.LowPart, NULL);
	if (!in || !out) fail("map");
	for (LONGLONG at = 0; at < size.QuadPart; at += 1 << 20) {
		SIZE_T n = size.QuadPart - at < 1 << 20 ? size.QuadPart - at : 1 << 20;
		void *s = MapViewOfFile(in, FILE_MAP_READ, at >> 32, at, n), *d = MapViewOfFile(out, FILE_MAP_WRITE, at >> 32, at, n);
		if (!s || !d) fail("view");
		memcpy(d, s, n);
		if (!FlushViewOfFile(d, n) || !UnmapViewOfFile(s) || !UnmapViewOfFile(d)) fail("unmap");
	}
	CloseHandle(in), CloseHandle(out), CloseHandle(from), CloseHandle(to);
	printf("%lld bytes copied\n", size.QuadPart);
	return 0;
}
