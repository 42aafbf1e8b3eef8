// crt: what the C run-time's functions return, one line each. Built against msvcrt and against the UCRT.
#define __USE_MINGW_ANSI_STDIO 0
#include <ctype.h>
#include <errno.h>
#include <io.h>
#include <locale.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <windows.h>
#ifdef _UCRT
#include <process.h>
#include <corecrt_startup.h>
#endif

static int sign(int v) { return (v > 0) - (v < 0); }

static void strings(void) {
	static char big[9000], other[9000], out[9000];
	for (int i = 0; i < 8999; i++)
		big[i] = other[i] = 'a' + i % 23;
	printf("strlen %d %d %d\n", (int)strlen(""), (int)strlen("abc"), (int)strlen(big));
	printf("strnlen %d %d\n", (int)strnlen("abc", 2), (int)strnlen("abc", 9));
	printf("wcslen %d\n", (int)wcslen(L"wide"));
	other[8990] = 'Z';
	printf("strcmp %d %d %d %d %d\n", sign(strcmp("a", "b")), sign(strcmp("b", "a")), sign(strcmp("a", "a")),
	       sign(strcmp("a", "aa")), sign(strcmp("\xff", "a")));
	printf("strcmp long %d, %d\n", sign(strcmp(big, other)), sign(strncmp(big, other, 8990)));
	printf("memcmp %d %d %d\n", sign(memcmp("a\0b", "a\0c", 3)), sign(memcmp(big, other, 9000)), sign(memcmp("x", "y", 0)));
	printf("_stricmp %d %d %d\n", sign(_stricmp("ABC", "abc")), sign(_stricmp("ABD", "abc")), sign(_strnicmp("ABD", "abc", 2)));
	printf("strchr %s %d %d\n", strchr("hello", 'l'), strchr("hello", 'z') != 0, (int)strlen(strchr("hello", 0)));
	printf("strchr long %d\n", (int)(strchr(other, 'Z') - other));
	printf("strrchr %s %d %d\n", strrchr("hello", 'l'), strrchr("hello", 'z') != 0, (int)(strrchr(big, 'a') - big));
	printf("strstr %s %d %s\n", strstr("hello", "ll"), strstr("hello", "lz") != 0, strstr("hello", ""));
	printf("memchr %s %d\n", (char *)memchr("hello", 'e', 5), memchr("hello", 'o', 4) != 0);
	printf("strcpy %s\n", strcpy(out, "one"));
	printf("strcat %s\n", strcat(out, " two"));
	memset(out, 'x', 10);
	strncpy(out, "abc", 6);
	printf("strncpy %d %d %c\n", (int)strlen(out), out[5], out[6]);
	strncpy(out, "abcdef", 3);
	printf("strncpy %s\n", out);
	memcpy(out, big, 8500);
	memmove(out + 100, out, 8000);
	printf("memmove up %d %d\n", memcmp(out + 100, big, 8000), memcmp(out, big, 100));
	memcpy(out, big, 8500);
	memmove(out, out + 4000, 4500);
	printf("memmove down %d %d\n", memcmp(out, big + 4000, 4500), memcmp(out + 4500, big + 4500, 4000));
}

static void spans(void) {
	char b[40] = "one, two,,three", *p;
	printf("strspn %d %d strcspn %d %d\n", (int)strspn("aabbc", "ab"), (int)strspn("xyz", "ab"), (int)strcspn("hello world", " w"), (int)strcspn("abc", "xyz"));
	printf("strpbrk %s %d\n", strpbrk("hello world", "ow"), strpbrk("abc", "xyz") == 0);
	for (p = strtok(b, ", "); p; p = strtok(0, ", "))
		printf("[%s]", p);
	printf(" %d\n", strtok(0, ",") == 0);
	strcpy(b, "abc");
	printf("strncat %s", strncat(b, "defgh", 3));
	printf(" %s %s %s\n", _strupr(b), _strlwr(b), _strrev(b));
	printf("_strdup %s _memicmp %d %d\n", p = _strdup("copy"), _memicmp("ABC", "abd", 2), _memicmp("abc", "ABD", 3) < 0);
	free(p);
}

static void show(const wchar_t *w) {
	for (; *w; w++)
		printf("%c", *w < 0x80 ? *w : '?');
	printf(" ");
}

