// What the programs share whose output a native build gives too: random numbers, hashes, and printing without a C run-time.
#include <stdint.h>

typedef int8_t i8;
typedef uint8_t u8;
typedef int16_t i16;
typedef uint16_t u16;
typedef int32_t i32;
typedef uint32_t u32;
typedef int64_t i64;
typedef uint64_t u64;
typedef float f32;
typedef double f64;
typedef long double f80;

#ifdef _WIN32
__declspec(dllimport) void *GetStdHandle(u32);
__declspec(dllimport) int WriteFile(void *, const void *, u32, u32 *, void *);
__declspec(dllimport) void ExitProcess(u32);
static void put(const char *s, int n) {
	u32 done;
	WriteFile(GetStdHandle((u32)-11), s, n, &done, 0);
}
static void finish(void) { ExitProcess(0); }
#define START void start(void)
#else
static i64 system_call(i64 n, i64 a, const void *b, i64 c) {
	asm volatile("syscall" : "+a"(n) : "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return n;
}
static void put(const char *s, int n) { system_call(1, 1, s, n); }
static void finish(void) { system_call(60, 0, 0, 0); }
#define START __attribute__((force_align_arg_pointer)) void start(void)
#endif

// GCC calls these two for large copies.
void *memcpy(void *restrict to, const void *restrict from, __SIZE_TYPE__ n) {
	for (u8 *d = to, *e = d + n; d < e;) *d++ = *(*(const u8 **)&from)++;
	return to;
}
void *memset(void *to, int c, __SIZE_TYPE__ n) {
	for (u8 *d = to, *e = d + n; d < e;) *d++ = c;
	return to;
}

static u64 seed;
static u64 next(void) { // xorshift64*
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * 0x2545f4914f6cdd1d;
}

static u64 fnv(u64 h, const void *p, int n) { // FNV-1a
	for (const u8 *b = p; n > 0; n--) h = (h ^ *b++) * 0x100000001b3;
	return h;
}
#define FNV 0xcbf29ce484222325

static char line[256];
static int used;
static void text(const char *s) {
	while (*s) line[used++] = *s++;
}
static void hex(u64 v, int digits) {
	line[used++] = ' ';
	while (digits > 0) line[used++] = "0123456789abcdef"[v >> 4 * --digits & 15];
}
static void end(void) {
	line[used++] = '\n';
	put(line, used);
	used = 0;
}
