package nt

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// A SID names a user or a group (winnt.h, SID).
type SID struct {
	Authority uint64 // 48 bits
	Sub       []uint32
}

// sid makes a SID of the NT authority.
func sid(sub ...uint32) SID { return SID{Authority: 5, Sub: sub} }

// userSID is the user that programs run as.
var userSID = sid(21, 1885431653, 2002873195, 1702259045, 1001)

// CurrentUserKey is the path of the registry's key of the user that programs run as: HKEY_CURRENT_USER.
var CurrentUserKey = `\Registry\User\` + userSID.String()

// Bytes returns the SID as it lies in memory.
func (s SID) Bytes() []byte {
	b := binary.BigEndian.AppendUint64(nil, s.Authority)
	b[0], b[1] = 1, byte(len(s.Sub))
	for _, n := range s.Sub {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	return b
}

// String returns S-1-….
func (s SID) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "S-1-%d", s.Authority)
	for _, n := range s.Sub {
		fmt.Fprintf(&b, "-%d", n)
	}
	return b.String()
}
