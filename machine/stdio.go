package machine

import (
	"io"
	"os"
)

// output is where the serial port and the debug console write; it remembers the first failure.
type output struct {
	w   io.Writer
	err error
}

func (o *output) put(c byte) {
	if o.w == nil || o.err != nil {
		return
	}
	_, o.err = o.w.Write([]byte{c})
}

// input is where the serial port reads. Files and pipes are read when the guest asks, so that a run depends on their bytes
// alone; a terminal is read in the background, so that a guest that polls does not wait for a key.
type input struct {
	r     io.Reader
	async chan byte
	next  int // the byte to give, -1 for none
	ended bool
}

func newInput(r io.Reader) *input {
	in := &input{r: r, next: -1, ended: r == nil}
	if f, ok := r.(*os.File); ok && isTerminal(f) {
		in.async = make(chan byte)
		go func() {
			defer close(in.async)
			var b [1]byte
			for {
				if n, err := f.Read(b[:]); n > 0 {
					in.async <- b[0]
				} else if err != nil {
					return
				}
			}
		}()
	}
	return in
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && f.Name() != os.DevNull
}

// ready reports whether a byte can be taken.
func (in *input) ready() bool {
	if in.next >= 0 || in.ended {
		return in.next >= 0
	}
	if in.async != nil {
		select {
		case c, ok := <-in.async:
			if in.ended = !ok; ok {
				in.next = int(c)
			}
		default:
		}
		return in.next >= 0
	}
	var b [1]byte
	for range 100 { // a Reader may answer nothing a few times
		n, err := in.r.Read(b[:])
		if n > 0 {
			in.next = int(b[0])
			return true
		}
		if err != nil {
			break
		}
	}
	in.ended = true
	return false
}

// take returns the next byte, 0 where there is none.
func (in *input) take() byte {
	if !in.ready() {
		return 0
	}
	c := byte(in.next)
	in.next = -1
	return c
}
