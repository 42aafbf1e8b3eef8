// seh.exe exercises exception handling through ntdll alone and prints what handlers see. Its output under another
// implementation of Windows is seh.golden. Build:
//
//	x86_64-w64-mingw32-dlltool -d handler.def -l libhandler.a
//	x86_64-w64-mingw32-gcc -Os -w -nostdlib -ffreestanding -fno-builtin -s \
//	  -Wl,--entry=start,--disable-dynamicbase,--no-insert-timestamp -o seh.exe seh.c -lntdll -L. -lhandler
#include <windows.h>
#include <winternl.h>

#define STATUS_FIRST ((DWORD)0xE0000001)
#define STATUS_SECOND ((DWORD)0xE0000002)
#define STATUS_THIRD ((DWORD)0xE0000003)

NTSYSAPI void NTAPI RtlSetUnhandledExceptionFilter(LONG (*)(EXCEPTION_POINTERS *));
NTSYSAPI void *NTAPI RtlReAllocateHeap(void *, ULONG, void *, SIZE_T);
NTSYSAPI SIZE_T NTAPI RtlSizeHeap(void *, ULONG, void *);
NTSYSAPI BOOLEAN NTAPI RtlValidateHeap(void *, ULONG, void *);
NTSYSAPI ULONG NTAPI RtlGetProcessHeaps(ULONG, void **);
typedef EXCEPTION_DISPOSITION handler_t(EXCEPTION_RECORD *, void *, CONTEXT *, DISPATCHER_CONTEXT *);
NTSYSAPI void *NTAPI RtlAddVectoredExceptionHandler(ULONG, PVECTORED_EXCEPTION_HANDLER);
NTSYSAPI ULONG NTAPI RtlRemoveVectoredExceptionHandler(void *);
NTSYSAPI void *NTAPI RtlAddVectoredContinueHandler(ULONG, PVECTORED_EXCEPTION_HANDLER);
NTSYSAPI ULONG NTAPI RtlRemoveVectoredContinueHandler(void *);
NTSYSAPI void NTAPI RtlRaiseException(EXCEPTION_RECORD *);
NTSTATUS NTAPI NtWriteFile(HANDLE, HANDLE, PIO_APC_ROUTINE, void *, IO_STATUS_BLOCK *, void *, ULONG, LARGE_INTEGER *, ULONG *);
NTSTATUS NTAPI NtTerminateProcess(HANDLE, NTSTATUS);

static HANDLE out;
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
	line[used++] = '\n';
	NtWriteFile(out, 0, 0, 0, &io, line, used, 0, 0);
	used = 0;
}
static void say(const char *s, ULONG64 v) {
	text(s);
	hex(v);
	end();
}

