// pool_random makes random calls of the thread pool's functions, from a seed, and checks what has to hold whatever came: each callback that
// was asked for is made once, and a timer that is set is due once.
#define _WIN32_WINNT 0x0a00
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

enum { Objects = 6 };
typedef struct { PTP_WORK w; volatile LONG submitted, run; } WORK;
typedef struct { PTP_TIMER t; volatile LONG fired; } TIMER;
typedef struct { PTP_WAIT w; HANDLE h; volatile LONG closing; } WAIT;

static unsigned long long seed;
static WORK works[Objects];
static TIMER timers[Objects];
static WAIT waits[Objects];

static unsigned below(unsigned n) {
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)(seed >> 33) % n;
}

static FILETIME from_now(unsigned ms) {
	LARGE_INTEGER l = {.QuadPart = -10000LL * ms};
	return (FILETIME){l.LowPart, l.HighPart};
}

static void CALLBACK work(PTP_CALLBACK_INSTANCE i, void *context, PTP_WORK w) {
	WORK *x = context;
	switch (below(8)) {
	case 0: Sleep(below(5)); break;
	case 1: CallbackMayRunLong(i); break;
	case 2: for (volatile int j = 0; j < 20000; j++) ; break;
	case 3: SetEventWhenCallbackReturns(i, waits[below(Objects)].h); break;
	}
	InterlockedIncrement(&x->run);
}

static void CALLBACK tick(PTP_CALLBACK_INSTANCE i, void *context, PTP_TIMER t) {
	TIMER *x = context;
	if (below(4) == 0)
		Sleep(below(4));
	InterlockedIncrement(&x->fired);
}

static void CALLBACK waited(PTP_CALLBACK_INSTANCE i, void *context, PTP_WAIT w, TP_WAIT_RESULT result) {
	WAIT *x = context;
	FILETIME f = from_now(below(9));
	if (below(4) == 0)
		Sleep(below(4));
	if (below(3) == 0 && !x->closing)
		SetThreadpoolWait(w, x->h, below(2) ? &f : NULL);
}

int main(int argc, char **argv) {
	PTP_POOL pool = NULL;
	PTP_CLEANUP_GROUP group = NULL;
	TP_CALLBACK_ENVIRON env;
	LONG fired[Objects];
	int failed = 0;
	seed = strtoull(argv[1], NULL, 0) * 77777 + 3;
	InitializeThreadpoolEnvironment(&env);
	if (below(2)) {
		pool = CreateThreadpool(NULL);
		SetThreadpoolCallbackPool(&env, pool);
		SetThreadpoolThreadMaximum(pool, 1 + below(4));
		SetThreadpoolThreadMinimum(pool, below(3));
	}
	if (below(2)) {
		group = CreateThreadpoolCleanupGroup();
		SetThreadpoolCallbackCleanupGroup(&env, group, NULL);
	}
	for (int i = 0; i < Objects; i++) {
		works[i].w = CreateThreadpoolWork(work, works + i, &env);
		timers[i].t = CreateThreadpoolTimer(tick, timers + i, &env);
		waits[i].h = CreateEventW(NULL, below(2), FALSE, NULL);
		waits[i].w = CreateThreadpoolWait(waited, waits + i, &env);
	}
	for (int n = 0; n < 120; n++) {
		unsigned i = below(Objects);
		FILETIME f = from_now(below(20));
		switch (below(11)) {
		case 0:
		case 1:
			InterlockedIncrement(&works[i].submitted);
			SubmitThreadpoolWork(works[i].w);
			break;
		case 2: WaitForThreadpoolWorkCallbacks(works[i].w, FALSE); break;
		case 3: SetThreadpoolTimer(timers[i].t, below(5) ? &f : NULL, below(3) ? 0 : 1 + below(7), 0); break;
		case 4: WaitForThreadpoolTimerCallbacks(timers[i].t, below(2)); break;
		case 5: SetThreadpoolWait(waits[i].w, below(6) ? waits[i].h : NULL, below(2) ? &f : NULL); break;
		case 6: SetEvent(waits[i].h); break;
		case 7: WaitForThreadpoolWaitCallbacks(waits[i].w, below(2)); break;
		case 8: Sleep(below(30) ? below(8) : 12000); break; // long enough for idle threads to go
		case 9:
			CloseThreadpoolTimer(timers[i].t);
			timers[i].t = CreateThreadpoolTimer(tick, timers + i, &env);
			break;
		case 10:
			waits[i].closing = 1;
			SetThreadpoolWait(waits[i].w, NULL, NULL);
			WaitForThreadpoolWaitCallbacks(waits[i].w, TRUE);
			CloseThreadpoolWait(waits[i].w);
			waits[i].closing = 0;
			waits[i].w = CreateThreadpoolWait(waited, waits + i, &env);
			break;
		}
	}
	for (int i = 0; i < Objects; i++) {
		waits[i].closing = 1;
		SetThreadpoolTimer(timers[i].t, NULL, 0, 0);
		SetThreadpoolWait(waits[i].w, NULL, NULL);
	}
	for (int i = 0; i < Objects; i++) {
		WaitForThreadpoolWorkCallbacks(works[i].w, FALSE);
		WaitForThreadpoolTimerCallbacks(timers[i].t, FALSE);
		if (works[i].submitted != works[i].run)
			failed += printf("work %d: submitted %ld, run %ld\n", i, works[i].submitted, works[i].run);
	}
	Sleep(50);
	FILETIME soon = from_now(3);
	for (int i = 0; i < Objects; i++) {
		fired[i] = timers[i].fired;
		SetThreadpoolTimer(timers[i].t, &soon, 0, 0);
	}
	Sleep(60);
	for (int i = 0; i < Objects; i++)
		if (timers[i].fired != fired[i] + 1)
			failed += printf("timer %d: %ld, then %ld\n", i, fired[i], timers[i].fired);
	if (group) {
		CloseThreadpoolCleanupGroupMembers(group, below(2), NULL);
		CloseThreadpoolCleanupGroup(group);
	} else {
		for (int i = 0; i < Objects; i++) {
			CloseThreadpoolWork(works[i].w);
			CloseThreadpoolTimer(timers[i].t);
			CloseThreadpoolWait(waits[i].w);
		}
	}
	if (pool)
		CloseThreadpool(pool);
	Sleep(20);
	return failed != 0;
}
