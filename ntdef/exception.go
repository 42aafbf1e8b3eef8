package ntdef

import "encoding/binary"

// ExceptionRecordSize is the size in bytes of an x64 EXCEPTION_RECORD (winnt.h).
const ExceptionRecordSize = 0x98

// ExceptionMaximumParameters is EXCEPTION_MAXIMUM_PARAMETERS.
const ExceptionMaximumParameters = 15

// Bits of EXCEPTION_RECORD.ExceptionFlags (winnt.h).
const (
	EXCEPTION_NONCONTINUABLE     uint32 = 0x01
	EXCEPTION_UNWINDING          uint32 = 0x02
	EXCEPTION_EXIT_UNWIND        uint32 = 0x04
	EXCEPTION_STACK_INVALID      uint32 = 0x08
	EXCEPTION_NESTED_CALL        uint32 = 0x10
	EXCEPTION_TARGET_UNWIND      uint32 = 0x20
	EXCEPTION_COLLIDED_UNWIND    uint32 = 0x40
	EXCEPTION_SOFTWARE_ORIGIN    uint32 = 0x80
	EXCEPTION_UNWIND             uint32 = 0x66
	EXCEPTION_CONTINUE_SEARCH           = 0          // returned by filters and vectored handlers
	EXCEPTION_EXECUTE_HANDLER           = 1          // returned by filters
	EXCEPTION_CONTINUE_EXECUTION        = 0xffffffff // -1, returned by filters and vectored handlers
)

// EXCEPTION_DISPOSITION, what language handlers return (excpt.h).
const (
	ExceptionContinueExecution = 0
	ExceptionContinueSearch    = 1
	ExceptionNestedException   = 2
	ExceptionCollidedUnwind    = 3
)

// Flags of UNWIND_INFO and handler types for RtlVirtualUnwind (winnt.h).
const (
	UNW_FLAG_NHANDLER  = 0
	UNW_FLAG_EHANDLER  = 1
	UNW_FLAG_UHANDLER  = 2
	UNW_FLAG_CHAININFO = 4
)

// ExceptionRecord is an EXCEPTION_RECORD.
type ExceptionRecord struct {
	Code       Status
	Flags      uint32
	Record     uint64 // address of the nested record, or 0
	Address    uint64 // of the instruction
	NumParams  uint32
	Parameters [ExceptionMaximumParameters]uint64
}

// Marshal writes the record to b, which has at least ExceptionRecordSize bytes.
func (r *ExceptionRecord) Marshal(b []byte) {
	le := binary.LittleEndian
	le.PutUint32(b[0:], uint32(r.Code))
	le.PutUint32(b[4:], r.Flags)
	le.PutUint64(b[8:], r.Record)
	le.PutUint64(b[0x10:], r.Address)
	le.PutUint32(b[0x18:], r.NumParams)
	le.PutUint32(b[0x1c:], 0)
	for i, p := range r.Parameters {
		le.PutUint64(b[0x20+8*i:], p)
	}
}

// Unmarshal reads the record from b, which has at least ExceptionRecordSize bytes. A count of parameters beyond the
// maximum is cut to it.
func (r *ExceptionRecord) Unmarshal(b []byte) {
	le := binary.LittleEndian
	r.Code = Status(le.Uint32(b[0:]))
	r.Flags = le.Uint32(b[4:])
	r.Record = le.Uint64(b[8:])
	r.Address = le.Uint64(b[0x10:])
	r.NumParams = min(le.Uint32(b[0x18:]), ExceptionMaximumParameters)
	for i := range r.Parameters {
		r.Parameters[i] = le.Uint64(b[0x20+8*i:])
	}
}
