//go:build !(linux && amd64)

package cpu

import "testing"

const noHost = "-record and -live need linux/amd64"

func newHost(t testing.TB) func(code []byte, s *testState) {
	t.Fatal(noHost)
	return nil
}

func newVectorHost(t testing.TB) func(code []byte, s *vectorState) {
	t.Fatal(noHost)
	return nil
}

func newMMXHost(t testing.TB) func(code []byte, before *mmxState) *mmxState {
	t.Fatal(noHost)
	return nil
}

func newX87Host(t testing.TB) func(code []byte, before *x87State) *x87State {
	t.Fatal(noHost)
	return nil
}

func newFaultHost(t testing.TB) func(code []byte, before *faultState) (*faultState, outcome) {
	t.Fatal(noHost)
	return nil
}
