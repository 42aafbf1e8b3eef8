// starts PROGRAM…: runs each program, one after the other, and tells how it ended. No C run-time; exit code 7.
#include <windows.h>

static char line[256];
static int used;

static void put(const char *s) {
	while (*s && used < (int)sizeof line)
		line[used++] = *s++;
}

static void hex(DWORD v) {
	for (int shift = 28; shift >= 0; shift -= 4) {
		char digit[2] = {"0123456789abcdef"[v >> shift & 15], 0};
		put(digit);
	}
}

static STARTUPINFOA startup = {sizeof startup};
static PROCESS_INFORMATION process;

static void run(char *program) {
	DWORD code;
	used = 0;
	put(program);
	if (CreateProcessA(NULL, program, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &process)) {
		WaitForSingleObject(process.hProcess, INFINITE);
		GetExitCodeProcess(process.hProcess, &code);
		CloseHandle(process.hProcess);
		CloseHandle(process.hThread);
		put(" ended with ");
		hex(code);
	} else {
		put(" does not start, error ");
		hex(GetLastError());
	}
	put("\n");
	WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), line, used, &code, NULL);
}

void start(void) {
	char *p = GetCommandLineA(), *word;
	for (int n = 0; *p; n++) {
		for (word = p; *p && *p != ' '; p++)
			;
		if (*p)
			*p++ = 0;
		if (n)
			run(word);
	}
	ExitProcess(7);
}
