package ntmm

// A Quota bounds what the processes of a job commit. Amounts are pages; 0 bounds nothing.
type Quota struct {
	Process, Job      uint64 // at most, of each process and of all together
	Used              uint64
	PeakProcess, Peak uint64
}

// take counts pages that a process which has some commits, where they fit.
func (q *Quota) take(has, pages uint64) bool {
	if q.Process != 0 && has+pages > q.Process || q.Job != 0 && q.Used+pages > q.Job {
		return false
	}
	q.Used += pages
	q.Peak, q.PeakProcess = max(q.Peak, q.Used), max(q.PeakProcess, has+pages)
	return true
}

// SetQuota makes the address space one of a quota's, or of none; what it has committed counts there.
func (as *AddressSpace) SetQuota(q *Quota) {
	if as.quota != nil {
		as.quota.Used -= as.commit
	}
	as.quota = q
	if q != nil {
		q.Used += as.commit
		q.Peak, q.PeakProcess = max(q.Peak, q.Used), max(q.PeakProcess, as.commit)
	}
}
