// The descriptor tables of long mode, and the state that every case starts from.
#include "lib.h"

u64 gdt[GDT_END / 8 + 2] __attribute__((aligned(16)));
u64 idt[512] __attribute__((aligned(16)));
u64 ldt[2] __attribute__((aligned(16)));
u8 tss[0x68 + 0x2001] __attribute__((aligned(4096)));
u8 kernel_stack[STACK] __attribute__((aligned(4096))), user_stack[STACK] __attribute__((aligned(4096)));
u8 ist1[STACK] __attribute__((aligned(16))), ist2[STACK] __attribute__((aligned(16))), rsp0[STACK] __attribute__((aligned(16)));
reg resume_rsp;
struct context trapped;

// record stores what a stub pushed: registers, vector, error code, and the processor's frame.
void record(const reg *f, u32 ds, u32 es, u32 fs, u32 gs)
{
	for (int i = 0; i < 16; i++)
		trapped.r[i] = f[i];
	trapped.vector = f[16];
	trapped.code = f[17];
	trapped.rip = f[18];
	trapped.cs = f[19];
	trapped.rflags = f[20];
	trapped.r[4] = f[21];
	trapped.ss = f[22];
	trapped.cr2 = read_cr(2);
	trapped.dr6 = read_dr(6);
	trapped.ds = ds, trapped.es = es, trapped.fs = fs, trapped.gs = gs;
}

void gate(u32 vector, void *handler, u32 attr, u32 ist)
{
	u64 h = (u64)handler;
	idt[2 * vector] = (h & 0xffff) | (u64)KCODE << 16 | (u64)ist << 32 | (u64)attr << 40 | h >> 16 << 48;
	idt[2 * vector + 1] = h >> 32;
}

static u64 descriptor(u32 base, u32 limit, u32 attr)
{
	return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)attr << 40 | (u64)(limit >> 16 & 15) << 48 | (u64)(base >> 24) << 56;
}

static void system_descriptor(u32 sel, u64 base, u32 limit, u32 attr)
{
	gdt[sel / 8] = descriptor(base, limit, attr);
	gdt[sel / 8 + 1] = base >> 32;
}

static void call_gate(u32 sel, u32 target, void *to, u32 attr)
{
	u64 h = (u64)to;
	gdt[sel / 8] = (h & 0xffff) | (u64)target << 16 | (u64)attr << 40 | h >> 16 << 48;
	gdt[sel / 8 + 1] = h >> 32;
}

// Where call gates lead: an INT DONE.
extern u8 gate_target[];
__asm__(".text\n.balign 16\n.global gate_target\ngate_target: int $0xf0\n");

static const struct {
	u16 sel;
	u32 base, limit, attr;
} segments[] = {
	{KCODE, 0, 0xfffff, 0xa09b},
	{KDATA, 0, 0xfffff, 0xc093},
	{UCODE32, 0, 0xfffff, 0xc0fb},
	{UDATA, 0, 0xfffff, 0xc0f3},
	{UCODE, 0, 0xfffff, 0xa0fb},
	{KCODE32, 0, 0xfffff, 0xc09b},
	{KCODE16, 0, 0xffff, 0x009b},
	{UCODE16, 0, 0xffff, 0x00fb},
	{0x58, 0, 0xfffff, 0xc013},  // data, absent
	{0x60, 0, 0xfffff, 0xc091},  // data, read-only
	{0x68, 0, 0xfffff, 0xc0f1},  // the same, DPL 3
	{0x70, 0, 0xfffff, 0xc099},  // code, execute-only
	{0x78, 0, 0xfffff, 0xc0f9},
	{0x80, 0, 0xfffff, 0xa09f},  // conforming code, 64-bit
	{0x88, 0, 0xfffff, 0xc09f},  // and 32-bit
	{0x90, 0, 0xfffff, 0xa01b},  // code, absent
	{0x118, 0, 0xfff, 0x40f3},   // data up to 0xfff
	{0x120, 0, 0xfff, 0x40f7},   // data above 0xfff
	{0x128, TV, 0xfffff, 0xc0f3},
	{0x130, 0, 0xfff, 0x4093},
	{0x138, 0, 0xfffff, 0xe09b}, // L and D
	{0x170, 0, 0xfffff, 0xc0ff}, // conforming code, DPL 3
	{0x178, 0, 0xfffff, 0xc073}, // data, absent, DPL 3
	{0x190, 0, 0xfffff, 0xc0f2}, // data, not yet accessed
};

