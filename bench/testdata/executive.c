// executive WHAT N AMONG: N operations of the executive's, with AMONG other things of their kind there.
// x86_64-w64-mingw32-gcc -O1 -s -w -Wl,--no-insert-timestamp -o executive.exe executive.c -lntdll
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

long NTAPI NtSetEvent(HANDLE, LONG *);

static HANDLE ping, pong;
static int n, among;

static DWORD WINAPI partner(void *arg) {
	for (int i = 0; i < n; i++) {
		WaitForSingleObject(ping, INFINITE);
		SetEvent(pong);
	}
	return 0;
}

static DWORD WINAPI waits(void *arg) {
	Sleep((DWORD)(SIZE_T)arg);
	return 0;
}

static const char *name(int i) {
	static char b[32];
	sprintf(b, "thing%d", i);
	return b;
}

int main(int argc, char **argv) {
	const char *what = argv[1];
	n = atoi(argv[2]), among = atoi(argv[3]);
	HANDLE e = CreateEventA(0, FALSE, FALSE, 0);
	if (!strcmp(what, "service")) {
		for (int i = 0; i < n; i++)
			NtSetEvent(e, 0);
	} else if (!strcmp(what, "switch") || !strcmp(what, "sleep")) {
		for (int i = 0; i < among; i++)
			CloseHandle(CreateThread(0, 0x10000, waits, (void *)(SIZE_T)(100000000 + i * 1000), STACK_SIZE_PARAM_IS_A_RESERVATION, 0));
		Sleep(1);
		if (!strcmp(what, "sleep")) {
			for (int i = 0; i < n; i++)
				Sleep(1);
			ExitProcess(0);
		}
		ping = CreateEventA(0, FALSE, FALSE, 0), pong = CreateEventA(0, FALSE, FALSE, 0);
		CreateThread(0, 0, partner, 0, 0, 0);
		for (int i = 0; i < n; i++) {
			SetEvent(ping);
			WaitForSingleObject(pong, INFINITE);
		}
		ExitProcess(0);
	} else if (!strcmp(what, "port")) {
		HANDLE p = CreateIoCompletionPort(INVALID_HANDLE_VALUE, 0, 0, 0);
		DWORD bytes;
		ULONG_PTR key;
		OVERLAPPED *o;
		for (int i = 0; i < among; i++)
			PostQueuedCompletionStatus(p, 0, i, 0);
		for (int i = 0; i < n; i++) {
			PostQueuedCompletionStatus(p, 0, i, 0);
			GetQueuedCompletionStatus(p, &bytes, &key, &o, 0);
		}
	} else if (!strcmp(what, "handle")) {
		for (int i = 0; i < among; i++)
			CreateEventA(0, FALSE, FALSE, 0);
		for (int i = 0; i < n; i++)
			CloseHandle(CreateEventA(0, FALSE, FALSE, 0));
	} else if (!strcmp(what, "name")) {
		for (int i = 0; i < among; i++)
			CreateEventA(0, FALSE, FALSE, name(i));
		for (int i = 0; i < n; i++)
			CloseHandle(OpenEventA(SYNCHRONIZE, FALSE, "thing0"));
	} else if (!strcmp(what, "file")) {
		CreateDirectoryA("many", 0);
		SetCurrentDirectoryA("many");
		for (int i = 0; i < among; i++)
			CloseHandle(CreateFileA(name(i), GENERIC_WRITE, 0, 0, CREATE_NEW, 0, 0));
		for (int i = 0; i < n; i++)
			CloseHandle(CreateFileA("thing0", GENERIC_READ, FILE_SHARE_READ, 0, OPEN_EXISTING, 0, 0));
	} else if (!strcmp(what, "read")) {
		static char b[1 << 16];
		DWORD got;
		HANDLE f = CreateFileA("data", GENERIC_READ | GENERIC_WRITE, 0, 0, CREATE_ALWAYS, 0, 0);
		WriteFile(f, b, sizeof b, &got, 0);
		for (int i = 0; i < n; i++) {
			SetFilePointer(f, 0, 0, FILE_BEGIN);
			ReadFile(f, b, 4096, &got, 0);
		}
	} else if (!strcmp(what, "thread")) {
		for (int i = 0; i < among; i++)
			CloseHandle(CreateThread(0, 0x10000, waits, (void *)(SIZE_T)100000000, STACK_SIZE_PARAM_IS_A_RESERVATION, 0));
		for (int i = 0; i < n; i++) {
			HANDLE t = CreateThread(0, 0x10000, waits, 0, STACK_SIZE_PARAM_IS_A_RESERVATION, 0);
			WaitForSingleObject(t, INFINITE);
			CloseHandle(t);
		}
		ExitProcess(0);
	} else
		return 1;
	return 0;
}
