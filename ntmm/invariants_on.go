//go:build invariants

package ntmm

// checked says that check does something.
const checked = true

// check panics where the invariants do not hold: a bug of ours.
func (as *AddressSpace) check() {
	if err := as.verify(); err != nil {
		panic("ntmm: " + err.Error())
	}
}
