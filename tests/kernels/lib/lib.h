// A tiny kernel library for the tests: serial output, descriptor tables, and running code until it traps.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef unsigned long reg; // a general register of the mode the kernel runs in

enum {
	TEST_PAGES = 16,
	TV = 0x80000000u,
	UOFS = 0x40000000,
	KCODE = 0x08,
	KDATA = 0x10,
	UCODE32 = 0x1b,
	UDATA = 0x23,
	UCODE = 0x2b,
	TSS = 0x30,
	KCODE32 = 0x40,
	KCODE16 = 0x48,
	UCODE16 = 0x53,
	LDT = 0x98,
	GDT_END = 0x1b8,
	DONE = 0xf0,
};

// What enter() starts and record() stores. GPRs in the order of their numbers.
struct context {
	reg r[16];
	reg rip, cs, rflags, ss;
	reg vector, code, cr2, dr6;
	u16 ds, es, fs, gs;
};

extern struct context trapped;

void enter(const struct context *);
void gate(u32 vector, void *handler, u32 attr, u32 ist); // attr: P, DPL and type, 0x8e or 0xee
void reset_machine(void);

void put_char(char);
void put(const char *);
void hex(u64, int digits);
void dec(u64);
_Noreturn void leave(u8 status); // through the exit port: QEMU's exit status becomes status*2+1

static inline void outb(u16 port, u8 v) { __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port)); }
static inline u8 inb(u16 port)
{
	u8 v;
	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}
static inline void wrmsr(u32 n, u64 v) { __asm__ volatile("wrmsr" : : "c"(n), "a"((u32)v), "d"((u32)(v >> 32)) : "memory"); }
static inline u64 rdmsr(u32 n)
{
	u32 a, d;
	__asm__ volatile("rdmsr" : "=a"(a), "=d"(d) : "c"(n));
	return (u64)d << 32 | a;
}
static inline u64 rdtsc(void)
{
	u32 a, d;
	__asm__ volatile("rdtsc" : "=a"(a), "=d"(d));
	return (u64)d << 32 | a;
}
static inline void invlpg(reg va) { __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory"); }
#define read_cr(n) ({ reg v_; __asm__ volatile("mov %%cr" #n ", %0" : "=r"(v_)); v_; })
#define write_cr(n, v) __asm__ volatile("mov %0, %%cr" #n : : "r"((reg)(v)) : "memory")
#define read_dr(n) ({ reg v_; __asm__ volatile("mov %%dr" #n ", %0" : "=r"(v_)); v_; })
#define write_dr(n, v) __asm__ volatile("mov %0, %%dr" #n : : "r"((reg)(v)))

extern u64 pml4[], pdpt[], pd_kernel[], pd_user[], pd_test[], pt_test[];
extern u8 test_pages[];
extern u64 gdt[], idt[], ldt[];
extern u8 stubs[], tss[], kernel_stack[], user_stack[], ist1[], ist2[], rsp0[];
enum { STACK = 4096 };
