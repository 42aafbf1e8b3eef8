package nt

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWineDebugChannels has WINEDEBUG as Wine's manual describes it: flags are fixme 1, err 2, warn 4, trace 8.
func TestWineDebugChannels(t *testing.T) {
	entry := func(flags byte, name string) string {
		return string([]byte{flags}) + name + strings.Repeat("\x00", wineChannelSize-1-len(name))
	}
	for _, c := range []struct {
		option string
		want   []string
	}{
		{"", nil},
		{"-all", []string{entry(0, "")}},
		{"+relay", []string{entry(0xff, "relay"), entry(3, "")}},
		{"warn+heap,-seh,trace+file", []string{entry(11, "file"), entry(7, "heap"), entry(0, "seh"), entry(3, "")}},
		{"-all,err+module", []string{entry(2, "module"), entry(0, "")}},
		{"guest:+relay,other:+file", []string{entry(0xff, "relay"), entry(3, "")}},
		{"nonsense+x,,+", []string{entry(3, "")}},
		{"+a_name_that_is_too_long", []string{entry(3, "")}},
	} {
		require.Equal(t, strings.Join(c.want, ""), string(wineChannels(c.option, "guest.exe")), c.option)
	}
}