// reset_machine puts everything that a case may have changed back to its start.
void reset_machine(void)
{
	write_cr(0, 0x80000033);
	write_cr(3, pml4);
	write_cr(4, 0x620);
	wrmsr(0xc0000080, 0x901);
	__asm__ volatile("clts; fninit; mov %0, %%cr8" : : "r"(0ul));
	for (u32 i = 0; i < sizeof gdt / 8; i++)
		gdt[i] = 0;
	for (u32 i = 0; i < sizeof segments / sizeof *segments; i++)
		gdt[segments[i].sel / 8] = descriptor(segments[i].base, segments[i].limit, segments[i].attr);
	for (u32 i = 0; i < sizeof tss; i++)
		tss[i] = i >= 0x68 ? 0xff : 0;
	*(u64 *)(tss + 4) = (u64)rsp0 + STACK;
	*(u64 *)(tss + 36) = (u64)ist1 + STACK;
	*(u64 *)(tss + 44) = (u64)ist2 + STACK;
	*(u16 *)(tss + 0x66) = 0x68;
	system_descriptor(TSS, (u64)tss, 0x67, 0x89); // without a bitmap: the limit ends before it
	system_descriptor(LDT, (u64)ldt, 15, 0x82);
	system_descriptor(0x140, (u64)tss, sizeof tss - 1, 0x89);
	system_descriptor(0x150, (u64)tss, 0x67, 0x09);
	system_descriptor(0x160, (u64)ldt, 15, 0x02);
	system_descriptor(0x180, (u64)tss, 0x67, 0x81);
	call_gate(0xa8, KCODE, gate_target, 0xec);
	call_gate(0xb8, KCODE, gate_target, 0x8c);
	call_gate(0xc8, KCODE, gate_target, 0x6c);
	call_gate(0xd8, 0, gate_target, 0xec);
	call_gate(0xe8, KDATA, gate_target, 0xec);
	call_gate(0xf8, UCODE, gate_target + UOFS, 0xec);
	call_gate(0x108, 0x80, gate_target + UOFS, 0xec);
	call_gate(0x198, KCODE32, gate_target, 0xec);
	call_gate(0x1a8, KCODE, gate_target, 0xec);
	gdt[0x1b0 / 8] |= 0x0c00ull << 32;
	ldt[0] = descriptor(0, 0xfffff, 0xc0f3);
	ldt[1] = descriptor(0, 0xfffff, 0xa0fb);
	for (u32 v = 0; v < 256; v++)
		gate(v, stubs + 16 * v, v == DONE || v == 3 || v == 4 ? 0xee : 0x8e, 1);
	struct __attribute__((packed)) { u16 limit; u64 base; } gdtr = {GDT_END - 1, (u64)gdt}, idtr = {4095, (u64)idt};
	__asm__ volatile("lgdt %0; lidt %1; lldt %w2; ltr %w3" : : "m"(gdtr), "m"(idtr), "r"(LDT), "r"(TSS) : "memory");
	__asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs; mov %0, %%gs" : : "r"(UDATA));
	wrmsr(0xc0000081, 0x0018000800000000ull); // STAR: SYSCALL 8, SYSRET 0x18
	wrmsr(0xc0000082, (u64)gate_target);
	wrmsr(0xc0000083, 0);
	wrmsr(0xc0000084, 0x200);
	wrmsr(0xc0000100, 0);
	wrmsr(0xc0000101, 0);
	wrmsr(0xc0000102, 0);
	wrmsr(0x174, 8);
	wrmsr(0x175, (u64)rsp0 + STACK);
	wrmsr(0x176, (u64)gate_target);
	wrmsr(0x277, 0x0007040600070406ull);
	write_dr(7, 0x400);
	write_dr(0, 0);
	write_dr(1, 0);
	write_dr(2, 0);
	write_dr(3, 0);
	write_dr(6, 0xffff0ff0);
	pdpt[2] = (u64)pd_test + 7;
	pd_test[0] = (u64)pt_test + 7;
	for (u32 i = 0; i < 512; i++)
		pt_test[i] = i < TEST_PAGES ? (u64)test_pages + 4096 * i + 7 : 0;
	for (u32 i = 0; i < TEST_PAGES * 4096 / 8; i++)
		((u64 *)test_pages)[i] = 0;
	write_cr(3, pml4);
}
