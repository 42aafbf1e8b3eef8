// The DLLs that ldr.exe loads, one of them for each name that build.sh gives. DllMain and the TLS callback print what they are
// told.
#include "say.h"

#ifdef TLS
ULONG tls_index = 99;
static ULONG64 tls_template[2] = {0x1111, 0x2222};
static void NTAPI tls_callback(void *base, DWORD reason, void *reserved) {
	text(NAME " callback");
	hex(reason);
	hex((ULONG64)reserved);
	end();
}
static PIMAGE_TLS_CALLBACK callbacks[] = {tls_callback, 0};
const IMAGE_TLS_DIRECTORY64 _tls_used = {
    (ULONG64)tls_template, (ULONG64)(tls_template + 2), (ULONG64)&tls_index, (ULONG64)callbacks, 8, 0,
};
// tls_value returns a word of the thread's copy.
ULONG64 seventh(void) { return 7; }
ULONG64 tls_value(int word) { return ((ULONG64 **)__readgsqword(0x58))[tls_index][word]; }
#endif

#ifdef RING
__declspec(dllimport) ULONG64 RING(void);
ULONG64 EXPORTS(void) {
	ULONG64 (*volatile other)(void) = RING;
	return other != 0;
}
#elif defined NEEDS
__declspec(dllimport) ULONG64 NEEDS(void);
#ifdef BEFORE
__declspec(dllimport) ULONG64 BEFORE(void);
ULONG64 before(void) { return BEFORE(); }
#endif
ULONG64 EXPORTS(void) { return NEEDS() + 1; }
#else
ULONG64 EXPORTS(void) { return 0x50; }
#endif

#ifdef STRADDLES
// A pointer across a page boundary; the page behind it is not writable.
extern char across[];
asm("	.section .str$a, \"dw\"\n"
    "	.balign 4096\n"
    "	.fill 4092\n"
    "	.globl across\n"
    "across: .quad across\n"
    "	.fill 4092\n"
    "	.text\n");
ULONG64 straddles(void) { return *(char **)across == across; }
volatile ULONG64 cookie = 0x00002b992ddfa232;
// The linker does not know it; a test enters it in the data directories.
const IMAGE_LOAD_CONFIG_DIRECTORY64 load_config = {.Size = sizeof load_config, .SecurityCookie = (ULONG64)&cookie};
ULONG64 cookie_is_default(void) { return cookie == 0x00002b992ddfa232; }
#endif

BOOL WINAPI DllMain(void *base, DWORD reason, void *reserved) {
	text(NAME " main");
	hex(reason);
	hex(reserved != 0);
	end();
#ifdef LOADS
	UNICODE_STRING name;
	void *dll;
	RtlInitUnicodeString(&name, LOADS);
	if (reason == DLL_PROCESS_ATTACH) say(NAME " loads", (ULONG)LdrLoadDll(0, 0, &name, &dll));
#endif
#ifdef REFUSES
	return 0;
#else
	return 1;
#endif
}
