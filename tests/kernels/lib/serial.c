// Output over the UART at 0x3f8, and the exit port.
#include "lib.h"

void put_char(char c)
{
	while (!(inb(0x3fd) & 0x20))
		;
	outb(0x3f8, c);
}

void put(const char *s)
{
	while (*s)
		put_char(*s++);
}

void hex(u64 v, int digits)
{
	while (digits-- > 0)
		put_char("0123456789abcdef"[v >> 4 * digits & 15]);
}

void dec(u64 v)
{
	if (v >> 32) { // no 64-bit division in 32-bit kernels
		put("0x");
		hex(v, 16);
		return;
	}
	u32 n = v;
	if (n >= 10)
		dec(n / 10);
	put_char('0' + n % 10);
}

void leave(u8 status)
{
	outb(0xf4, status);
	for (;;)
		__asm__ volatile("cli; hlt");
}
