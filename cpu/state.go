package cpu

// HasFeature reports whether CPUID advertises a feature.
func (c *CPU) HasFeature(f Feature) bool { return c.features.has(f) }

// X87Control returns the x87 control word.
func (c *CPU) X87Control() uint16 { return c.FPU.control }

// SetX87Control sets the x87 control word as FLDCW does, without looking for pending exceptions.
func (c *CPU) SetX87Control(v uint16) { c.FPU.control = v }

// X87Status returns the x87 status word with TOP.
func (c *CPU) X87Status() uint16 { return c.FPU.status }
