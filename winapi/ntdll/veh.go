package ntdll

import (
	"slices"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// A vectoredHandler is one entry of the lists of AddVectoredExceptionHandler and AddVectoredContinueHandler. Its handle is
// the address of a heap block, as on Windows, where the entry itself is one.
type vectoredHandler struct {
	handle  uint64
	handler uint64
}

var vectoredFuncs = []nt.UserFunc{
	nt.Func("RtlAddVectoredExceptionHandler", func(t *nt.Thread, a *addVectoredHandlerArgs) (uint64, error) {
		return addVectored(t, &exceptionStateOf(t).vectored, a)
	}),
	nt.Func("RtlAddVectoredContinueHandler", func(t *nt.Thread, a *addVectoredHandlerArgs) (uint64, error) {
		return addVectored(t, &exceptionStateOf(t).continued, a)
	}),
	nt.Func("RtlRemoveVectoredExceptionHandler", func(t *nt.Thread, a *removeVectoredHandlerArgs) (uint64, error) {
		return removeVectored(t, &exceptionStateOf(t).vectored, a)
	}),
	nt.Func("RtlRemoveVectoredContinueHandler", func(t *nt.Thread, a *removeVectoredHandlerArgs) (uint64, error) {
		return removeVectored(t, &exceptionStateOf(t).continued, a)
	}),
}

type addVectoredHandlerArgs struct {
	First   uint32
	Handler uint64
}

func addVectored(t *nt.Thread, list *[]*vectoredHandler, a *addVectoredHandlerArgs) (uint64, error) {
	const entrySize = 0x28
	handle, err := AllocateHeap(t, 0, 0, entrySize)
	if err != nil || handle == 0 {
		return 0, err
	}
	h := &vectoredHandler{handle, a.Handler}
	if a.First != 0 {
		*list = slices.Insert(*list, 0, h)
	} else {
		*list = append(*list, h)
	}
	return handle, nil
}

type removeVectoredHandlerArgs struct {
	Handle uint64
}

func removeVectored(t *nt.Thread, list *[]*vectoredHandler, a *removeVectoredHandlerArgs) (uint64, error) {
	i := slices.IndexFunc(*list, func(h *vectoredHandler) bool { return h.handle == a.Handle })
	if i < 0 {
		return 0, nil
	}
	if _, err := FreeHeap(t, 0, a.Handle); err != nil {
		return 0, err
	}
	*list = slices.Delete(*list, i, i+1)
	return 1, nil
}

// callVectored calls the handlers of a list in order until one continues execution. A handler may add and remove handlers:
// a removed one is not called any more, one added behind it is.
func callVectored(t *nt.Thread, list *[]*vectoredHandler, pointers uint64) (bool, error) {
	for i := 0; i < len(*list); i++ {
		h := (*list)[i]
		v, err := t.Call(h.handler, pointers)
		if err != nil {
			return false, err
		}
		if uint32(v) == ntdef.EXCEPTION_CONTINUE_EXECUTION {
			return true, nil
		}
		// It may have moved while the handler ran.
		if now := slices.Index(*list, h); now >= 0 {
			i = now
		} else {
			i--
		}
	}
	return false, nil
}
