// sort MEGABYTES sorts that much memory, records of 64 bytes with keys of 22 bits, by a radix sort in two passes through a
// second area of the same size, and prints a checksum that depends on the order. With less RAM than that it lives in the
// page file.
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

typedef struct {
	unsigned key, serial;
	unsigned long long payload[7];
} record;

#define DIGIT 11
#define BUCKETS (1 << DIGIT)

static void pass(const record *from, record *to, size_t n, int shift) {
	static size_t place[BUCKETS];
	for (int i = 0; i < BUCKETS; i++)
		place[i] = 0;
	for (size_t i = 0; i < n; i++)
		place[from[i].key >> shift & (BUCKETS - 1)]++;
	size_t sum = 0;
	for (int i = 0; i < BUCKETS; i++) {
		size_t count = place[i];
		place[i] = sum;
		sum += count;
	}
	for (size_t i = 0; i < n; i++)
		to[place[from[i].key >> shift & (BUCKETS - 1)]++] = from[i];
}

int main(int argc, char **argv) {
	size_t bytes = (argc > 1 ? strtoull(argv[1], NULL, 0) : 64) << 20;
	size_t n = bytes / sizeof(record);
	record *a = VirtualAlloc(NULL, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
	record *b = VirtualAlloc(NULL, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
	if (!a || !b) {
		printf("VirtualAlloc: error %lu\n", GetLastError());
		return 1;
	}
	unsigned long long x = 88172645463325252ull;
	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		a[i].key = x >> 42;
		a[i].serial = i;
		for (int k = 0; k < 7; k++)
			a[i].payload[k] = x + k;
	}
	pass(a, b, n, 0);
	pass(b, a, n, DIGIT);
	unsigned long long sum = 0;
	for (size_t i = 0; i < n; i++) {
		if (i && (a[i - 1].key > a[i].key || (a[i - 1].key == a[i].key && a[i - 1].serial > a[i].serial))) {
			printf("record %zu is out of order\n", i);
			return 2;
		}
		for (int k = 0; k < 7; k++)
			if (a[i].payload[k] != a[i].payload[0] + k || a[i].payload[0] >> 42 != a[i].key) {
				printf("record %zu is damaged\n", i);
				return 3;
			}
		sum = sum * 31 + a[i].serial;
	}
	printf("%zu records sorted, checksum %016llx\n", n, sum);
	return 0;
}