// with_except(f, arg, filter) calls f(arg) in a __try whose filter is filter(pointers) and returns 0xe5c from the __except
// block, which leaves in code what it found in EAX, or f's result. with_finally(f, arg, block) calls f(arg), and block() however f is left.
// with_handler(f, arg, handler) calls f(arg) in a frame with a language handler of one's own. pc_fault faults on a read of
// address 0x10 and returns 7 where it is continued behind it.
ULONG64 with_except(void *f, ULONG64 arg, void *filter);
ULONG64 with_finally(void *f, ULONG64 arg, void *block);
ULONG64 with_handler(void *f, ULONG64 arg, handler_t *handler);
ULONG64 pc_fault(ULONG64 unused);
extern char with_handler_target[];
DWORD code;
asm("	.text\n"
    "	.globl with_except, with_finally, with_handler, pc_fault, with_handler_target\n"
    "	.seh_proc with_except\n"
    "with_except:\n"
    "	push %rbp\n	.seh_pushreg %rbp\n"
    "	push %rbx\n	.seh_pushreg %rbx\n"
    "	sub $0x58, %rsp\n	.seh_stackalloc 0x58\n"
    "	lea 0x40(%rsp), %rbp\n	.seh_setframe %rbp, 0x40\n"
    "	movaps %xmm6, -0x10(%rbp)\n	.seh_savexmm %xmm6, 0x30\n"
    "	.seh_endprologue\n"
    "	mov %r8, 8(%rbp)\n"
    "	mov %rcx, %rax\n"
    "	mov %rdx, %rcx\n"
    "	mov $0x1234, %ebx\n"
    "	movq %rbx, %xmm6\n"
    "1:	call *%rax\n"
    "	nop\n"
    "2:	jmp 4f\n"
    "3:	mov %eax, code(%rip)\n" // the __except block
    "	mov $0xe5c, %eax\n"
    "	cmp $0x1234, %rbx\n"
    "	jne 5f\n"
    "	movq %xmm6, %rcx\n"
    "	cmp $0x1234, %rcx\n"
    "	jne 5f\n"
    "4:	movaps -0x10(%rbp), %xmm6\n"
    "	lea 0x18(%rbp), %rsp\n"
    "	pop %rbx\n	pop %rbp\n	ret\n"
    "5:	ud2\n"
    "	.seh_handler __C_specific_handler, @except, @unwind\n"
    "	.seh_handlerdata\n"
    "	.long 1\n"
    "	.rva 1b, 2b, except_filter, 3b\n"
    "	.text\n	.seh_endproc\n"
    "	.seh_proc except_filter\n"
    "except_filter:\n" // rcx = pointers, rdx = establisher, which is rbp - 0x40
    "	sub $0x28, %rsp\n	.seh_stackalloc 0x28\n	.seh_endprologue\n"
    "	call *0x48(%rdx)\n"
    "	nop\n	add $0x28, %rsp\n	ret\n"
    "	.seh_endproc\n"
    "	.seh_proc with_finally\n"
    "with_finally:\n"
    "	push %rbx\n	.seh_pushreg %rbx\n"
    "	sub $0x30, %rsp\n	.seh_stackalloc 0x30\n	.seh_endprologue\n"
    "	mov %r8, 0x28(%rsp)\n"
    "	mov %rcx, %rax\n"
    "	mov %rdx, %rcx\n"
    "	xor %ebx, %ebx\n" // the unwinder has to bring RBX back
    "1:	call *%rax\n"
    "	nop\n"
    "2:	mov %rax, %rbx\n"
    "	xor %ecx, %ecx\n"
    "	call *0x28(%rsp)\n"
    "	mov %rbx, %rax\n"
    "	add $0x30, %rsp\n	pop %rbx\n	ret\n"
    "	.seh_handler __C_specific_handler, @except, @unwind\n"
    "	.seh_handlerdata\n"
    "	.long 1\n"
    "	.rva 1b, 2b, finally_block\n"
    "	.long 0\n"
    "	.text\n	.seh_endproc\n"
    "	.seh_proc finally_block\n"
    "finally_block:\n"
    "	sub $0x28, %rsp\n	.seh_stackalloc 0x28\n	.seh_endprologue\n"
    "	movzbl %cl, %ecx\n"
    "	call *0x28(%rdx)\n"
    "	nop\n	add $0x28, %rsp\n	ret\n"
    "	.seh_endproc\n"
    "	.seh_proc with_handler\n"
    "with_handler:\n"
    "	sub $0x38, %rsp\n	.seh_stackalloc 0x38\n	.seh_endprologue\n"
    "	mov %r8, 0x28(%rsp)\n"
    "	mov %rcx, %rax\n"
    "	mov %rdx, %rcx\n"
    "	call *%rax\n"
    "with_handler_target:\n"
    "	nop\n	add $0x38, %rsp\n	ret\n"
    "	.seh_handler jump_handler, @except, @unwind\n"
    "	.seh_endproc\n"
    "	.seh_proc jump_handler\n"
    "jump_handler:\n"
    "	sub $0x28, %rsp\n	.seh_stackalloc 0x28\n	.seh_endprologue\n"
    "	call *0x28(%rdx)\n"
    "	nop\n	add $0x28, %rsp\n	ret\n"
    "	.seh_endproc\n"
    "pc_fault:\n"
    "	mov $0x10, %ecx\n"
    "	mov (%rcx), %rax\n" // three bytes
    "	mov $7, %eax\n"
    "	ret\n");

static void raise(DWORD code, DWORD flags, ULONG64 parameter) {
	EXCEPTION_RECORD r = {0};
	r.ExceptionCode = code;
	r.ExceptionFlags = flags;
	r.NumberParameters = 1;
	r.ExceptionInformation[0] = parameter;
	RtlRaiseException(&r);
	say("raise returned", code);
}

