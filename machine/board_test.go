package machine

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/x86"
	"github.com/stretchr/testify/require"
)

// start returns a board whose processor is in 64-bit mode at code, and what it prints.
func start(t *testing.T, cfg Config, code ...byte) (*Board, *bytes.Buffer) {
	var out bytes.Buffer
	cfg.Stdout = &out
	b, err := New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	require.NoError(t, b.Load(0x200000, code, uint64(len(code))))
	require.NoError(t, b.StartLong(0x200000, 0x200000, nil))
	return b, &out
}

func TestHowRunsEnd(t *testing.T) {
	for _, test := range []struct {
		name   string
		code   []byte
		reason Reason
		exit   int
		err    string
	}{
		{"HLT with interrupts off", []byte{0xf4}, Halted, 0, ""},
		{"HLT with nothing to come", []byte{0xfb, 0xf4}, Halted, 0, ""},
		{"exit port", []byte{0xb8, 16, 0, 0, 0, 0xe7, 0xf4}, Exited, 33, ""},
		{"exit port, a byte", []byte{0xb0, 0xff, 0xe6, 0xf4}, Exited, 255, ""},
		{"triple fault", []byte{0x0f, 0x0b}, Shutdown, 124, ""},
		{"limit", []byte{0xeb, 0xfe}, 0, 0, "the instruction limit is reached"},
		{"real mode", []byte{0x31, 0xc0, 0x0f, 0x22, 0xc0}, 0, 0, "real-address mode"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, _ := start(t, Config{MaxInstructions: 1000}, test.code...)
			r, err := b.Run(context.Background())
			if test.err != "" {
				require.ErrorContains(t, err, test.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.reason, r.Reason)
			require.Equal(t, test.exit, r.Code)
		})
	}
	b, _ := start(t, Config{}, 0xeb, 0xfe)
	cause := errors.New("enough")
	ctx, stop := context.WithCancelCause(context.Background())
	stop(cause)
	_, err := b.Run(ctx)
	require.ErrorIs(t, err, cause)
}

// TestWorldAtTheStart looks at what a flat image finds.
func TestWorldAtTheStart(t *testing.T) {
	b, _ := start(t, Config{RAM: 64 << 20})
	c := b.CPU()
	require.Zero(t, c.Flags()&x86.FlagIF)
	require.EqualValues(t, x86.CR4PAE|x86.CR4OSFXSR|x86.CR4OSXMMEXCPT|x86.CR4FSGSBASE|x86.CR4OSXSAVE, c.MMU.CR4())
	require.EqualValues(t, 3, c.XCR0())
	require.Zero(t, c.MMU.CPL())
	_, f := c.MMU.Translate(x86.VirtAddr(c.R[cpu.RSP]-8), x86.Write)
	require.Nil(t, f)
	base, limit := c.GDTR()
	require.EqualValues(t, 0x17, limit)
	for _, own := range []uint64{base, c.R[cpu.RSP] - 8, c.MMU.CR3()} {
		require.False(t, own >= 0x200000 && own < 0x200000+window, "%#x lies in the window", own)
	}
	for _, va := range []x86.VirtAddr{0, 64<<20 - 1, x86.VirtAddr(apicBase)} {
		pa, f := c.MMU.Translate(va, x86.Read)
		require.Nil(t, f)
		require.EqualValues(t, va, pa)
	}
	_, f = c.MMU.Translate(64<<20, x86.Read)
	require.NotNil(t, f, "what is not there is not mapped")

	b, _ = start(t, Config{RAM: 8 << 20}) // no room above the window
	_, f = b.CPU().MMU.Translate(x86.VirtAddr(b.CPU().R[cpu.RSP]-8), x86.Write)
	require.Nil(t, f)
}

func TestRAMHasAHoleBelow4GiB(t *testing.T) {
	b, _ := start(t, Config{RAM: 5 << 30})
	require.EqualValues(t, 5<<30, b.RAM())
	require.NotNil(t, b.Memory().Frame(3<<30-1))
	require.Nil(t, b.Memory().Frame(3<<30))
	require.NotNil(t, b.Memory().Frame(4<<30))
	require.NotNil(t, b.Memory().Frame(6<<30-1))
	require.Nil(t, b.Memory().Frame(6<<30))
}

func out(b *Board, port uint16, v uint32) {
	b.answerPort(&cpu.Exit{Kind: cpu.ExitPort, Port: port, Width: 1, Value: v})
}

func in(b *Board, port uint16) uint32 {
	if d := b.ports[port]; d != nil {
		return d.in(port, 1)
	}
	return ^uint32(0)
}

