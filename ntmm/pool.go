package ntmm

import "github.com/pagewalk/pagewalk/ntdef"

// ChargePool promises pages to the executive's pool: what it keeps for the guest in the host's memory counts as committed memory, as
// paged pool does on Windows. COMMITMENT_LIMIT where they do not fit.
func (m *Manager) ChargePool(pages uint64) ntdef.Status { return m.chargeCommit(pages) }

// ReleasePool takes the promise back.
func (m *Manager) ReleasePool(pages uint64) { m.commit.release(pages) }
