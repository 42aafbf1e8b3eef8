//go:build !(linux && amd64)

package cpu

import "testing"

func newHost(t testing.TB) hostRunner {
	t.Fatal("-record and -live need linux/amd64")
	return nil
}
