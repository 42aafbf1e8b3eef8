package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
)

// Policies of a process (winnt.h, PROCESS_MITIGATION_POLICY) that hold here; the others are off.
const (
	processDEPPolicy              = 0
	processASLRPolicy             = 1
	processDynamicCodePolicy      = 2
	processControlFlowGuardPolicy = 7
	processMaxPolicy              = 22
)

// MitigationPolicy returns the flags of a policy: DEP without ATL thunks, for good; ASLR from the bottom up and with high entropy; dynamic
// code as it was set; control-flow guard where the program was built for it. INVALID_PARAMETER for one that there is not.
func (p *Process) MitigationPolicy(policy uint32) (uint32, ntdef.Status) {
	var flags uint32
	switch {
	case policy >= processMaxPolicy:
		return 0, ntdef.STATUS_INVALID_PARAMETER
	case policy == processDEPPolicy:
		flags = 1 | 2 // Enable, DisableAtlThunkEmulation
	case policy == processASLRPolicy:
		flags = 1 | 4 // EnableBottomUpRandomization, EnableHighEntropy
	case policy == processDynamicCodePolicy && p.as.DynamicCodeProhibited(),
		policy == processControlFlowGuardPolicy && p.Guarded():
		flags = 1
	}
	return flags, ntdef.STATUS_SUCCESS
}

// SetMitigationPolicy changes one: dynamic code can be prohibited, for good; DEP is on already and stays so. ACCESS_DENIED for what
// cannot be changed, NOT_SUPPORTED for what would have to be enforced and is not.
func (p *Process) SetMitigationPolicy(policy, flags uint32) ntdef.Status {
	now, st := p.MitigationPolicy(policy)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return st
	case policy == processDEPPolicy && flags&1 != 0:
		return ntdef.STATUS_SUCCESS
	case policy == processDEPPolicy, policy == processASLRPolicy, policy == processControlFlowGuardPolicy:
		return ntdef.STATUS_ACCESS_DENIED
	case flags == now:
		return ntdef.STATUS_SUCCESS
	case policy == processDynamicCodePolicy && flags == 1:
		p.as.ProhibitDynamicCode()
		return ntdef.STATUS_SUCCESS
	case policy == processDynamicCodePolicy && flags == 0:
		return ntdef.STATUS_ACCESS_DENIED
	}
	return ntdef.STATUS_NOT_SUPPORTED
}

// processMitigationPolicy is the class of NtQueryInformationProcess and NtSetInformationProcess: a PROCESS_MITIGATION_POLICY_INFORMATION,
// which says the policy and holds its flags.
const processMitigationPolicy = 52

func (t *Thread) queryMitigationPolicy(p *Process, a *queryInformationProcessArgs) (ntdef.Status, error) {
	if a.Length < 8 {
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	policy, err := t.Load32(a.Buffer)
	if err != nil {
		return 0, err
	}
	flags, st := p.MitigationPolicy(policy)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	b := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, policy), flags)
	return t.answer32(a.Buffer, b, a.ReturnLength)
}

func (t *Thread) setMitigationPolicy(p *Process, a *setInformationProcessArgs) (ntdef.Status, error) {
	if a.Length < 8 {
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	v, err := t.Load64(a.Buffer)
	if err != nil {
		return 0, err
	}
	if p != t.proc {
		return ntdef.STATUS_ACCESS_DENIED, nil
	}
	return p.SetMitigationPolicy(uint32(v), uint32(v>>32)), nil
}
