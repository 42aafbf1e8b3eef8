//go:build invariants

package ntmm

// checked says that check does something.
const checked = true

// check panics where the invariants do not hold: a bug of ours.
func (m *Manager) check() {
	if err := m.verify(); err != nil {
		panic("ntmm: " + err.Error())
	}
}
