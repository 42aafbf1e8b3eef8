// io: named pipes, requests that go on by themselves, changes of folders, information by handle; one line for each call.
#define _WIN32_WINNT 0x0a00
#include <stdio.h>
#include <string.h>
#include <windows.h>

static void show(const char *what, long long value) {
	printf("%s: %lld %lu\n", what, value, GetLastError());
	SetLastError(12345);
}

#define SHOW(call) show(#call, (long long)(call))
#define VALID(call) show(#call, (call) != INVALID_HANDLE_VALUE)

static DWORD n;
static char b[4096];

static DWORD WINAPI client(void *name) {
	DWORD got, mode = PIPE_READMODE_MESSAGE;
	char answer[20] = {0};
	if (!WaitNamedPipeA(name, 1000))
		return 1;
	HANDLE h = CreateFileA(name, GENERIC_READ | GENERIC_WRITE, 0, 0, OPEN_EXISTING, 0, 0);
	if (h == INVALID_HANDLE_VALUE || !SetNamedPipeHandleState(h, &mode, 0, 0))
		return 2;
	if (!TransactNamedPipe(h, "ask", 3, answer, 20, &got, 0))
		return 3;
	CloseHandle(h);
	return 100 + got + answer[0];
}

static void pipes(void) {
	static const char name[] = "\\\\.\\pipe\\pagewalk.io";
	HANDLE s, c, e = CreateEventA(0, TRUE, FALSE, 0);
	OVERLAPPED o = {.hEvent = e};
	SHOW(WaitNamedPipeA(name, 1));
	VALID(CreateFileA(name, GENERIC_READ, 0, 0, OPEN_EXISTING, 0, 0));
	VALID(s = CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE, 1, 100, 100, 0, 0));
	VALID(CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX, PIPE_TYPE_MESSAGE, 1, 100, 100, 0, 0));
	SHOW(GetFileType(s));
	SHOW(ReadFile(s, b, 10, &n, &o));
	SHOW(ConnectNamedPipe(s, &o));
	SHOW(WaitForSingleObject(e, 0));
	SHOW(GetOverlappedResult(s, &o, &n, FALSE));
	VALID(c = CreateFileA(name, GENERIC_READ | GENERIC_WRITE, 0, 0, OPEN_EXISTING, 0, 0));
	SHOW(WaitForSingleObject(e, 0));
	SHOW(GetOverlappedResult(s, &o, &n, FALSE));
	SHOW(ConnectNamedPipe(s, &o));
	VALID(CreateFileA(name, GENERIC_READ, 0, 0, OPEN_EXISTING, 0, 0));
	DWORD flags, out, in, most;
	SHOW(GetNamedPipeInfo(s, &flags, &out, &in, &most));
	printf("%lu %lu %lu %lu\n", flags, out, in, most);

	SHOW(ReadFile(s, b, 5, &n, &o));
	SHOW(WaitForSingleObject(e, 0));
	SHOW(WriteFile(c, "message", 7, &n, 0));
	SHOW(WaitForSingleObject(e, 0));
	SHOW(GetOverlappedResult(s, &o, &n, TRUE));
	printf("%lu %.5s\n", n, b);
	DWORD avail, left;
	SHOW(PeekNamedPipe(s, b, 1, &n, &avail, &left));
	printf("%lu %lu %lu\n", n, avail, left);
	SHOW(ReadFile(s, b, 5, &n, &o));
	SHOW(GetOverlappedResult(s, &o, &n, TRUE));
	printf("%lu %.2s\n", n, b);

	SHOW(ReadFile(s, b, 5, &n, &o));
	SHOW(CancelIoEx(s, &o));
	SHOW(GetOverlappedResult(s, &o, &n, TRUE));
	SHOW(CancelIoEx(s, &o));
	SHOW(ReadFile(s, b, 5, &n, &o));
	SHOW(CancelIo(s));
	SHOW(GetOverlappedResult(s, &o, &n, TRUE));

	SHOW(WriteFile(c, "last", 4, &n, 0));
	SHOW(CloseHandle(c));
	SHOW(ReadFile(s, b, 5, &n, &o));
	SHOW(ReadFile(s, b, 5, &n, &o));
	SHOW(WriteFile(s, b, 5, &n, &o));
	SHOW(ConnectNamedPipe(s, &o));
	SHOW(DisconnectNamedPipe(s));
	SHOW(DisconnectNamedPipe(s));
	SHOW(ReadFile(s, b, 5, &n, &o));

	HANDLE t = CreateThread(0, 0, client, (void *)name, 0, 0);
	ConnectNamedPipe(s, &o);
	SetLastError(12345);
	SHOW(GetOverlappedResult(s, &o, &n, TRUE));
	ReadFile(s, b, 20, &n, &o);
	SetLastError(12345);
	SHOW(GetOverlappedResult(s, &o, &n, TRUE));
	WriteFile(s, "*nine*ch*", 9, &n, &o);
	WaitForSingleObject(t, INFINITE);
	GetExitCodeThread(t, &n);
	printf("client %lu\n", n);
	SetLastError(12345);
	SHOW(CloseHandle(s));
	VALID(CreateFileA(name, GENERIC_READ, 0, 0, OPEN_EXISTING, 0, 0));
}

