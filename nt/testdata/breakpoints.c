// breakpoints sets hardware breakpoints in contexts and prints what they meet.
#define _WIN32_WINNT 0x0a00
#include <stdio.h>
#include <string.h>
#include <windows.h>

static volatile int watched[4];
static volatile char bytes[16];
static int hits, executions;
static DWORD64 reasons[32];
static void *at[32];
static volatile LONG go;

__attribute__((noinline)) static int function(int x) { return x * 3 + 1; }

static LONG CALLBACK handler(EXCEPTION_POINTERS *p) {
	CONTEXT *c = p->ContextRecord;
	if (p->ExceptionRecord->ExceptionCode == EXCEPTION_BREAKPOINT) { // has a handler set one, as it is said to be done
		c->Dr1 = (DWORD64)&watched[2];
		c->Dr7 |= 0xd00004;
		c->Rip++;
		return EXCEPTION_CONTINUE_EXECUTION;
	}
	if (p->ExceptionRecord->ExceptionCode != EXCEPTION_SINGLE_STEP)
		return EXCEPTION_CONTINUE_SEARCH;
	if (hits < 32)
		reasons[hits] = c->Dr6 & 0x400f, at[hits] = p->ExceptionRecord->ExceptionAddress;
	hits++;
	if (p->ExceptionRecord->ExceptionAddress == (void *)function) {
		executions++;
		c->EFlags |= 0x10000; // RF: go on with the instruction
	}
	c->Dr6 = 0;
	return EXCEPTION_CONTINUE_EXECUTION;
}

static BOOL set(HANDLE thread, int i, const volatile void *address, int kind, int length) {
	CONTEXT c;
	c.ContextFlags = CONTEXT_DEBUG_REGISTERS;
	if (!GetThreadContext(thread, &c))
		return FALSE;
	(&c.Dr0)[i] = (DWORD64)address;
	c.Dr7 &= ~(0xfULL << (16 + 4 * i) | 3ULL << (2 * i));
	if (address)
		c.Dr7 |= 1ULL << (2 * i) | (DWORD64)(kind | (length - 1) << 2) << (16 + 4 * i);
	c.ContextFlags = CONTEXT_DEBUG_REGISTERS;
	return SetThreadContext(thread, &c);
}

static void show(const char *what) {
	printf("%s: %d", what, hits);
	for (int i = 0; i < hits && i < 8; i++)
		printf(" %llx", reasons[i]);
	puts("");
	hits = 0;
}

static DWORD WINAPI other(void *arg) {
	while (!go)
		SwitchToThread();
	watched[0] = 1;
	watched[1] = 1;
	return function(1);
}

int main(void) {
	HANDLE self = GetCurrentThread(), t;
	DWORD n, code;
	CONTEXT c;
	AddVectoredExceptionHandler(1, handler);
	printf("execute %d\n", set(self, 0, function, 0, 1));
	printf("function %d %d\n", function(4), executions);
	show("executed");
	set(self, 0, NULL, 0, 1);
	function(4);
	show("cleared");

	set(self, 1, &watched[1], 1, 4);
	watched[0] = 1, watched[1] = 2, watched[2] = 3;
	show("written");
	n = watched[1];
	show("read, watched for writes");
	set(self, 1, &watched[1], 3, 4);
	n = watched[1];
	watched[1] = n;
	show("read and written");
	set(self, 2, (char *)&watched[1] + 1, 3, 1);
	n = watched[1];
	show("two at once");
	n = *(volatile char *)&watched[1];
	show("one of them");
	set(self, 2, NULL, 0, 1);
	set(self, 3, &bytes[8], 1, 8);
	for (int i = 0; i < 16; i++)
		bytes[i] = 1;
	show("eight of sixteen bytes");
	set(self, 3, NULL, 0, 1);

	// What the kernel writes is not watched.
	set(self, 1, &watched[1], 1, 4);
	HANDLE r, w;
	CreatePipe(&r, &w, NULL, 0);
	WriteFile(w, "1234", 4, &n, NULL);
	ReadFile(r, (void *)&watched[1], 4, &n, NULL);
	printf("read from a pipe %x\n", watched[1]);
	show("the kernel");

	// Each thread has its own.
	t = CreateThread(NULL, 0, other, NULL, 0, NULL);
	Sleep(1);
	SuspendThread(t);
	printf("other %d %d\n", set(t, 0, &watched[0], 1, 4), set(t, 2, function, 0, 1));
	memset(&c, 0, sizeof c);
	c.ContextFlags = CONTEXT_DEBUG_REGISTERS;
	printf("get %d", GetThreadContext(t, &c));
	printf(" %d %d %llx\n", c.Dr0 == (DWORD64)&watched[0], c.Dr2 == (DWORD64)function, c.Dr7 & 0xffff00ff);
	go = 1;
	ResumeThread(t);
	WaitForSingleObject(t, INFINITE);
	GetExitCodeThread(t, &code);
	printf("ended with %lu, executions %d\n", code, executions);
	show("another thread's");
	watched[0] = 5;
	show("not this one's");
	watched[1] = 5;
	show("this one's");

	memset(&c, 0, sizeof c);
	c.ContextFlags = CONTEXT_DEBUG_REGISTERS;
	SetThreadContext(self, &c);
	watched[1] = 6;
	show("none");
	__debugbreak();
	watched[1] = 7, watched[2] = 7;
	show("set by a handler");
	return 0;
}
