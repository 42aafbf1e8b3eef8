package nt

import (
	"slices"
	"strings"

	"github.com/pagewalk/pagewalk/ntdef"
)

var wineServices = []Service{
	service("__wine_dbg_write", Full, wineDbgWrite),
	service("__wine_unix_call", Partial("unwinding and the precise time, of ntdll"), wineUnixCall),
}

type wineDbgWriteArgs struct {
	Text   uint64
	Length uint32
}

// wineDbgWrite is where the messages of Wine's DLLs end, those that WINEDEBUG in the guest's environment asks for: on standard error. It
// returns how many bytes it wrote.
func wineDbgWrite(t *Thread, a *wineDbgWriteArgs) (ntdef.Status, error) {
	const most = 1 << 16
	b := make([]byte, min(a.Length, most))
	if err := t.Read(a.Text, b); err != nil {
		return 0, err
	}
	if t.sys.stderr != nil {
		if _, err := t.sys.stderr.Write(b); err != nil && t.proc.outputErr == nil {
			t.proc.outputErr = err
		}
	}
	return ntdef.Status(len(b)), nil
}

// The classes of a debug channel, by bit: fixme, err, warn, trace.
var wineClasses = []string{"fixme", "err", "warn", "trace"}

const wineAllClasses = 0xff

// wineChannel is a __wine_debug_channel: flags and a name of at most 14 characters. The nameless one at the end has the flags of all
// others.
const wineChannelSize = 16

// wineChannels makes the table of debug channels that Wine's ntdll finds two pages behind the PEB, from WINEDEBUG: a list of
// [program:][class]±channel, as Wine's manual says. nil without WINEDEBUG: no messages then, not even errors.
func wineChannels(option, program string) []byte {
	if option == "" {
		return nil
	}
	const errAndFixme = 3
	flags := map[string]byte{}
	others := byte(errAndFixme)
	for _, item := range strings.Split(option, ",") {
		if name, rest, ok := strings.Cut(item, ":"); ok {
			if !strings.EqualFold(strings.TrimSuffix(program, ".exe"), strings.TrimSuffix(name, ".exe")) {
				continue
			}
			item = rest
		}
		i := strings.IndexAny(item, "+-")
		class, set, channel := byte(wineAllClasses), true, item
		if i >= 0 {
			set, channel = item[i] == '+', item[i+1:]
			if i > 0 {
				n := slices.Index(wineClasses, item[:i])
				if n < 0 {
					continue
				}
				class = 1 << n
			}
		}
		at, have := flags[channel]
		if channel == "all" {
			at, have = others, true
		}
		if !have {
			at = others
		}
		if set {
			at |= class
		} else {
			at &^= class
		}
		switch {
		case channel == "all":
			others = at
		case channel != "" && len(channel) < wineChannelSize-1:
			flags[channel] = at
		}
	}
	names := make([]string, 0, len(flags))
	for name := range flags {
		names = append(names, name)
	}
	slices.Sort(names) // ntdll searches by halves
	names = names[:min(len(names), ntdef.PebSize/wineChannelSize-1)]
	table := make([]byte, wineChannelSize*(len(names)+1))
	for i, name := range names {
		table[wineChannelSize*i] = flags[name]
		copy(table[wineChannelSize*i+1:], name)
	}
	table[wineChannelSize*len(names)] = others
	return table
}