static void record(const char *who, EXCEPTION_RECORD *r) {
	text(who);
	hex(r->ExceptionCode);
	hex(r->ExceptionFlags);
	for (DWORD i = 0; i < r->NumberParameters && i < 2; i++) hex(r->ExceptionInformation[i]);
	end();
}

static LONG skip(EXCEPTION_POINTERS *p) {
	record("skip", p->ExceptionRecord);
	if (p->ContextRecord->Rip != (ULONG64)p->ExceptionRecord->ExceptionAddress) say("rip is not the address", 0);
	p->ContextRecord->Rip += 3;
	return EXCEPTION_CONTINUE_EXECUTION;
}
static LONG search(EXCEPTION_POINTERS *p) {
	record("search", p->ExceptionRecord);
	return EXCEPTION_CONTINUE_SEARCH;
}
static LONG take(EXCEPTION_POINTERS *p) {
	record("take", p->ExceptionRecord);
	return EXCEPTION_EXECUTE_HANDLER;
}
static LONG go_on(EXCEPTION_POINTERS *p) {
	record("go on", p->ExceptionRecord);
	return p->ExceptionRecord->ExceptionCode == STATUS_FIRST ? EXCEPTION_CONTINUE_EXECUTION : EXCEPTION_CONTINUE_SEARCH;
}
static LONG take_second(EXCEPTION_POINTERS *p) {
	record("take second", p->ExceptionRecord);
	return p->ExceptionRecord->ExceptionCode == STATUS_SECOND;
}
static LONG raising_filter(EXCEPTION_POINTERS *p) {
	record("raising filter", p->ExceptionRecord);
	if (p->ExceptionRecord->ExceptionCode == STATUS_FIRST) raise(STATUS_SECOND, 0, 22);
	return EXCEPTION_CONTINUE_SEARCH;
}
static void note(ULONG64 abnormal) { say("finally", abnormal); }
static void raising_block(ULONG64 abnormal) {
	say("raising finally", abnormal);
	raise(STATUS_SECOND, 0, 33);
}

static ULONG64 raise_first(ULONG64 arg) {
	raise(STATUS_FIRST, 0, arg);
	return arg;
}
static ULONG64 raise_noncontinuable(ULONG64 arg) {
	raise(STATUS_FIRST, EXCEPTION_NONCONTINUABLE, arg);
	return arg;
}
static ULONG64 plain(ULONG64 arg) { return arg + 1; }

static ULONG64 finally_fault(ULONG64 arg) { return with_finally(pc_fault, arg, note); }
static ULONG64 except_search_fault(ULONG64 arg) { return with_except(finally_fault, arg, search); }
static ULONG64 filter_raises(ULONG64 arg) { return with_except(raise_first, arg, raising_filter); }
static ULONG64 go_on_noncontinuable(ULONG64 arg) { return with_except(raise_noncontinuable, arg, go_on); }
static ULONG64 finally_raises(ULONG64 arg) { return with_finally(raise_first, arg, raising_block); }
static ULONG64 take_over_raising_finally(ULONG64 arg) { return with_except(finally_raises, arg, take); }
static ULONG64 finally_around(ULONG64 arg) { return with_finally(take_over_raising_finally, arg, note); }

