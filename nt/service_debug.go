package nt

import "github.com/pagewalk/pagewalk/ntdef"

var debugServices = []Service{
	service("NtContinueEx", Full, ntContinueEx),
	service("NtQueryDebugFilterState", Full, ntQueryDebugFilterState),
	service("NtSetDebugFilterState", Full, ntSetDebugFilterState),
	service("NtSystemDebugControl", Partial("refused: no kernel debugger is active"), refusal("NtSystemDebugControl", ntdef.STATUS_DEBUGGER_INACTIVE)),
	service("NtCreateDebugObject", Partial("refused: no debuggers"), refusal("NtCreateDebugObject", ntdef.STATUS_NOT_SUPPORTED)),
	service("NtDebugActiveProcess", Partial("refused: no debuggers"), refusal("NtDebugActiveProcess", ntdef.STATUS_NOT_SUPPORTED)),
	service("NtDebugContinue", Partial("refused: no debuggers"), refusal("NtDebugContinue", ntdef.STATUS_NOT_SUPPORTED)),
	service("NtWaitForDebugEvent", Partial("refused: no debuggers"), refusal("NtWaitForDebugEvent", ntdef.STATUS_NOT_SUPPORTED)),
	service("NtSetInformationDebugObject", Partial("refused: no debuggers"), refusal("NtSetInformationDebugObject", ntdef.STATUS_NOT_SUPPORTED)),
	service("NtRemoveProcessDebug", Full, ntRemoveProcessDebug),
	// 64-bit Windows has neither, and answers so.
	service("NtSetLdtEntries", Full, refusal("", ntdef.STATUS_NOT_IMPLEMENTED)),
	service("NtVdmControl", Full, refusal("", ntdef.STATUS_NOT_IMPLEMENTED)),
}

// refusal is the body of a service that is not there: the status, and a warning where it has a name.
func refusal(name string, st ntdef.Status) func(*Thread, *noServiceArgs) (ntdef.Status, error) {
	return func(t *Thread, _ *noServiceArgs) (ntdef.Status, error) {
		if name != "" {
			t.sys.refuse(name)
		}
		return st, nil
	}
}

type continueExArgs struct {
	Context  ntdef.Ptr[ntdef.Context]
	Argument uint64 // a BOOLEAN up to 255, a KCONTINUE_ARGUMENT above
}

// ntContinueEx is NtContinue with the flags of a KCONTINUE_ARGUMENT: its type at 0, one of four, and at 4 whether alerts are tested.
func ntContinueEx(t *Thread, a *continueExArgs) (ntdef.Status, error) {
	const maxBoolean, types, testAlert = 0xff, 4, 1
	test := a.Argument != 0
	if a.Argument > maxBoolean {
		v, err := t.Load64(a.Argument)
		switch {
		case err != nil:
			return 0, err
		case uint32(v) >= types, v>>32&^testAlert != 0:
			return ntdef.STATUS_INVALID_PARAMETER, nil
		}
		test = v>>32&testAlert != 0
	}
	return ntContinue(t, &continueArgs{a.Context, uint8(flag(test))})
}

type debugFilterArgs struct {
	Component, Level uint32
	State            uint8
}

// ntQueryDebugFilterState answers FALSE: nothing listens to DbgPrint.
func ntQueryDebugFilterState(*Thread, *debugFilterArgs) (ntdef.Status, error) { return 0, nil }

func ntSetDebugFilterState(t *Thread, _ *debugFilterArgs) (ntdef.Status, error) {
	if !t.proc.Holds(SeDebugPrivilege) {
		return ntdef.STATUS_ACCESS_DENIED, nil
	}
	return ntdef.STATUS_SUCCESS, nil // it filters what goes to a debugger
}

type removeProcessDebugArgs struct{ Process, DebugObject ntdef.Handle }

// ntRemoveProcessDebug finds no debugger to remove.
func ntRemoveProcessDebug(t *Thread, a *removeProcessDebugArgs) (ntdef.Status, error) {
	if _, st := t.proc.ProcessFor(a.Process, PROCESS_SUSPEND_RESUME); st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return ntdef.STATUS_PORT_NOT_SET, nil
}
