// ldr.exe loads DLLs and prints what the loader answers. Its output under another implementation of Windows is ldr.golden.
// build.sh builds it and the DLLs of dll.c.
#include "say.h"

__declspec(dllimport) ULONG64 top(void);
__declspec(dllimport) ULONG64 far_low(void);
__declspec(dllimport) ULONG64 seventh(void);
__declspec(dllimport) ULONG64 straddles(void);
__declspec(dllimport) ULONG64 cookie_is_default(void);
__declspec(dllimport) ULONG64 ring_a(void);
__declspec(dllimport) ULONG64 tls_value(int word);

static void *load(const WCHAR *name) {
	UNICODE_STRING s;
	void *base = 0;
	RtlInitUnicodeString(&s, name);
	say("LdrLoadDll", (ULONG)LdrLoadDll(0, 0, &s, &base));
	return base;
}
static void *handle(const WCHAR *name) {
	UNICODE_STRING s;
	void *base = 0;
	RtlInitUnicodeString(&s, name);
	NTSTATUS st = LdrGetDllHandle(0, 0, &s, &base);
	say("LdrGetDllHandle", (ULONG)st);
	return base;
}
static ULONG64 (*procedure(void *base, const char *name, ULONG ordinal))() {
	ANSI_STRING s;
	void *f = 0;
	if (name) RtlInitAnsiString(&s, name);
	NTSTATUS st = LdrGetProcedureAddress(base, name ? &s : 0, ordinal, &f);
	say("LdrGetProcedureAddress", (ULONG)st);
	return f;
}

// list prints one of the loader's lists of images, ours of them.
static void list(const char *title, int links) {
	char *data = *(char **)((char *)__readgsqword(0x60) + 0x18);
	LIST_ENTRY *head = (LIST_ENTRY *)(data + 0x10 + links);
	text(title);
	for (LIST_ENTRY *e = head->Flink; e != head; e = e->Flink) {
		UNICODE_STRING *name = (UNICODE_STRING *)((char *)e - links + 0x58);
		if (e->Flink->Blink != e || e->Blink->Flink != e) text(" BROKEN");
		if ((name->Buffer[0] | 32) == 'k') continue; // kernel32, kernelbase
		text(" ");
		for (int i = 0; i < name->Length / 2; i++) line[used++] = name->Buffer[i];
	}
	end();
}
static void lists(void) {
	list("load order:", 0);
	list("initialisation order:", 0x20);
}

void start(void) {
	say("start", 0);
	lists();
	say("top", top());
	say("forwarded", far_low());
	say("by ordinal", seventh());
	say("straddles", straddles());
	say("default cookie", cookie_is_default());
	say("ring", ring_a());
	say("tls", tls_value(0));
	say("tls", tls_value(1));
	say("tls", tls_value(2));

	void *low = handle(L"low");
	say("same", low == handle(L"LOW.DLL"));
	handle(L"late.dll");
	handle(L"low.");
	say("call", procedure(low, "low", 0)());
	say("none", (ULONG64)procedure(low, "nothing", 0));
	say("none", (ULONG64)procedure(low, 0, 99));
	say("none", (ULONG64)procedure((void *)0x1234, "low", 0));
	void *t = handle(L"top.dll");
	say("forwarded", procedure(t, "far_low", 0) == procedure(low, "low", 0));
	say("by ordinal", procedure(t, 0, 7)());

	void *late = load(L"late.dll");
	say("call", procedure(late, "late", 0)());
	say("tls", procedure(late, "tls_value", 0)(1));
	say("tls", tls_value(1));
	say("again", load(L"LATE") == late);
	lists();
	load(L"sour.dll");
	load(L"nowhere.dll");
	lists();
	say("LdrUnloadDll", LdrUnloadDll(late));
	say("LdrUnloadDll", LdrUnloadDll(late));
	say("LdrUnloadDll", (ULONG)LdrUnloadDll(late));
	lists();
	late = load(L"late.dll");
	say("tls", procedure(late, "tls_value", 0)(1));
	LdrAddRefDll(0, late);
	LdrUnloadDll(late);
	handle(L"late.dll");
	LdrAddRefDll(1, late);
	LdrUnloadDll(late);
	LdrUnloadDll(late);
	handle(L"late.dll");
	say("LdrUnloadDll", LdrUnloadDll(low));
	handle(L"low.dll");
	void *round = load(L"round_a.dll");
	say("LdrUnloadDll", LdrUnloadDll(round));
	handle(L"round_b.dll");
	load(L"outer.dll");
	lists();
	// Forwarders to a DLL that is not loaded yet.
	say("none", (ULONG64)procedure(late, "far_nowhere", 0));
	say("forwarded", procedure(late, "far_quiet", 0)());
	say("none", (ULONG64)procedure(late, "far_nothing", 0));
	say("forwarded", procedure(late, "far_ordinal", 0)());
	say("forwarded", procedure(late, "far_twice", 0)());
	lists();
	RtlExitUserProcess(42);
}
