// child: a program that starts itself, with pipes, exit codes, handles that are inherited, and the memory of the other.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#define SHOW(call) (printf("%s: %lld\n", #call, (long long)(call)), fflush(stdout))

static int shared = 7;

static PROCESS_INFORMATION start(const char *args, HANDLE in, HANDLE out, DWORD flags) {
	char path[300], line[400];
	GetModuleFileNameA(0, path, sizeof path);
	sprintf(line, "\"%s\" %s", path, args);
	STARTUPINFOA s = {sizeof s};
	PROCESS_INFORMATION p = {0};
	if (in || out) {
		s.dwFlags = STARTF_USESTDHANDLES;
		s.hStdInput = in, s.hStdOutput = out, s.hStdError = GetStdHandle(STD_ERROR_HANDLE);
	}
	if (!CreateProcessA(0, line, 0, 0, TRUE, flags, 0, 0, &s, &p))
		printf("CreateProcess: error %lu\n", GetLastError());
	return p;
}

static DWORD end(PROCESS_INFORMATION p) {
	DWORD code;
	WaitForSingleObject(p.hProcess, INFINITE);
	GetExitCodeProcess(p.hProcess, &code);
	CloseHandle(p.hThread), CloseHandle(p.hProcess);
	return code;
}

int main(int argc, char **argv) {
	const char *how = argc > 1 ? argv[1] : "";
	char b[200];
	DWORD n;
	if (!strcmp(how, "upper")) { // standard input to standard output
		int c;
		while ((c = getchar()) != EOF)
			putchar(c >= 'a' && c <= 'z' ? c - 32 : c);
		return 5;
	}
	if (!strcmp(how, "event")) {
		SetEvent(OpenEventA(EVENT_ALL_ACCESS, FALSE, "child-event"));
		char *v = MapViewOfFile(OpenFileMappingA(FILE_MAP_WRITE, FALSE, "child-pages"), FILE_MAP_WRITE, 0, 0, 0);
		sprintf(v + 100, "%s wrote %d", argv[2], ++shared);
		return shared;
	}
	if (!strcmp(how, "spin"))
		for (;;)
			++*(volatile int *)&shared;
	if (!strcmp(how, "crash"))
		*(volatile int *)8 = 1;
	if (!strcmp(how, "depth")) {
		int d = atoi(argv[2]);
		sprintf(b, "depth %d", d - 1);
		return d ? end(start(b, 0, 0, 0)) + 1 : 100;
	}
	setvbuf(stdout, 0, _IONBF, 0);

	SECURITY_ATTRIBUTES inherit = {sizeof inherit, 0, TRUE};
	HANDLE inRead, inWrite, outRead, outWrite;
	SHOW(CreatePipe(&inRead, &inWrite, &inherit, 0));
	SHOW(CreatePipe(&outRead, &outWrite, &inherit, 0));
	SetHandleInformation(inWrite, HANDLE_FLAG_INHERIT, 0);
	SetHandleInformation(outRead, HANDLE_FLAG_INHERIT, 0);
	SHOW(GetFileType(outRead));
	PROCESS_INFORMATION p = start("upper", inRead, outWrite, 0);
	CloseHandle(inRead), CloseHandle(outWrite);
	SHOW(WriteFile(inWrite, "through a pipe\n", 15, &n, 0));
	for (int i = 0; i < 100; i++)
		WriteFile(inWrite, "0123456789", 10, &n, 0);
	CloseHandle(inWrite);
	int total = 0;
	b[0] = 0;
	for (char part[100]; ReadFile(outRead, part, sizeof part, &n, 0) && n; total += n)
		if (total == 0)
			memcpy(b, part, 16), b[16] = 0;
	printf("%.14s %d bytes\n", b, total);
	SHOW(GetLastError() == ERROR_BROKEN_PIPE);
	SHOW(end(p));
	CloseHandle(outRead);

	HANDLE e = CreateEventA(0, FALSE, FALSE, "child-event");
	HANDLE m = CreateFileMappingA(INVALID_HANDLE_VALUE, 0, PAGE_READWRITE, 0, 4096, "child-pages");
	char *v = MapViewOfFile(m, FILE_MAP_WRITE, 0, 0, 0);
	p = start("event one", 0, 0, 0);
	SHOW(WaitForSingleObject(e, INFINITE));
	SHOW(end(p));
	printf("%s, here it is %d\n", v + 100, shared);

	p = start("spin", 0, 0, CREATE_SUSPENDED);
	int *far1 = VirtualAllocEx(p.hProcess, 0, 4096, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
	SIZE_T done;
	SHOW(far1 != 0);
	SHOW(WriteProcessMemory(p.hProcess, far1, "abcdefg", 8, &done));
	SHOW(ReadProcessMemory(p.hProcess, far1, b, 8, &done));
	printf("%s %d\n", b, (int)done);
	int value = 0;
	SHOW(ReadProcessMemory(p.hProcess, &shared, &value, sizeof value, 0));
	SHOW(value);
	SHOW(ResumeThread(p.hThread));
	do
		ReadProcessMemory(p.hProcess, &shared, &value, sizeof value, 0), Sleep(1);
	while (value < 1000);
	MEMORY_BASIC_INFORMATION i;
	SHOW(VirtualQueryEx(p.hProcess, far1, &i, sizeof i));
	SHOW(i.State == MEM_COMMIT && i.RegionSize == 4096);
	SHOW(WaitForSingleObject(p.hProcess, 5));
	SHOW(GetProcessId(p.hProcess) == p.dwProcessId);
	SHOW(TerminateProcess(p.hProcess, 44));
	SHOW(end(p));
	SHOW(shared);
	SHOW(end(start("depth 5", 0, 0, 0)));
	STARTUPINFOA s = {sizeof s};
	SHOW(CreateProcessA("none.exe", 0, 0, 0, FALSE, 0, 0, 0, &s, &p));
	SHOW(GetLastError());
	return 77;
}
