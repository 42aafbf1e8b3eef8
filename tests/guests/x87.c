// x87: float, double and long double arithmetic of the x87 (-mfpmath=387): series, matrices, an orbit, conversions, every
// rounding and precision, and the instructions that C has no name for. Mathematical functions are its own, and of the
// transcendental instructions, which differ between processors in the last place, there is none.
#include "sum.h"

typedef union {
	f80 x;
	struct { u64 fraction; u16 exponent; };
} parts;
static void say(const char *name, f80 x) {
	parts u = {x};
	text(name), hex(u.exponent, 4), hex(u.fraction, 16), end();
}

static u64 sum; // of what a part calculated
static void add_integer(u64 v) {
	sum = (sum ^ v) * 0x9e3779b97f4a7c15;
	sum ^= sum >> 29;
}
static void add(f80 x) {
	parts u = {x};
	add_integer(u.fraction), add_integer(u.exponent);
}
static void part(const char *name) { text(name), hex(sum, 16), end(); }

static f80 absolute(f80 x) { return x < 0 ? -x : x; }
static f80 root(f80 x) {
	asm("fsqrt" : "+t"(x));
	return x;
}
static f80 round_off(f80 x) {
	asm("frndint" : "+t"(x));
	return x;
}
static f80 scale(f80 x, f80 n) {
	asm("fscale" : "+t"(x) : "u"(n));
	return x;
}

static f80 arctan_of_inverse(int n) {
	f80 power = 1.0L / n, r = power;
	for (int k = 3; k < 200; k += 2) {
		power = -power / (n * n);
		r += power / k;
	}
	return r;
}
static f80 pi, ln2, e;
static f80 exponential(f80 x) {
	f80 n = round_off(x / ln2), term = 1, r = 1;
	x -= n * ln2;
	for (int k = 1; k < 30; k++) term *= x / k, r += term;
	return scale(r, n);
}
static f80 logarithm(f80 x) {
	f80 n = 0;
	while (x > 1.5L) x /= 2, n++;
	while (x < 0.75L) x *= 2, n--;
	f80 z = (x - 1) / (x + 1), power = z, r = z;
	for (int k = 3; k < 80; k += 2) power *= z * z, r += power / k;
	return 2 * r + n * ln2;
}
static f80 sine(f80 x) {
	x -= 2 * pi * round_off(x / (2 * pi));
	f80 term = x, r = x;
	for (int k = 2; k < 40; k += 2) term *= -x * x / (k * (k + 1)), r += term;
	return r;
}
static f80 cosine(f80 x) { return sine(x + pi / 2); }
static f80 arctan(f80 x) {
	if (absolute(x) > 0.2L) return 2 * arctan(x / (1 + root(1 + x * x)));
	f80 power = x, r = x;
	for (int k = 3; k < 40; k += 2) power *= -x * x, r += power / k;
	return r;
}
static f80 gamma_of(f80 x) { // Stirling's series behind x >= 20
	f80 product = 1;
	for (; x < 20; x++) product *= x;
	f80 y = 1 / x, z = y * y;
	f80 s = y * (1.0L / 12 - z * (1.0L / 360 - z * (1.0L / 1260 - z * (1.0L / 1680 - z / 1188))));
	return root(2 * pi / x) * exponential(x * logarithm(x) - x + s) / product;
}

