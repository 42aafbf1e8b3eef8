// Printing through ntdll alone.
#include <windows.h>
#include <winternl.h>

NTSTATUS NTAPI NtWriteFile(HANDLE, HANDLE, PIO_APC_ROUTINE, void *, IO_STATUS_BLOCK *, void *, ULONG, LARGE_INTEGER *, ULONG *);
NTSTATUS NTAPI NtTerminateProcess(HANDLE, NTSTATUS);
NTSTATUS NTAPI LdrLoadDll(const WCHAR *, ULONG *, UNICODE_STRING *, void **);
NTSTATUS NTAPI LdrUnloadDll(void *);
NTSTATUS NTAPI LdrAddRefDll(ULONG, void *);
NTSTATUS NTAPI LdrGetDllHandle(const WCHAR *, ULONG *, UNICODE_STRING *, void **);
NTSTATUS NTAPI LdrGetProcedureAddress(void *, ANSI_STRING *, ULONG, void **);

static char line[512];
static int used;

static void text(const char *s) {
	while (*s) line[used++] = *s++;
}
static void hex(ULONG64 v) {
	char d[16];
	int n = 0;
	do d[n++] = "0123456789abcdef"[v & 15]; while (v >>= 4);
	text(" 0x");
	while (n) line[used++] = d[--n];
}
static void end(void) {
	IO_STATUS_BLOCK io;
	char *peb = (char *)__readgsqword(0x60);
	char *params = *(char **)(peb + 0x20);
	line[used++] = '\n';
	NtWriteFile(*(HANDLE *)(params + 0x28), 0, 0, 0, &io, line, used, 0, 0);
	used = 0;
}
static void say(const char *s, ULONG64 v) {
	text(s);
	hex(v);
	end();
}
