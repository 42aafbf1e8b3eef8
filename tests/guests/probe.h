// Accesses that may fault, for programs that catch the exception in a vectored handler: each probe is one instruction
// between entry and return, so that the handler can leave it by popping the return address.
#include <stdio.h>
#include <windows.h>

int probe_read(volatile void *p);          // the byte at p, or -1
int probe_write(volatile void *p, int v);  // 0, or -1
int probe_call(void *p);                   // what the function at p returns, or -1

__asm__(
	".text\n"
	".globl probe_read, probe_write, probe_call\n"
	"probe_read:\n\tmovzbl (%rcx), %eax\n\tret\n"
	"probe_write:\n\tmovb %dl, (%rcx)\n\txorl %eax, %eax\n\tret\n"
	"probe_call:\n\tjmp *%rcx\n");

// What the last probe raised.
static DWORD raised;
static ULONG_PTR raised_access, raised_address;

static LONG CALLBACK on_exception(EXCEPTION_POINTERS *e) {
	raised = e->ExceptionRecord->ExceptionCode;
	raised_access = e->ExceptionRecord->NumberParameters > 0 ? e->ExceptionRecord->ExceptionInformation[0] : 99;
	raised_address = e->ExceptionRecord->NumberParameters > 1 ? e->ExceptionRecord->ExceptionInformation[1] : 0;
	e->ContextRecord->Rip = *(DWORD64 *)e->ContextRecord->Rsp;
	e->ContextRecord->Rsp += 8;
	e->ContextRecord->Rax = (DWORD64)-1;
	return EXCEPTION_CONTINUE_EXECUTION;
}

static const char *code_name(DWORD code) {
	switch (code) {
	case 0: return "nothing";
	case EXCEPTION_ACCESS_VIOLATION: return "access violation";
	case EXCEPTION_GUARD_PAGE: return "guard page";
	case EXCEPTION_STACK_OVERFLOW: return "stack overflow";
	case EXCEPTION_ILLEGAL_INSTRUCTION: return "illegal instruction";
	}
	return "another exception";
}

// tell prints what a probe of base+offset gave.
static void tell(const char *what, int value, char *base) {
	printf("%-36s value %d, raised %s", what, value, code_name(raised));
	if (raised)
		printf(", access %d, offset %#x", (int)raised_access, (unsigned)(raised_address - (ULONG_PTR)base));
	printf("\n");
	raised = 0;
}