func TestUART(t *testing.T) {
	b, printed := start(t, Config{Stdin: strings.NewReader("xy")})
	out(b, 0x3f8, 'h')
	out(b, 0x3fb, 0x80) // divisor latch
	out(b, 0x3f8, 12)
	require.EqualValues(t, 12, in(b, 0x3f8))
	out(b, 0x3fb, 3)
	out(b, 0x3f8, 'i')
	require.Equal(t, "hi", printed.String())
	require.EqualValues(t, 0x61, in(b, 0x3fd), "data ready, transmitter empty")
	require.EqualValues(t, 'x', in(b, 0x3f8))
	require.EqualValues(t, 'y', in(b, 0x3f8))
	require.EqualValues(t, 0x60, in(b, 0x3fd))
	out(b, 0x3ff, 0x5a)
	require.EqualValues(t, 0x5a, in(b, 0x3ff))
	out(b, 0x3fc, 0x1e) // loop back
	out(b, 0x3f8, 0xae)
	require.EqualValues(t, 0xae, in(b, 0x3f8))
	require.Equal(t, "hi", printed.String())
	out(b, 0x3fc, 0x08)
	out(b, 0x21, 0xef) // line 4
	out(b, 0x3f9, 2)
	require.True(t, b.pic.pending(), "the transmitter is empty")
	require.EqualValues(t, 2, in(b, 0x3fa))
	require.EqualValues(t, 1, in(b, 0x3fa))
}

func initPIC(b *Board) {
	for _, w := range [][2]uint32{{0x20, 0x11}, {0x21, 0x20}, {0x21, 4}, {0x21, 1}, {0xa0, 0x11}, {0xa1, 0x28}, {0xa1, 2}, {0xa1, 1}, {0x21, 0}, {0xa1, 0}} {
		out(b, uint16(w[0]), w[1])
	}
}

func TestPIC(t *testing.T) {
	b, _ := start(t, Config{})
	initPIC(b)
	b.pic.set(10, true)
	b.pic.set(3, true)
	require.EqualValues(t, 0x2a, b.pic.acknowledge(), "line 10 through line 2 before line 3")
	require.False(t, b.pic.pending())
	out(b, 0xa0, 0x20)
	require.False(t, b.pic.pending(), "line 2 is in service")
	out(b, 0x20, 0x20)
	require.EqualValues(t, 0x23, b.pic.acknowledge())
	b.pic.set(0, true)
	require.EqualValues(t, 0x20, b.pic.acknowledge(), "nested")
	out(b, 0x20, 0x60|3) // specific
	out(b, 0x20, 0x0b)
	require.EqualValues(t, 1, in(b, 0x20), "in service")
	b.pic.set(0, false)
	b.pic.set(0, true)
	require.False(t, b.pic.pending(), "line 0 is in service itself")
	out(b, 0x21, 1)
	out(b, 0x20, 0x20)
	require.False(t, b.pic.pending(), "masked")
	require.EqualValues(t, 0x27, b.pic.acknowledge(), "spurious")
}

func TestPIT(t *testing.T) {
	b, _ := start(t, Config{})
	initPIC(b)
	out(b, 0x43, 0x34)
	out(b, 0x40, 0xe8)
	out(b, 0x40, 0x03) // 1000 clocks
	d := b.pit.deadline()
	require.InDelta(t, 838_096, d, 2)
	b.idle = d - 1
	b.tick()
	require.False(t, b.pic.pending())
	b.idle = d
	b.tick()
	require.EqualValues(t, 0x20, b.pic.acknowledge())
	require.InDelta(t, 2*838_096, b.pit.deadline(), 2)
	out(b, 0x43, 0x00) // latch
	lo, hi := in(b, 0x40), in(b, 0x40)
	require.EqualValues(t, 1000, hi<<8|lo)
	b.idle += 83_810 // a hundred clocks
	out(b, 0x43, 0x00)
	lo, hi = in(b, 0x40), in(b, 0x40)
	require.EqualValues(t, 900, hi<<8|lo)
	out(b, 0x61, 1)
	out(b, 0x43, 0xb0) // channel 2, mode 0
	out(b, 0x42, 100)
	out(b, 0x42, 0)
	require.Zero(t, in(b, 0x61)&0x20)
	b.idle += 84_000
	require.NotZero(t, in(b, 0x61)&0x20)
}

func TestRTC(t *testing.T) {
	b, _ := start(t, Config{})
	read := func(i uint32) uint32 { out(b, 0x70, i); return in(b, 0x71) }
	b.idle = uint64(13*3600+5*60+9) * 1e9
	out(b, 0x70, 0x0b)
	out(b, 0x71, 2)
	require.EqualValues(t, []uint32{0x09, 0x05, 0x13, 0x01, 0x01, 0x24}, []uint32{read(0), read(2), read(4), read(7), read(8), read(9)})
	out(b, 0x70, 0x0b)
	out(b, 0x71, 4)
	require.EqualValues(t, 0x81, read(4), "1 p.m.")
	require.EqualValues(t, 0x80, read(0x0d))
	out(b, 0x70, 0x0a)
	out(b, 0x71, 6)
	out(b, 0x70, 0x0b)
	out(b, 0x71, 0x46)
	d := b.rtc.deadline()
	require.EqualValues(t, b.now()+976_562, d, "1024 Hz")
	b.idle = d
	b.tick()
	require.EqualValues(t, 0xc0, read(0x0c))
	require.Zero(t, read(0x0c))
}

