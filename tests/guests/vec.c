// vec: loops that GCC turns into vector instructions, and intrinsics of SSE2 to SSE4.2, POPCNT and CRC32. Built with
// -march=x86-64-v2. A line is a hash of what one loop or intrinsic made of random numbers.
#include "sum.h"

#include <nmmintrin.h>

enum { N = 103 }; // no multiple of a vector, so that loops have tails

#define CAT_(a, b) a##_##b
#define CAT(a, b) CAT_(a, b)
#define STRING_(s) #s
#define STRING(s) STRING_(s)

#define ARRAYS(T) static T CAT(a, T)[N], CAT(b, T)[N], CAT(c, T)[N];
ARRAYS(i8) ARRAYS(u8) ARRAYS(i16) ARRAYS(u16) ARRAYS(i32) ARRAYS(u32) ARRAYS(i64) ARRAYS(u64) ARRAYS(f32) ARRAYS(f64)

static void fill(void) {
	seed = 0x9e3779b97f4a7c15;
	for (int i = 0; i < N; i++) {
		u64 x = next(), y = next();
		if (i % 5 == 0) x = (i64)(i8)x, y = i % 2 ? x : (u64)(i64)(i8)y; // small and equal numbers as well
		a_i8[i] = x, b_i8[i] = y, a_u8[i] = x, b_u8[i] = y, a_i16[i] = x, b_i16[i] = y, a_u16[i] = x, b_u16[i] = y;
		a_i32[i] = x, b_i32[i] = y, a_u32[i] = x, b_u32[i] = y, a_i64[i] = x, b_i64[i] = y, a_u64[i] = x, b_u64[i] = y;
		a_f32[i] = (i32)x / 65536.0f, b_f32[i] = (i32)y / 1048576.0f;
		a_f64[i] = (i64)x / 4294967296.0, b_f64[i] = (i64)y / 1099511627776.0;
	}
}

static void result(const char *name, const char *types, const void *p, int n) {
	text(name), text(types);
	hex(fnv(FNV, p, n), 16);
	end();
}

