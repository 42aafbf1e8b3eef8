// files: stdio.h and io.h over files and standard input, one line each. Built against msvcrt and against the UCRT.
#define __USE_MINGW_ANSI_STDIO 0
#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

static void hex(const char *what, const void *p, int n) {
	printf("%s", what);
	for (int i = 0; i < n; i++)
		printf(" %02x", ((unsigned char *)p)[i]);
	printf("\n");
}

static void file(const char *name) { // as it is
	char b[100];
	FILE *f = fopen(name, "rb");
	hex(name, b, (int)fread(b, 1, sizeof b, f));
	fclose(f);
}

static void text(void) {
	char b[100];
	FILE *f = fopen("t.txt", "w");
	fprintf(f, "line %d\nline two\n", 1);
	fputs("end", f);
	printf("ftell %ld %d\n", ftell(f), _fileno(f));
	printf("fclose %d\n", fclose(f));
	file("t.txt");
	f = fopen("t.txt", "r");
	while (fgets(b, sizeof b, f))
		hex("line", b, (int)strlen(b));
	printf("feof %d ferror %d at %ld\n", feof(f) != 0, ferror(f), ftell(f));
	printf("fputc %d ferror %d\n", fputc('x', f), ferror(f) != 0);
	clearerr(f);
	rewind(f);
	int c = fgetc(f);
	printf("ungetc %c %c", ungetc('Z', f), fgetc(f));
	printf(" %c%c at %ld\n", c, fgetc(f), ftell(f));
	fseek(f, 8, SEEK_SET);
	printf("fgets %s", fgets(b, 5, f));
	printf(" %s", fgets(b, 50, f));
	printf("fseek %d %c", fseek(f, -3, SEEK_END), fgetc(f));
	printf("%c%c %d\n", fgetc(f), fgetc(f), fgetc(f));
	fclose(f);
	f = fopen("t.txt", "a");
	fputs("+\n", f);
	fclose(f);
	f = fopen("t.txt", "r+b");
	fwrite("LINE", 1, 4, f);
	fseek(f, 0, SEEK_CUR);
	printf("fread %d", (int)fread(b, 2, 2, f));
	hex("", b, 4);
	fclose(f);
	file("t.txt");
	f = fopen("z.txt", "wb");
	fwrite("ab\r\ncd\x1a" "ef\r", 1, 10, f);
	fclose(f);
	f = fopen("z.txt", "r");
	hex("ctrl-z", b, (int)fread(b, 1, sizeof b, f));
	fclose(f);
	printf("fopen %d errno %d\n", fopen("none.txt", "r") == 0, errno);
	printf("fopen %d errno %d\n", fopen("no\\none.txt", "w") == 0, errno);
	errno = 0;
	f = _wfopen(L"wide.txt", L"wb");
	for (int i = 0; i < 10000; i++)
		fputc(i, f);
	fclose(f);
	f = fopen("wide.txt", "rb");
	int sum = 0, n = 0;
	while ((c = getc(f)) != EOF)
		sum = sum * 31 + c, n++;
	printf("%d bytes %d\n", n, sum);
	printf("_fseeki64 %d %lld", _fseeki64(f, 5000, SEEK_SET), _ftelli64(f));
	printf(" %d\n", fgetc(f));
	fclose(f);
}

static void numbers(void) {
	char b[50];
	int f = _open("n.bin", _O_RDWR | _O_CREAT | _O_TRUNC | _O_BINARY, 0600);
	printf("_open %d _write %d", f, _write(f, "0123456789", 10));
	printf(" _lseek %ld _read %d", _lseek(f, 3, SEEK_SET), _read(f, b, 4));
	hex("", b, 4);
	printf("_filelength %ld", _filelength(f));
	printf(" _read %d %d\n", _read(f, b, 50), _read(f, b, 50));
	FILE *p = _fdopen(f, "r+");
	fseek(p, 2, SEEK_SET);
	printf("_fdopen %d %c\n", _fileno(p) == f, fgetc(p));
	printf("fclose %d _close %d errno %d\n", fclose(p), _close(77), errno);
	f = _open("n.bin", _O_WRONLY | _O_APPEND | _O_TEXT);
	_write(f, "a\nb", 3);
	printf("_read of a file to write %d errno %d\n", _read(f, b, 1), errno);
	_close(f);
	file("n.bin");
	printf("_open %d errno %d\n", _open("n.bin", _O_CREAT | _O_EXCL | _O_RDWR, 0600), errno);
	printf("_access %d %d\n", _access("n.bin", 0), _access("none", 0));
	printf("rename %d", rename("n.bin", "m.bin"));
	printf(" %d errno %d\n", rename("t.txt", "m.bin"), errno);
	printf("remove %d", remove("m.bin"));
	printf(" %d errno %d\n", remove("m.bin"), errno);
}

int main(void) {
	char b[100];
	printf("stdin %s", fgets(b, sizeof b, stdin));
	printf("%c%c", getchar(), getchar());
	printf(" %d", (int)fread(b, 1, sizeof b, stdin));
	printf(" %d %d\n", getchar(), feof(stdin) != 0);
	text();
	numbers();
	remove("t.txt"), remove("z.txt"), remove("wide.txt");
	return 9;
}
