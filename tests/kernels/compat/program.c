// 32-bit programs as gcc makes them: integers, 64-bit integers, floating point of SSE and of the x87, SHA-256, a compressor.
// Built twice: for the kernel, which runs it in compatibility mode at CPL 3, and for Linux, which runs it on the processor
// (record.sh); the lines must be the same.
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

char text[8192];
u32 length;

static void put_char(char c) { text[length++] = c; }
static void put(const char *s)
{
	while (*s)
		put_char(*s++);
}
static void hex(u64 v)
{
	for (int i = 60; i >= 0; i -= 4)
		put_char("0123456789abcdef"[v >> i & 15]);
}
static void line(const char *name, u64 v)
{
	put(name);
	put_char(' ');
	hex(v);
	put_char('\n');
}

void *memcpy(void *to, const void *from, u32 n)
{
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
	return to;
}
void *memset(void *to, int v, u32 n)
{
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(v) : "memory");
	return to;
}

static u64 seed;
static u64 draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}
static u64 mix(u64 h, u64 v) { return (h ^ v) * 0x9e3779b97f4a7c15ull; }

// 64-bit division is a function of libgcc, which is not there.
static u64 divide(u64 a, u64 b, u64 *rest)
{
	u64 q = 0, r = 0;
	for (int i = 63; i >= 0; i--) {
		r = r << 1 | (a >> i & 1);
		if (r >= b)
			r -= b, q |= 1ull << i;
	}
	*rest = r;
	return q;
}

static void integers(void)
{
	u64 h = 1;
	for (int i = 0; i < 2000; i++) {
		u64 a = draw(), b = draw() >> (i & 63) | 1, r;
		u32 x = a, y = b | 1;
		int sx = x, sy = y == ~0u ? 3 : (int)y;
		u64 q = divide(a, b, &r);
		h = mix(h, a * b + (a >> (b & 63)) - (b << (a & 63)));
		h = mix(h, q ^ r ^ ((long long)a >> (i & 63)));
		h = mix(h, x / y + x % y + (u64)(sx / sy) + (sx % sy));
		h = mix(h, __builtin_popcount(x) + __builtin_clz(x | 1) + __builtin_ctz(x | 0x80000000) + __builtin_bswap32(x));
		h = mix(h, (u64)x * y + (u64)((long long)sx * sy) + (x << 5 | x >> 27));
		int over;
		h = mix(h, __builtin_add_overflow(sx, sy, &over) + (u32)over);
		h = mix(h, (u8)x * (u8)y + (short)x / ((short)y | 1));
	}
	line("integers", h);
}

static u32 numbers[1000];
static void quicksort(u32 *a, int n)
{
	while (n > 1) {
		u32 pivot = a[n / 2];
		int i = 0, j = n - 1;
		while (i <= j) {
			while (a[i] < pivot)
				i++;
			while (a[j] > pivot)
				j--;
			if (i <= j) {
				u32 t = a[i];
				a[i++] = a[j];
				a[j--] = t;
			}
		}
		quicksort(a, j + 1);
		a += i, n -= i;
	}
}
static void sorting(void)
{
	u64 h = 1;
	for (int i = 0; i < 1000; i++)
		numbers[i] = draw();
	quicksort(numbers, 1000);
	for (int i = 0; i < 1000; i++)
		h = mix(h, numbers[i]);
	line("sort", h);
}

static u8 data[4096], packed[8192], again[4096];
static u32 crc(const u8 *p, u32 n)
{
	u32 c = ~0u;
	while (n--) {
		c ^= *p++;
		for (int i = 0; i < 8; i++)
			c = c >> 1 ^ (c & 1 ? 0xedb88320 : 0);
	}
	return ~c;
}
static void compressor(void)
{
	for (u32 i = 0; i < sizeof data; i++)
		data[i] = i % 7 < 4 ? (u8)"the quick brown fox "[i % 20] : (u8)draw() & 3;
	u32 n = 0;
	for (u32 i = 0; i < sizeof data;) { // a match of 3 to 130 bytes in the last 255, or one byte
		u32 best = 0, from = 0;
		for (u32 d = 1; d < 256 && d <= i; d++) {
			u32 k = 0;
			while (k < 130 && i + k < sizeof data && data[i + k] == data[i + k - d])
				k++;
			if (k > best)
				best = k, from = d;
		}
		if (best >= 3) {
			packed[n++] = 0x80 | (best - 3);
			packed[n++] = from;
			i += best;
		} else {
			packed[n++] = data[i] >> 7;
			packed[n++] = data[i++];
		}
	}
	u32 m = 0;
	for (u32 i = 0; i < n; i += 2)
		if (packed[i] & 0x80)
			for (u32 k = (packed[i] & 0x7f) + 3; k > 0; k--, m++)
				again[m] = again[m - packed[i + 1]];
		else
			again[m++] = packed[i + 1];
	line("packed", (u64)n << 32 | crc(packed, n));
	line("unpacked", (u64)m << 32 | (crc(again, m) ^ crc(data, sizeof data)));
}

