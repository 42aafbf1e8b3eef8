package nt_test

import (
	"encoding/binary"
	"slices"
	"sync"
	"testing"

	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// knownClasses are the classes of information that each service with such an argument knows, in order, and the least length of a buffer
// that each takes. A machine was asked, so that no list has to follow the services.
type knownClasses struct {
	classes map[string][]uint64
	lengths map[classOf]uint64
}

// A classOf is a class of information of a service.
type classOf struct {
	service string
	class   uint64
}

var askedClasses func() *knownClasses

func init() { askedClasses = sync.OnceValue(askForClasses) }

func askForClasses() *knownClasses {
	known := &knownClasses{map[string][]uint64{}, map[classOf]uint64{}}
	w := newPlayer(fuzzing, nil)
	w.instead = func(t *nt.Thread) {
		g := w.settle(t)
		for _, row := range w.rows {
			known.ask(t, g, row)
		}
	}
	w.run()
	return known
}

// fuzzing is the test on whose behalf classes are asked for: whichever is first, none in particular.
var fuzzing testing.TB = &testing.B{}

// unknown are the statuses by which services refuse a class that they do not know.
var unknown = []ntdef.Status{
	ntdef.STATUS_INVALID_INFO_CLASS, ntdef.STATUS_INVALID_PARAMETER, ntdef.STATUS_INVALID_PARAMETER_1, ntdef.STATUS_INVALID_PARAMETER_2,
	ntdef.STATUS_NOT_IMPLEMENTED, ntdef.STATUS_NOT_SUPPORTED,
}

// tooShort are the statuses by which they refuse a length.
var tooShort = []ntdef.Status{
	ntdef.STATUS_INFO_LENGTH_MISMATCH, ntdef.STATUS_BUFFER_TOO_SMALL, ntdef.STATUS_INVALID_PARAMETER_6,
}

// ask tries each class of a service with longer and longer buffers.
func (k *knownClasses) ask(t *nt.Thread, g *place, row *nt.Service) {
	const mostClasses, longest = 256, 0x100
	classAt := max(slices.Index(row.Params(), "class"), slices.Index(row.Params(), "level"))
	lengthAt := max(slices.Index(row.Params(), "length"), slices.Index(row.Params(), "outputLength"))
	if classAt < 0 || lengthAt < 0 {
		return
	}
	args := make([]uint64, len(row.Params()))
	for i, name := range row.Params() {
		at := g.data + uint64(i)*slotSize
		switch name {
		case "count":
			args[i] = 1
		case "baseAddress":
			args[i] = g.data
		case "input", "inputLength", "event", "apcRoutine", "apcContext", "name":
		default:
			args[i] = at
		}
		if row.Types()[i].Name() == "Handle" && name != "event" {
			args[i] = g.typed["Event"][0]
			if all := g.typed[handleOf(row.Name, name)]; len(all) > 0 {
				args[i] = all[0]
			}
		}
		if name == "addresses" {
			t.Write(at, le64s(g.data, slotSize))
		}
	}
	if bufferAt := slices.Index(row.Params(), "buffer"); bufferAt >= 0 {
		t.Write(args[bufferAt], make([]byte, slotSize))
	}
	for class := range uint64(mostClasses) {
		args[classAt] = class
		for n := range uint64(longest + 1) {
			args[lengthAt] = n
			c := t.CPU()
			regs := c.R
			st, err := t.CallService(row.Name, regs[cpu.RSP]-0x200, args...)
			c.R = regs
			if err != nil || slices.Contains(unknown, st) && n == 0 {
				break
			}
			if n == longest || !slices.Contains(tooShort, st) {
				k.classes[row.Name] = append(k.classes[row.Name], class)
				if n < longest {
					k.lengths[classOf{row.Name, class}] = n
				}
				break
			}
		}
	}
}

func le64s(words ...uint64) (b []byte) {
	for _, v := range words {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}
