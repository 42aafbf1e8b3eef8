package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/pagewalk/pagewalk/trace"
)

// sharedFlags are those of run and boot.
type sharedFlags struct {
	RAM             byteSize      `name:"ram" default:"256M" help:"Size of RAM, a multiple of 4K up to 64G."`
	TLB             string        `name:"tlb" default:"ideal" help:"TLB profile: ideal, skylake, goldencove, zen3, zen4, or FILE.json."`
	Exact           bool          `help:"Send every access through the TLB model, so that its counters are exact."`
	Timing          bool          `help:"Let what the TLB profile says that translations take pass as time; implies --exact."`
	MaxInstructions uint64        `help:"Stop after this many instructions."`
	Timeout         time.Duration `help:"Stop after this much wall-clock time."`
	Seed            uint64        `help:"Seed of ASLR, cookies and RDRAND: one seed, one run."`
	Stats           bool          `help:"Print a summary on standard error at the end."`
	TraceFormat     string        `enum:"text,jsonl" default:"text" help:"Form of the trace: text or jsonl."`
	TraceOut        string        `placeholder:"FILE" help:"Write the trace to FILE instead of standard error."`
	StateOut        string        `placeholder:"FILE.json" help:"Write the registers at the end to FILE.json."`
	Dump            []memoryDump  `sep:"none" placeholder:"ADDR:SIZE=FILE" help:"Write guest memory at the end to FILE; may be repeated."`
}

// check refuses what no command takes.
func (f *sharedFlags) check() error {
	if f.RAM == 0 {
		return errors.New("--ram 0: want at least 64K")
	}
	return nil
}

// deadline applies --timeout.
func (f *sharedFlags) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if f.Timeout <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, f.Timeout, fmt.Errorf("the timeout of %v has passed", f.Timeout))
}

// format is --trace-format.
func (f *sharedFlags) format() trace.Format {
	if f.TraceFormat == "jsonl" {
		return trace.JSONL
	}
	return trace.Text
}

// openTrace opens the trace's output; finish puts a file in its place.
func (f *sharedFlags) openTrace(kinds string, std stdio) (w io.Writer, finish func() error, err error) {
	finish = func() error { return nil }
	switch {
	case kinds == "" && f.TraceOut != "":
		return nil, nil, errors.New("--trace-out without --trace: nothing would be written")
	case kinds == "":
		return nil, finish, nil
	case f.TraceOut == "":
		return std.err, finish, nil
	}
	out, err := createOutput(f.TraceOut)
	if err != nil {
		return nil, nil, fmt.Errorf("write the trace to %s: %w", f.TraceOut, err)
	}
	return out, out.finish, nil
}

// A memoryDump is a flag ADDR:SIZE=FILE.
type memoryDump struct {
	addr, size uint64
	file       string
}

// UnmarshalText parses the flag's text.
func (d *memoryDump) UnmarshalText(text []byte) error {
	where, file, ok := strings.Cut(string(text), "=")
	r, err := parseRange(where)
	if err != nil || !ok || file == "" {
		return fmt.Errorf("%q: want ADDR:SIZE=FILE, as 0x200000:4K=out.bin", text)
	}
	*d = memoryDump{r.addr, r.size, file}
	return nil
}

// An addressRange is a flag ADDR:SIZE.
type addressRange struct{ addr, size uint64 }

// UnmarshalText parses the flag's text.
func (r *addressRange) UnmarshalText(text []byte) (err error) {
	*r, err = parseRange(string(text))
	return err
}

func parseRange(s string) (r addressRange, err error) {
	addr, size, ok := strings.Cut(s, ":")
	var n byteSize
	r.addr, err = strconv.ParseUint(addr, 0, 64)
	if err != nil || !ok || n.UnmarshalText([]byte(size)) != nil || n == 0 || r.addr+uint64(n)-1 < r.addr {
		return r, fmt.Errorf("%q: want ADDR:SIZE, as 0x200000:4K", s)
	}
	r.size = uint64(n)
	return r, nil
}

// A guestMemory reads the memory that --dump means; it names the first address that cannot be read.
type guestMemory func(addr uint64, b []byte) error

// writeEnd writes the state and the dumps, each whole or not at all; every one is tried.
func (f *sharedFlags) writeEnd(state func(io.Writer) error, read guestMemory) error {
	var errs []error
	if f.StateOut != "" {
		errs = append(errs, writeFile("the state", f.StateOut, state))
	}
	for _, d := range f.Dump {
		errs = append(errs, writeFile("a dump", d.file, func(w io.Writer) error { return d.copy(w, read) }))
	}
	return errors.Join(errs...)
}

func writeFile(what, path string, write func(io.Writer) error) error {
	out, err := createOutput(path)
	if err == nil {
		if err = write(out); err != nil {
			out.abandon()
		} else {
			err = out.finish()
		}
	}
	if err != nil {
		return fmt.Errorf("write %s to %s: %w", what, path, err)
	}
	return nil
}

// copy writes the memory in pieces.
func (d *memoryDump) copy(w io.Writer, read guestMemory) error {
	buf := make([]byte, 64<<10)
	for at, left := d.addr, d.size; left > 0; {
		n := min(left, uint64(len(buf)))
		if err := read(at, buf[:n]); err != nil {
			return err
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return err
		}
		at, left = at+n, left-n
	}
	return nil
}
