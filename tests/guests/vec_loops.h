// The loops of vec.c over numbers of type T.
__attribute__((noinline)) static void CAT(run, T)(void) {
#define ONE(name, expression) LOOP(name, T, T, expression)
	ONE(add, x + y) ONE(sub, x - y) ONE(mul, x * y) ONE(min, x < y ? x : y) ONE(max, x > y ? x : y) ONE(neg, -x)
	ONE(select, x < y ? x - 1 : y + 3) ONE(absolute, x < 0 ? -x : x) ONE(reversed, p[N - 1 - i] + y)
	ONE(strided, p[2 * i < N ? 2 * i : 0] - y) ONE(swapped, p[(i ^ 1) < N ? i ^ 1 : i])
	FOLD(least, T, T, r = x < r ? x : r)
	FOLD(greatest, T, T, r = x > r ? x : r)
	FOLD(sum, T, T, r += x - y)
#ifdef FLOATING
	ONE(div, x / y) ONE(root, __builtin_sqrt(x < 0 ? -x : x)) ONE(floor, __builtin_floor(x)) ONE(ceil, __builtin_ceil(x))
	ONE(trunc, __builtin_trunc(x)) ONE(rint, __builtin_rint(x)) ONE(sign, __builtin_copysign(x, y)) ONE(muladd, x * y + x)
	ONE(poly, ((x * y - 1) * x + y) / 3)
#else
	ONE(and, x & y) ONE(or, x | y) ONE(xor, x ^ y) ONE(andnot, ~x & y) ONE(shl, x << 3) ONE(shr, x >> 3)
	ONE(equal, x == y ? x : 7) ONE(shl_by, x << (y & 7)) ONE(shr_by, x >> (y & 7)) ONE(div7, x / 7) ONE(rem10, x % 10)
	ONE(half_sum, (x >> 1) + (y >> 1)) ONE(bits, __builtin_popcountll(x)) ONE(parity, __builtin_parityll(x))
	ONE(rotate, x << 5 | x >> (sizeof x * 8 - 5)) ONE(saturated, x > 100 ? 100 : x)
	FOLD(all_or, T, T, r |= x)
	FOLD(all_xor, T, T, r ^= x * y)
#endif
#undef ONE
}
