package nt

import (
	"strings"

	"github.com/pagewalk/pagewalk/ntdef"
)

// \KnownDlls holds image sections of the system DLLs that most programs load, so that a loader need not look for their files and all processes
// share them (Windows Internals, part 1 ch. 3, "DLL name resolution"). They are those of the registry's key KnownDLLs that the system
// directory has, and what these import. A section is made when it is opened for the first time, and stays.

// knownDlls are the values of the key KnownDLLs, as Windows 10 has them; knownImports what they bring with them.
const (
	knownDlls = "advapi32 clbcatq combase COMDLG32 coml2 difxapi gdi32 gdiplus IMAGEHLP IMM32 kernel32 MSCTF MSVCRT NORMALIZ NSI ole32 OLEAUT32 " +
		"PSAPI rpcrt4 sechost Setupapi SHCORE SHELL32 SHLWAPI user32 WLDAP32 WS2_32"
	knownImports = "bcryptPrimitives cfgmgr32 gdi32full KERNELBASE msvcp_win ntdll ucrtbase win32u"
)

// knownDllValues are the lines of initialRegistry for them.
func knownDllValues() string {
	var b strings.Builder
	for name := range strings.FieldsSeq(knownDlls) {
		b.WriteString("\t" + name + "=" + name + ".dll\n")
	}
	return b.String()
}

// knownSection lets everybody map and query the sections, and nobody else in; knownFolder does so for the directory.
var (
	knownSection = systemDescriptor(
		ace{accessAllowed, 0, readControl | SECTION_QUERY | SECTION_MAP_READ | SECTION_MAP_EXECUTE, everyoneSID},
		ace{accessAllowed, 0, standardRights | 0x1f, adminsSID},
	)
	knownFolder = systemDescriptor(ace{accessAllowed, 0, readControl | 3, everyoneSID}, ace{accessAllowed, 0, standardRights | 0xf, adminsSID})
)

// initKnownDlls gives the sections their names.
func (s *System) initKnownDlls() {
	const folder = `\KnownDlls`
	s.namespace.folder(folder).security = knownFolder
	for name := range strings.FieldsSeq(knownDlls + " " + knownImports) {
		name += ".dll"
		if n, _, _, st := s.volumes.find(systemDirectory + name); st == ntdef.STATUS_SUCCESS && !n.folder {
			s.namespace.add(folder+`\`+name, &sectionObject{objectHeader: objectHeader{security: knownSection}, known: n})
		}
	}
}

// ready makes the section of a known DLL when it is opened first: the statuses of its file and its image.
func (o *sectionObject) ready(s *System) ntdef.Status {
	if o.known == nil || o.image != nil {
		return ntdef.STATUS_SUCCESS
	}
	if st := o.known.open(); st != ntdef.STATUS_SUCCESS {
		return st
	}
	sec, st := s.fileImage(o.known)
	if st != ntdef.STATUS_SUCCESS {
		return st
	}
	sec.objects++
	o.mm, o.image = sec.mm, sec
	return st
}
