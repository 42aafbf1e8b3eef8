package nt

import (
	"encoding/binary"
	"strings"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// Volumes, and what is asked of devices.
var volumeServices = []Service{
	service("NtQueryVolumeInformationFile", Partial("classes 1, 3 to 5, 7, 8, 11"), ntQueryVolumeInformationFile),
	service("NtSetVolumeInformationFile", Partial("nothing may be set"), ntSetVolumeInformationFile),
	service("NtFsControlFile", Partial("pipes; no volume and no reparse point"), ntFsControlFile),
	service("NtDeviceIoControlFile", Partial("no device takes one"), ntDeviceIoControlFile),
}

// volumeQuery is a class of NtQueryVolumeInformationFile ([MS-FSCC] 2.5).
type volumeQuery struct {
	name  string
	least uint32
	get   func(q *volumeQuestion) ([]byte, ntdef.Status)
}

// volumeQuestion is what a class answers from.
type volumeQuestion struct {
	p     *Process
	file  ioObject
	drive byte // its letter, 0 where the file is on no disk
}

var volumeQueries = map[uint32]volumeQuery{
	1:  {"Volume", 24, onVolumesOnly((*volumeQuestion).volume)},
	3:  {"Size", 24, onVolumesOnly((*volumeQuestion).size)},
	4:  {"Device", 8, func(q *volumeQuestion) ([]byte, ntdef.Status) { return le32(q.device()), ntdef.STATUS_SUCCESS }},
	5:  {"Attribute", 16, (*volumeQuestion).attribute},
	7:  {"FullSize", 32, onVolumesOnly((*volumeQuestion).fullSize)},
	8:  {"ObjectId", 64, func(*volumeQuestion) ([]byte, ntdef.Status) { return nil, ntdef.STATUS_OBJECTID_NOT_FOUND }},
	11: {"SectorSize", 28, onVolumesOnly(func(*volumeQuestion) []byte { return le32(sectorSize, sectorSize, sectorSize, sectorSize, 3, 0, 0) })},
}

const sectorSize = 512

func onVolumesOnly(get func(*volumeQuestion) []byte) func(*volumeQuestion) ([]byte, ntdef.Status) {
	return func(q *volumeQuestion) ([]byte, ntdef.Status) {
		if q.drive == 0 {
			return nil, ntdef.STATUS_INVALID_DEVICE_REQUEST
		}
		return get(q), ntdef.STATUS_SUCCESS
	}
}

// VolumeLabel is the name of every drive, VolumeSystem that of its file system.
const (
	VolumeLabel  = "pagewalk"
	VolumeSystem = "NTFS"
)

// VolumeFlags are the file-system attributes of a drive (winnt.h, FILE_CASE_PRESERVED_NAMES and others).
func VolumeFlags(readOnly bool) uint32 {
	const casePreserved, unicodeOnDisk, readOnlyVolume = 0x2, 0x4, 0x80000
	if readOnly {
		return casePreserved | unicodeOnDisk | readOnlyVolume
	}
	return casePreserved | unicodeOnDisk
}

func (q *volumeQuestion) volume() []byte {
	label := counted(VolumeLabel)
	b := append(le64(bootTime), le32(VolumeSerial(q.drive))...)
	return append(append(append(b, label[:4]...), 0, 0), label[4:]...)
}

func (q *volumeQuestion) size() []byte {
	free, total, _, _ := q.p.DriveSpace(q.drive)
	return append(le64(total/clusterSize, free/clusterSize), le32(clusterSize/sectorSize, sectorSize)...)
}

func (q *volumeQuestion) fullSize() []byte {
	free, total, _, _ := q.p.DriveSpace(q.drive)
	return append(le64(total/clusterSize, free/clusterSize, free/clusterSize), le32(clusterSize/sectorSize, sectorSize)...)
}

// device is the type and the characteristics of the device that a file is on. The host's streams are passed on byte by byte: pipes.
func (q *volumeQuestion) device() (typ, characteristics uint32) {
	switch q.file.(type) {
	case *nullDevice:
		return ntdef.FILE_DEVICE_NULL, 0
	case *fileObject:
		typ, characteristics = ntdef.FILE_DEVICE_DISK, ntdef.FILE_DEVICE_IS_MOUNTED
		if q.p.sys.wine() {
			typ = wineDisk
		}
		if _, _, readOnly, _ := q.p.DriveSpace(q.drive); readOnly {
			characteristics |= ntdef.FILE_READ_ONLY_DEVICE
		}
		return typ, characteristics
	}
	return ntdef.FILE_DEVICE_NAMED_PIPE, 0
}

func (q *volumeQuestion) attribute() ([]byte, ntdef.Status) {
	name, flags := VolumeSystem, uint32(0)
	switch q.file.(type) {
	case *fileObject:
		_, _, readOnly, _ := q.p.DriveSpace(q.drive)
		flags = VolumeFlags(readOnly)
	case *pipeEnd, *pipeFolder:
		name = "NPFS"
	default:
		return nil, ntdef.STATUS_INVALID_DEVICE_REQUEST
	}
	return append(le32(flags, maxName), counted(name)...), ntdef.STATUS_SUCCESS
}

func ntQueryVolumeInformationFile(t *Thread, a *informationFileArgs) (ntdef.Status, error) {
	c, ok := volumeQueries[a.Class]
	switch {
	case !ok:
		t.sys.refuse(classOf("NtQueryVolumeInformationFile", a.Class))
		return ntdef.STATUS_INVALID_INFO_CLASS, nil
	case a.Length < c.least:
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	if err := t.Probe(a.IOStatus, 16, x86.Write); err != nil {
		return 0, err
	}
	f, st := of[ioObject](t.proc, a.File)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	q := &volumeQuestion{p: t.proc, file: f}
	if d, ok := f.(*fileObject); ok {
		q.drive = d.node.path()[0]
	}
	b, st := c.get(q)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return t.fileAnswer(a.IOStatus, a.Buffer, a.Length, b)
}

// ntSetVolumeInformationFile changes labels and quotas: nobody may.
func ntSetVolumeInformationFile(t *Thread, a *informationFileArgs) (ntdef.Status, error) {
	if _, st := of[ioObject](t.proc, a.File); st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	t.sys.refuse(classOf("NtSetVolumeInformationFile", a.Class))
	return ntdef.STATUS_ACCESS_DENIED, nil
}

type controlFileArgs struct {
	requestArgs
	Code         uint32
	Input        uint64
	InputLength  uint32
	Output       uint64
	OutputLength uint32
}

// The codes of NtFsControlFile that are known ([MS-FSCC] 2.3, devioctl.h).
const (
	fsctlPipeDisconnect  = 0x110004
	fsctlPipeListen      = 0x110008
	fsctlPipePeek        = 0x11400c
	fsctlPipeWait        = 0x110018
	fsctlPipeTransceive  = 0x11c017
	fsctlGetReparsePoint = 0x900a8
)

func ntFsControlFile(t *Thread, a *controlFileArgs) (ntdef.Status, error) {
	if err := t.Probe(a.IOStatus, 16, x86.Write); err != nil {
		return 0, err
	}
	r := a.request()
	r.Buffer, r.Length = a.Output, a.OutputLength
	st, _, err := t.FsControl(r, a.Code, a.Input, a.InputLength)
	return st, err
}

// FsControl is NtFsControlFile: the request's buffer is the output. It returns the status, and how many bytes came out.
func (t *Thread) FsControl(a *IORequest, code uint32, input uint64, length uint32) (ntdef.Status, uint32, error) {
	r, st := t.request(a, 0)
	if st != ntdef.STATUS_SUCCESS {
		return st, 0, nil
	}
	var err error
	if code == fsctlPipeTransceive {
		st, err = t.transceive(r, input, length)
	} else {
		st, err = t.control(r, code, input, length)
	}
	return st, uint32(r.information), err
}

// WaitPipe is FSCTL_PIPE_WAIT through a handle of the folder of all pipes: until an instance of the pipe listens, for some nanoseconds, or,
// where none are given, as long as the pipe says. OBJECT_NAME_NOT_FOUND, IO_TIMEOUT.
func (t *Thread) WaitPipe(a *IORequest, name string, timeout uint64, given bool) (ntdef.Status, error) {
	r, st := t.request(a, 0)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return t.perform(r, "a pipe to listen", func() (ntdef.Status, error) { return t.sys.waitPipe(r, name, timeout, given), nil })
}

func (t *Thread) control(r *ioRequest, code uint32, input uint64, length uint32) (ntdef.Status, error) {
	return t.perform(r, "a client of its pipe", func() (ntdef.Status, error) {
		switch f := r.file.(type) {
		case *pipeEnd:
			switch code {
			case fsctlPipeListen:
				return f.listen(r), nil
			case fsctlPipeDisconnect:
				return f.disconnect(), nil
			case fsctlPipePeek:
				return r.peek(f)
			}
		case *stream:
			if code == fsctlPipePeek {
				return r.peek(f)
			}
		case *pipeFolder:
			if code == fsctlPipeWait {
				return t.waitRequest(r, input, length)
			}
		case *fileObject:
			if code == fsctlGetReparsePoint {
				return ntdef.STATUS_NOT_A_REPARSE_POINT, nil
			}
		}
		return ntdef.STATUS_INVALID_DEVICE_REQUEST, nil
	})
}

// peek is FSCTL_PIPE_PEEK: state, bytes, messages, the length of the first, and data. BUFFER_OVERFLOW where a message does not fit.
func (r *ioRequest) peek(e peeker) (ntdef.Status, error) {
	const header = 16
	if r.Length < header {
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	b := make([]byte, min(r.Length-header, maxQuota))
	n, available, left, st := e.peek(b)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	messages, first := uint32(0), uint32(0)
	if e, ok := e.(*pipeEnd); ok && e.messages {
		messages, first = uint32(len(e.in().chunks)), uint32(n+left)
	}
	if err := r.put(append(le32(e.state(), uint32(available), messages, first), b[:n]...)); err != nil {
		return 0, err
	}
	r.information = uint64(r.done)
	if left > 0 {
		return ntdef.STATUS_BUFFER_OVERFLOW, nil
	}
	return st, nil
}

// waitRequest is FSCTL_PIPE_WAIT: a FILE_PIPE_WAIT_FOR_BUFFER has the timeout, whether that counts, and the name.
func (t *Thread) waitRequest(r *ioRequest, input uint64, length uint32) (ntdef.Status, error) {
	const header = 14
	if length < header {
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	var b [header]byte
	if err := t.Read(input, b[:]); err != nil {
		return 0, err
	}
	timeout, n := int64(binary.LittleEndian.Uint64(b[:])), binary.LittleEndian.Uint32(b[8:])
	if n > length-header || n&1 != 0 || n > 0xfffe {
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	name := make([]byte, n)
	if err := t.Read(input+header, name); err != nil {
		return 0, err
	}
	wait := uint64(Infinite)
	if timeout != -1<<63 {
		wait = t.sys.Until(timeout)
	}
	return t.sys.waitPipe(r, strings.TrimPrefix(decodeUTF16(name), `\`), wait, b[12] != 0), nil
}

// transceive is FSCTL_PIPE_TRANSCEIVE: a message is written and its answer read. INVALID_PIPE_STATE where the pipe is not read by
// messages, PIPE_BUSY where something is there to read.
func (t *Thread) transceive(r *ioRequest, input uint64, length uint32) (ntdef.Status, error) {
	e, ok := r.file.(*pipeEnd)
	return t.perform(r, "an answer through its pipe", func() (ntdef.Status, error) {
		switch {
		case !ok:
			return ntdef.STATUS_INVALID_DEVICE_REQUEST, nil
		case !e.messages || e.state() != pipeConnected:
			return ntdef.STATUS_INVALID_PIPE_STATE, nil
		case len(e.in().chunks) > 0 || len(e.in().readers) > 0:
			return ntdef.STATUS_PIPE_BUSY, nil
		case length > maxMessage:
			return ntdef.STATUS_INSUFFICIENT_RESOURCES, nil
		}
		message := make([]byte, length)
		if err := t.Read(input, message); err != nil {
			return 0, err
		}
		if _, st := e.force(message); st != ntdef.STATUS_SUCCESS {
			return st, nil
		}
		st, err := e.read(r)
		r.information = uint64(r.done)
		return st, err
	})
}

// ntDeviceIoControlFile has no device that answers: there is no console, and disks are folders of the host.
func ntDeviceIoControlFile(t *Thread, a *controlFileArgs) (ntdef.Status, error) {
	if err := t.Probe(a.IOStatus, 16, x86.Write); err != nil {
		return 0, err
	}
	if _, st := of[ioObject](t.proc, a.File); st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return ntdef.STATUS_INVALID_DEVICE_REQUEST, nil
}