// A handler that unwinds to its own frame, and one that unwinds to the frame below it while it is unwound itself.
static ULONG64 outer_frame;
static EXCEPTION_DISPOSITION unwind_here(EXCEPTION_RECORD *r, void *frame, CONTEXT *c, DISPATCHER_CONTEXT *d) {
	record("unwind here", r);
	if (!(r->ExceptionFlags & 0x66)) RtlUnwindEx(frame, with_handler_target, r, (void *)0x5a5a, d->ContextRecord, d->HistoryTable);
	return ExceptionContinueSearch;
}
static EXCEPTION_DISPOSITION divert(EXCEPTION_RECORD *r, void *frame, CONTEXT *c, DISPATCHER_CONTEXT *d) {
	record("divert", r);
	static int diverted;
	if (r->ExceptionFlags & EXCEPTION_UNWINDING && !diverted++) {
		CONTEXT own;
		RtlUnwindEx((void *)outer_frame, with_handler_target, 0, (void *)0xd1d1, &own, 0);
	}
	return ExceptionContinueSearch;
}
static EXCEPTION_DISPOSITION watch(EXCEPTION_RECORD *r, void *frame, CONTEXT *c, DISPATCHER_CONTEXT *d) {
	record("watch", r);
	outer_frame = (ULONG64)frame;
	return r->ExceptionCode == STATUS_THIRD ? ExceptionContinueExecution : ExceptionContinueSearch;
}
static EXCEPTION_DISPOSITION bad_disposition(EXCEPTION_RECORD *r, void *frame, CONTEXT *c, DISPATCHER_CONTEXT *d) {
	record("bad disposition", r);
	return r->ExceptionCode == STATUS_FIRST && !(r->ExceptionFlags & 0x66) ? (EXCEPTION_DISPOSITION)17 : ExceptionContinueSearch;
}
static ULONG64 diverted(ULONG64 arg) { return with_handler(raise_first, arg, divert); }
static ULONG64 except_diverted(ULONG64 arg) {
	raise(STATUS_THIRD, 0, 0); // lets watch learn its frame
	return with_except(diverted, arg, take);
}
static ULONG64 bad(ULONG64 arg) { return with_handler(raise_first, arg, bad_disposition); }

// What a C++ catch block is called by: a callback on top of the unwound stack that says where to continue.
static ULONG64 walk(ULONG64 stop);
static LONG take_third(EXCEPTION_POINTERS *p) {
	record("take third", p->ExceptionRecord);
	return p->ExceptionRecord->ExceptionCode == STATUS_THIRD;
}
static void *catch_block(EXCEPTION_RECORD *r) {
	say("catch", r->ExceptionCode);
	say("the walk from the block reaches the frame", walk((ULONG64)with_handler) < 4);
	if (r->ExceptionInformation[1]) raise(STATUS_THIRD, 0, 3);
	return with_handler_target;
}
static ULONG64 rethrow;
static EXCEPTION_DISPOSITION consolidating(EXCEPTION_RECORD *r, void *frame, CONTEXT *c, DISPATCHER_CONTEXT *d) {
	static EXCEPTION_RECORD unwind;
	record("consolidating", r);
	if (r->ExceptionFlags & 0x66 || r->ExceptionCode == STATUS_THIRD) return ExceptionContinueSearch;
	unwind.ExceptionCode = 0x80000029;
	unwind.ExceptionFlags = EXCEPTION_NONCONTINUABLE;
	unwind.NumberParameters = 2;
	unwind.ExceptionInformation[0] = (ULONG64)catch_block;
	unwind.ExceptionInformation[1] = rethrow;
	RtlUnwindEx(frame, with_handler_target, &unwind, (void *)0xcccc, d->ContextRecord, d->HistoryTable);
	return ExceptionContinueSearch;
}
static ULONG64 finally_raise(ULONG64 arg) { return with_finally(raise_first, arg, note); }
static ULONG64 consolidated(ULONG64 arg) {
	with_handler(finally_raise, arg, consolidating);
	return 1;
}