static u32 rotate(u32 v, int n) { return v >> n | v << (32 - n); }
static void sha256(void)
{
	u32 k[64], s[8], w[64];
	u32 found = 0;
	for (u32 p = 2; found < 64; p++) { // the constants: the cube roots of primes, by bisection on integers
		int prime = 1;
		for (u32 d = 2; d * d <= p; d++)
			prime &= p % d != 0;
		if (!prime)
			continue;
		u64 root = 0;
		for (u64 bit = 1ull << 34; bit; bit >>= 1) {
			u64 r = root | bit;
			unsigned long long hi, lo; // r*r*r <= p << 96, in pieces
			u64 a = r >> 32, b = r & 0xffffffff;
			u64 sq_hi = a * a, sq_mid = 2 * a * b, sq_lo = b * b;
			sq_mid += sq_lo >> 32;
			sq_hi += sq_mid >> 32;
			hi = sq_hi, lo = sq_mid << 32 | (sq_lo & 0xffffffff);
			u64 c0 = (lo & 0xffffffff) * b, c1 = (lo >> 32) * b + (c0 >> 32), c2 = hi * b + (c1 >> 32);
			u64 d0 = (lo & 0xffffffff) * a, d1 = (lo >> 32) * a, d2 = hi * a;
			u64 e1 = (c1 & 0xffffffff) + (d0 & 0xffffffff);
			u64 e2 = (c2 & 0xffffffff) + (d0 >> 32) + (d1 & 0xffffffff) + (e1 >> 32);
			u64 e3 = (c2 >> 32) + (d1 >> 32) + d2 + (e2 >> 32);
			if (e3 < p || (e3 == p && !(e2 & 0xffffffff) && !(e1 & 0xffffffff) && !(c0 & 0xffffffff)))
				root = r;
		}
		if (found < 8)
			s[found] = 0x6a09e667u * (found + 1) ^ p;
		k[found++] = root;
	}
	for (int block = 0; block < 8; block++) {
		for (int i = 0; i < 16; i++)
			w[i] = draw();
		for (int i = 16; i < 64; i++) {
			u32 a = w[i - 15], b = w[i - 2];
			w[i] = w[i - 16] + w[i - 7] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
		}
		u32 v[8];
		for (int i = 0; i < 8; i++)
			v[i] = s[i];
		for (int i = 0; i < 64; i++) {
			u32 t1 = v[7] + (rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)) + ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] + w[i];
			u32 t2 = (rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)) + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
			for (int j = 7; j > 0; j--)
				v[j] = v[j - 1];
			v[4] += t1;
			v[0] = t1 + t2;
		}
		for (int i = 0; i < 8; i++)
			s[i] += v[i];
	}
	line("k", mix(mix(1, k[0]), k[63]));
	for (int i = 0; i < 8; i += 2)
		line("sha", (u64)s[i] << 32 | s[i + 1]);
}

u64 floats_sse(u64 *), floats_x87(u64 *);

void run(void)
{
	seed = 0x0123456789abcdefull;
	length = 0;
	integers();
	sorting();
	compressor();
	sha256();
	line("sse", floats_sse(&seed));
	line("x87", floats_x87(&seed));
}

#ifdef NATIVE
__attribute__((force_align_arg_pointer)) void _start(void)
{
	run();
	__asm__ volatile("int $0x80" : : "a"(4), "b"(1), "c"(text), "d"(length));
	__asm__ volatile("int $0x80" : : "a"(1), "b"(0));
}
#else
__asm__(".section .head, \"ax\"\n.global _start\n_start: jmp start\n.balign 8\n.long text, length\n"
	".text\nstart: mov $stack_top, %esp\nand $-16, %esp\ncall run\nint $0xf0\n.lcomm stack, 8192\nstack_top = stack + 8192\n");
#endif
