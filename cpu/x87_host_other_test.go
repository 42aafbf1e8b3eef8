//go:build !(linux && amd64)

package cpu

import "testing"

func newX87Host(t testing.TB) func(code []byte, before *x87State) *x87State {
	t.Fatal("-record and -live need linux/amd64")
	return nil
}