// LOOP runs c[i] = expression of x and y, elements of a and b; FOLD makes one number r of all elements.
#define LOOP(name, S, D, expression)                                                             \
	{                                                                                              \
		const S *restrict p = CAT(a, S), *restrict q = CAT(b, S);                                    \
		D *restrict d = CAT(c, D);                                                                   \
		for (int i = 0; i < N; i++) {                                                                \
			S x = p[i], y = q[i];                                                                      \
			d[i] = (expression);                                                                       \
			(void)x, (void)y;                                                                          \
		}                                                                                            \
		result(#name, " " STRING(S) " " STRING(D), d, sizeof CAT(c, D));                             \
	}
#define FOLD(name, S, D, step)                                       \
	{                                                                  \
		const S *restrict p = CAT(a, S), *restrict q = CAT(b, S);        \
		D r = 0;                                                         \
		for (int i = 0; i < N; i++) {                                    \
			S x = p[i], y = q[i];                                          \
			step;                                                          \
			(void)x, (void)y;                                              \
		}                                                                \
		result(#name, " " STRING(S) " " STRING(D), &r, sizeof r);        \
	}

#define T i8
#include "vec_loops.h"
#undef T
#define T u8
#include "vec_loops.h"
#undef T
#define T i16
#include "vec_loops.h"
#undef T
#define T u16
#include "vec_loops.h"
#undef T
#define T i32
#include "vec_loops.h"
#undef T
#define T u32
#include "vec_loops.h"
#undef T
#define T i64
#include "vec_loops.h"
#undef T
#define T u64
#include "vec_loops.h"
#undef T
#define FLOATING
#define T f32
#include "vec_loops.h"
#undef T
#define T f64
#include "vec_loops.h"

__attribute__((noinline)) static void conversions(void) {
#define TO(S, D) LOOP(to, S, D, x)
	TO(i8, i16) TO(i8, i32) TO(i8, i64) TO(u8, u16) TO(u8, i32) TO(u8, u64) TO(u8, f32) TO(i8, f64)
	TO(i16, i8) TO(i16, i32) TO(i16, i64) TO(i16, f32) TO(i16, f64) TO(u16, u8) TO(u16, u32) TO(u16, u64) TO(u16, f32)
	TO(i32, i8) TO(i32, i16) TO(i32, i64) TO(i32, f32) TO(i32, f64) TO(u32, u8) TO(u32, u64) TO(u32, f32) TO(u32, f64)
	TO(i64, i8) TO(i64, i16) TO(i64, i32) TO(i64, f32) TO(i64, f64) TO(u64, f32) TO(u64, f64)
	TO(f32, i32) TO(f32, i64) TO(f32, f64) TO(f64, f32) TO(f64, i64) TO(f64, i32)
	LOOP(magnitude, f32, u32, x < 0 ? -x : x) LOOP(magnitude, f64, u64, x < 0 ? -x : x) LOOP(magnitude, f64, u32, x < 0 ? -x : x)
	LOOP(scaled, i32, f64, x * 0.25 + y) LOOP(scaled, u8, f32, x * 0.125f - y) LOOP(saturated, i16, i8, x < -128 ? -128 : x > 127 ? 127 : x)
	LOOP(saturated, i32, i16, x < -32768 ? -32768 : x > 32767 ? 32767 : x) LOOP(saturated, i32, u16, x < 0 ? 0 : x > 65535 ? 65535 : x)
	LOOP(saturated, i16, u8, x < 0 ? 0 : x > 255 ? 255 : x)
	LOOP(high, i16, i16, (x * y) >> 16) LOOP(high, u16, u16, ((u32)x * y) >> 16) LOOP(high, i32, i32, ((i64)x * y) >> 32)
	LOOP(high, u32, u32, ((u64)x * y) >> 32) LOOP(high_rounded, i16, i16, ((x * y >> 14) + 1) >> 1)
	LOOP(wide, i8, i16, x * y) LOOP(wide, u8, u16, x * y) LOOP(wide, i16, i32, x * y) LOOP(wide, i32, i64, (i64)x * y) LOOP(wide, u32, u64, (u64)x * y)
	LOOP(average, u8, u8, (x + y + 1) >> 1) LOOP(average, u16, u16, (x + y + 1) >> 1)
	LOOP(bytes_reversed, u16, u16, __builtin_bswap16(x)) LOOP(bytes_reversed, u32, u32, __builtin_bswap32(x)) LOOP(bytes_reversed, u64, u64, __builtin_bswap64(x))
	FOLD(dot, i8, i32, r += x * y) FOLD(dot, u8, u32, r += x * y) FOLD(dot, i16, i32, r += (u32)(x * y)) FOLD(dot, i32, i64, r += (u64)((i64)x * y))
	FOLD(difference, u8, u32, r += x > y ? x - y : y - x) FOLD(difference, i16, i64, r += x > y ? x - y : y - x)
	FOLD(difference, u32, u64, r += x > y ? x - y : y - x) FOLD(count, i16, i32, r += x > y) FOLD(count, f32, i32, r += x > y) FOLD(count, f64, i64, r += x <= y)
}

// Intrinsics: VECTORS hashes an expression of x, y and z, which run over the numbers above as integers; FLOATS one of f, g
// and d, e, floating-point numbers.
enum { ROUNDS = 48 };
static __m128i vector_at(const void *p, int i) { return _mm_loadu_si128((const __m128i *)((const u8 *)p + 13 * i)); }
#define HASH(name, T, declare, expression)               \
	{                                                      \
		u64 h = FNV;                                         \
		for (int i = 0; i < ROUNDS; i++) {                   \
			declare;                                           \
			T r = (expression);                                \
			h = fnv(h, &r, sizeof r);                          \
		}                                                    \
		text(#name), hex(h, 16), end();                      \
	}
#define INTEGERS __m128i x = vector_at(a_u64, i), y = vector_at(i % 4 ? (void *)b_u64 : (void *)a_u64, i), z = vector_at(b_u8, i % 10); (void)x, (void)y, (void)z
#define SINGLES __m128 f = _mm_loadu_ps(a_f32 + i), g = _mm_loadu_ps(i % 4 ? b_f32 + i : a_f32 + i); (void)f, (void)g
#define DOUBLES __m128d f = _mm_loadu_pd(a_f64 + i), g = _mm_loadu_pd(i % 4 ? b_f64 + i : a_f64 + i); (void)f, (void)g
#define VECTOR(name, expression) HASH(name, __m128i, INTEGERS, expression)
#define SCALAR(name, expression) HASH(name, u64, INTEGERS, expression)
#define SINGLE(name, expression) HASH(name, __m128, SINGLES, expression)
#define DOUBLE(name, expression) HASH(name, __m128d, DOUBLES, expression)
#define XY(name) VECTOR(name, _mm_##name(x, y))
#define X(name) VECTOR(name, _mm_##name(x))
#define XI(name, n) VECTOR(name n, _mm_##name(x, n))
#define XYI(name, n) VECTOR(name n, _mm_##name(x, y, n))

__attribute__((noinline)) static void integer_intrinsics(void) {
	XY(adds_epi8) XY(adds_epu8) XY(adds_epi16) XY(adds_epu16) XY(subs_epi8) XY(subs_epu8) XY(subs_epi16) XY(subs_epu16)
	XY(avg_epu8) XY(avg_epu16) XY(madd_epi16) XY(mulhi_epi16) XY(mulhi_epu16) XY(mul_epu32) XY(sad_epu8) XY(max_epi16) XY(min_epu8)
	XY(packs_epi16) XY(packs_epi32) XY(packus_epi16) XY(unpackhi_epi8) XY(unpacklo_epi16) XY(unpackhi_epi32) XY(unpacklo_epi64)
	XY(cmpgt_epi8) XY(cmpeq_epi16) XY(cmpgt_epi32) XI(shuffle_epi32, 0x39) XI(shufflehi_epi16, 0x4e) XI(shufflelo_epi16, 0xb1)
	XI(slli_si128, 5) XI(srli_si128, 11) XI(slli_epi16, 7) XI(srai_epi32, 31) XI(srli_epi64, 45) VECTOR(sll_epi32, _mm_sll_epi32(x, _mm_and_si128(z, _mm_set_epi64x(0, 63))))
	VECTOR(sra_epi16, _mm_sra_epi16(x, _mm_and_si128(z, _mm_set_epi64x(0, 31)))) SCALAR(movemask_epi8, _mm_movemask_epi8(x))
	VECTOR(insert_epi16, _mm_insert_epi16(x, i, 3)) SCALAR(extract_epi16, _mm_extract_epi16(x, 6))
	XY(hadd_epi16) XY(hadd_epi32) XY(hadds_epi16) XY(hsub_epi16) XY(hsub_epi32) XY(hsubs_epi16) XY(maddubs_epi16) XY(mulhrs_epi16)
	XY(shuffle_epi8) XY(sign_epi8) XY(sign_epi16) XY(sign_epi32) X(abs_epi8) X(abs_epi16) X(abs_epi32) XYI(alignr_epi8, 5) XYI(alignr_epi8, 21)
	VECTOR(blendv_epi8, _mm_blendv_epi8(x, y, z)) XYI(blend_epi16, 0x6a) XY(mul_epi32) XY(mullo_epi32) XY(packus_epi32) XY(cmpeq_epi64) XY(cmpgt_epi64)
	XY(max_epi8) XY(max_epi32) XY(max_epu16) XY(max_epu32) XY(min_epi8) XY(min_epi32) XY(min_epu16) XY(min_epu32) X(minpos_epu16)
	XYI(mpsadbw_epu8, 0) XYI(mpsadbw_epu8, 3) XYI(mpsadbw_epu8, 6) X(cvtepi8_epi16) X(cvtepi8_epi32) X(cvtepi8_epi64) X(cvtepi16_epi32)
	X(cvtepi16_epi64) X(cvtepi32_epi64) X(cvtepu8_epi16) X(cvtepu8_epi32) X(cvtepu8_epi64) X(cvtepu16_epi32) X(cvtepu16_epi64) X(cvtepu32_epi64)
	VECTOR(insert_epi8, _mm_insert_epi8(x, i, 9)) VECTOR(insert_epi32, _mm_insert_epi32(x, i * 77777777, 2)) VECTOR(insert_epi64, _mm_insert_epi64(x, i, 1))
	SCALAR(extract_epi8, _mm_extract_epi8(x, 14)) SCALAR(extract_epi32, (u32)_mm_extract_epi32(x, 1)) SCALAR(extract_epi64, _mm_extract_epi64(x, 1))
	SCALAR(testz, _mm_testz_si128(x, y)) SCALAR(testc, _mm_testc_si128(_mm_or_si128(x, y), y)) SCALAR(testnzc, _mm_testnzc_si128(x, y))
	SCALAR(crc32_u8, _mm_crc32_u8(i, _mm_extract_epi8(x, 0))) SCALAR(crc32_u16, _mm_crc32_u16(i, _mm_extract_epi16(x, 1)))
	SCALAR(crc32_u32, _mm_crc32_u32(i, _mm_extract_epi32(x, 1))) SCALAR(crc32_u64, _mm_crc32_u64(i, _mm_extract_epi64(y, 1)))
	SCALAR(popcnt_u32, _mm_popcnt_u32(_mm_extract_epi32(x, 1))) SCALAR(popcnt_u64, _mm_popcnt_u64(_mm_extract_epi64(y, 1)))
	SCALAR(leading zeros, __builtin_clzll(_mm_extract_epi64(x, 0) | 1)) SCALAR(trailing zeros, __builtin_ctzll(_mm_extract_epi64(x, 0) | 1ull << 63))
}

__attribute__((noinline)) static void string_intrinsics(void) {
#define STRINGS(n)                                                                                                        \
	VECTOR(cmpistrm n, _mm_cmpistrm(x, z, n)) SCALAR(cmpistri n, _mm_cmpistri(x, z, n))                                     \
	VECTOR(cmpestrm n, _mm_cmpestrm(x, i % 19 - 9, y, i % 17 - 8, n)) SCALAR(cmpestri n, _mm_cmpestri(y, i % 9, x, i % 23, n)) \
	SCALAR(cmpistr flags n, _mm_cmpistra(x, z, n) | _mm_cmpistrc(x, z, n) << 1 | _mm_cmpistro(x, z, n) << 2 | _mm_cmpistrs(x, z, n) << 3 | _mm_cmpistrz(x, z, n) << 4)
	STRINGS(0x00) STRINGS(0x01) STRINGS(0x02) STRINGS(0x03) STRINGS(0x04) STRINGS(0x05) STRINGS(0x06) STRINGS(0x07)
	STRINGS(0x08) STRINGS(0x09) STRINGS(0x0a) STRINGS(0x0c) STRINGS(0x0e) STRINGS(0x0f) STRINGS(0x18) STRINGS(0x1a)
	STRINGS(0x38) STRINGS(0x30) STRINGS(0x44) STRINGS(0x4c) STRINGS(0x5a) STRINGS(0x7c) STRINGS(0x45) STRINGS(0x73)
}

__attribute__((noinline)) static void floating_intrinsics(void) {
	SINGLE(addsub_ps, _mm_addsub_ps(f, g)) SINGLE(hadd_ps, _mm_hadd_ps(f, g)) SINGLE(hsub_ps, _mm_hsub_ps(f, g)) SINGLE(movehdup_ps, _mm_movehdup_ps(f))
	SINGLE(moveldup_ps, _mm_moveldup_ps(f)) DOUBLE(addsub_pd, _mm_addsub_pd(f, g)) DOUBLE(hadd_pd, _mm_hadd_pd(f, g)) DOUBLE(hsub_pd, _mm_hsub_pd(f, g))
	DOUBLE(movedup_pd, _mm_movedup_pd(f)) SINGLE(dp_ps ff, _mm_dp_ps(f, g, 0xff)) SINGLE(dp_ps 71, _mm_dp_ps(f, g, 0x71)) SINGLE(dp_ps ba, _mm_dp_ps(f, g, 0xba))
	DOUBLE(dp_pd 33, _mm_dp_pd(f, g, 0x33)) DOUBLE(dp_pd 31, _mm_dp_pd(f, g, 0x31)) DOUBLE(dp_pd 12, _mm_dp_pd(f, g, 0x12))
	SINGLE(blend_ps, _mm_blend_ps(f, g, 5)) DOUBLE(blend_pd, _mm_blend_pd(f, g, 2)) SINGLE(blendv_ps, _mm_blendv_ps(f, g, _mm_sub_ps(f, g)))
	DOUBLE(blendv_pd, _mm_blendv_pd(f, g, _mm_sub_pd(g, f))) SINGLE(insert_ps 1d, _mm_insert_ps(f, g, 0x1d)) SINGLE(insert_ps e2, _mm_insert_ps(f, g, 0xe2))
	HASH(extract_ps, i32, SINGLES, _mm_extract_ps(f, 2)) SINGLE(shuffle_ps, _mm_shuffle_ps(f, g, 0x2d)) DOUBLE(shuffle_pd, _mm_shuffle_pd(f, g, 1))
	SINGLE(unpackhi_ps, _mm_unpackhi_ps(f, g)) SINGLE(cmplt_ps, _mm_cmplt_ps(f, g)) SINGLE(cmpnle_ss, _mm_cmpnle_ss(f, g)) DOUBLE(cmpeq_pd, _mm_cmpeq_pd(f, g))
	HASH(comilt_ss, i32, SINGLES, _mm_comilt_ss(f, g)) HASH(ucomieq_sd, i32, DOUBLES, _mm_ucomieq_sd(f, g)) HASH(movemask_ps, i32, SINGLES, _mm_movemask_ps(f))
	SINGLE(sqrt_ps, _mm_sqrt_ps(_mm_mul_ps(f, f))) DOUBLE(sqrt_sd, _mm_sqrt_sd(f, _mm_mul_pd(g, g)))
	SINGLE(round_ps 8, _mm_round_ps(g, 8)) SINGLE(round_ps 9, _mm_round_ps(g, 9)) SINGLE(round_ps a, _mm_round_ps(g, 10)) SINGLE(round_ps b, _mm_round_ps(g, 11))
	DOUBLE(round_pd 8, _mm_round_pd(g, 8)) DOUBLE(round_pd 1, _mm_round_pd(g, 1)) DOUBLE(round_sd a, _mm_round_sd(f, g, 10)) SINGLE(round_ss 3, _mm_round_ss(f, g, 3))
	for (u32 mode = 0; mode < 4; mode++) { // MXCSR.RC
		_mm_setcsr((_mm_getcsr() & ~0x6000u) | mode << 13);
		HASH(cvtps_epi32, __m128i, SINGLES, _mm_cvtps_epi32(g)) HASH(cvtpd_epi32, __m128i, DOUBLES, _mm_cvtpd_epi32(g))
		HASH(cvttps_epi32, __m128i, SINGLES, _mm_cvttps_epi32(g)) HASH(cvtpd_ps, __m128, DOUBLES, _mm_cvtpd_ps(g))
		HASH(cvtsd_si64, i64, DOUBLES, _mm_cvtsd_si64(g)) HASH(cvtss_si32, i32, SINGLES, _mm_cvtss_si32(g))
		HASH(cvtepi32_ps, __m128, INTEGERS, _mm_cvtepi32_ps(x)) HASH(cvtsi64_sd, __m128d, DOUBLES, _mm_cvtsi64_sd(f, a_i64[i]))
		SINGLE(round_ps 4, _mm_round_ps(g, 4)) SINGLE(div_ps, _mm_div_ps(f, _mm_add_ps(g, _mm_set1_ps(0.1f)))) DOUBLE(div_pd, _mm_div_pd(f, _mm_add_pd(g, _mm_set1_pd(0.1))))
		SINGLE(mul_ps, _mm_mul_ps(f, _mm_set1_ps(1.1f))) DOUBLE(mul_pd, _mm_mul_pd(f, _mm_set1_pd(1.1))) DOUBLE(add_pd, _mm_add_pd(f, _mm_set1_pd(1e-9)))
	}
	_mm_setcsr(_mm_getcsr() & ~0x6000u);
	hex(_mm_getcsr(), 4), end();
}

START {
	fill();
	run_i8(), run_u8(), run_i16(), run_u16(), run_i32(), run_u32(), run_i64(), run_u64(), run_f32(), run_f64();
	conversions();
	integer_intrinsics();
	string_intrinsics();
	floating_intrinsics();
	finish();
}
