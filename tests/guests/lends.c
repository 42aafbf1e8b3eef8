// lends: a 32-bit DLL whose data and resources others read; its code nobody here can run. Its addresses move with it: one of them lies
// across the end of a page.
#define PAGE 4096
#define EXPORT __declspec(dllexport)

EXPORT int answer(void) { return 42; }

EXPORT struct __attribute__((packed, aligned(PAGE))) {
	int (*function)(void);
	char room[PAGE - 6];
	const char *across;
} addresses = {answer, "", "across the end of a page"};