static void wide(void) {
	wchar_t b[40] = L"ab", *p;
	show(wcscat(wcscpy(b, L"caf\xe9"), L" wide"));
	printf("%d %d %d %d\n", (int)wcslen(b), (int)wcsnlen(b, 3), wcscmp(L"a", L"b") < 0, wcscmp(L"a", L"a"));
	printf("%d %d %d %d\n", wcsncmp(L"abc", L"abd", 2), wcsncmp(L"abc", L"abd", 3) < 0, _wcsicmp(L"AbC", L"aBc"), _wcsnicmp(L"ABx", L"aby", 2));
	show(wcschr(L"hello", L'l')), show(wcsrchr(L"hello", L'l')), show(wcsstr(L"hello", L"lo"));
	printf("%d %d %d\n", wcschr(L"a", L'z') == 0, wcsstr(L"abc", L"x") == 0, (int)(wcschr(b, 0) - b));
	wcsncpy(b, L"xyz", 2), wcsncpy(b + 2, L"q", 3);
	show(b), show(p = _wcsdup(L"dup"));
	free(p);
	printf("%d %d %d\n", b[4], towupper(L'q'), towlower(L'Q'));
}

static void aligned(void) {
	for (int a = 1; a <= 4096; a *= 4) {
		char *p = _aligned_malloc(100, a);
		p[0] = 'p', p[99] = 'q';
		char *q = _aligned_realloc(p, 5000, a);
		printf("%d %d %c%c ", (int)((size_t)p % a), (int)((size_t)q % a), q[0], q[99]);
		_aligned_free(q);
	}
	char *p = _aligned_offset_malloc(100, 64, 20);
	printf("offset %d", (int)((size_t)(p + 20) % 64));
	_aligned_free(p);
	p = malloc(100);
	printf(" _expand %d %d", _expand(p, 50) == p, (int)_msize(p));
	printf(" %d\n", _expand(p, 500000) == 0);
	free(p);
}

static void characters(void) {
	int (*is[])(int) = {isalnum, isalpha, iscntrl, isdigit, isgraph, islower, isprint, ispunct, isspace, isupper, isxdigit};
	for (int c = 0; c < 256; c++) {
		int bits = 0;
		for (int i = 0; i < 11; i++)
			bits |= !!is[i](c) << i;
		printf("%03x%c", bits, c % 16 == 15 ? '\n' : ' ');
	}
	printf("tolower %c%c%c toupper %c%c%c\n", tolower('A'), tolower('a'), tolower('@'), toupper('a'), toupper('A'), toupper('['));
}

static void integer(const char *s, int base) {
	char *end = "";
	errno = 0;
	long l = strtol(s, &end, base);
	printf("strtol(\"%s\",%d) %ld \"%s\" %d", s, base, l, end, errno);
	errno = 0;
	unsigned long u = strtoul(s, &end, base);
	printf(" | %lu \"%s\" %d", u, end, errno);
	errno = 0;
	long long ll = _strtoi64(s, &end, base);
	printf(" | %I64d %d", ll, errno);
	errno = 0;
	unsigned long long ull = _strtoui64(s, &end, base);
	printf(" | %I64u %d\n", ull, errno);
}

static void real(const char *s) {
	char *end;
	errno = 0;
	double d = strtod(s, &end);
	printf("strtod(\"%s\") %.17g \"%s\" %d\n", s, d, end, errno);
}

static void numbers(void) {
	static const char *integers[] = {"0", "42", "-42", " \t+7x", "2147483647", "2147483648", "-2147483648", "-2147483649",
		"4294967295", "4294967296", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
		"18446744073709551615", "18446744073709551616", "", "-", "x", "08"};
	for (int i = 0; i < sizeof integers / sizeof *integers; i++)
		integer(integers[i], 10);
	integer("0x1fz", 0);
	integer("0x1fz", 16);
	integer("1fz", 16);
	integer("017", 0);
	integer("zZ", 36);
	integer("102", 2);
	static const char *reals[] = {"0", "1.5", "-2.5e3x", "  .5", "5.", "1e", "1e+", "1e400", "-1e400", "0.1", "123456789012345678",
		"1e-400", "0e-400", ".", "x", "-"};
	for (int i = 0; i < sizeof reals / sizeof *reals; i++)
		real(reals[i]);
	printf("atoi %d %d atof %g abs %d %d\n", atoi("12x"), atoi("-7"), atof("2.5"), abs(-3), abs(3));
	srand(1);
	int a = rand(), b = rand();
	srand(42);
	printf("rand %d %d %d\n", a, b, rand());
}

static void heap(void) {
	char *p = malloc(10), *z = calloc(100, 7);
	int zero = 0;
	for (int i = 0; i < 700; i++)
		zero |= z[i];
	strcpy(p, "grown");
	p = realloc(p, 100000);
	printf("heap %d %s %d %d\n", zero, p, ((size_t)p & 15) == 0, (int)_msize(z));
	free(p);
	free(z);
	free(0);
	errno = 0;
	volatile size_t huge = (size_t)1 << 62;
	void *none = calloc(huge, 16);
	printf("calloc %d %d\n", none != 0, errno);
	errno = 0;
	none = malloc(huge);
	printf("malloc %d %d\n", none != 0, errno);
}

