package ntmm

import (
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// ResizePageFile is NtCreatePagingFile for a page file that is there: it may grow to another maximum, and grows at once where the
// minimum, in bytes like it, is more than it has. INVALID_PARAMETER_2 for a smaller minimum than it was made with, _3 for a maximum
// below its size, DISK_FULL.
func (m *Manager) ResizePageFile(name string, minimum, maximum uint64) ntdef.Status {
	minimum, maximum = minimum>>x86.PageShift, maximum>>x86.PageShift
	for _, f := range m.pageFiles {
		if f.Name != name {
			continue
		}
		switch {
		case minimum < f.Minimum:
			return ntdef.STATUS_INVALID_PARAMETER_2
		case maximum < f.Size || maximum > maxPageFilePages:
			return ntdef.STATUS_INVALID_PARAMETER_3
		}
		before := f.Maximum
		f.Maximum = maximum
		if more := minimum - min(minimum, f.Size); more != 0 && m.grow(f, more) != more {
			f.Maximum = max(before, f.Size)
			return ntdef.STATUS_DISK_FULL
		}
		f.Minimum = minimum
		return ntdef.STATUS_SUCCESS
	}
	return ntdef.STATUS_OBJECT_NAME_NOT_FOUND
}
