// tiny: no C run-time; three imports, one line, exit code 42.
#include <windows.h>

void start(void) {
	static const char text[] = "tiny: no C run-time here\n";
	DWORD done;
	WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), text, sizeof text - 1, &done, NULL);
	ExitProcess(42);
}
