// tour: one of each kind of page fault, in an order that a trace can be read along with.
#include "probe.h"

static char zeros[3 * 4096];                    // .bss: demand zero
static volatile char text[2 * 4096] = "in .data"; // write-copied at the first write
static const char constant[3 * 4096] = {[4096] = 'r'};    // .rdata: paged in from the file

// deep uses a page of stack at each level.
static int deep(int n) {
	volatile char page[4096];
	page[0] = (char)n;
	return n ? deep(n - 1) + page[0] : 0;
}

int main(void) {
	AddVectoredExceptionHandler(1, on_exception);
	tell("image page read in", probe_read((void *)(constant + 4096)), (char *)constant);
	tell(".data read", probe_read((void *)(text + 4096)), (char *)text);
	tell(".data written: write-copy", probe_write((void *)(text + 4096), 'x'), (char *)text);
	tell(".data written again", probe_write((void *)(text + 4097), 'y'), (char *)text);
	tell(".bss read: demand zero", probe_read(zeros + 4096), zeros);
	tell(".bss written", probe_write(zeros + 8192, 1), zeros);
	tell("constant written", probe_write((void *)(constant + 4096), 1), (char *)constant);

	char *p = VirtualAlloc(NULL, 0x20000, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
	tell("private read: demand zero", probe_read(p), p);
	tell("private written: demand zero", probe_write(p + 0x1000, 2), p);
	VirtualFree(p + 0x1000, 0x1000, MEM_DECOMMIT);
	tell("decommitted", probe_read(p + 0x1000), p);
	VirtualAlloc(p + 0x1000, 0x1000, MEM_COMMIT, PAGE_READWRITE);
	tell("recommitted: zero again", probe_read(p + 0x1000), p);
	DWORD old;
	VirtualProtect(p + 0x2000, 0x1000, PAGE_READWRITE | PAGE_GUARD, &old);
	tell("guard page", probe_read(p + 0x2fff), p);
	tell("guard page, the second time", probe_read(p + 0x2fff), p);
	tell("execute of data", probe_call(p), p);
	printf("stack growth: %d\n", deep(40));
	tell("a non-canonical address", probe_read((void *)0x8000000000000000ull), (char *)0);
	tell("the kernel's half", probe_read((void *)0xffff800000000000ull), (char *)0xffff800000000000ull);
	VirtualFree(p, 0, MEM_RELEASE);
	tell("released", probe_write(p, 3), p);
	return 0;
}
