package nt

import (
	"fmt"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

// National language support: tables of case, code pages, normalization and locales lie in files of the guest's Windows
// folder. Every process maps the same pages of them, read-only. The built-in DLLs need none; real ones come with theirs.

var localeServices = []Service{
	service("NtInitializeNlsFiles", Full, ntInitializeNlsFiles),
	service("NtGetNlsSectionPtr", Full, ntGetNlsSectionPtr),
	service("NtQueryDefaultLocale", Full, ntQueryDefaultLocale),
	service("NtSetDefaultLocale", Partial("until the machine is switched off"), ntSetDefaultLocale),
	service("NtQueryDefaultUILanguage", Full, ntQueryDefaultUILanguage),
	service("NtSetDefaultUILanguage", Partial("the language that is installed"), ntSetDefaultUILanguage),
	service("NtQueryInstallUILanguage", Full, ntQueryInstallUILanguage),
	service("NtIsUILanguageComitted", Full, ntIsUILanguageComitted), // the name is misspelt on Windows
	service("NtFlushInstallUILanguage", Partial("the language that is installed"), ntFlushInstallUILanguage),
}

// localeEnglishUS is the LCID of en-US, and its language identifier: the machine is installed in it.
const localeEnglishUS = 0x409

// locales are the LCIDs that NtQueryDefaultLocale gives.
type locales struct{ system, user uint32 }

// The types of NtGetNlsSectionPtr's sections.
const (
	nlsSortKeys      = 9
	nlsCaseMap       = 10
	nlsCodePage      = 11
	nlsNormalization = 12
)

const (
	system32      = `C:\Windows\System32\`
	sortingFolder = `C:\Windows\Globalization\Sorting\`
)

// normalizationFiles are the tables by NORM_FORM (winnls.h); 13 is IDNA's.
var normalizationFiles = map[uint32]string{
	1: "normnfc.nls", 2: "normnfd.nls", 5: "normnfkc.nls", 6: "normnfkd.nls", 13: "normidna.nls",
}

// nlsFile returns the paths at which a table may lie: INVALID_PARAMETER_1 for a type that is none or a number of the sort keys,
// UNSUCCESSFUL for a number of the case map, of which there is one, OBJECT_NAME_NOT_FOUND.
func nlsFile(typ, data uint32) ([]string, ntdef.Status) {
	switch typ {
	case nlsSortKeys:
		if data != 0 {
			return nil, ntdef.STATUS_INVALID_PARAMETER_1
		}
		return []string{sortingFolder + "sortdefault.nls", system32 + "sortdefault.nls"}, ntdef.STATUS_SUCCESS
	case nlsCaseMap:
		if data != 0 {
			return nil, ntdef.STATUS_UNSUCCESSFUL
		}
		return []string{system32 + "l_intl.nls"}, ntdef.STATUS_SUCCESS
	case nlsCodePage:
		return []string{fmt.Sprintf("%sc_%03d.nls", system32, data)}, ntdef.STATUS_SUCCESS
	case nlsNormalization:
		if name := normalizationFiles[data]; name != "" {
			return []string{system32 + name}, ntdef.STATUS_SUCCESS
		}
		return nil, ntdef.STATUS_OBJECT_NAME_NOT_FOUND
	}
	return nil, ntdef.STATUS_INVALID_PARAMETER_1
}

// mapSystemFile maps the first file of some paths that is there, whole and read-only, and returns its size:
// OBJECT_NAME_NOT_FOUND without one.
func (p *Process) mapSystemFile(paths []string) (view ntmm.View, size uint64, st ntdef.Status) {
	for _, path := range paths {
		n, _, _, st := p.sys.volumes.find(path)
		if st != ntdef.STATUS_SUCCESS || n.folder {
			continue
		}
		if st := n.open(); st != ntdef.STATUS_SUCCESS {
			return view, 0, st
		}
		sec, st := p.sys.mm.NewSection(&n.sections, 0, ntdef.PAGE_READONLY, ntdef.SEC_COMMIT)
		if st != ntdef.STATUS_SUCCESS {
			return view, 0, st
		}
		defer sec.Close() // the view keeps the pages
		view.Protect = ntdef.PAGE_READONLY
		st = p.as.MapView(sec, &view)
		return view, n.content.Size(), st
	}
	return view, 0, ntdef.STATUS_OBJECT_NAME_NOT_FOUND
}

type initializeNlsFilesArgs struct {
	BaseAddress            ntdef.Ptr[uint64]
	DefaultLocaleID        ntdef.Ptr[uint32]
	DefaultCasingTableSize ntdef.Ptr[uint64]
}

// ntInitializeNlsFiles maps locale.nls. Windows 8 added a fourth argument, a version, which may be NULL; callers of before
// leave garbage there, so that it is not looked at.
func ntInitializeNlsFiles(t *Thread, a *initializeNlsFilesArgs) (ntdef.Status, error) {
	if err := t.probeAll(x86.Write, span{uint64(a.BaseAddress), 8}, span{uint64(a.DefaultLocaleID), 4}); err != nil {
		return 0, err
	}
	view, size, st := t.proc.mapSystemFile([]string{system32 + "locale.nls"})
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	if err := t.Store64(uint64(a.BaseAddress), uint64(view.Base)); err != nil {
		return 0, err
	}
	if err := t.Store32(uint64(a.DefaultLocaleID), t.sys.locales.system); err != nil {
		return 0, err
	}
	return ntdef.STATUS_SUCCESS, t.storeLength(a.DefaultCasingTableSize, size)
}

type getNlsSectionPtrArgs struct {
	SectionType    uint32
	SectionData    uint32
	ContextData    uint64
	SectionPointer ntdef.Ptr[uint64]
	SectionSize    ntdef.Ptr[uint64]
}

func ntGetNlsSectionPtr(t *Thread, a *getNlsSectionPtrArgs) (ntdef.Status, error) {
	paths, st := nlsFile(a.SectionType, a.SectionData)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	if err := t.probeAll(x86.Write, span{uint64(a.SectionPointer), 8}); err != nil {
		return 0, err
	}
	view, _, st := t.proc.mapSystemFile(paths)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	if err := t.Store64(uint64(a.SectionPointer), uint64(view.Base)); err != nil {
		return 0, err
	}
	return ntdef.STATUS_SUCCESS, t.storeLength(a.SectionSize, view.Size)
}

// span is a range of guest memory.
type span struct{ va, size uint64 }

// probeAll faults ranges in, so that a service changes nothing where it cannot answer.
func (t *Thread) probeAll(a x86.Access, spans ...span) error {
	for _, s := range spans {
		if err := t.Probe(s.va, s.size, a); err != nil {
			return err
		}
	}
	return nil
}

type queryDefaultLocaleArgs struct {
	UserProfile uint8 // a BOOLEAN
	Locale      ntdef.Ptr[uint32]
}

func ntQueryDefaultLocale(t *Thread, a *queryDefaultLocaleArgs) (ntdef.Status, error) {
	l := t.sys.locales.system
	if a.UserProfile != 0 {
		l = t.sys.locales.user
	}
	return ntdef.STATUS_SUCCESS, t.Store32(uint64(a.Locale), l)
}

type setDefaultLocaleArgs struct {
	UserProfile uint8 // a BOOLEAN
	Locale      uint32
}

// maxLocale holds the bits of an LCID: a language and a sort order.
const maxLocale = 0xfffff

func ntSetDefaultLocale(t *Thread, a *setDefaultLocaleArgs) (ntdef.Status, error) {
	switch {
	case a.Locale == 0 || a.Locale > maxLocale:
		return ntdef.STATUS_INVALID_PARAMETER, nil
	case a.UserProfile != 0:
		t.sys.locales.user = a.Locale
	default:
		t.sys.locales.system = a.Locale
	}
	return ntdef.STATUS_SUCCESS, nil
}

type languageOutArgs struct{ Language ntdef.Ptr[uint16] }

func ntQueryDefaultUILanguage(t *Thread, a *languageOutArgs) (ntdef.Status, error) {
	return ntdef.STATUS_SUCCESS, t.Store16(uint64(a.Language), localeEnglishUS)
}

func ntQueryInstallUILanguage(t *Thread, a *languageOutArgs) (ntdef.Status, error) {
	return ntdef.STATUS_SUCCESS, t.Store16(uint64(a.Language), localeEnglishUS)
}

type languageArgs struct{ Language uint16 }

// ntSetDefaultUILanguage chooses among the languages that are installed: there is one, which 0 means as well.
func ntSetDefaultUILanguage(_ *Thread, a *languageArgs) (ntdef.Status, error) {
	if a.Language != 0 && a.Language != localeEnglishUS {
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	return ntdef.STATUS_SUCCESS, nil
}

type isUILanguageComittedArgs struct{}

// ntIsUILanguageComitted asks whether setup has finished with the language: it has.
func ntIsUILanguageComitted(*Thread, *isUILanguageComittedArgs) (ntdef.Status, error) {
	return ntdef.STATUS_SUCCESS, nil
}

type flushInstallUILanguageArgs struct {
	Language uint16
	Commit   uint32
}

// ntFlushInstallUILanguage is setup's: it may write down the language that is there already.
func ntFlushInstallUILanguage(_ *Thread, a *flushInstallUILanguageArgs) (ntdef.Status, error) {
	if a.Language != localeEnglishUS {
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	return ntdef.STATUS_SUCCESS, nil
}