// Walks the stack by hand until a frame whose function is stop; returns how many frames lay between.
static ULONG64 walk(ULONG64 stop) {
	CONTEXT c;
	RtlCaptureContext(&c);
	for (ULONG64 n = 0; n < 64 && c.Rip; n++) {
		ULONG64 base, frame;
		void *data;
		RUNTIME_FUNCTION *f = RtlLookupFunctionEntry(c.Rip, &base, 0);
		if (f && base + f->BeginAddress == stop) return n;
		if (!f) {
			c.Rip = *(ULONG64 *)c.Rsp;
			c.Rsp += 8;
			continue;
		}
		RtlVirtualUnwind(UNW_FLAG_NHANDLER, base, c.Rip, f, &c, &data, &frame, 0);
	}
	return ~0ull;
}
__attribute__((returns_twice)) int _setjmpex(void *, void *);
__attribute__((noreturn)) void longjmp(void *, int);
static ULONG64 buffer[32] __attribute__((aligned(16)));
static ULONG64 jump(ULONG64 value) { longjmp(buffer, value); }
static void jumps(int unwind) {
	register void *rsp asm("rsp");
	int n = _setjmpex(buffer, unwind ? rsp : 0);
	say("setjmp", n);
	if (n == 0) with_finally(jump, 0, note);
	if (n == 1) with_finally(jump, 12, note);
}
static LONG walking_filter(EXCEPTION_POINTERS *p) {
	say("the walk from the filter reaches the frame below", walk((ULONG64)with_except) != ~0ull);
	return EXCEPTION_EXECUTE_HANDLER;
}
static LONG passing(EXCEPTION_POINTERS *p) {
	record("vectored", p->ExceptionRecord);
	return EXCEPTION_CONTINUE_SEARCH;
}
static LONG continued(EXCEPTION_POINTERS *p) {
	record("continued", p->ExceptionRecord);
	return EXCEPTION_CONTINUE_SEARCH;
}
static ULONG64 write_low(ULONG64 arg) { return *(volatile char *)arg = 1; }
static ULONG64 call_address(ULONG64 arg) { return ((ULONG64(*)(ULONG64))arg)(0); }
static ULONG64 divide(ULONG64 arg) {
	asm volatile("xor %%edx, %%edx\n div %1" : "+a"(arg) : "r"(0) : "rdx");
	return arg;
}
static ULONG64 overflow(ULONG64 arg) {
	volatile char page[3000];
	page[0] = arg;
	return arg + overflow(arg + page[0]) + page[1];
}
static LONG overflowed(EXCEPTION_POINTERS *p) {
	say("overflowed", p->ExceptionRecord->ExceptionCode);
	return EXCEPTION_EXECUTE_HANDLER;
}
static ULONG64 undefined(ULONG64 arg) {
	asm volatile("ud2");
	return arg;
}
static ULONG64 breakpoint(ULONG64 arg) {
	asm volatile("int3");
	return arg;
}
static ULONG64 privileged(ULONG64 arg) {
	asm volatile("hlt");
	return arg;
}

static ULONG64 generate(ULONG64 heap) { return (ULONG64)RtlAllocateHeap((void *)heap, HEAP_GENERATE_EXCEPTIONS, 1 << 24); }

static ULONG64 filled(const char *p, int from, int to, char c) {
	for (int i = from; i < to; i++)
		if (p[i] != c) return 0;
	return 1;
}
static void heaps(void *own) {
	void *list[4];
	char *p, *q, *h = RtlCreateHeap(HEAP_GROWABLE, 0, 0, 0, 0, 0);
	say("heaps", RtlGetProcessHeaps(4, list));
	say("the first is the process's", list[0] == own);
	p = RtlAllocateHeap(h, HEAP_ZERO_MEMORY, 33);
	say("aligned", ((ULONG64)p & 15) == 0);
	say("zero", filled(p, 0, 33, 0));
	say("size", RtlSizeHeap(h, 0, p));
	for (int i = 0; i < 33; i++) p[i] = 7;
	q = RtlAllocateHeap(h, 0, 100);
	p = RtlReAllocateHeap(h, HEAP_ZERO_MEMORY, p, 50000);
	say("kept", filled(p, 0, 33, 7));
	say("zero", filled(p, 33, 3000, 0) && filled(p, 49000, 50000, 0));
	say("size", RtlSizeHeap(h, 0, p));
	p = RtlReAllocateHeap(h, HEAP_ZERO_MEMORY, p, 5000000);
	say("kept", filled(p, 0, 33, 7));
	say("zero", filled(p, 33, 3000, 0) && filled(p, 4990000, 5000000, 0));
	say("size", RtlSizeHeap(h, 0, p));
	say("in place", RtlReAllocateHeap(h, HEAP_REALLOC_IN_PLACE_ONLY, q, 2000000) == 0);
	say("valid", RtlValidateHeap(h, 0, 0));
	say("valid", RtlValidateHeap(h, 0, q));
	say("free", RtlFreeHeap(h, 0, p));
	say("free", RtlFreeHeap(h, 0, 0));
	say("destroyed", RtlDestroyHeap(h) == 0);
	say("heaps", RtlGetProcessHeaps(4, list));
	h = RtlCreateHeap(0, 0, 0x20000, 0x1000, 0, 0);
	say("too large for a fixed heap", RtlAllocateHeap(h, 0, 0x20000) == 0);
	say("no memory", with_except(generate, (ULONG64)h, take));
}

