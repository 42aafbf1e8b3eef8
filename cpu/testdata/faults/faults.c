// Runs one instruction on the processor from a chosen state, whatever it raises, and reports the state after it or at the
// exception. Requests come on file descriptor 0, answers go to 1; cpu/faults_oracle_test.go speaks the other end.
//
// There is no library and no trampoline: INT3 brings the program into its signal handler, which puts the state under test
// into the context that it returns to; the next signal, from an exception or from the INT3 behind the instruction, brings it
// back, and the handler returns to where it was.
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

enum { PAGE = 4096, SIDE = 64 };

static long sys(long n, long a, long b, long c, long d, long e, long f) {
	register long r10 asm("r10") = d, r8 asm("r8") = e, r9 asm("r9") = f;
	asm volatile("syscall" : "+a"(n) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return n;
}

struct state {
	u64 r[16], flags;
	u8 fx[160]; // the image of FXSAVE as far as ST(7)
	u64 xmm[16][2];
	u8 memory[2 * SIDE]; // around the end of the first page
};
struct request { u64 length, second; u16 cs, ds, es, ss; u8 code[16]; struct state s; };
struct answer { u64 trap, error, address, rip; struct state s; };

struct fpstate { u8 fx[160]; u64 xmm[16][2]; };
struct ucontext {
	u64 flags; void *link; void *sp; int ssflags, pad; u64 ssize;
	u64 g[16]; // r8…r15 rdi rsi rbp rbx rdx rax rcx rsp
	u64 rip, eflags, segs, err, trapno, oldmask, cr2;
	struct fpstate *fp;
};
static const int place[16] = {13, 14, 12, 11, 15, 10, 9, 8, 0, 1, 2, 3, 4, 5, 6, 7}; // of the registers in g

struct action { void (*handler)(int, void *, void *); u64 flags; void (*restorer)(void); u64 mask; };
struct altstack { void *sp; int flags; u64 size; };
asm("restorer: mov $15, %eax; syscall");
void restorer(void);

// The segments of the local descriptor table, in the order of faultSegments in the test.
struct descriptor { u32 number, base, limit, flags; };
enum { SEG32 = 1, DOWN = 1 << 1, CODE = 2 << 1, NO_WRITE = 1 << 3, PAGES = 1 << 4, USEABLE = 1 << 6, CODE16 = 6 << 3 | 7 };
static const struct descriptor segments[] = {
	{0, 0x10000000, 0xffff, SEG32 | USEABLE},
	{1, 0, 0x10004, SEG32 | PAGES | USEABLE},
	{2, 0, 0x10004, SEG32 | DOWN | PAGES | USEABLE},
	{3, 0, 0xfffff, SEG32 | NO_WRITE | PAGES | USEABLE},
	{4, 0, 0xfffff, SEG32 | CODE | PAGES | USEABLE},
	{5, 0x10000000, 0xffff, USEABLE},
	{6, 0x10000000, 0xffff, CODE | USEABLE},
};

static u8 *const window = (u8 *)0x10004000, *const code = (u8 *)0x10000000;
static struct request q;
static struct answer a;
static struct ucontext home;
static int testing;
static u8 stack[65536];

static void handler(int n, void *info, void *context) {
	struct ucontext *u = context;
	if (!testing) {
		testing = 1;
		home = *u;
		for (int i = 0; i < 16; i++)
			u->g[place[i]] = q.s.r[i];
		u->eflags = q.s.flags | 0x202;
		u->rip = q.cs == CODE16 ? 0 : (u64)code;
		u->segs = (u->segs & 0xffffffff0000) | q.cs | (u64)q.ss << 48;
		asm volatile("mov %0, %%ds; mov %1, %%es" : : "r"((u32)q.ds), "r"((u32)q.es));
		for (int i = 0; i < 160; i++)
			u->fp->fx[i] = q.s.fx[i];
		for (int i = 0; i < 16; i++)
			u->fp->xmm[i][0] = q.s.xmm[i][0], u->fp->xmm[i][1] = q.s.xmm[i][1];
		return;
	}
	testing = 0;
	asm volatile("mov %0, %%ds; mov %0, %%es" : : "r"(0x2b));
	a.trap = u->trapno;
	a.error = u->err;
	a.address = u->cr2;
	a.rip = u->rip;
	for (int i = 0; i < 16; i++)
		a.s.r[i] = u->g[place[i]];
	a.s.flags = u->eflags;
	for (int i = 0; i < 160; i++)
		a.s.fx[i] = u->fp->fx[i];
	for (int i = 0; i < 16; i++)
		a.s.xmm[i][0] = u->fp->xmm[i][0], a.s.xmm[i][1] = u->fp->xmm[i][1];
	for (int i = 0; i < 16; i++)
		u->g[i] = home.g[i];
	u->eflags = home.eflags;
	u->rip = home.rip;
	u->segs = home.segs;
}

static int transfer(int n, int fd, void *p, u64 left) {
	for (u8 *b = p; left > 0;) {
		long k = sys(n, fd, (long)b, left, 0, 0, 0);
		if (k <= 0)
			return 0;
		b += k;
		left -= k;
	}
	return 1;
}

void _start_c(void) {
	sys(9, (long)code, PAGE, 7, 0x32, -1, 0);
	for (int i = 0; i < PAGE; i++)
		code[i] = 0xcc;
	sys(9, (long)window, 2 * PAGE, 3, 0x32, -1, 0);
	for (int i = 0; i < 7; i++)
		if (sys(154, 0x11, (long)&segments[i], sizeof segments[i], 0, 0, 0) != 0)
			sys(231, 1, 0, 0, 0, 0, 0);
	struct altstack alt = {stack, 0, sizeof stack};
	sys(131, (long)&alt, 0, 0, 0, 0, 0);
	struct action act = {handler, 0x0c000004 | 0x40000000, restorer, 0}; // SIGINFO, ONSTACK, RESTORER, NODEFER
	int signals[] = {4, 5, 7, 8, 11};
	for (int i = 0; i < 5; i++)
		sys(13, signals[i], (long)&act, 0, 8, 0, 0);
	static const int rights[] = {0, 1, 3};
	while (transfer(0, 0, &q, sizeof q)) {
		sys(10, (long)(window + PAGE), PAGE, 3, 0, 0, 0);
		for (int i = 0; i < 2 * SIDE; i++)
			window[PAGE - SIDE + i] = q.s.memory[i];
		sys(10, (long)(window + PAGE), PAGE, rights[q.second], 0, 0, 0);
		for (u64 i = 0; i < 32; i++)
			code[i] = i < q.length ? q.code[i] : 0xcc;
		asm volatile("int3" ::: "memory");
		sys(10, (long)(window + PAGE), PAGE, 3, 0, 0, 0);
		for (int i = 0; i < 2 * SIDE; i++)
			a.s.memory[i] = window[PAGE - SIDE + i];
		transfer(1, 1, &a, sizeof a);
	}
	sys(231, 0, 0, 0, 0, 0, 0);
}

asm(".globl _start\n_start: and $-16, %rsp; call _start_c");