static DWORD codes[4], bytes[4], calls;

static void WINAPI done(DWORD code, DWORD count, OVERLAPPED *o) {
	codes[calls] = code;
	bytes[calls++] = count + o->Offset;
}

static void files(void) {
	HANDLE f, p, q;
	OVERLAPPED o = {.Offset = 2}, *who;
	ULONG_PTR key;
	VALID(f = CreateFileA("over.txt", GENERIC_READ | GENERIC_WRITE | DELETE, 7, 0, CREATE_ALWAYS, FILE_FLAG_OVERLAPPED, 0));
	SHOW(WriteFileEx(f, "overlapped", 10, &o, done));
	SHOW(SleepEx(1000, TRUE));
	SHOW(ReadFileEx(f, b, 5, &o, done));
	SHOW(SleepEx(1000, TRUE));
	printf("%lu calls: %lu %lu %lu %lu %.5s\n", calls, codes[0], bytes[0], codes[1], bytes[1], b);
	p = CreateIoCompletionPort(f, 0, 77, 0);
	SHOW(p != 0);
	SHOW(CreateIoCompletionPort(f, p, 77, 0) != 0);
	ReadFile(f, b, 5, 0, &o);
	SetLastError(12345);
	SHOW(GetQueuedCompletionStatus(p, &n, &key, &who, 1000));
	printf("%lu %llu %d\n", n, (unsigned long long)key, who == &o);
	SHOW(GetQueuedCompletionStatus(p, &n, &key, &who, 0));
	OVERLAPPED quiet = {.hEvent = (HANDLE)((ULONG_PTR)CreateEventA(0, TRUE, FALSE, 0) | 1)};
	ReadFile(f, b, 5, 0, &quiet);
	SetLastError(12345);
	SHOW(GetQueuedCompletionStatus(p, &n, &key, &who, 0));
	OVERLAPPED lock = {0}, wait = {.hEvent = CreateEventA(0, TRUE, FALSE, 0)};
	q = CreateFileA("over.txt", GENERIC_READ | GENERIC_WRITE, 7, 0, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, 0);
	SHOW(LockFileEx(f, LOCKFILE_EXCLUSIVE_LOCK, 0, 10, 0, &lock));
	SHOW(LockFileEx(q, LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 10, 0, &wait));
	SHOW(UnlockFileEx(f, 0, 10, 0, &lock));
	SHOW(LockFileEx(q, LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 10, 0, &wait));
	CloseHandle(q);

	FILE_STANDARD_INFO standard;
	SHOW(GetFileInformationByHandleEx(f, FileStandardInfo, &standard, sizeof standard));
	printf("%lld %lu %d %d\n", standard.EndOfFile.QuadPart, standard.NumberOfLinks, standard.DeletePending, standard.Directory);
	SHOW(GetFileInformationByHandleEx(f, FileStandardInfo, &standard, 3));
	FILE_NAME_INFO *name = (void *)b;
	SHOW(GetFileInformationByHandleEx(f, FileNameInfo, b, sizeof b));
	printf("%d %.8ls\n", b[4] == '\\', name->FileName + name->FileNameLength / 2 - 8);
	FILE_ATTRIBUTE_TAG_INFO tag;
	SHOW(GetFileInformationByHandleEx(f, FileAttributeTagInfo, &tag, sizeof tag));
	printf("%lu %lu\n", tag.FileAttributes & FILE_ATTRIBUTE_ARCHIVE, tag.ReparseTag);
	SHOW(GetFileInformationByHandleEx(f, 77, b, sizeof b));
	FILE_END_OF_FILE_INFO end = {.EndOfFile.QuadPart = 100};
	SHOW(SetFileInformationByHandle(f, FileEndOfFileInfo, &end, sizeof end));
	SHOW(GetFileSize(f, 0));
	FILE_DISPOSITION_INFO gone = {TRUE};
	SHOW(SetFileInformationByHandle(f, FileDispositionInfo, &gone, sizeof gone));
	CloseHandle(f);
	SHOW((int)GetFileAttributesA("over.txt"));
	SHOW(GetVolumePathNameA("C:\\windows\\none", b, sizeof b));
	printf("%s\n", b);
	SHOW(GetVolumePathNameA("C:\\windows", b, 2));
}

