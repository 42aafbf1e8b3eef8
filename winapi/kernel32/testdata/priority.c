// priority: the priority class and the error mode of a process, and the environment as it is changed. With the argument "children":
// what children have of class and mode, which Wine 8 does not look at.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#define SHOW(call) (printf("%s: %lld\n", #call, (long long)(call)), fflush(stdout))
#define FAILS(call) (SetLastError(0), printf("%s: %lld", #call, (long long)(call)), printf(", error %lu\n", GetLastError()), fflush(stdout))

static PROCESS_INFORMATION start(const char *args, DWORD flags) {
	char path[300], line[400];
	GetModuleFileNameA(0, path, sizeof path);
	sprintf(line, "\"%s\" %s", path, args);
	STARTUPINFOA s = {sizeof s};
	PROCESS_INFORMATION p = {0};
	if (!CreateProcessA(0, line, 0, 0, TRUE, flags, 0, 0, &s, &p))
		printf("CreateProcess: error %lu\n", GetLastError());
	return p;
}

static void child(const char *what, DWORD flags) {
	printf("%s: ", what), fflush(stdout);
	PROCESS_INFORMATION p = start("child", flags);
	WaitForSingleObject(p.hProcess, INFINITE);
	CloseHandle(p.hThread), CloseHandle(p.hProcess);
}

static const DWORD classes[] = {
	IDLE_PRIORITY_CLASS, BELOW_NORMAL_PRIORITY_CLASS, NORMAL_PRIORITY_CLASS, ABOVE_NORMAL_PRIORITY_CLASS, HIGH_PRIORITY_CLASS,
};

static void children(void) {
	HANDLE me = GetCurrentProcess();
	for (int i = 0; i < 5; i++) {
		SetPriorityClass(me, classes[i]);
		child("child", 0);
	}
	SetPriorityClass(me, NORMAL_PRIORITY_CLASS);
	for (int i = 0; i < 5; i++)
		child("child with a class", classes[i]);
	child("child of real time", REALTIME_PRIORITY_CLASS);
	SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
	child("child with the mode", 0);
	child("child with the default", CREATE_DEFAULT_ERROR_MODE);
	printf("%d: ", SetPriorityClass(me, REALTIME_PRIORITY_CLASS));
	SHOW(GetPriorityClass(me));
	SetErrorMode(SEM_NOALIGNMENTFAULTEXCEPT), SetErrorMode(0);
	SHOW(GetErrorMode());
	PROCESS_INFORMATION p = start("child", CREATE_SUSPENDED | ABOVE_NORMAL_PRIORITY_CLASS);
	SHOW(GetPriorityClass(p.hProcess));
	TerminateProcess(p.hProcess, 0), WaitForSingleObject(p.hProcess, INFINITE);
}

int main(int argc, char **argv) {
	HANDLE me = GetCurrentProcess();
	if (argc > 1) {
		if (!strcmp(argv[1], "child")) {
			printf("class %lx, error mode %x, P=%s\n", GetPriorityClass(me), GetErrorMode(), getenv("P") ? getenv("P") : "");
			fflush(stdout);
		}
		if (!strcmp(argv[1], "children"))
			children();
		return 0;
	}
	// Classes.
	SHOW(GetPriorityClass(me));
	FAILS(SetPriorityClass(me, 0));
	FAILS(SetPriorityClass(me, 0x123));
	FAILS(GetPriorityClass((HANDLE)0xbad0));
	for (int i = 0; i < 5; i++) {
		printf("%d: ", SetPriorityClass(me, classes[i]));
		SHOW(GetPriorityClass(me));
	}
	SHOW(SetPriorityClass(me, NORMAL_PRIORITY_CLASS));
	PROCESS_INFORMATION p = start("child", CREATE_SUSPENDED);
	SHOW(SetPriorityClass(p.hProcess, IDLE_PRIORITY_CLASS));
	SHOW(GetPriorityClass(p.hProcess));
	TerminateProcess(p.hProcess, 0), WaitForSingleObject(p.hProcess, INFINITE);
	// Error modes.
	SHOW(GetErrorMode());
	SHOW(SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX));
	SHOW(GetErrorMode());
	SHOW(SetErrorMode(0));
	SHOW(GetErrorMode());
	DWORD old;
	SHOW(GetThreadErrorMode());
	SHOW(SetThreadErrorMode(SEM_FAILCRITICALERRORS, &old));
	SHOW(old);
	SHOW(GetThreadErrorMode());
	FAILS(SetThreadErrorMode(0x10, 0));
	SHOW(SetThreadErrorMode(0, 0));
	// The environment.
	char b[200];
	WCHAR w[200];
	FAILS(SetEnvironmentVariableA("P", "one"));
	SHOW(GetEnvironmentVariableA("p", b, sizeof b));
	puts(b);
	child("child", 0);
	FAILS(SetEnvironmentVariableW(L"P", L"tw\u00f6"));
	SHOW(GetEnvironmentVariableW(L"P", w, 200));
	SHOW(w[2]);
	SHOW(GetEnvironmentVariableA("P", b, sizeof b));
	SHOW((unsigned char)b[2]);
	FAILS(SetEnvironmentVariableA("P", ""));
	FAILS(GetEnvironmentVariableA("P", b, sizeof b));
	FAILS(SetEnvironmentVariableA("P", 0));
	FAILS(GetEnvironmentVariableA("P", b, sizeof b));
	FAILS(SetEnvironmentVariableA("P", 0));
	FAILS(SetEnvironmentVariableA("", "x"));
	FAILS(SetEnvironmentVariableA("a=b", "x"));
	FAILS(SetEnvironmentVariableA("=c", "x"));
	FAILS(SetEnvironmentVariableA(0, "x"));
	SetEnvironmentVariableA("Q", "value");
	FAILS(ExpandEnvironmentStringsA("<%Q%> <%q%> <%none%> <%> <%%> %Q", b, sizeof b));
	puts(b);
	FAILS(ExpandEnvironmentStringsW(L"<%Q%>", w, 200));
	FAILS(ExpandEnvironmentStringsW(L"<%Q%>", w, 3));
	FAILS(ExpandEnvironmentStringsA("<%Q%>", 0, 0));
	LPCH all = GetEnvironmentStringsA();
	int found = 0;
	for (char *s = all; *s; s += strlen(s) + 1)
		found += !strcmp(s, "Q=value");
	SHOW(found);
	SHOW(FreeEnvironmentStringsA(all));
	HANDLE f = CreateFileA("named", GENERIC_READ | GENERIC_WRITE, 0, 0, CREATE_ALWAYS, 0, 0);
	DWORD n = GetFinalPathNameByHandleA(f, b, sizeof b, 0);
	SHOW(n == strlen(b) && !strncmp(b, "\\\\?\\", 4) && !strcmp(b + n - 6, "\\named"));
	CloseHandle(f), DeleteFileA("named");
	return 0;
}
