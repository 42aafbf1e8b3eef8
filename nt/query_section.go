package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/loader"
	"github.com/pagewalk/pagewalk/ntdef"
)

// The classes of NtQuerySection (ntmmapi.h, SECTION_INFORMATION_CLASS).
const (
	sectionBasicInformation         = 0
	sectionImageInformation         = 1
	sectionRelocationInformation    = 2 // by how much ASLR moved an image
	sectionOriginalBaseInformation  = 3 // where its file wants to be
	sectionInternalImageInformation = 4 // the image's, and what of it is guarded
)

// sectionInfoSizes are their least lengths.
var sectionInfoSizes = [...]uint64{
	sectionBasicInformation: 24, sectionImageInformation: imageInformationSize, sectionRelocationInformation: 8,
	sectionOriginalBaseInformation: 8, sectionInternalImageInformation: imageInformationSize + 8,
}

const imageInformationSize = 64

type querySectionArgs struct {
	Section      ntdef.Handle
	Class        uint32
	Buffer       uint64
	Length       uint64
	ReturnLength ntdef.Ptr[uint64]
}

// ntQuerySection: INVALID_INFO_CLASS, INFO_LENGTH_MISMATCH, then what is wrong with the handle, SECTION_NOT_IMAGE.
func ntQuerySection(t *Thread, a *querySectionArgs) (ntdef.Status, error) {
	if a.Class >= uint32(len(sectionInfoSizes)) {
		t.sys.refuse(classOf("NtQuerySection", a.Class))
		return ntdef.STATUS_INVALID_INFO_CLASS, nil
	}
	n := sectionInfoSizes[a.Class]
	if a.Length < n {
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	o, st := t.proc.section(a.Section)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return st, nil
	case t.proc.handles.granted(a.Section)&SECTION_QUERY == 0:
		return ntdef.STATUS_ACCESS_DENIED, nil
	case a.Class != sectionBasicInformation && o.image == nil:
		return ntdef.STATUS_SECTION_NOT_IMAGE, nil
	}
	b, le := make([]byte, n), binary.LittleEndian
	switch a.Class {
	case sectionBasicInformation:
		info := o.mm.Info()
		le.PutUint32(b[8:], info.Attributes)
		le.PutUint64(b[16:], info.Size)
	case sectionRelocationInformation:
		le.PutUint64(b, o.image.moved())
	case sectionOriginalBaseInformation:
		le.PutUint64(b, o.image.PE.ImageBase)
	case sectionImageInformation:
		o.image.putInformation(b)
	case sectionInternalImageInformation:
		o.image.putInformation(b)
		le.PutUint32(b[imageInformationSize:], o.image.extendedFlags())
	}
	if err := t.Write(a.Buffer, b); err != nil {
		return 0, err
	}
	return ntdef.STATUS_SUCCESS, t.storeLength(a.ReturnLength, n)
}

// moved is by how much the image lies beside the base that its file was linked for.
func (s *Section) moved() uint64 {
	if s.base == 0 {
		return 0
	}
	return uint64(s.base) - s.PE.ImageBase
}

// The flags of SECTION_IMAGE_INFORMATION.
const (
	imageComPlusNativeReady   = 1 // managed code of a PE32 image that runs on every machine
	imageComPlusILOnly        = 2
	imageDynamicallyRelocated = 4
	imageBaseBelow4GB         = 0x10
	imageComPlusPrefer32bit   = 0x20
)

// comFlags says what managed code an image has. Before version 2.5 of its header a PE32 image did not say whether it needs 32 bits.
func (s *Section) comFlags() (flags uint8) {
	h, err := s.PE.COMHeader()
	if err != nil || h == nil || h.Flags&loader.COMILOnly == 0 {
		return 0
	}
	flags = imageComPlusILOnly
	if s.PE.Width() == 4 {
		says := h.MajorRuntimeVersion > 2 || h.MajorRuntimeVersion == 2 && h.MinorRuntimeVersion >= 5
		if says && h.Flags&loader.COM32BitRequired == 0 {
			flags |= imageComPlusNativeReady
		}
		if h.Flags&loader.COM32BitPreferred != 0 {
			flags |= imageComPlusPrefer32bit
		}
	}
	return flags
}

// putInformation fills a SECTION_IMAGE_INFORMATION from the headers. ZeroBits is 0, as of every 64-bit image.
func (s *Section) putInformation(b []byte) {
	pe, le := s.PE, binary.LittleEndian
	base := pe.ImageBase + s.moved()
	le.PutUint64(b[0:], base+uint64(pe.EntryPoint)) // TransferAddress
	le.PutUint64(b[16:], pe.SizeOfStackReserve)
	le.PutUint64(b[24:], pe.SizeOfStackCommit)
	le.PutUint32(b[32:], uint32(pe.Subsystem))
	le.PutUint16(b[36:], pe.MinorSubsystemVersion)
	le.PutUint16(b[38:], pe.MajorSubsystemVersion)
	le.PutUint16(b[40:], pe.MajorOSVersion)
	le.PutUint16(b[42:], pe.MinorOSVersion)
	le.PutUint16(b[44:], pe.Characteristics)
	le.PutUint16(b[46:], pe.DllCharacteristics)
	le.PutUint16(b[48:], pe.Machine)
	if pe.SizeOfCode != 0 || pe.EntryPoint != 0 {
		b[50] = 1 // ImageContainsCode
	}
	b[51] |= s.comFlags()
	if pe.DllCharacteristics&imageDynamicBase != 0 && pe.Characteristics&1 == 0 {
		b[51] |= imageDynamicallyRelocated
	}
	if base+uint64(pe.SizeOfImage) <= 1<<32 {
		b[51] |= imageBaseBelow4GB
	}
	le.PutUint32(b[52:], pe.LoaderFlags)
	le.PutUint32(b[56:], uint32(pe.FileSize()))
	le.PutUint32(b[60:], pe.CheckSum)
}

// extendedFlags says what of an image is guarded: SECTION_INTERNAL_IMAGE_INFORMATION.
func (s *Section) extendedFlags() uint32 {
	const guardCF = 0x4000 // IMAGE_DLLCHARACTERISTICS_GUARD_CF
	var flags uint32
	put := func(set bool, bit uint) {
		if set {
			flags |= 1 << bit
		}
	}
	// Of load configurations, IMAGE_GUARD_* (winnt.h).
	const exportSuppressionInfo, enableExportSuppression, xfgEnabled = 0x4000, 0x8000, 0x800000
	if c, err := s.PE.LoadConfig(); err == nil && c != nil {
		put(c.GuardFlags&enableExportSuppression != 0, 0)
		put(c.GuardFlags&xfgEnabled != 0, 2)
		put(c.GuardFlags&exportSuppressionInfo != 0, 8)
	}
	put(s.PE.DllCharacteristics&guardCF != 0, 9)
	ex := s.PE.ExDllCharacteristics() // IMAGE_DLLCHARACTERISTICS_EX_CET_*: COMPAT, then the five that follow it
	return flags | ex&1<<1 | ex&0x3e<<2
}
