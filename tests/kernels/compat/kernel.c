// Runs program.c in compatibility mode at CPL 3 and prints what it wrote.
#include "lib.h"

extern const u8 program[], program_end[];
__asm__(".section .rodata\n.balign 16\nprogram: .incbin \"" PROGRAM "\"\nprogram_end:\n.text\n");

void kmain(void)
{
	reset_machine();
	for (const u8 *p = program; p < program_end; p++)
		test_pages[p - program] = *p;
	struct context in = {.rip = TV, .cs = UCODE32, .ss = UDATA, .rflags = 0x202};
	enter(&in);
	const u32 *head = (const u32 *)(test_pages + 8);
	const char *text = (const char *)(test_pages + (head[0] - TV));
	u32 length = *(u32 *)(test_pages + (head[1] - TV));
	for (u32 i = 0; i < length; i++)
		put_char(text[i]);
	if (trapped.vector != DONE) {
		put("vector ");
		dec(trapped.vector);
		put(" at ");
		hex(trapped.rip, 8);
		put("\n");
		leave(1);
	}
	leave(0);
}