func TestLocalAPIC(t *testing.T) {
	b, _ := start(t, Config{})
	c := b.CPU()
	write := func(reg uint64, v uint32) { b.apic.WritePhys(reg<<4, 4, uint64(v)) }
	require.EqualValues(t, 0x60015, b.apic.ReadPhys(0x30, 4))
	write(regSPIV, 0x1ff)
	write(regICR, 1<<18|0x51) // to itself
	require.EqualValues(t, 0x51, b.apic.pending())
	require.Zero(t, b.apic.ReadPhys(regICR<<4, 4)&(1<<12), "delivered at once")
	write(regTPR, 0x50)
	require.Equal(t, -1, b.apic.pending())
	require.EqualValues(t, 5, c.TPR()>>4)
	c.SetTPR(0x40)
	require.EqualValues(t, 0x51, b.apic.acknowledge())
	require.EqualValues(t, 0x50, b.apic.ReadPhys(regPPR<<4, 4))
	b.apic.raise(0x52)
	require.Equal(t, -1, b.apic.pending(), "the same class is in service")
	write(regEOI, 0)
	require.EqualValues(t, 0x52, b.apic.acknowledge())
	write(regEOI, 0)

	write(regDivide, 3) // by 16
	write(regTimer, 0x40)
	write(regInitial, 1000)
	require.EqualValues(t, b.now()+16000, b.apic.deadline())
	b.idle += 8000
	require.EqualValues(t, 500, b.apic.ReadPhys(regCurrent<<4, 4))
	b.idle += 8000
	b.tick()
	require.EqualValues(t, never, b.apic.deadline())
	c.SetTPR(0)
	require.EqualValues(t, 0x40, b.apic.acknowledge())
	write(regEOI, 0)
	write(regTimer, 0x20040) // periodic
	write(regInitial, 1000)
	first := b.apic.deadline()
	b.idle += 16000
	b.tick()
	require.EqualValues(t, first+16000, b.apic.deadline())

	require.False(t, c.WriteMSR(0x808, 0), "not x2APIC yet")
	require.True(t, c.WriteMSR(x86.MSRAPICBase, uint64(apicBase)|0xd00))
	require.True(t, c.WriteMSR(0x808, 0x20))
	v, ok := c.ReadMSR(0x808)
	require.True(t, ok)
	require.EqualValues(t, 0x20, v)
	require.EqualValues(t, ^uint64(0), b.apic.ReadPhys(0x30, 4), "the page is gone")
	require.False(t, c.WriteMSR(x86.MSRAPICBase, uint64(apicBase)|0x900), "no way back but through off")
	require.False(t, c.WriteMSR(0x12345, 0))
}

func TestIOAPIC(t *testing.T) {
	b, _ := start(t, Config{})
	b.apic.WritePhys(regSPIV<<4, 4, 0x1ff)
	set := func(i, v uint64) { b.ioapic.WritePhys(0, 4, i); b.ioapic.WritePhys(0x10, 4, v) }
	b.ioapic.WritePhys(0, 4, 1)
	require.EqualValues(t, 0x170020, b.ioapic.ReadPhys(0x10, 4))
	b.raiseIRQ(0, true)
	require.Equal(t, -1, b.apic.pending(), "masked")
	b.raiseIRQ(0, false)
	set(0x14, 0x60) // the timer's pin
	b.raiseIRQ(0, true)
	require.EqualValues(t, 0x60, b.apic.acknowledge())
	b.apic.eoi()
	set(0x18, 0x61|redirLevel)
	b.raiseIRQ(4, true)
	require.EqualValues(t, 0x61, b.apic.acknowledge())
	require.Equal(t, -1, b.apic.pending())
	b.apic.eoi()
	require.EqualValues(t, 0x61, b.apic.pending(), "still up")
}

func TestPortsWithoutADeviceReadAsOnes(t *testing.T) {
	b, printed := start(t, Config{}, 0xe5, 0x80, 0xf4) // in eax, 80h; hlt
	_, err := b.Run(context.Background())
	require.NoError(t, err)
	require.EqualValues(t, 0xffffffff, b.CPU().R[cpu.RAX])
	out(b, 0xe9, '!')
	require.Equal(t, "!", printed.String())
	require.EqualValues(t, 0xe9, in(b, 0xe9))
	out(b, 0x510, 0)
	require.Equal(t, "QEMU", string([]byte{byte(in(b, 0x511)), byte(in(b, 0x511)), byte(in(b, 0x511)), byte(in(b, 0x511))}))
	out(b, 0x510, 3)
	require.Zero(t, in(b, 0x511))
	require.Zero(t, in(b, 0x511))
	require.Zero(t, in(b, 0x511))
	require.EqualValues(t, 8, in(b, 0x511), "128 MiB")
	for _, c := range "ShShutdown" {
		out(b, 0x8900, uint32(c))
	}
	require.Equal(t, &Result{Reason: Exited}, b.result)
}
