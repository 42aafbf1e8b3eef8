// seh: structured exception handling through .pdata and __C_specific_handler: filters, __except, __finally, nesting,
// continued execution. GCC has no __try, so that the guarded regions are written in assembly with the scope tables that
// a compiler with __try emits.
#include <stdio.h>
#include <windows.h>

typedef int (*body)(void *);

int try_except(body f, void *arg);  // __try { return f(arg); } __except (filter(...)) { return -1; }
int try_finally(body f, void *arg); // __try { return f(arg); } __finally { finally(...); }
int read_int(volatile int *p);
int divide(int a, int b);

__asm__(
	".text\n"
	".globl try_except, try_finally, read_int, divide\n"
	".seh_proc try_except\n"
	"try_except:\n"
	"\tpushq %rbx\n\t.seh_pushreg %rbx\n"
	"\tsubq $0x20, %rsp\n\t.seh_stackalloc 0x20\n"
	"\t.seh_endprologue\n"
	"\tmovq %rcx, %rax\n\tmovq %rdx, %rcx\n\tmovl $7, %ebx\n"
	".Ltry:\n\tcall *%rax\n\tnop\n.Ltry_end:\n"
	"\tjmp .Lout\n"
	".Lexcept:\n" // RBX is what it was in this frame
	"\tleal -8(%rbx), %eax\n"
	".Lout:\n\taddq $0x20, %rsp\n\tpopq %rbx\n\tret\n"
	"\t.seh_handler __C_specific_handler, @except, @unwind\n"
	"\t.seh_handlerdata\n"
	"\t.long 1\n\t.rva .Ltry, .Ltry_end, filter, .Lexcept\n"
	"\t.text\n"
	"\t.seh_endproc\n"

	".seh_proc try_finally\n"
	"try_finally:\n"
	"\tpushq %rbp\n\t.seh_pushreg %rbp\n"
	"\tmovq %rsp, %rbp\n\t.seh_setframe %rbp, 0\n"
	"\tsubq $0x30, %rsp\n\t.seh_stackalloc 0x30\n"
	"\t.seh_endprologue\n"
	"\tmovq %rcx, %rax\n\tmovq %rdx, %rcx\n"
	".Lftry:\n\tcall *%rax\n\tnop\n.Lftry_end:\n"
	"\tmovl %eax, -4(%rbp)\n\txorl %ecx, %ecx\n\tmovq %rbp, %rdx\n\tcall finally\n\tmovl -4(%rbp), %eax\n"
	"\tmovq %rbp, %rsp\n\tpopq %rbp\n\tret\n"
	"\t.seh_handler __C_specific_handler, @except, @unwind\n"
	"\t.seh_handlerdata\n"
	"\t.long 1\n\t.rva .Lftry, .Lftry_end, finally\n\t.long 0\n"
	"\t.text\n"
	"\t.seh_endproc\n"

	"read_int:\n\tmovl (%rcx), %eax\n\tret\n"
	"divide:\n\tmovl %edx, %r8d\n\tmovl %ecx, %eax\n\tcltd\n\tidivl %r8d\n\tret\n");

static int depth, disposition;

// filter is called while the stack of the exception is still there.
int filter(EXCEPTION_POINTERS *e, void *frame) {
	EXCEPTION_RECORD *r = e->ExceptionRecord;
	printf("  filter: code %08lx, flags %lx, %lu parameters", r->ExceptionCode, r->ExceptionFlags, r->NumberParameters);
	for (DWORD i = 0; i < r->NumberParameters; i++)
		printf(" %llx", (unsigned long long)r->ExceptionInformation[i]);
	printf(", frame above %d\n", (char *)frame > (char *)&r);
	if (disposition == EXCEPTION_CONTINUE_EXECUTION) {
		static int substitute = 1234;
		e->ContextRecord->Rcx = (DWORD64)&substitute;
	}
	return depth-- > 0 ? EXCEPTION_CONTINUE_SEARCH : disposition;
}

void finally(int abnormal, void *frame) {
	printf("  finally: abnormal %d\n", abnormal != 0);
}

static int null_read(void *arg) { return read_int(arg); }
static int by_zero(void *arg) { return divide(7, *(int *)arg); }
static int raise_params(void *arg) {
	ULONG_PTR info[3] = {1, 22, 333};
	RaiseException(0xe0001234, 0, 3, info);
	printf("  after RaiseException\n");
	return 5;
}
static int guarded_null(void *arg) { return try_finally(null_read, arg); }
static int twice_guarded(void *arg) { return try_finally(guarded_null, arg); }
static int inner(void *arg) {
	int v = try_except(null_read, arg);
	printf("  inner try_except gave %d\n", v);
	return v;
}

int main(void) {
	int one = 1, zero = 0;
	disposition = EXCEPTION_EXECUTE_HANDLER;
	printf("nothing raised: %d\n", try_except(by_zero, &one));
	printf("null read: %d\n", try_except(null_read, NULL));
	printf("divide by zero: %d\n", try_except(by_zero, &zero));
	printf("raised: %d\n", try_except(raise_params, NULL));
	printf("finally, nothing raised: %d\n", try_finally(by_zero, &one));
	printf("finally unwound: %d\n", try_except(guarded_null, NULL));
	printf("two finally unwound: %d\n", try_except(twice_guarded, NULL));
	depth = 1;
	printf("inner filter passes on: %d\n", try_except(inner, NULL));
	disposition = EXCEPTION_CONTINUE_EXECUTION;
	printf("continued: %d\n", try_except(null_read, NULL));
	printf("continued RaiseException: %d\n", try_except(raise_params, NULL));
	return 0;
}
