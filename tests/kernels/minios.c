// A small operating system: processes with address spaces of their own, demand-zero memory, copy-on-write fork, preemption
// by the local APIC's timer, PCIDs where there are any. Its programs report numbers, which are printed in the order of the
// processes, so that the output does not depend on when the timer struck.
#include "lib.h"

enum {
	PROCESSES = 32,
	FRAMES = 8192,        // of memory for processes
	FRAMES_AT = 64 << 20, // physical
	TIMER = 0x40,
	P = 1, W = 2, U = 4, COW = 1 << 9,
};
#define PRIVATE 0x8000000000ull // where a process's own memory begins: PML4 entry 1
#define PRIVATE_END (PRIVATE + (64ull << 20))
#define STACK_TOP PRIVATE_END
#define FRAME 0x000ffffffffff000ull

enum call { EXIT, FORK, REPORT, YIELD, WAIT, SELF };

struct process {
	enum { FREE, READY, WAITING, ENDED } state;
	struct context c;
	u64 *pml4;
	u32 parent, children, reports;
	u64 report[4];
	u64 zeroed;
};
static struct process processes[PROCESSES];
static u8 uses[FRAMES];
static u32 next_frame, used_frames, most_frames, copies, ticks;
static int pcids;

static void die(const char *why)
{
	put(why);
	put("\n");
	leave(1);
}

static u64 *frame(void)
{
	for (u32 i = 0; i < FRAMES; i++, next_frame = (next_frame + 1) % FRAMES)
		if (uses[next_frame] == 0) {
			uses[next_frame] = 1;
			if (++used_frames > most_frames)
				most_frames = used_frames;
			u64 *f = (u64 *)(FRAMES_AT + 4096ull * next_frame);
			for (int j = 0; j < 512; j++)
				f[j] = 0;
			return f;
		}
	die("out of frames");
	return 0;
}

static u8 *uses_of(u64 e) { return &uses[((e & FRAME) - FRAMES_AT) / 4096]; }
static void release(u64 e)
{
	if (--*uses_of(e) == 0)
		used_frames--;
}

// entry is the PTE of a private address, with the tables above it made where there are none.
static u64 *entry(struct process *p, u64 va)
{
	u64 *t = p->pml4;
	for (int shift = 39; shift > 12; shift -= 9) {
		u64 *e = &t[va >> shift & 511];
		if (!(*e & P))
			*e = (u64)frame() | P | W | U;
		t = (u64 *)(*e & FRAME);
	}
	return &t[va >> 12 & 511];
}

static struct process *make(u32 parent)
{
	for (u32 i = 0; i < PROCESSES; i++) {
		struct process *p = &processes[i];
		if (p->state != FREE)
			continue;
		*p = (struct process){.state = READY, .parent = parent};
		p->pml4 = frame();
		p->pml4[0] = pml4[0]; // the kernel, and the programs at their alias
		return p;
	}
	die("out of processes");
	return 0;
}

static void start(void (*program)(u64), u64 argument)
{
	struct process *p = make(~0u);
	p->c.rip = (u64)program + UOFS;
	p->c.r[7] = argument;
	p->c.r[4] = STACK_TOP - 8;
	p->c.cs = UCODE, p->c.ss = UDATA, p->c.rflags = 0x202;
}

static u32 number(struct process *p) { return p - processes; }

static void forks(struct process *p)
{
	struct process *child = make(number(p));
	p->children++;
	for (u64 va = PRIVATE; va < PRIVATE_END; va += 4096) {
		if (!(va & 0x1fffff)) { // a page table that is not there has nothing
			u64 pdpt = p->pml4[va >> 39 & 511];
			u64 pd = pdpt & P ? ((u64 *)(pdpt & FRAME))[va >> 30 & 511] : 0;
			if (!(pd & P) || !(((u64 *)(pd & FRAME))[va >> 21 & 511] & P)) {
				va += 0x1ff000;
				continue;
			}
		}
		u64 *e = entry(p, va);
		if (!(*e & P))
			continue;
		if (*e & W)
			*e = (*e & ~(u64)W) | COW;
		*entry(child, va) = *e & ~0x60ull;
		++*uses_of(*e);
	}
	write_cr(3, (u64)p->pml4 | (pcids ? number(p) + 1 : 0)); // what was writable is not
	child->c = p->c;
	child->c.r[0] = 0;
	p->c.r[0] = number(child);
}

static void ends(struct process *p)
{
	for (u64 va = PRIVATE; va < PRIVATE_END; va += 4096) {
		u64 pdpt = p->pml4[va >> 39 & 511], pd = pdpt & P ? ((u64 *)(pdpt & FRAME))[va >> 30 & 511] : 0;
		u64 pt = pd & P ? ((u64 *)(pd & FRAME))[va >> 21 & 511] : 0;
		if (!(pt & P)) {
			va |= 0x1ff000;
			continue;
		}
		u64 e = ((u64 *)(pt & FRAME))[va >> 12 & 511];
		if (e & P)
			release(e);
		if ((va & 0x1ff000) == 0x1ff000)
			release(pt);
	}
	u64 pdpt = p->pml4[PRIVATE >> 39 & 511];
	if (pdpt & P) {
		release(((u64 *)(pdpt & FRAME))[PRIVATE >> 30 & 511]);
		release(pdpt);
	}
	write_cr(3, pml4);
	release((u64)p->pml4);
	p->state = ENDED;
	if (p->parent != ~0u) {
		struct process *parent = &processes[p->parent];
		if (--parent->children == 0 && parent->state == WAITING)
			parent->state = READY;
	}
}

