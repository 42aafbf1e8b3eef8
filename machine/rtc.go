package machine

import "time"

// rtc is the MC146818's clock and memory at ports 70h and 71h, in virtual time: it begins at the epoch that nt's clock
// begins at too, so that no run depends on the day. Of its interrupts there is the periodic one, ISA line 8.
type rtc struct {
	board   *Board
	index   uint8
	ram     [128]byte
	next    uint64 // deadline of the periodic interrupt, 0 where it is off
	pending uint8  // register C
}

// rtcEpoch is what the clock shows at the start.
var rtcEpoch = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

const (
	rtcA = 0x0a
	rtcB = 0x0b
	rtcC = 0x0c
	rtcD = 0x0d

	rtcPeriodic = 0x40
	rtcBinary   = 0x04
	rtc24       = 0x02
)

// period is the periodic interrupt's, in nanoseconds.
func (r *rtc) period() uint64 {
	rate := r.ram[rtcA] & 15
	if rate == 0 || r.ram[rtcB]&rtcPeriodic == 0 {
		return 0
	}
	if rate < 3 {
		rate += 7
	}
	return 1e9 << (rate - 1) / 32768
}

func (r *rtc) deadline() uint64 {
	if r.next == 0 {
		return never
	}
	return r.next
}

func (r *rtc) tick(now uint64) {
	for r.next != 0 && r.next <= now {
		r.next += r.period()
		r.pending |= 0x80 | rtcPeriodic
		r.board.raiseIRQ(8, true)
	}
}

func (r *rtc) in(port uint16, width uint8) uint32 {
	if port == 0x70 {
		return 0xff
	}
	return uint32(r.read())
}

func (r *rtc) read() uint8 {
	t := rtcEpoch.Add(time.Duration(r.board.now()))
	v := 0
	switch r.index {
	case 0:
		v = t.Second()
	case 2:
		v = t.Minute()
	case 4:
		v = t.Hour()
		if r.ram[rtcB]&rtc24 == 0 {
			pm := v >= 12
			if v = v % 12; v == 0 {
				v = 12
			}
			b := r.encode(v)
			if pm {
				b |= 0x80
			}
			return b
		}
	case 6:
		v = int(t.Weekday()) + 1
	case 7:
		v = t.Day()
	case 8:
		v = int(t.Month())
	case 9:
		v = t.Year() % 100
	case 0x32:
		v = t.Year() / 100
	case rtcC:
		b := r.pending
		r.pending = 0
		r.board.raiseIRQ(8, false)
		return b
	case rtcD:
		return 0x80 // the battery is good
	default:
		return r.ram[r.index]
	}
	return r.encode(v)
}

// encode is BCD unless register B asks for binary.
func (r *rtc) encode(v int) uint8 {
	if r.ram[rtcB]&rtcBinary != 0 {
		return uint8(v)
	}
	return uint8(v/10<<4 | v%10)
}

func (r *rtc) out(port uint16, width uint8, v uint32) {
	if port == 0x70 {
		r.index = uint8(v) & 0x7f
		return
	}
	r.ram[r.index] = uint8(v)
	if r.index == rtcA || r.index == rtcB {
		r.next = 0
		if p := r.period(); p > 0 {
			r.next = r.board.now() + p
		}
	}
}
