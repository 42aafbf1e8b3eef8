// Runs the table of cases that cases.inc collects: one line of output for each case and mode.
#include "lib.h"

struct test {
	u32 name, modes, setup, body;
};
extern const struct test cases_start[], cases_end[];

static const struct mode {
	const char *name;
	u16 cs, ss;
	u32 offset; // to the alias of memory that the mode may use
	int bits;
} modes[] = {
	{"k64", KCODE, KDATA, 0, 64},  {"u64", UCODE, UDATA, UOFS, 64},  {"k32", KCODE32, KDATA, 0, 32},
	{"u32", UCODE32, UDATA, UOFS, 32}, {"k16", KCODE16, KDATA, 0, 16}, {"u16", UCODE16, UDATA, UOFS, 16},
};

static const char *const vectors[] = {
	"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "v9", "#TS", "#NP", "#SS", "#GP", "#PF", "v15", "#MF", "#AC", "#MC", "#XM",
};
static const char *const registers[] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
};

static void field(const char *name, reg v)
{
	put_char(' ');
	put(name);
	put_char('=');
	int digits = 1;
	while (digits < (int)sizeof v * 2 && v >> 4 * digits)
		digits++;
	hex(v, digits);
}

static void report(const struct mode *m, const struct context *in, reg body)
{
	const struct context *t = &trapped;
	if (t->vector == DONE)
		put("ok");
	else if (t->vector < sizeof vectors / sizeof *vectors)
		put(vectors[t->vector]);
	else {
		put("v");
		dec(t->vector);
	}
	u32 v = t->vector;
	if (v == 8 || (v >= 10 && v <= 14) || v == 17) {
		put_char('(');
		hex(t->code, 4);
		put_char(')');
	}
	if (v == 14)
		field("cr2", t->cr2);
	if (v == 1)
		field("dr6", t->dr6);
	if (t->rip - body < 4096) {
		put(" +");
		dec(t->rip - body);
	} else
		field("rip", t->rip);
	if (t->cs != in->cs)
		field("cs", t->cs);
	if (t->ss != in->ss)
		field("ss", t->ss);
	reg flags = t->rflags;
	if (v != 1 && v < 32)
		flags &= ~0x10000ul; // saved as 1 by faults (SDM 17.3.1.1), which not every emulator does: a case of its own asks
	if (flags != in->rflags)
		field("flags", flags);
	if (t->ds != UDATA)
		field("ds", t->ds);
	if (t->es != UDATA)
		field("es", t->es);
	if (t->fs != UDATA)
		field("fs", t->fs);
	if (t->gs != UDATA)
		field("gs", t->gs);
	reg mask = m->bits == 64 ? ~0ul : 0xffffffff; // the upper halves are not defined outside 64-bit mode
	for (int i = 0; i < (m->bits == 64 ? 16 : 8); i++) {
		if (((t->r[i] ^ in->r[i]) & mask) == 0)
			continue;
		if (i == 4 && t->r[i] - in->r[i] + 2048 < 4096) {
			long d = t->r[i] - in->r[i];
			put(d < 0 ? " rsp-" : " rsp+");
			dec(d < 0 ? -d : d);
			continue;
		}
		field(registers[i], t->r[i] & mask);
	}
	put("\n");
}

void run_cases(void)
{
	for (const struct test *c = cases_start; c < cases_end; c++) {
		for (u32 i = 0; i < sizeof modes / sizeof *modes; i++) {
			if (!(c->modes >> i & 1))
				continue;
			const struct mode *m = &modes[i];
			struct context in;
			reset_machine();
			if (c->setup)
				((void (*)(void))(reg)c->setup)();
			for (u32 r = 0; r < 16; r++)
				in.r[r] = r * 0x0101010101010101ul;
			in.r[3] = TV;
			in.r[6] = TV + 0x100;
			in.r[7] = TV + 0x200;
			in.r[4] = (reg)(m->offset ? user_stack : kernel_stack) + STACK + m->offset;
			reg body = c->body + m->offset;
			in.rip = body;
			if (m->bits == 16) {
				u64 *d = &gdt[m->cs / 8];
				*d = (*d & 0x00ffff000000ffffull) | (body & 0xffffff) << 16 | body >> 24 << 56;
				in.rip = 0;
				body = 0;
			}
			in.cs = m->cs;
			in.ss = m->ss;
			in.rflags = 0x202;
			put((const char *)(reg)c->name);
			put(" [");
			put(m->name);
			put("] ");
			enter(&in);
			report(m, &in, body);
		}
	}
	reset_machine();
}

void kmain(void)
{
	put("\nbegin\n");
	run_cases();
	put("end\n");
	leave(0);
}
