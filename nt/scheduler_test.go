package nt

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/ntdef"
)

// TestPriorityBeforeTheLaunch gives a thread that is only made a priority: it is not ready for that, and is so once when it is launched.
func TestPriorityBeforeTheLaunch(t *testing.T) {
	s, err := New(Config{RAMBytes: 1 << 20, SystemImages: ntdllImage(t)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	p := &Process{sys: s}
	th := s.newThread(p, 4)
	for _, relative := range []int32{2, -2, timeCritical} {
		require.Equal(t, ntdef.STATUS_SUCCESS, th.SetPriority(relative))
		require.Nil(t, s.takeReady())
	}
	p.threads = []*Thread{th}
	require.Equal(t, ntdef.STATUS_SUCCESS, p.SetPriorityClass(PriorityClassIdle))
	require.Nil(t, s.takeReady())

	s.makeReady(th)
	require.Equal(t, ntdef.STATUS_SUCCESS, th.SetPriority(1), "a ready one moves")
	require.EqualValues(t, 5, th.priority)
	require.Same(t, th, s.takeReady())
	require.Nil(t, s.takeReady())
}
