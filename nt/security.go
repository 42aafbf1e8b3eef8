package nt

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/pagewalk/pagewalk/ntdef"
)

// A SID names a user or a group (winnt.h, SID).
type SID struct {
	Authority uint64 // 48 bits
	Sub       []uint32
}

const maxSubAuthorities = 15

// sid makes a SID of the NT authority.
func sid(sub ...uint32) SID { return SID{Authority: 5, Sub: sub} }

// The SIDs that the machine knows: its user, and the groups that he is in.
var (
	userSID          = sid(21, 1885431653, 2002873195, 1702259045, 1001)
	domainUsersSID   = sid(21, 1885431653, 2002873195, 1702259045, 513) // "None" of a machine without a domain
	everyoneSID      = SID{Authority: 1, Sub: []uint32{0}}
	localSID         = SID{Authority: 2, Sub: []uint32{0}}
	creatorOwnerSID  = SID{Authority: 3, Sub: []uint32{0}} // stands for the owner of what inherits an entry
	creatorGroupSID  = SID{Authority: 3, Sub: []uint32{1}}
	ownerRightsSID   = SID{Authority: 3, Sub: []uint32{4}} // for the owner, in place of what he may do anyway
	interactiveSID   = sid(4)
	anonymousSID     = sid(7)
	authenticatedSID = sid(11)
	thisOrgSID       = sid(15)
	consoleLogonSID  = SID{Authority: 2, Sub: []uint32{1}}
	ntlmSID          = sid(64, 10)
	systemSID        = sid(18)
	localAccountSID  = sid(113)
	logonSID         = sid(5, 0, logonID)
	adminsSID        = sid(32, 544)
	usersSID         = sid(32, 545)
	mediumSID        = SID{Authority: 16, Sub: []uint32{0x2000}} // integrity
)

// CurrentUserKey is the path of the registry's key of the user that programs run as: HKEY_CURRENT_USER.
var CurrentUserKey = `\Registry\User\` + userSID.String()

// logonID is the low half of the LUID of the user's logon session.
const logonID = 0x13f5a // as the name of the session's \?? has it

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

// equal compares two SIDs.
func (s SID) equal(o SID) bool { return s.Authority == o.Authority && slices.Equal(s.Sub, o.Sub) }

// parseSID reads a SID and returns what is behind it: INVALID_SID.
func parseSID(b []byte) (SID, []byte, ntdef.Status) {
	if len(b) < 8 || b[0] != 1 || b[1] > maxSubAuthorities || len(b) < 8+4*int(b[1]) {
		return SID{}, nil, ntdef.STATUS_INVALID_SID
	}
	s := SID{Authority: binary.BigEndian.Uint64(b) & (1<<48 - 1)}
	for i := range int(b[1]) {
		s.Sub = append(s.Sub, binary.LittleEndian.Uint32(b[8+4*i:]))
	}
	return s, b[8+4*len(s.Sub):], ntdef.STATUS_SUCCESS
}

// loadSID reads a SID of the guest. The error is that of an access, or INVALID_SID.
func (t *Thread) loadSID(va uint64) (SID, error) {
	n, err := t.Load8(va + 1)
	if err != nil {
		return SID{}, err
	}
	b := make([]byte, 8+4*int(min(n, maxSubAuthorities)))
	if err := t.Read(va, b); err != nil {
		return SID{}, err
	}
	if n > maxSubAuthorities {
		return SID{}, statusError(ntdef.STATUS_INVALID_SID)
	}
	s, _, st := parseSID(b)
	if st != ntdef.STATUS_SUCCESS {
		return SID{}, statusError(st)
	}
	return s, nil
}
