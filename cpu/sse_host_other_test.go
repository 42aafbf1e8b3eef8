//go:build !(linux && amd64)

package cpu

import "testing"

func newVectorHost(t testing.TB) func(code []byte, s *vectorState) {
	t.Fatal("-record and -live need linux/amd64")
	return nil
}