static void folders(void) {
	CreateDirectoryA("watched", 0);
	HANDLE d, w;
	VALID(d = CreateFileA("watched", FILE_LIST_DIRECTORY, 7, 0, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OVERLAPPED, 0));
	VALID(FindFirstChangeNotificationA("none", FALSE, FILE_NOTIFY_CHANGE_FILE_NAME));
	VALID(w = FindFirstChangeNotificationA("watched", FALSE, FILE_NOTIFY_CHANGE_FILE_NAME));
	SHOW(WaitForSingleObject(w, 0));
	OVERLAPPED o = {.hEvent = CreateEventA(0, TRUE, FALSE, 0)};
	SHOW(ReadDirectoryChangesW(d, b, sizeof b, FALSE, FILE_NOTIFY_CHANGE_FILE_NAME, 0, &o, 0));
	SHOW(WaitForSingleObject(o.hEvent, 0));
	CloseHandle(CreateFileA("watched\\new", GENERIC_WRITE, 0, 0, CREATE_NEW, 0, 0));
	SHOW(WaitForSingleObject(o.hEvent, 1000));
	SHOW(GetOverlappedResult(d, &o, &n, TRUE));
	FILE_NOTIFY_INFORMATION *i = (void *)b;
	printf("%lu %lu %.3ls\n", i->Action, i->FileNameLength, i->FileName);
	SHOW(WaitForSingleObject(w, 1000));
	SHOW(FindNextChangeNotification(w));
	SHOW(WaitForSingleObject(w, 0));
	DeleteFileA("watched\\new");
	SHOW(WaitForSingleObject(w, 1000));
	SHOW(FindCloseChangeNotification(w));
	SHOW(ReadDirectoryChangesW(d, b, sizeof b, FALSE, FILE_NOTIFY_CHANGE_FILE_NAME, 0, &o, 0));
	SHOW(GetOverlappedResult(d, &o, &n, TRUE));
	printf("%lu %lu %.3ls\n", i->Action, i->FileNameLength, i->FileName);

	CloseHandle(CreateFileA("watched\\one", GENERIC_WRITE, 0, 0, CREATE_NEW, 0, 0));
	int entries = 0, names = 0;
	while (GetFileInformationByHandleEx(d, FileIdBothDirectoryInfo, b, sizeof b)) {
		FILE_ID_BOTH_DIR_INFO *e = (void *)b;
		for (;; e = (void *)((char *)e + e->NextEntryOffset)) {
			entries++;
			names += e->FileNameLength / 2;
			if (!e->NextEntryOffset)
				break;
		}
	}
	printf("%d entries, %d characters, then %lu\n", entries, names, GetLastError());
	CloseHandle(d);
	DeleteFileA("watched\\one");
	SetLastError(12345);
	SHOW(RemoveDirectoryA("watched"));
}

int main(void) {
	SetLastError(12345);
	pipes();
	files();
	folders();
	return 77;
}
