// hello: the C run-time's start-up, its arguments, and printf of a double.
#include <stdio.h>

static const char *base(const char *path) {
	const char *b = path;
	for (; *path; path++)
		if (*path == '\\' || *path == '/')
			b = path + 1;
	return b;
}

int main(int argc, char **argv) {
	printf("hello, world\n");
	printf("argc %d, argv[0] %s\n", argc, base(argv[0]));
	for (int i = 1; i < argc; i++)
		printf("argv[%d] %s\n", i, argv[i]);
	volatile double quarter = 0.78539816339744830962;
	printf("pi %.10f\n", 4 * quarter);
	return 0;
}
