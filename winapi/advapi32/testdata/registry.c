// What the registry functions of advapi32 answer. record.sh records what Wine does with it; the last line leaves nothing behind.
#include <stdio.h>
#include <string.h>
#include <windows.h>

static void hex(const BYTE *b, DWORD n) {
	for (DWORD i = 0; i < n; i++) printf("%02x", b[i]);
	printf("\n");
}

int main(void) {
	HKEY root, key, sub;
	DWORD disposition, type, size, n;
	BYTE data[256];
	char name[64], class[32];
	WCHAR wide[64];
	FILETIME written;

	RegDeleteKeyA(HKEY_CURRENT_USER, "Software\\pagewalk\\a\\b");
	RegDeleteKeyA(HKEY_CURRENT_USER, "Software\\pagewalk\\a");
	RegDeleteKeyA(HKEY_CURRENT_USER, "Software\\pagewalk");
	printf("open %ld\n", RegOpenKeyExA(HKEY_CURRENT_USER, "Software\\pagewalk", 0, KEY_READ, &key));
	printf("create %ld", RegCreateKeyExA(HKEY_CURRENT_USER, "Software\\pagewalk\\a\\b", 0, "class", 0, KEY_ALL_ACCESS, NULL, &key, &disposition));
	printf(" %lu\n", disposition);
	printf("create %ld", RegCreateKeyExW(HKEY_CURRENT_USER, L"Software\\PAGEWALK", 0, NULL, 0, KEY_ALL_ACCESS, NULL, &root, &disposition));
	printf(" %lu\n", disposition);

	// In the order of their names: Wine enumerates values by name, Windows as they were made.
	n = 0x12345678;
	printf("set %ld\n", RegSetValueExA(root, NULL, 0, REG_BINARY, (BYTE *)"\1\2\3", 3));
	printf("set %ld\n", RegSetValueExA(root, "dword", 0, REG_DWORD, (BYTE *)&n, 4));
	printf("set %ld\n", RegSetValueExW(root, L"expand", 0, REG_EXPAND_SZ, (BYTE *)L"%Name%\\x", 18));
	printf("set %ld\n", RegSetValueExW(root, L"multi", 0, REG_MULTI_SZ, (BYTE *)L"one\0two\0", 18));
	printf("set %ld\n", RegSetValueExA(root, "text", 0, REG_SZ, (BYTE *)"caf\xe9", 5));
	printf("set %ld\n", RegSetValueExA(root, "uncounted", 0, REG_SZ, (BYTE *)"four", 4));
	printf("set %ld\n", RegSetValueExA(NULL, "x", 0, REG_DWORD, (BYTE *)&n, 4));

	const char *names[] = {"text", "TEXT", "uncounted", "multi", "dword", NULL, "", "none"};
	for (int i = 0; i < 8; i++) {
		size = sizeof data, type = 99;
		LONG r = RegQueryValueExA(root, names[i], NULL, &type, data, &size);
		printf("A %s %ld ", names[i] ? names[i] : "(null)", r);
		if (r) { printf("\n"); continue; }
		printf("%lu %lu ", type, size);
		hex(data, size);
	}
	size = sizeof data;
	printf("W %ld ", RegQueryValueExW(root, L"text", NULL, &type, data, &size));
	hex(data, size);
	size = 3;
	printf("short %ld", RegQueryValueExA(root, "text", NULL, &type, data, &size));
	printf(" %lu\n", size);
	printf("length %ld", RegQueryValueExW(root, L"text", NULL, NULL, NULL, &size));
	printf(" %lu\n", size);
	printf("no size %ld\n", RegQueryValueExW(root, L"text", NULL, NULL, data, NULL));

	DWORD subkeys, maxSub, maxClass, values, maxValueName, maxValue;
	size = sizeof class;
	printf("info %ld", RegQueryInfoKeyA(root, class, &size, NULL, &subkeys, &maxSub, &maxClass, &values, &maxValueName, &maxValue, NULL, &written));
	printf(" [%s] %lu %lu %lu %lu %lu\n", class, size, subkeys, maxSub, values, maxValueName);
	size = sizeof class;
	printf("info %ld", RegQueryInfoKeyA(key, class, &size, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL));
	printf(" [%s] %lu\n", class, size);

	for (DWORD i = 0;; i++) {
		size = sizeof name;
		LONG r = RegEnumKeyExA(root, i, name, &size, NULL, NULL, NULL, &written);
		printf("key %lu %ld", i, r);
		if (r) { printf("\n"); break; }
		printf(" %s %lu\n", name, size);
	}
	size = 1;
	printf("key %ld\n", RegEnumKeyExA(root, 0, name, &size, NULL, NULL, NULL, NULL));
	for (DWORD i = 0;; i++) {
		DWORD nameSize = 64;
		size = sizeof data;
		LONG r = RegEnumValueW(root, i, wide, &nameSize, NULL, &type, data, &size);
		printf("value %lu %ld", i, r);
		if (r) { printf("\n"); break; }
		printf(" %ls %lu %lu %lu\n", wide, nameSize, type, size);
	}

	size = sizeof data;
	printf("get %ld", RegGetValueA(HKEY_CURRENT_USER, "Software\\pagewalk", "expand", RRF_RT_REG_SZ, &type, data, &size));
	printf(" %lu %lu %s\n", type, size, data);
	size = sizeof data;
	printf("get %ld", RegGetValueA(root, NULL, "expand", RRF_RT_ANY | RRF_NOEXPAND, &type, data, &size));
	printf(" %lu %lu %s\n", type, size, data);
	size = sizeof data;
	printf("get %ld\n", RegGetValueA(root, NULL, "expand", RRF_RT_REG_EXPAND_SZ, &type, data, &size));
	size = sizeof data;
	printf("get %ld\n", RegGetValueA(root, NULL, "dword", RRF_RT_REG_SZ, &type, data, &size));
	size = sizeof data;
	printf("get %ld", RegGetValueW(root, NULL, L"dword", RRF_RT_DWORD, &type, data, &size));
	printf(" %lu %lu ", type, size);
	hex(data, 4);
	size = sizeof data;
	printf("get %ld\n", RegGetValueW(root, L"none", L"dword", RRF_RT_DWORD, &type, data, &size));

	printf("open %ld\n", RegOpenKeyExW(root, L"a\\b", 0, KEY_READ, &sub));
	printf("set %ld\n", RegSetValueExA(sub, "x", 0, REG_DWORD, (BYTE *)&n, 4));
	printf("delete %ld\n", RegDeleteKeyW(root, L"a"));
	printf("delete %ld\n", RegDeleteKeyW(root, NULL));
	printf("delete %ld\n", RegDeleteValueA(root, "none"));
	printf("delete %ld\n", RegDeleteValueA(root, "dword"));
	printf("delete %ld\n", RegDeleteKeyA(root, "a\\b"));
	size = sizeof data;
	printf("deleted %ld\n", RegQueryValueExA(sub, "x", NULL, &type, data, &size));
	printf("close %ld %ld %ld\n", RegCloseKey(sub), RegCloseKey(key), RegCloseKey(HKEY_CURRENT_USER));
	printf("close %ld\n", RegCloseKey(sub));
	printf("delete %ld %ld\n", RegDeleteKeyA(root, "a"), RegDeleteKeyA(root, ""));
	printf("close %ld\n", RegCloseKey(root));
	printf("open %ld", RegOpenKeyExA(HKEY_LOCAL_MACHINE, NULL, 0, KEY_READ, &key));
	printf(" %d\n", key == HKEY_LOCAL_MACHINE);
	return 77;
}