static void caught(int n) { printf("caught %d\n", n); }

static void rest(void) {
	struct lconv *l = localeconv();
	printf("locale \"%s\" \"%s\" %d\n", l->decimal_point, l->thousands_sep, l->frac_digits);
	printf("strerror %s\n", strerror(ENOENT));
	printf("signal %d", signal(SIGTERM, caught) == SIG_DFL);
	printf(" %d\n", raise(SIGTERM));
	printf("signal %d\n", signal(SIGTERM, SIG_IGN) == SIG_DFL);
	printf("raise %d\n", raise(SIGTERM));
	errno = 0;
	printf("getenv %d\n", getenv("PAGEWALK_NO_SUCH_VARIABLE") == 0);
	printf("_fileno %d %d %d isatty %d\n", _fileno(stdin), _fileno(stdout), _fileno(stderr), _isatty(1));
	printf("puts %d putchar %d\n", puts("a line") >= 0, putchar('!'));
	printf("printf %d, fwrite %d\n", printf("12345\n"), (int)fwrite("ab\n", 1, 3, stdout));
	char small[6] = "-----";
	int n = _snprintf(small, 3, "%d", 123456);
	printf("_snprintf %d %.5s", n, small);
	n = _snprintf(small, 5, "%d", 7);
	printf(" %d %s\n", n, small);
	printf("%s|%5.1f|%c|%ls|%p\n", "text", 2.25, 'c', L"wide", (void *)0x1234);
}

static int calls;

static int byValue(const void *a, const void *b) {
	calls++;
	return *(const int *)a - *(const int *)b;
}

static void sorting(void) {
	static int v[1000];
	unsigned x = 1;
	for (int i = 0; i < 1000; i++)
		v[i] = (x = x * 1103515245 + 12345) >> 16 & 0xfff;
	qsort(v, 1000, sizeof *v, byValue);
	int ordered = 1, sum = v[0];
	for (int i = 1; i < 1000; i++)
		ordered &= v[i - 1] <= v[i], sum += v[i];
	printf("qsort %d %d\n", ordered, sum);
	int key = v[777], none = -1, *found = bsearch(&key, v, 1000, sizeof *v, byValue);
	printf("bsearch %d %d\n", found && *found == key, bsearch(&none, v, 1000, sizeof *v, byValue) != 0);
	calls = 0;
	qsort(v, 1, sizeof *v, byValue);
	bsearch(&key, v, 0, sizeof *v, byValue);
	printf("calls %d\n", calls);
}

static char *lazy;
static int faults;

// commit gives the page of a fault in the lazy region.
static LONG CALLBACK commit(EXCEPTION_POINTERS *e) {
	char *va = (char *)e->ExceptionRecord->ExceptionInformation[1];
	if (e->ExceptionRecord->ExceptionCode != EXCEPTION_ACCESS_VIOLATION || va < lazy || va >= lazy + 0x20000)
		return EXCEPTION_CONTINUE_SEARCH;
	faults++;
	DWORD old;
	if (!VirtualAlloc((char *)((size_t)va & ~0xfff), 0x1000, MEM_COMMIT, PAGE_READWRITE))
		VirtualProtect(va, 1, PAGE_READWRITE, &old);
	return EXCEPTION_CONTINUE_EXECUTION;
}

static char *fresh(void) {
	if (lazy)
		VirtualFree(lazy, 0, MEM_RELEASE);
	faults = 0;
	return lazy = VirtualAlloc(0, 0x20000, MEM_RESERVE, PAGE_READWRITE);
}

// resumed faults inside functions, which go on when the handler has committed the page.
static void resumed(void) {
	static char data[0x5000];
	for (int i = 0; i < sizeof data; i++)
		data[i] = 'a' + i % 25;
	void *handler = AddVectoredExceptionHandler(1, commit);
	char *p = fresh();
	memcpy(p + 0x800, data, sizeof data);
	printf("memcpy %d %d\n", faults, memcmp(p + 0x800, data, sizeof data));
	p = fresh();
	memset(p + 0xff0, 7, 0x2020);
	printf("memset %d %d %d %d\n", faults, p[0xfef], p[0xff0], p[0x300f]);
	p = fresh();
	memcpy(p + 0x100, data, 0x2f00 - 0x100);
	memmove(p + 0x900, p + 0x100, 0x2e00);
	printf("memmove up %d %d\n", memcmp(p + 0x100, data, 0x800), memcmp(p + 0x900, data, 0x2e00));
	p = fresh();
	memcpy(p + 0x3100, data, 0x2f00);
	memmove(p + 0x2000, p + 0x3100, 0x2f00);
	printf("memmove down %d\n", memcmp(p + 0x2000, data, 0x2f00));
	p = fresh();
	strcpy(p + 0xff8, "across two pages");
	printf("strcpy %d %s %d\n", faults, p + 0xff8, (int)strlen(p + 0xff8));
	p = fresh();
	memset(p, 'x', 0x1000);
	strcat(strcpy(p + 0xff0, "first"), " and the second half");
	printf("strcat %d %s\n", faults, p + 0xff0);
	p = fresh();
	memset(p, 'y', 0x2000);
	printf("fwrite [%d]", (int)fwrite(p + 0xffd, 1, 3, stdout));
	fflush(stdout);
	int n = fwrite(p + 0x1ffd, 1, 6, stderr);
	printf(" %d %d\n", n, faults);
	RemoveVectoredExceptionHandler(handler);
}

