package nt

// Rights of threads (winnt.h, THREAD_*).
const (
	threadTerminate     uint32 = 0x0001
	threadSuspendResume uint32 = 0x0002
	threadGetContext    uint32 = 0x0008
	threadSetContext    uint32 = 0x0010
	threadSetAnything   uint32 = 0x0020 | 0x0400 // THREAD_SET_INFORMATION or THREAD_SET_LIMITED_INFORMATION
	threadQueryAnything uint32 = 0x0040 | 0x0800
)
