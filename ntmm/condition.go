package ntmm

// A MemoryCondition is what a memory resource notification waits for.
type MemoryCondition uint8

// The conditions (memoryapi.h, MEMORY_RESOURCE_NOTIFICATION_TYPE).
const (
	LowMemory MemoryCondition = iota
	HighMemory
)

// Available pages below 1/128 of RAM are low memory, about 32 MB of 4 GB as on Windows; three times that is high.
const (
	lowMemoryPart  = 128
	highMemoryTime = 3
)

// Condition reports whether a condition holds now.
func (m *Manager) Condition(c MemoryCondition) bool {
	low := m.pfns.frames / lowMemoryPart
	if c == LowMemory {
		return m.pfns.available() <= low
	}
	return m.pfns.available() >= highMemoryTime*low
}
