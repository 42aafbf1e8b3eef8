package ntdll

import (
	"slices"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// Cleanup groups: objects that are released together.
var poolGroupFuncs = []nt.UserFunc{
	nt.Func("TpAllocCleanupGroup", tpAllocCleanupGroup),
	nt.Func("TpReleaseCleanupGroup", tpReleaseCleanupGroup),
	nt.Func("TpReleaseCleanupGroupMembers", tpReleaseCleanupGroupMembers),
}

// poolGroup is a TP_CLEANUP_GROUP.
type poolGroup struct {
	at      uint64
	members []poolMember // in the order in which they were made
}

// poolMember is an object of a group, and what is called where its callbacks are taken back.
type poolMember struct {
	*poolObject
	cancel uint64
}

func (g *poolGroup) remove(o *poolObject) {
	g.members = slices.DeleteFunc(g.members, func(m poolMember) bool { return m.poolObject == o })
}

type groupArgs struct{ Group uint64 }

func tpAllocCleanupGroup(t *nt.Thread, a *groupArgs) (uint64, error) {
	at, st, err := AllocCleanupGroup(t)
	return stored(t, a.Group, at, st, err)
}

// AllocCleanupGroup is TpAllocCleanupGroup: NO_MEMORY.
func AllocCleanupGroup(t *nt.Thread) (uint64, ntdef.Status, error) {
	at, err := poolBlock(t)
	if err != nil || at == 0 {
		return 0, ntdef.STATUS_NO_MEMORY, err
	}
	poolsOf(t).groups[at] = &poolGroup{at: at}
	return at, ntdef.STATUS_SUCCESS, nil
}

func ofGroup(t *nt.Thread, at uint64, body func(s *pools, g *poolGroup) (uint64, error)) (uint64, error) {
	s := poolsOf(t)
	g := s.groups[at]
	if g == nil {
		return 0, invalidPoolArgument(t)
	}
	return body(s, g)
}

// tpReleaseCleanupGroup ends a group; its members stay.
func tpReleaseCleanupGroup(t *nt.Thread, a *groupArgs) (uint64, error) {
	return ofGroup(t, a.Group, func(s *pools, g *poolGroup) (uint64, error) {
		for _, m := range g.members {
			m.group = nil
		}
		delete(s.groups, g.at)
		_, err := FreeHeap(t, 0, g.at)
		return 0, err
	})
}

type releaseMembersArgs struct {
	Group   uint64
	Cancel  uint32
	Context uint64
}

// tpReleaseCleanupGroupMembers waits for the callbacks of all members, or takes back those that have not begun, and releases the members.
func tpReleaseCleanupGroupMembers(t *nt.Thread, a *releaseMembersArgs) (uint64, error) {
	return ofGroup(t, a.Group, func(s *pools, g *poolGroup) (uint64, error) {
		members := g.members
		g.members = nil
		for _, m := range members {
			m.group = nil
			if m.stop != nil {
				m.stop(t)
			}
			if a.Cancel != 0 && m.drop(t) > 0 && m.cancel != 0 {
				if _, err := t.Call(m.cancel, m.context, a.Context); err != nil {
					return 0, err
				}
			}
		}
		for _, m := range members {
			if err := m.await(t); err != nil {
				return 0, err
			}
			if s.objects[m.at] != m.poolObject {
				continue // a callback that was made once
			}
			if err := s.release(t, m.poolObject); err != nil {
				return 0, err
			}
		}
		return 0, nil
	})
}
