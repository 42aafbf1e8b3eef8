// files: the file functions and views of files, one line for each call, with the last error.
#include <stdio.h>
#include <string.h>
#include <windows.h>

static void show(const char *what, long long value) {
	printf("%s: %lld %lu\n", what, value, GetLastError());
	SetLastError(12345);
}

#define SHOW(call) show(#call, (long long)(call))
#define TRUTH(call) show(#call, (call) != 0)
#define VALID(call) show(#call, (call) != INVALID_HANDLE_VALUE)

static DWORD n;

static void transfers(void) {
	char b[100] = {0};
	HANDLE f, g;
	VALID(f = CreateFileA("one.txt", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ, 0, CREATE_NEW, FILE_ATTRIBUTE_NORMAL, 0));
	VALID(g = CreateFileA("ONE.TXT", GENERIC_READ, FILE_SHARE_READ, 0, CREATE_NEW, 0, 0));
	VALID(g = CreateFileA("one.txt", GENERIC_READ, FILE_SHARE_READ, 0, OPEN_EXISTING, 0, 0));
	VALID(g = CreateFileA("one.txt", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, 0, OPEN_EXISTING, 0, 0));
	SHOW(WriteFile(f, "hello, file", 11, &n, 0));
	SHOW(n);
	SHOW(GetFileSize(f, 0));
	SHOW(SetFilePointer(f, 7, 0, FILE_BEGIN));
	SHOW(ReadFile(f, b, 50, &n, 0));
	printf("%lu %s\n", n, b);
	SHOW(ReadFile(f, b, 50, &n, 0));
	SHOW(n);
	SHOW(SetFilePointer(f, -3, 0, FILE_END));
	SHOW(SetFilePointer(f, -30, 0, FILE_CURRENT));
	SHOW(SetFilePointer(f, 0, 0, FILE_CURRENT));
	SHOW(WriteFile(g, "no", 2, &n, 0));
	LARGE_INTEGER five = {.QuadPart = 5LL << 32}, at;
	SHOW(SetFilePointerEx(f, five, &at, FILE_BEGIN));
	SHOW(at.QuadPart);
	SHOW(SetFilePointer(f, 100, 0, FILE_BEGIN));
	SHOW(SetEndOfFile(f));
	SHOW(GetFileSizeEx(f, &at));
	SHOW(at.QuadPart);
	memset(b, 7, sizeof b);
	OVERLAPPED o = {.Offset = 11};
	SHOW(ReadFile(g, b, 10, &n, &o));
	SHOW(b[0] + b[9] + n);
	o.Offset = 90;
	SHOW(WriteFile(f, "overlapped past the end", 23, &n, &o));
	SHOW(GetFileSize(g, 0));
	SHOW(FlushFileBuffers(f));
	SHOW(GetFileType(f));
	BY_HANDLE_FILE_INFORMATION info;
	SHOW(GetFileInformationByHandle(f, &info));
	SHOW(info.dwFileAttributes);
	SHOW(info.nFileSizeLow);
	SHOW(info.nNumberOfLinks);
	SHOW(DeleteFileA("one.txt"));
	SHOW(CloseHandle(f));
	SHOW(CloseHandle(g));
	SHOW(CloseHandle(g));
	VALID(f = CreateFileA("one.txt", GENERIC_WRITE, 0, 0, CREATE_ALWAYS, 0, 0));
	SHOW(GetFileSize(f, 0));
	CloseHandle(f);
	VALID(f = CreateFileA("one.txt", GENERIC_WRITE, 0, 0, OPEN_ALWAYS, 0, 0));
	CloseHandle(f);
	VALID(CreateFileA("none.txt", GENERIC_READ, 0, 0, OPEN_EXISTING, 0, 0));
	VALID(CreateFileA("none\\none.txt", GENERIC_READ, 0, 0, OPEN_EXISTING, 0, 0));
	VALID(CreateFileA("none.txt", GENERIC_READ, 0, 0, 77, 0, 0));
	VALID(CreateFileA("a<b", GENERIC_WRITE, 0, 0, CREATE_ALWAYS, 0, 0));
	VALID(f = CreateFileA("nul", GENERIC_READ | GENERIC_WRITE, 0, 0, OPEN_EXISTING, 0, 0));
	SHOW(WriteFile(f, "gone", 4, &n, 0));
	SHOW(ReadFile(f, b, 4, &n, 0));
	SHOW(n);
	CloseHandle(f);
	SHOW(ReadFile((HANDLE)0x1234, b, 4, &n, 0));
}

