// Walks through every combination of rights, controls and accesses, and prints a checksum of what each does for every page
// size and setting of the controls: the error code, CR2, and the accessed and dirty bits of each entry. "step=N" on the
// command line takes every N-th combination of rights.
#include "lib.h"

u64 probe(u64 va, u64 flags, u64 kind, u64 user);
extern u8 page_fault[], done[];

#define AREA 0x010000000000ull
static volatile u64 tables[3][512] __attribute__((aligned(4096)));
static volatile u8 page[4096] __attribute__((aligned(4096)));

enum { WP = 1, SMEP = 2, SMAP = 4, NXE = 8, PKE = 16, KEY = 5, A = 1 << 5, D = 1 << 6 };

static u32 step_of(const u8 *info)
{
	if (!(*(const u32 *)info & 4))
		return 1;
	u32 n = 0;
	for (const char *s = (const char *)(u64) * (const u32 *)(info + 16); *s; s++)
		if (*s >= '0' && *s <= '9')
			n = n * 10 + *s - '0';
	return n ? n : 1;
}

static void controls(u32 c)
{
	write_cr(0, 0x80000033u | (c & WP ? 1u << 16 : 0));
	write_cr(4, 0x620 | (c & SMEP ? 1 << 20 : 0) | (c & SMAP ? 1 << 21 : 0) | (c & PKE ? 1 << 22 : 0));
	wrmsr(0xc0000080, 0x101 | (c & NXE ? 0x800 : 0));
}

void kmain(u64 magic, const u8 *info)
{
	(void)magic;
	u32 step = step_of(info);
	reset_machine();
	gate(14, page_fault, 0x8e, 0);
	gate(DONE, done, 0xee, 0);
	page[0] = 0xcd, page[1] = DONE;
	for (int levels = 4; levels >= 2; levels--) {
		volatile u64 *entry[4] = {&pml4[AREA >> 39 & 511], &tables[0][0], &tables[1][0], &tables[2][0]};
		u64 target[4] = {(u64)tables[0], (u64)tables[1], (u64)tables[2], (u64)page};
		u64 va = AREA, leaf = 0;
		if (levels < 4) { // a large page at physical 0 or at its multiple of 2M
			u64 size = levels == 3 ? 1 << 21 : 1 << 30;
			target[levels - 1] = (u64)page & -size;
			va = AREA + ((u64)page & (size - 1));
			leaf = 1 << 7;
		} else {
			leaf = 0;
		}
		for (u32 c = 0; c < 32; c++) {
			u64 hash = 0xcbf29ce484222325ull;
			u32 cases = 0;
			controls(c);
			for (u32 rights = 0; rights < 1u << (3 * levels + 1); rights += step) {
				u64 e[4];
				for (int i = 0; i < levels; i++) {
					u32 f = rights >> 3 * i;
					e[i] = target[i] | 1 | (f & 1 ? 2 : 0) | (f & 2 ? 4 : 0) | (f & 4 ? 1ull << 63 : 0);
				}
				e[levels - 1] |= leaf | (u64)KEY << 59;
				if (rights >> 3 * levels)
					e[levels - 1] &= ~1ull;
				for (u32 access = 0; access < 64; access++) { // kind, AC, CPL, PKRU
					u32 kind = access & 3, key = access >> 4 & 3;
					for (int i = 0; i < levels; i++)
						*entry[i] = e[i];
					invlpg(va);
					if (c & PKE)
						__asm__ volatile("wrpkru" : : "a"(key << 2 * KEY), "c"(0), "d"(0));
					u64 v = probe(va, 2 | (access >> 2 & 1) << 18, kind, access >> 3 & 1);
					if (v && read_cr(2) != va)
						v |= 0x8000;
					for (int i = 0; i < levels; i++)
						v |= (*entry[i] & A ? 1ull : 0) << (16 + i);
					v |= (*entry[levels - 1] & D ? 1ull : 0) << 20;
					hash = (hash ^ v) * 0x100000001b3ull;
					cases++;
				}
			}
			put_char('0' + levels);
			put_char(' ');
			dec(c);
			put_char(' ');
			dec(cases);
			put_char(' ');
			hex(hash, 16);
			put_char('\n');
		}
	}
	leave(0);
}
