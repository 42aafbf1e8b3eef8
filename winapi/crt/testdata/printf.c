// printf: formats each line of standard input with the C run-time's own vsnprintf and prints the result's length and text.
// A line is a format in quotes and its arguments, eight bytes each: 42, 0x2a, d1.5 (a double), b7ff… (a double's bits),
// s"text", w"wide text", 0 as a null pointer. A Win64 va_list is a pointer to such an array.
// With UCRT defined the argument is the hexadecimal options of __stdio_common_vsprintf.
#define __USE_MINGW_ANSI_STDIO 0
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *quoted(char **p) {
	char *s = ++*p, *end = strchr(s, '"');
	*end = 0;
	*p = end + 1;
	return s;
}

int main(int argc, char **argv) {
	static char line[1000], out[9000];
	static wchar_t wide[8][200];
	while (fgets(line, sizeof line, stdin)) {
		char *p = line;
		if (*p != '"')
			continue;
		char *format = quoted(&p);
		uint64_t arg[8] = {0};
		for (int n = 0; n < 8; n++) {
			while (*p == ' ')
				p++;
			if (*p == '\n' || *p == '\r' || !*p)
				break;
			if (*p == 'd') {
				double d = strtod(p + 1, &p);
				memcpy(&arg[n], &d, 8);
			} else if (*p == 'b') {
				arg[n] = strtoull(p + 1, &p, 16);
			} else if (*p == 's') {
				p++;
				arg[n] = (uint64_t)quoted(&p);
			} else if (*p == 'w') {
				p++;
				char *s = quoted(&p);
				int i = 0;
				for (; s[i]; i++)
					wide[n][i] = s[i] == '^' ? 0x20ac : (unsigned char)s[i];
				wide[n][i] = 0;
				arg[n] = (uint64_t)wide[n];
			} else {
				arg[n] = *p == '-' ? (uint64_t)strtoll(p, &p, 0) : strtoull(p, &p, 0);
			}
		}
		memset(out, 0, sizeof out);
#ifdef UCRT
		int n = __stdio_common_vsprintf(strtoull(argv[1], 0, 16) | 2, out, sizeof out, format, 0, (va_list)arg);
#else
		int n = _vsnprintf(out, sizeof out, format, (va_list)arg);
#endif
		printf("%d [", n);
		for (int i = 0; i < n; i++)
			if (out[i] < ' ' || out[i] > '~')
				printf("\\x%02x", (unsigned char)out[i]);
			else
				putchar(out[i]);
		printf("]\n");
	}
	return 0;
}