static void first(void) { printf("registered first\n"); }
static void second(void) { printf("registered second\n"); }

#ifdef _UCRT
int _initialize_onexit_table(_onexit_table_t *), _register_onexit_function(_onexit_table_t *, _onexit_t),
	_execute_onexit_table(_onexit_table_t *);
static _onexit_table_t functions;
static int run;
static int late(void) { return fprintf(stderr, "late after %d\n", run); }
static int one(void) {
	if (++run == 50)
		_register_onexit_function(&functions, late);
	return 0;
}

// table registers more functions than a new table has room for.
static void table(void) {
	fprintf(stderr, "%d", _initialize_onexit_table(&functions));
	for (int i = 0; i < 100; i++)
		if (_register_onexit_function(&functions, one))
			fprintf(stderr, "failed");
	fprintf(stderr, " %d", _initialize_onexit_table(&functions));
	fprintf(stderr, " %d\n", _execute_onexit_table(&functions));
	fprintf(stderr, "run %d %d\n", run, functions._first == functions._last);
}
#else
static void table(void) {}
#endif

// end leaves with text in the buffer.
static void end(const char *how) {
	printf("buffered");
	if (!strcmp(how, "exit"))
		exit(4);
	if (!strcmp(how, "_exit"))
		_exit(5);
	if (!strcmp(how, "ExitProcess"))
		ExitProcess(6);
	if (!strcmp(how, "raise"))
		raise(SIGTERM);
	if (!strcmp(how, "abort"))
		abort();
	if (!strcmp(how, "caught abort")) {
		signal(SIGABRT, caught);
		setvbuf(stdout, 0, _IONBF, 0);
		abort();
	}
	if (!strcmp(how, "full")) {
		for (int i = 0; i < 5000; i++)
			putchar('x');
		_exit(7);
	}
	if (!strcmp(how, "stderr")) {
		fprintf(stderr, "at once\n");
		errno = ENOENT;
		perror("what");
		_exit(8);
	}
	if (!strcmp(how, "zone")) {
		fprintf(stderr, "%ld %d %s %s", _timezone, _daylight, _tzname[0], _tzname[1]);
		_tzset();
		fprintf(stderr, ", %ld %d %s %s, %s %s\n", _timezone, _daylight, _tzname[0], _tzname[1], getenv("tz"), getenv("Name"));
		_exit(10);
	}
	if (!strcmp(how, "table")) {
		table();
		_exit(11);
	}
	if (!strcmp(how, "%n")) {
		int n = 1;
		errno = 0;
		int r = printf("%n", &n);
		fprintf(stderr, "%d %d %d\n", r, n, errno);
		_exit(9);
	}
	exit(1);
}

int main(int argc, char **argv) {
	if (argc > 1) {
		for (int i = 2; i < argc; i++)
			printf("[%s]", argv[i]);
		end(argv[1]);
	}
	strings();
	spans();
	wide();
	aligned();
	characters();
	numbers();
	heap();
	rest();
	resumed();
	sorting();
	fflush(stdout);
	// Order: what is buffered comes after what is written past it.
	printf("buffered\n");
	DWORD done;
	WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), "direct\n", 7, &done, 0);
	fflush(stdout);
	for (int i = 0; i < 1000; i++)
		printf("%d,", i);
	printf("\n");
	WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), "<direct>", 8, &done, 0);
	printf("setvbuf %d\n", setvbuf(stdout, 0, _IONBF, 0));
	WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), "direct\n", 7, &done, 0);
	printf("_setmode %x", _setmode(1, 0x8000));
	printf(" %x\n", _setmode(1, 0x4000));
	setvbuf(stdout, 0, _IOFBF, 512);
	atexit(first);
	atexit(second);
	printf("last");
	exit(9);
}
