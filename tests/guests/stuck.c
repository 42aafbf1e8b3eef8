// stuck HOW: programs that would never end, or that ask for everything. Each has to end with a report inside its limits.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

static CRITICAL_SECTION a, b;
static HANDLE inside;

static DWORD WINAPI other(void *arg) {
	EnterCriticalSection(&b);
	SetEvent(inside);
	EnterCriticalSection(&a);
	return 0;
}

static DWORD WINAPI forever(void *arg) {
	Sleep(INFINITE);
	return 0;
}

static int deep(volatile char *p) {
	volatile char room[4000];
	room[0] = p[0];
	return deep(room) + room[0];
}

static int reads(volatile int *p) { return *p + 1; }

// doubles makes two threads that do the same, for as long as there are any to be had.
static volatile LONG made;

static DWORD WINAPI doubles(void *arg) {
	for (int i = 0; i < 2; i++)
		if (CreateThread(0, 0, doubles, 0, 0, 0))
			InterlockedIncrement(&made);
	Sleep(INFINITE);
	return 0;
}

// bomb makes processes that do the same: two each, or again and again.
static void bomb(char *how, int again) {
	STARTUPINFOA si = {sizeof si};
	PROCESS_INFORMATION pi;
	char line[32] = "stuck ";
	strcat(line, how);
	for (int i = 0; again || i < 2; i++)
		CreateProcessA(0, line, 0, 0, 0, 0, 0, 0, &si, &pi);
	Sleep(INFINITE);
}

static DWORD WINAPI recurses(void *arg) { return deep("x"); }

int main(int argc, char **argv) {
	const char *how = argc > 1 ? argv[1] : "";
	setvbuf(stdout, 0, _IONBF, 0);
	if (!strcmp(how, "deadlock")) {
		InitializeCriticalSection(&a), InitializeCriticalSection(&b);
		inside = CreateEventA(0, FALSE, FALSE, 0);
		EnterCriticalSection(&a);
		CreateThread(0, 0, other, 0, 0, 0);
		WaitForSingleObject(inside, INFINITE);
		EnterCriticalSection(&b);
	} else if (!strcmp(how, "spin")) {
		for (volatile int i = 0;; i++)
			;
	} else if (!strcmp(how, "threads")) {
		int n = 0;
		while (CreateThread(0, 0, forever, 0, 0, 0))
			n++;
		printf("%d threads, error %lu\n", n, GetLastError());
	} else if (!strcmp(how, "handles")) {
		int n = 0;
		while (n < 1000000 && CreateEventA(0, FALSE, FALSE, 0))
			n++;
		printf("%d handles\n", n);
	} else if (!strcmp(how, "memory")) {
		size_t n = 0;
		while (VirtualAlloc(0, 1 << 20, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE))
			n++;
		printf("%d MB, error %lu\n", (int)n, GetLastError());
	} else if (!strcmp(how, "null")) {
		return reads(0) + argc;
	} else if (!strcmp(how, "recursion")) {
		deep("x");
	} else if (!strcmp(how, "thread recursion")) {
		WaitForSingleObject(CreateThread(0, 0, recurses, 0, 0, 0), INFINITE);
	} else if (!strcmp(how, "outside")) {
		static const char *paths[] = {"..\\..\\..\\escaped", "C:\\..\\..\\etc\\passwd", "\\\\.\\PhysicalDrive0", "Z:\\x", "/etc/passwd"};
		for (int i = 0; i < 5; i++) {
			HANDLE h = CreateFileA(paths[i], GENERIC_READ, 0, 0, OPEN_EXISTING, 0, 0);
			printf("%d %lu\n", h != INVALID_HANDLE_VALUE, GetLastError());
		}
	} else if (!strcmp(how, "wait")) {
		Sleep(INFINITE);
	} else if (!strcmp(how, "processes")) {
		STARTUPINFOA si = {sizeof si};
		PROCESS_INFORMATION pi;
		int n = 0;
		while (CreateProcessA(0, (char[]){"stuck wait"}, 0, 0, 0, 0, 0, 0, &si, &pi))
			n++;
		printf("%d processes, error %lu\n", n, GetLastError());
	} else if (!strcmp(how, "process-bomb")) {
		bomb("process-bomb", 0);
	} else if (!strcmp(how, "fork-bomb")) {
		bomb("fork-bomb", 1);
	} else if (!strcmp(how, "thread-bomb")) {
		CreateThread(0, 0, doubles, 0, 0, 0);
		for (LONG last = -1; last != made; Sleep(1000))
			last = made;
		printf("%ld threads\n", made);
	} else if (!strcmp(how, "teb")) {
		memset((void *)__readgsqword(0x30), 0xff, 0x1000);
		printf("still here\n");
		VirtualAlloc(0, 1, MEM_RESERVE, PAGE_READWRITE);
	} else if (!strcmp(how, "peb")) {
		memset((void *)__readgsqword(0x60), 0xff, 0x1000);
		free(malloc(10));
	}
	return 3;
}
