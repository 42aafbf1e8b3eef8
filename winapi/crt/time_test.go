package crt

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseZone(t *testing.T) {
	for text, want := range map[string]zone{
		"PST8PDT":       {"PST", "PDT", 8 * 3600},
		"EST5":          {"EST", "", 5 * 3600},
		"IST-5:30":      {"IST", "", -(5*3600 + 30*60)},
		"XYZ+1:02:03ZZ": {"XYZ", "ZZ", 3723},
		"AB":            {"AB", "", 0},
	} {
		require.Equal(t, want, parseZone(text), text)
	}
}
