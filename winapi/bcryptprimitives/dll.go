// Package bcryptprimitives is the part of bcryptprimitives.dll that run-times take their randomness from.
package bcryptprimitives

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/winapi"
)

// DLL returns the description of bcryptprimitives.dll.
func DLL() *winapi.DLL {
	return &winapi.DLL{Name: "bcryptprimitives.dll", Base: 0x7ff8_0700_0000, Funcs: []nt.UserFunc{nt.Func("ProcessPrng", processPrng)}}
}

type processPrngArgs struct{ Buffer, Size uint64 }

// processPrng fills a buffer from the machine's seed: one seed, one run.
func processPrng(t *nt.Thread, a *processPrngArgs) (uint64, error) {
	var b [8]byte
	for done := uint64(0); done < a.Size; done += 8 {
		binary.LittleEndian.PutUint64(b[:], t.System().Rand())
		if err := t.Write(a.Buffer+done, b[:min(8, a.Size-done)]); err != nil {
			return 0, err
		}
	}
	return 1, nil
}