static void constants(void) {
	pi = 4 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239));
	f80 term = 1;
	e = 1;
	for (int k = 1; k < 40; k++) term /= k, e += term;
	for (int k = 70; k > 0; k--) ln2 += scale(1.0L / k, -k);
	say("pi", pi), say("e", e), say("ln2", ln2);
	f80 a = 1, b = 1 / root(2), t = 0.25L, p = 1;
	for (int i = 0; i < 5; i++) {
		f80 next_a = (a + b) / 2;
		b = root(a * b), t -= p * (a - next_a) * (a - next_a), a = next_a, p *= 2;
	}
	say("pi by means", (a + b) * (a + b) / (4 * t));
	f80 zeta = 0, euler = 0;
	for (int k = 5000; k > 0; k--) zeta += 1.0L / ((f80)k * k * k), euler += 1.0L / k;
	say("zeta 3", zeta), say("euler", euler - logarithm(5000) - 1.0L / 10000), say("gamma 1/3", gamma_of(1 / 3.0L));
	say("sine 1", sine(1)), say("cosine 1", cosine(1)), say("arctan 1", arctan(1) * 4), say("log 10", logarithm(10)), say("exp pi", exponential(pi));
}
static void functions(void) {
	for (int i = -100; i <= 100; i++) {
		f80 x = i / 7.0L;
		add(sine(x)), add(cosine(x)), add(arctan(x)), add(exponential(x)), add(logarithm(absolute(x) + 0.01L)), add(gamma_of(absolute(x) + 0.5L));
	}
	part("functions");
}

