//go:build !(linux && amd64)

package cpu

import "testing"

func newMMXHost(t testing.TB) func(code []byte, before *mmxState) string {
	t.Fatal("-record and -live need linux/amd64")
	return nil
}