static void faults(struct process *p)
{
	u64 va = trapped.cr2;
	if (va < PRIVATE || va >= PRIVATE_END)
		die("a process touched what is not its own");
	u64 *e = entry(p, va);
	if (!(*e & P)) {
		*e = (u64)frame() | P | W | U;
		p->zeroed++;
	} else if (*e & COW && trapped.code & W) {
		if (*uses_of(*e) > 1) {
			u64 *from = (u64 *)(*e & FRAME), *to = frame();
			for (int i = 0; i < 512; i++)
				to[i] = from[i];
			release(*e);
			*e = (u64)to | P | W | U;
			copies++;
		} else
			*e = (*e & ~(u64)COW) | W;
		invlpg(va & ~4095ull);
	} else
		die("a fault that should not be");
}

static void calls(struct process *p)
{
	reg *r = p->c.r;
	switch (r[0]) {
	case EXIT:
		ends(p);
		break;
	case FORK:
		forks(p);
		break;
	case REPORT:
		p->report[p->reports++ & 3] = r[7];
		break;
	case WAIT:
		if (p->children)
			p->state = WAITING;
		break;
	case SELF:
		r[0] = number(p);
		break;
	}
}

// --- the programs: they run at an alias of their code, so they have no constants in memory -------------------------

static inline u64 call(u64 n, u64 v)
{
	__asm__ volatile("int $0x80" : "+a"(n) : "D"(v) : "memory");
	return n;
}

static void primes(u64 limit)
{
	u8 *sieve = (u8 *)PRIVATE;
	u64 n = 0, sum = 0;
	for (u64 i = 2; i < limit; i++) {
		if (sieve[i])
			continue;
		n++, sum += i;
		for (u64 j = i * i; j < limit; j += i)
			sieve[j] = 1;
	}
	call(REPORT, n);
	call(REPORT, sum);
	call(EXIT, 0);
}

static void scattered(u64 seed)
{
	u64 *at = (u64 *)PRIVATE, s = seed, sum = 0;
	for (u64 i = 0; i < 20000; i++) {
		s ^= s << 13, s ^= s >> 7, s ^= s << 17;
		at[(s >> 20) % (1500 * 512)] += i;
	}
	for (u64 i = 0; i < 1500 * 512; i += 1)
		sum = (sum ^ at[i]) * 0x100000001b3ull;
	call(REPORT, sum);
	call(EXIT, 0);
}

static void family(u64 depth)
{
	u64 *shared = (u64 *)PRIVATE;
	for (u64 i = 0; i < 100 * 512; i++)
		shared[i] = i * i;
	u64 path = 1;
	for (u64 level = 0; level < depth; level++) {
		u64 child = call(FORK, 0);
		path = path * 2 + (child == 0);
		for (u64 i = level; i < 100 * 512; i += 700 + level) // one of two writes first
			shared[i] += path;
	}
	u64 sum = 0;
	for (u64 i = 0; i < 100 * 512; i++)
		sum = (sum ^ shared[i]) * 0x100000001b3ull;
	call(WAIT, 0);
	call(REPORT, path);
	call(REPORT, sum);
	call(EXIT, 0);
}

static void apic(u32 reg, u32 v) { *(volatile u32 *)(0xfee00000ull + reg) = v; }

void kmain(void)
{
	reset_machine();
	u32 a = 1, b, c = 0, d;
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	pcids = c >> 17 & 1;
	if (pcids)
		write_cr(4, 0x620 | 1 << 17);
	gate(0x80, stubs + 16 * 0x80, 0xee, 1);
	apic(0xf0, 0x1ff);         // on
	apic(0x3e0, 3);            // by 16
	apic(0x320, 1 << 17 | TIMER);
	apic(0x380, 20000);
	start(primes, 300000);
	start(scattered, 0x123456789abcdefull);
	start(family, 3);
	start(primes, 1000000);
	start(scattered, 42);
	for (u32 turn = 0;; turn = (turn + 1) % PROCESSES) {
		struct process *p = &processes[turn];
		if (p->state != READY) {
			int left = 0;
			for (u32 i = 0; i < PROCESSES; i++)
				left += processes[i].state == READY || processes[i].state == WAITING;
			if (!left)
				break;
			continue;
		}
		for (int more = 1; more && p->state == READY;) {
			write_cr(3, (u64)p->pml4 | (pcids ? (u64)(number(p) + 1) | 1ull << 63 : 0));
			enter(&p->c);
			p->c = trapped;
			switch (trapped.vector) {
			case 14:
				faults(p);
				break;
			case 0x80:
				calls(p);
				break;
			case TIMER:
				ticks++;
				apic(0xb0, 0);
				more = 0;
				break;
			default:
				put("vector ");
				dec(trapped.vector);
				die(" in a process");
			}
		}
	}
	apic(0x320, 1 << 16);
	write_cr(3, pml4);
	for (u32 i = 0; i < PROCESSES; i++) {
		struct process *p = &processes[i];
		if (p->state == FREE)
			continue;
		if (p->parent == ~0u) {
			put("process ");
			dec(i);
			put(": ");
			dec(p->zeroed);
			put(" pages");
			for (u32 j = 0; j < p->reports; j++) {
				put(" ");
				hex(p->report[j], 16);
			}
			put("\n");
		}
	}
	// Children have the numbers that they happened to get: by their paths.
	for (u64 path = 8; path < 16; path++)
		for (u32 i = 0; i < PROCESSES; i++)
			if (processes[i].state == ENDED && processes[i].reports == 2 && processes[i].report[0] == path) {
				put("family ");
				dec(path);
				put(" ");
				hex(processes[i].report[1], 16);
				put("\n");
			}
	put(ticks > 10 ? "preempted\n" : "never preempted\n");
	put(copies > 50 ? "copied on write\n" : "never copied\n");
	put("frames left in use ");
	dec(used_frames);
	put("\n");
	leave(0);
}