// MATRICES inverts Hilbert's matrix and transforms a signal, in one type.
#define MATRICES(T)                                                                                  \
	__attribute__((noinline)) static void matrices_##T(void) {                                         \
		static T m[9][18], re[64], im[64];                                                               \
		for (int i = 0; i < 9; i++)                                                                      \
			for (int j = 0; j < 18; j++) m[i][j] = j < 9 ? (T)1 / (i + j + 1) : i == j - 9;                \
		for (int k = 0; k < 9; k++) {                                                                    \
			T pivot = m[k][k];                                                                             \
			for (int j = 0; j < 18; j++) m[k][j] /= pivot;                                                 \
			for (int i = 0; i < 9; i++) {                                                                  \
				T f = m[i][k];                                                                               \
				if (i != k)                                                                                  \
					for (int j = 0; j < 18; j++) m[i][j] -= f * m[k][j];                                       \
			}                                                                                              \
		}                                                                                                \
		for (int i = 0; i < 9; i++)                                                                      \
			for (int j = 0; j < 18; j++) add(m[i][j]);                                                     \
		part("inverse " #T);                                                                             \
		for (int i = 0; i < 64; i++) re[i] = (T)(i32)next() / 65536, im[i] = (T)(i64)next();             \
		for (int half = 32; half > 0; half /= 2)                                                         \
			for (int i = 0; i < 64; i++) {                                                                 \
				if (i & half) continue;                                                                      \
				T wr = (T)cosine(pi * (i % half) / half), wi = (T)sine(pi * (i % half) / half);              \
				T dr = re[i] - re[i + half], di = im[i] - im[i + half];                                      \
				re[i] += re[i + half], im[i] += im[i + half];                                                \
				re[i + half] = dr * wr - di * wi, im[i + half] = dr * wi + di * wr;                          \
			}                                                                                              \
		for (int i = 0; i < 64; i++) add(re[i]), add(im[i]);                                             \
		part("transform " #T);                                                                           \
		T x = (T)0.3L, qx = 1, qy = 0, vx = 0, vy = (T)0.9L;                                             \
		for (int i = 0; i < 2000; i++) {                                                                 \
			x = (T)3.9L * x * (1 - x);                                                                     \
			T r2 = qx * qx + qy * qy, g = (T)0.01L / (r2 * (T)root(r2));                        \
			vx -= g * qx, vy -= g * qy, qx += (T)0.01L * vx, qy += (T)0.01L * vy;                          \
		}                                                                                                \
		say("chaos " #T, x), say("orbit x " #T, qx), say("orbit y " #T, qy);                             \
		int inside = 0;                                                                                  \
		for (int i = 0; i < 40 * 20; i++) {                                                              \
			T cr = (T)(i % 40) / 16 - 2, ci = (T)(i / 40) / 9 - 1, zr = 0, zi = 0;                         \
			for (int k = 0; k < 60 && zr * zr + zi * zi < 4; k++, inside++) {                              \
				T z = zr * zr - zi * zi + cr;                                                                \
				zi = 2 * zr * zi + ci, zr = z;                                                               \
			}                                                                                              \
		}                                                                                                \
		say("steps " #T, inside);                                                                        \
	}
MATRICES(f32)
MATRICES(f64)
MATRICES(f80)

// samples are numbers of every kind.
enum { SAMPLES = 46 };
static f80 samples[SAMPLES];
static void make_samples(void) {
	static const f64 some[] = {0, 1, 0.5, 1.5, 2.5, 3, 10, 127.5, 128.5, 255.5, 32767.5, 65535.5, 2147483647.5, 2147483648.0, 9007199254740993.0, 1e18, 1e300, 5e-324};
	int n = 0;
	for (int i = 0; i < 18; i++) samples[n++] = some[i], samples[n++] = -some[i];
	samples[n++] = __builtin_inf(), samples[n++] = -__builtin_inf(), samples[n++] = __builtin_nan(""), samples[n++] = scale(1, -16440);
	for (; n < SAMPLES; n++) {
		i64 fraction = next();
		samples[n] = scale(fraction, n % 4 == 0 ? (i16)next() / 2 : n % 4 - 63);
	}
}

static void set_control(u16 cw) { asm volatile("fldcw %0" : : "m"(cw)); }
static u16 flags(void) { // the exceptions and C0-C3, and clears the exceptions
	u16 sw;
	asm volatile("fnstsw %0\n\tfnclex" : "=a"(sw));
	return sw & 0x47ff;
}
// SAMPLE1 hashes what an instruction does to each number, with the flags; SAMPLE2 to every fifth pair.
#define SAMPLE1(name, instruction)                                    \
	{                                                                   \
		for (int i = 0; i < SAMPLES; i++) {                               \
			f80 x = samples[i];                                             \
			asm volatile("fnclex\n\t" instruction : "+t"(x));               \
			u16 f = flags();                                                \
			add(x), add_integer(f);                                         \
		}                                                                 \
		part(name);                                                       \
	}
#define SAMPLE2(name, instruction)                                    \
	{                                                                   \
		for (int i = 0; i < SAMPLES * SAMPLES; i += 5) {                  \
			f80 x = samples[i / SAMPLES], y = samples[i % SAMPLES];         \
			asm volatile("fnclex\n\t" instruction : "+t"(x) : "u"(y));      \
			u16 f = flags();                                                \
			add(x), add_integer(f);                                         \
		}                                                                 \
		part(name);                                                       \
	}
#define STORE(name, T, instruction)                                                             \
	{                                                                                             \
		for (int i = 0; i < SAMPLES; i++) {                                                         \
			T v;                                                                                      \
			asm volatile("fnclex\n\t" instruction : "=m"(v) : "t"(samples[i]) : "st");                \
			u16 f = flags();                                                                          \
			sum = fnv(sum, &v, sizeof v), add_integer(f);                                                  \
		}                                                                                           \
		part(name);                                                                                 \
	}
#define LOAD(name, T, instruction)                                 \
	{                                                                \
		for (int i = 0; i < 200; i++) {                                \
			union { u64 bits; T v; } u = {next() >> i % 60};             \
			f80 x;                                                       \
			asm volatile("fnclex\n\t" instruction : "=t"(x) : "m"(u.v)); \
			u16 f = flags();                                             \
			add(x), add_integer(f);                                      \
		}                                                              \
		part(name);                                                    \
	}
typedef struct { u8 digits[10]; } bcd;

__attribute__((noinline)) static void instructions(void) {
	for (int rounding = 0; rounding < 4; rounding++) {
		for (int precision = 0; precision < 4; precision++) {
			if (precision == 1) continue; // reserved
			u16 cw = rounding << 10 | precision << 8 | 0x7f;
			text("control"), hex(cw, 4), end();
			set_control(cw);
			SAMPLE2("fadd", "fadd %1, %0") SAMPLE2("fsub", "fsub %1, %0") SAMPLE2("fmul", "fmul %1, %0") SAMPLE2("fdivr", "fdivr %1, %0")
			SAMPLE1("fsqrt", "fsqrt")
		}
		SAMPLE1("frndint", "frndint") SAMPLE2("fscale", "fscale")
		STORE("fistp16", i16, "fistps %0") STORE("fistp32", i32, "fistpl %0") STORE("fistp64", i64, "fistpll %0")
		STORE("fstp32", f32, "fstps %0") STORE("fstp64", f64, "fstpl %0") STORE("fbstp", bcd, "fbstp %0") STORE("fisttp32", i32, "fisttpl %0")
	}
	set_control(0x37f);
	SAMPLE1("fabs", "fabs") SAMPLE1("fchs", "fchs") SAMPLE1("fxam", "fxam") SAMPLE1("ftst", "ftst")
	SAMPLE2("fprem", "fprem") SAMPLE2("fprem1", "fprem1") SAMPLE2("fcom", "fcom %1") SAMPLE2("fucom", "fucom %1")
	LOAD("flds", f32, "flds %1") LOAD("fldl", f64, "fldl %1") LOAD("fild16", i16, "filds %1") LOAD("fild32", i32, "fildl %1") LOAD("fild64", i64, "fildll %1")
	for (int i = 0; i < SAMPLES; i++) {
		f80 fraction, exponent;
		asm("fxtract" : "=t"(fraction), "=u"(exponent) : "0"(samples[i]));
		add(fraction), add(exponent);
	}
	part("fxtract");
	f80 k[7];
	asm("fld1" : "=t"(k[0]));
	asm("fldl2t" : "=t"(k[1]));
	asm("fldl2e" : "=t"(k[2]));
	asm("fldpi" : "=t"(k[3]));
	asm("fldlg2" : "=t"(k[4]));
	asm("fldln2" : "=t"(k[5]));
	asm("fldz" : "=t"(k[6]));
	for (int i = 0; i < 7; i++) say("constant", k[i]);
}

// What C makes of numbers: conversions, comparisons, conditional moves.
__attribute__((noinline)) static void language(void) {
	for (int i = 0; i < SAMPLES; i++) {
		f80 x = samples[i];
		for (int j = 0; j < SAMPLES; j++) {
			f80 y = samples[j];
			add_integer((x < y) | (x <= y) << 1 | (x == y) << 2 | (x != y) << 3 | (x > y) << 4 | (x >= y) << 5 | __builtin_isunordered(x, y) << 6);
			f80 larger = x > y ? x : y;
			f64 chosen = (f64)x == (f64)y ? 1.0 : (f64)x;
			add(larger), add(chosen);
		}
		add((f32)x), add((f64)x);
		if (absolute(x) < 30000) add_integer((i8)(int)x), add_integer((i16)x);
		if (absolute(x) < 2e9L) add_integer((i32)x), add_integer((u32)absolute(x));
		if (absolute(x) < 9e18L) add_integer((i64)x), add_integer((u64)absolute(x));
		if (absolute(x) < 9e18L) add_integer((u64)(absolute(x) + 9e18L));
	}
	for (int i = 0; i < 200; i++) {
		u64 v = next() >> i % 64;
		add(v), add((i64)v), add((u32)v), add((i32)v), add((i16)v), add((i8)v), add((f32)v), add((f64)(i64)v);
	}
	part("language");
}

START {
	asm volatile("fninit"); // Windows starts programs with a precision of 53 bits, Linux with one of 64
	seed = 0x2545f4914f6cdd1d;
	constants();
	functions();
	matrices_f32(), matrices_f64(), matrices_f80();
	make_samples();
	instructions();
	language();
	finish();
}