// The ends of a process, chosen by the last character of the command line.
static LONG filter_takes(EXCEPTION_POINTERS *p) { record("filter", p->ExceptionRecord); return EXCEPTION_EXECUTE_HANDLER; }
static LONG filter_passes(EXCEPTION_POINTERS *p) { record("filter", p->ExceptionRecord); return EXCEPTION_CONTINUE_SEARCH; }
static void choose(char how, void *heap) {
	void *p;
	switch (how) {
	case '1':
		RtlSetUnhandledExceptionFilter(filter_takes);
		pc_fault(0);
	case '2':
		RtlSetUnhandledExceptionFilter(filter_passes);
		pc_fault(0);
	case '3':
		RtlSetUnhandledExceptionFilter(skip);
		say("result", pc_fault(0));
		NtTerminateProcess((HANDLE)-1, 3);
	case '4':
		RtlAddVectoredExceptionHandler(1, search);
		p = RtlAllocateHeap(heap, 0, 100);
		RtlAllocateHeap(heap, 0, 100);
		RtlFreeHeap(heap, 0, p);
		RtlFreeHeap(heap, 0, p);
	case '5':
		say("result", with_except(overflow, 1, overflowed));
		NtTerminateProcess((HANDLE)-1, 5);
	}
}

void start(PEB *peb) {
	UNICODE_STRING *command = (UNICODE_STRING *)((char *)peb->ProcessParameters + 0x70);
	void *heap = *(void **)((char *)peb + 0x30);
	out = *(HANDLE *)((char *)peb->ProcessParameters + 0x28);
	choose(command->Buffer[command->Length / 2 - 1], heap);
	say("no exception", with_except(plain, 1, take));
	say("no exception, finally", with_finally(plain, 1, note));

	text("-- a vectored handler continues"), end();
	void *h = RtlAddVectoredExceptionHandler(1, skip);
	void *first = RtlAddVectoredExceptionHandler(1, passing);
	say("result", pc_fault(0));
	say("removed", RtlRemoveVectoredExceptionHandler(h));
	say("removed again", RtlRemoveVectoredExceptionHandler(h));
	say("result", with_except(pc_fault, 0, take));
	RtlRemoveVectoredExceptionHandler(first);

	text("-- what the processor raises"), end();
	say("result", with_except(write_low, 0x20, take));
	say("result", with_except(call_address, 0x30, take));
	say("result", with_except(write_low, 0x8000000000000000, take));
	say("result", with_except(divide, 1, take));
	say("result", with_except(undefined, 1, take));
	say("result", with_except(breakpoint, 1, take));
	say("result", with_except(privileged, 1, take));

	text("-- filters continue"), end();
	say("result", with_except(pc_fault, 0, skip));
	say("result", with_except(raise_first, 5, go_on));

	text("-- finally runs between filter and block"), end();
	say("result", with_except(except_search_fault, 0, take));

	text("-- a filter raises"), end();
	say("result", with_except(filter_raises, 1, take_second));
	say("result", with_except(filter_raises, 1, take));

	text("-- continuing a noncontinuable exception"), end();
	say("result", with_except(go_on_noncontinuable, 9, take));

	text("-- a finally block raises"), end();
	say("result", with_except(finally_around, 3, take));

	text("-- a handler unwinds to itself"), end();
	say("result", with_handler(raise_first, 4, unwind_here));

	text("-- an unwind collides with another"), end();
	say("result", with_handler(except_diverted, 4, watch));

	text("-- a handler returns nonsense"), end();
	say("result", with_except(bad, 4, take));

	text("-- a catch block"), end();
	say("result", consolidated(1));
	text("-- a catch block raises"), end();
	rethrow = 1;
	say("result", with_except(consolidated, 2, take_third));

	text("-- walking by hand"), end();
	say("result", with_except(raise_first, 6, walking_filter));
	say("frames", with_finally(walk, (ULONG64)with_finally, note));

	text("-- heaps"), end();
	heaps(heap);
	text("-- not in the recording"), end();
	RtlAddVectoredContinueHandler(1, continued);
	h = RtlAddVectoredExceptionHandler(1, skip);
	say("result", pc_fault(0));
	RtlRemoveVectoredExceptionHandler(h);
	say("result", with_except(pc_fault, 0, skip));
	with_except(raise_first, 1, take);
	say("code", code);
	jumps(0);
	jumps(1);
	NtTerminateProcess((HANDLE)-1, 42);
}
