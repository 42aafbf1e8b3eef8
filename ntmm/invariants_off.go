//go:build !invariants

package ntmm

const checked = false

// check verifies the invariants after every operation in builds with the tag invariants.
func (m *Manager) check() {}
