// Executes every opcode of every map under every ModRM byte and some prefixes in 64-bit user mode, and writes a byte for each:
// the length of the instruction, with bit 7 set if the processor raised #UD. It is run on a processor, and by qemu-x86_64
// for what an older model does not have; TestOpcodeSweep compares. The results go to file descriptor 3.
//
// No library: instructions under test may destroy FS, which a C library needs. An instruction is put so that it ends where
// a page without access begins; it is as long as the shortest prefix of its bytes that runs without a fetch fault there.
typedef unsigned char u8;
typedef unsigned long u64;

enum { PAGE = 4096, PREFIXES = 10 };

static long sys(long n, long a, long b, long c, long d, long e, long f) {
	register long r10 asm("r10") = d, r8 asm("r8") = e, r9 asm("r9") = f;
	asm volatile("syscall" : "+a"(n) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
	return n;
}

struct action { void (*handler)(int, void *, void *); u64 flags; void (*restorer)(void); u64 mask; };
struct altstack { void *sp; int flags; u64 size; };

// What the kernel puts on the stack of a signal handler, as far as it matters.
struct ucontext {
	u64 flags; void *link; struct altstack stack;
	u64 r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags, segs, err, trapno, oldmask, cr2;
};

asm("restorer: mov $15, %eax; syscall");
void restorer(void);

// enter jumps to the code with known registers and comes back through the signal handler.
asm("enter:\n"
    "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "mov %rsp, saved(%rip)\n"
    "mov %rdi, %r15\n"
    "xor %eax, %eax; not %rax; mov $1, %ecx; xor %edx, %edx; xor %ebx, %ebx; xor %ebp, %ebp; xor %esi, %esi; xor %edi, %edi\n"
    "xor %r8d, %r8d; xor %r9d, %r9d; xor %r10d, %r10d; xor %r11d, %r11d; xor %r12d, %r12d; xor %r13d, %r13d; xor %r14d, %r14d\n"
    "xor %esp, %esp\n"
    "jmp *%r15\n"
    "back:\n"
    "mov saved(%rip), %rsp\n"
    "cld; fninit\n"
    "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    "ret\n");
void enter(void *code);
extern char back[];
u64 saved;

static u8 *limit;             // where the page without access begins
static u64 fs_base;
static volatile int signo;
static volatile u64 at, address;
static u8 stack[65536];

static void handler(int n, void *info, void *context) {
	struct ucontext *u = context;
	signo = n;
	at = u->rip;
	address = *(u64 *)((char *)info + 16);
	u->rip = (u64)back;
	u->eflags = 0x202;
	u->segs = 0x2b000000000033 | (u->segs & 0xffff0000);
}

static u8 measure(const u8 *code) {
	for (int n = 1; n <= 15; n++) {
		u8 *p = limit - n;
		for (int i = 0; i < n; i++)
			p[i] = code[i];
		signo = 0;
		enter(p);
		if (signo == 4)
			return n | 0x80;
		if (signo == 11 && at == (u64)p && address == (u64)limit)
			continue; // more bytes are needed
		return n;
	}
	return 15;
}

static u8 *out;                // a map's 65,536 results, shared with the child
static volatile int *progress; // the case that the child is at

// sweep_map measures the cases of a map from *progress on.
static void sweep_map(const u8 *prefix, const u8 *map) {
	for (; *progress < 256 * 256; ++*progress) {
		int op = *progress >> 8, modrm = *progress & 255;
		u8 code[32];
		int n = 0;
		for (int i = 0; i < 32; i++)
			code[i] = 0x10; // displacements and immediates that lead nowhere near the instruction
		for (int i = 0; prefix[i]; i++)
			code[n++] = prefix[i];
		for (int i = 0; i < 2 && map[i]; i++)
			code[n++] = map[i];
		code[n++] = op;
		code[n] = modrm;
		// Not run: other maps, which are swept themselves; short branches backwards, the ModRM byte being their
		// displacement; MONITOR, MWAIT and their kin, which may sleep; what ends the process or makes another.
		int one = !map[0], two = map[0] && !map[1];
		if (one && op == 0x0f || two && (op == 0x38 || op == 0x3a) ||
		    one && ((op & 0xf0) == 0x70 || (op & 0xfc) == 0xe0 || op == 0xeb) && modrm >= 0x80 ||
		    two && op == 1 && (modrm == 0xfa || modrm == 0xfb || modrm == 0xc8 || modrm == 0xc9))
			out[*progress] = 0;
		else
			out[*progress] = measure(code);
	}
}

void _start_c(void) {
	char *m = (char *)sys(9, 0x10000000, 2 * PAGE, 7, 0x32, -1, 0);
	limit = (u8 *)m + PAGE;
	sys(10, (long)limit, PAGE, 0, 0, 0, 0);
	out = (u8 *)sys(9, 0x20000000, 256 * 256 + PAGE, 3, 0x31, -1, 0);
	progress = (int *)(out + 256 * 256);
	struct altstack alt = {stack, 0, sizeof stack};
	sys(131, (long)&alt, 0, 0, 0, 0, 0);
	struct action a = {handler, 0x0c000004 | 0x40000000, restorer, 0}; // SIGINFO, ONSTACK, RESTORER, NODEFER
	int signals[] = {4, 5, 7, 8, 11, 31};
	for (int i = 0; i < 6; i++)
		sys(13, signals[i], (long)&a, 0, 8, 0, 0);
	static const u8 prefixes[PREFIXES][3] = {
		{0}, {0x66}, {0xf2}, {0xf3}, {0x48}, {0xf0}, {0x66, 0xf2}, {0x66, 0xf3}, {0x66, 0x48}, {0xf3, 0x48},
	};
	static const u8 maps[4][2] = {{0}, {0x0f}, {0x0f, 0x38}, {0x0f, 0x3a}};
	for (int p = 0; p < PREFIXES; p++)
		for (int map = 0; map < 4; map++) {
			// A child, because an emulator may die of a case: that one counts as not run.
			for (*progress = 0; *progress < 256 * 256; ++*progress) {
				long pid = sys(57, 0, 0, 0, 0, 0, 0);
				if (pid == 0) {
					sweep_map(prefixes[p], maps[map]);
					sys(231, 0, 0, 0, 0, 0, 0);
				}
				int status = 0;
				sys(61, pid, (long)&status, 0, 0, 0, 0);
				if (status != 0 && *progress < 256 * 256)
					out[*progress] = 0;
			}
			for (long done = 0; done < 256 * 256;)
				done += sys(1, 3, (long)(out + done), 256 * 256 - done, 0, 0, 0);
		}
	sys(231, 0, 0, 0, 0, 0, 0);
}

asm(".globl _start\n_start: and $-16, %rsp; call _start_c");
