package kernel32

import "encoding/binary"

func put32(b []byte, v uint32)       { binary.LittleEndian.PutUint32(b, v) }
func put64(b []byte, v uint64)       { binary.LittleEndian.PutUint64(b, v) }
func get32(b []byte) uint32          { return binary.LittleEndian.Uint32(b) }
func get64(b []byte) uint64          { return binary.LittleEndian.Uint64(b) }
func join64(high, low uint32) uint64 { return uint64(high)<<32 | uint64(low) }
