// Floating point, built with -mfpmath=sse and with -mfpmath=387: FLOATS is the function's name.
typedef unsigned int u32;
typedef unsigned long long u64;

static u64 draw(u64 *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	return *seed ^= *seed << 17;
}
static u64 mix(u64 h, u64 v) { return (h ^ v) * 0x9e3779b97f4a7c15ull; }
static u64 bits(double v)
{
	union { double d; u64 u; } x = {v};
	return x.u;
}
static u64 bits80(long double v)
{
	union { long double l; struct { u64 f; unsigned short e; } p; } x = {v};
	return x.p.f ^ (u64)x.p.e << 48;
}
static double number(u64 *seed) { return (double)(int)draw(seed) / 65536.0 + (double)(int)draw(seed) * 1e-12; }

u64 FLOATS(u64 *seed)
{
	u64 h = 1;
	for (int i = 0; i < 1000; i++) {
		double a = number(seed), b = number(seed), c = number(seed);
		float f = a, g = b;
		h = mix(h, bits(a + b * c - a / b));
		h = mix(h, bits(f * g + (float)c / f - g));
		h = mix(h, bits(__builtin_sqrt(a < 0 ? -a : a)));
		h = mix(h, (u64)(long long)(a * 1000) + (u32)(int)b + (u64)(long long)f);
		h = mix(h, (a < b) + 2 * (b <= c) + 4 * (a == c) + 8 * (f > g));
		h = mix(h, bits((double)(long long)draw(seed) + (double)(int)draw(seed) + (float)(int)draw(seed)));
		h = mix(h, bits(__builtin_fabs(a) - __builtin_copysign(b, c)));
		long double l = a, m = b;
		h = mix(h, bits80(l * m + c / l - m));
		h = mix(h, bits80((long double)(long long)draw(seed) / m));
		h = mix(h, (u64)(long long)(l * m));
	}
	double sum = 0, term = 1; // e
	for (int i = 1; i < 30; i++)
		sum += term, term /= i;
	h = mix(h, bits(sum));
	long double s = 0, x = 0.7L, t = x; // sin 0.7
	for (int i = 1; i < 40; i += 2)
		s += t, t = -t * x * x / ((i + 1) * (i + 2));
	h = mix(h, bits80(s));
	float v[64], w[64];
	for (int i = 0; i < 64; i++)
		v[i] = number(seed), w[i] = number(seed);
	float dot = 0;
	for (int k = 0; k < 64; k++) {
		for (int i = 0; i < 64; i++)
			w[i] = w[i] * 0.5f + v[i ^ k] * 0.25f;
		dot += v[k] * w[k];
	}
	return mix(h, bits(dot));
}
