// A pointer chase over one cache line in each of a number of pages, in random order: what a load takes, in hundredths of
// the time-stamp counter, and of a hundred loads how many the second level of the TLB served and how many were walked for.
// With a timing TLB it shows where the translation buffers end.
#include "lib.h"

enum { MOST = 12288, FIRST_FRAME = 32 << 20 };
#define AREA 0x100000000000ull

static u64 tables[MOST / 512 + 2][512] __attribute__((aligned(4096)));
static u16 order[MOST];

static u64 seed = 0x0123456789abcdefull;
static u32 draw(u32 n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (u32)(seed >> 32) % n;
}

static void map(void)
{
	u64 *pdpt_ = tables[0], *pd = tables[1];
	pml4[AREA >> 39 & 511] = (u64)pdpt_ | 3;
	pdpt_[0] = (u64)pd | 3;
	for (u32 i = 0; i < MOST; i++) {
		pd[i / 512] = (u64)tables[2 + i / 512] | 3;
		tables[2 + i / 512][i % 512] = (FIRST_FRAME + 4096ull * i) | 3;
	}
	write_cr(3, pml4);
}

static u64 rdpmc(u32 n)
{
	u32 a, d;
	__asm__ volatile("rdpmc" : "=a"(a), "=d"(d) : "c"(n));
	return (u64)d << 32 | a;
}

static u64 line(u32 page) { return AREA + 4096ull * page + page * 64 % 4096; }

static u64 chase(u64 at, u32 loads)
{
	for (u32 i = 0; i < loads; i += 16)
		__asm__ volatile(".rept 16\nmov (%0), %0\n.endr" : "+r"(at) : : "memory");
	return at;
}

void kmain(void)
{
	map();
	wrmsr(0x186, 0x432008); // DTLB_LOAD_MISSES.STLB_HIT
	wrmsr(0x187, 0x430e08); // DTLB_LOAD_MISSES.WALK_COMPLETED
	for (u32 n = 16; n <= MOST; n += n / 8 / 4 * 4 + 4) {
		for (u32 i = 0; i < n; i++)
			order[i] = i;
		for (u32 i = n - 1; i > 0; i--) {
			u32 j = draw(i + 1);
			u16 t = order[i];
			order[i] = order[j], order[j] = t;
		}
		for (u32 i = 0; i < n; i++)
			*(u64 *)line(order[i]) = line(order[(i + 1) % n]);
		u32 loads = (2 * n + 4096) & ~15u;
		u64 at = chase(line(order[0]), loads);
		u64 hits = rdpmc(0), walks = rdpmc(1), start = rdtsc();
		at = chase(at, loads);
		u64 took = rdtsc() - start;
		hits = rdpmc(0) - hits, walks = rdpmc(1) - walks;
		dec(n);
		put_char(' ');
		dec(took * 100 / loads);
		put_char(' ');
		dec(hits * 100 / loads);
		put_char(' ');
		dec(walks * 100 / loads);
		put(at ? "\n" : "!\n");
	}
	leave(0);
}