static void names(void) {
	char b[300], *part;
	SHOW(CreateDirectoryA("dir", 0));
	SHOW(CreateDirectoryA("dir", 0));
	SHOW(CreateDirectoryA("no\\dir", 0));
	SHOW(GetFileAttributesA("dir"));
	SHOW(GetFileAttributesA("DIR\\..\\dir"));
	SHOW((int)GetFileAttributesA("nowhere"));
	SHOW((int)GetFileAttributesA("nowhere\\x"));
	SHOW(MoveFileA("one.txt", "dir\\two.txt"));
	SHOW((int)GetFileAttributesA("one.txt"));
	SHOW(CopyFileA("dir\\two.txt", "three.txt", TRUE));
	SHOW(CopyFileA("dir\\two.txt", "three.txt", TRUE));
	SHOW(CopyFileA("dir\\two.txt", "three.txt", FALSE));
	SHOW(MoveFileA("three.txt", "dir\\two.txt"));
	SHOW(MoveFileExA("three.txt", "dir\\two.txt", MOVEFILE_REPLACE_EXISTING));
	SHOW(SetFileAttributesA("dir\\two.txt", FILE_ATTRIBUTE_READONLY));
	SHOW(GetFileAttributesA("dir\\two.txt") & FILE_ATTRIBUTE_READONLY);
	SHOW(DeleteFileA("dir\\two.txt"));
	SHOW(SetFileAttributesA("dir\\two.txt", FILE_ATTRIBUTE_NORMAL));
	SHOW(RemoveDirectoryA("dir"));
	SHOW(DeleteFileA("dir"));
	SHOW(RemoveDirectoryA("dir\\two.txt"));
	VALID(CreateFileA("dir", GENERIC_READ, 0, 0, OPEN_EXISTING, 0, 0));
	for (int i = 0; i < 3; i++) {
		sprintf(b, "dir\\f%d.c", i);
		CloseHandle(CreateFileA(b, GENERIC_WRITE, 0, 0, CREATE_NEW, 0, 0));
	}
	WIN32_FIND_DATAA d;
	HANDLE h = FindFirstFileA("dir\\*", &d);
	int all = 0, dots = 0;
	do {
		all++;
		dots += d.cFileName[0] == '.';
	} while (FindNextFileA(h, &d));
	SHOW(all * 10 + dots);
	SHOW(FindClose(h));
	WIN32_FIND_DATAW w;
	h = FindFirstFileW(L"dir\\?1.*", &w);
	printf("%ls %lu\n", w.cFileName, w.nFileSizeLow);
	SHOW(FindNextFileW(h, &w));
	FindClose(h);
	VALID(FindFirstFileA("dir\\*.nothing", &d));
	VALID(FindFirstFileA("nodir\\*", &d));
	for (int i = 0; i < 3; i++) {
		sprintf(b, "dir\\f%d.c", i);
		DeleteFileA(b);
	}
	SHOW(DeleteFileA("dir\\two.txt"));
	SHOW(SetCurrentDirectoryA("dir"));
	SHOW(GetCurrentDirectoryA(sizeof b, b) > 4 && !strcmp(strrchr(b, '\\'), "\\dir"));
	SHOW(SetCurrentDirectoryA("nowhere"));
	SHOW(SetCurrentDirectoryA(".."));
	SHOW(RemoveDirectoryA("dir"));
	static const char *paths[] = {"C:\\a\\..\\b\\.\\c.txt", "C:/x//y/", "C:\\..\\..\\z", "C:\\dots...\\and. ", "nul", "C:\\dir\\con", "C:\\"};
	for (int i = 0; i < 7; i++) {
		DWORD r = GetFullPathNameA(paths[i], sizeof b, b, &part);
		printf("%s: %lu %s part %s\n", paths[i], r, b, part ? part : "none");
	}
	SHOW(GetFullPathNameA("C:\\abc", 3, b, 0));
	printf("%u %u\n", GetDriveTypeA("C:\\"), GetDriveTypeA("Q:\\"));
	SetLastError(12345);
}

static void views(void) {
	char b[32] = {0};
	HANDLE f = CreateFileA("view.bin", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, 0, CREATE_ALWAYS, 0, 0);
	SHOW(CreateFileMappingA(f, 0, PAGE_READWRITE, 0, 0, 0));
	for (int i = 0; i < 1000; i++)
		WriteFile(f, "0123456789abcdef", 16, &n, 0);
	HANDLE m;
	TRUTH(m = CreateFileMappingA(f, 0, PAGE_READWRITE, 0, 20000, 0));
	SHOW(GetFileSize(f, 0));
	char *v, *c;
	TRUTH(v = MapViewOfFile(m, FILE_MAP_WRITE, 0, 0, 0));
	printf("%.16s %d\n", v + 15984, v[16000]);
	memcpy(v + 5, "WRITTEN", 7);
	SetFilePointer(f, 0, 0, FILE_BEGIN);
	ReadFile(f, b, 16, &n, 0);
	printf("read %s\n", b);
	SetFilePointer(f, 20, 0, FILE_BEGIN);
	WriteFile(f, "through", 7, &n, 0);
	printf("view %.12s\n", v + 18);
	TRUTH(c = MapViewOfFile(m, FILE_MAP_COPY, 0, 0, 0));
	c[0] = '!';
	printf("copy %.3s file %.3s\n", c, v);
	MEMORY_BASIC_INFORMATION i;
	VirtualQuery(v, &i, sizeof i);
	SHOW(i.Type);
	SHOW(i.RegionSize);
	SHOW(FlushViewOfFile(v, 100));
	SHOW(SetFilePointer(f, 100, 0, FILE_BEGIN));
	SHOW(SetEndOfFile(f));
	SHOW(UnmapViewOfFile(v));
	SHOW(UnmapViewOfFile(c));
	CloseHandle(m);
	SHOW(SetEndOfFile(f));
	SHOW(GetFileSize(f, 0));
	CloseHandle(f);
	f = CreateFileA("view.bin", GENERIC_READ, FILE_SHARE_READ, 0, OPEN_EXISTING, 0, 0);
	SHOW(CreateFileMappingA(f, 0, PAGE_READWRITE, 0, 0, 0));
	SHOW(CreateFileMappingA(f, 0, PAGE_READONLY, 0, 200, 0));
	TRUTH(m = CreateFileMappingA(f, 0, PAGE_READONLY, 0, 0, 0));
	SHOW(MapViewOfFile(m, FILE_MAP_WRITE, 0, 0, 0));
	TRUTH(v = MapViewOfFile(m, FILE_MAP_READ, 0, 0, 0));
	CloseHandle(f), CloseHandle(m);
	printf("%.12s\n", v);
	UnmapViewOfFile(v);
	SHOW(DeleteFileA("view.bin"));
}

int main(void) {
	SetLastError(12345);
	transfers();
	names();
	views();
	return 77;
}
