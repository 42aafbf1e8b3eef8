package nt

import (
	"encoding/binary"
	"slices"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

type informationFileArgs struct {
	File     ntdef.Handle
	IOStatus uint64
	Buffer   uint64
	Length   uint32
	Class    uint32
}

// fileQuery is a class of NtQueryInformationFile (wdm.h, FILE_INFORMATION_CLASS; the layouts are those of [MS-FSCC] 2.4).
type fileQuery struct {
	name   string
	least  uint32 // bytes that the buffer must have; the rest may be cut off
	access uint32
	get    func(*fileQuestion) ([]byte, ntdef.Status)
}

// fileQuestion is what a class answers from: the file where it is on a disk.
type fileQuestion struct {
	t      *Thread
	file   ioObject
	access uint32 // of the handle
	disk   *fileObject
	info   FileInfo
}

var fileQueries = map[uint32]fileQuery{
	4:  {"Basic", 40, ntdef.FILE_READ_ATTRIBUTES, (*fileQuestion).basic},
	5:  {"Standard", 24, 0, (*fileQuestion).standard},
	6:  {"Internal", 8, 0, onDiskOnly(func(q *fileQuestion) []byte { return le64(q.info.ID) })},
	7:  {"Ea", 4, 0, onDiskOnly(func(*fileQuestion) []byte { return le32(0) })},
	8:  {"Access", 4, 0, func(q *fileQuestion) ([]byte, ntdef.Status) { return le32(q.access), ntdef.STATUS_SUCCESS }},
	9:  {"Name", 8, 0, (*fileQuestion).fileName},
	14: {"Position", 8, 0, (*fileQuestion).position},
	16: {"Mode", 4, 0, func(q *fileQuestion) ([]byte, ntdef.Status) { return le32(q.mode()), ntdef.STATUS_SUCCESS }},
	17: {"Alignment", 4, 0, func(*fileQuestion) ([]byte, ntdef.Status) { return le32(0), ntdef.STATUS_SUCCESS }},
	18: {"All", 104, ntdef.FILE_READ_ATTRIBUTES, (*fileQuestion).all},
	21: {"AlternateName", 8, 0, func(*fileQuestion) ([]byte, ntdef.Status) { return nil, ntdef.STATUS_OBJECT_NAME_NOT_FOUND }},
	22: {"Stream", 0, 0, onDiskOnly((*fileQuestion).streams)},
	23: {"Pipe", 8, 0, (*fileQuestion).pipe},
	24: {"PipeLocal", 40, 0, (*fileQuestion).pipeLocal},
	28: {"Compression", 16, 0, onDiskOnly(func(q *fileQuestion) []byte { return le64(q.info.Size, 0) })},
	34: {"NetworkOpen", 56, ntdef.FILE_READ_ATTRIBUTES, onDiskOnly(func(q *fileQuestion) []byte { return q.info.networkOpen() })},
	35: {"AttributeTag", 8, ntdef.FILE_READ_ATTRIBUTES, onDiskOnly(func(q *fileQuestion) []byte { return le32(q.info.attributes(), 0) })},
	41: {"IoCompletionNotification", 4, 0, func(q *fileQuestion) ([]byte, ntdef.Status) {
		return le32(q.file.io().notify), ntdef.STATUS_SUCCESS
	}},
	43: {"IoPriorityHint", 4, 0, onDiskOnly(func(*fileQuestion) []byte { return le32(2) })}, // normal
	46: {"HardLink", 8, 0, onDiskOnly((*fileQuestion).links)},
	48: {"NormalizedName", 8, 0, (*fileQuestion).fileName},
	51: {"IsRemoteDevice", 1, 0, onDiskOnly(func(*fileQuestion) []byte { return []byte{0} })},
	54: {"StandardLink", 12, 0, onDiskOnly(func(q *fileQuestion) []byte {
		return append(le32(1, 1), flagByte(q.info.DeletePending), flagByte(q.disk.node.folder), 0, 0)
	})},
	58: {"VolumeName", 8, 0, onDiskOnly(func(q *fileQuestion) []byte { return counted(deviceOf(q.info.Volume)) })},
	59: {"Id", 24, 0, onDiskOnly(func(q *fileQuestion) []byte { return le64(uint64(VolumeSerial(q.info.Volume)), q.info.ID, 0) })},
	68: {"Stat", 72, ntdef.FILE_READ_ATTRIBUTES, onDiskOnly((*fileQuestion).stat)},
	71: {"CaseSensitive", 4, ntdef.FILE_READ_ATTRIBUTES, onDiskOnly(func(*fileQuestion) []byte { return le32(0) })},
}

// onDiskOnly is a class that only files of a disk have.
func onDiskOnly(get func(*fileQuestion) []byte) func(*fileQuestion) ([]byte, ntdef.Status) {
	return func(q *fileQuestion) ([]byte, ntdef.Status) {
		if q.disk == nil {
			return nil, ntdef.STATUS_INVALID_DEVICE_REQUEST
		}
		return get(q), ntdef.STATUS_SUCCESS
	}
}

func le32(values ...uint32) (b []byte) {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

func le64(values ...uint64) (b []byte) {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

func flagByte(set bool) byte {
	if set {
		return 1
	}
	return 0
}

// counted is a text behind its length in bytes.
func counted(s string) []byte {
	text := EncodeUTF16(s)
	return append(le32(uint32(len(text))), text...)
}

// VolumeSerial is the serial number of a drive.
func VolumeSerial(letter byte) uint32 { return 0x7067_0000 | uint32(letter&^0x20) }

// size is what there is to read of what is not on a disk: of a pipe.
func (q *fileQuestion) size() (held, size uint64) {
	if e, ok := q.file.(*pipeEnd); ok {
		return uint64(e.in().size), uint64(e.in().available())
	}
	return q.info.allocated(), q.info.Size
}

func (q *fileQuestion) basic() ([]byte, ntdef.Status) {
	i := q.info
	if _, null := q.file.(*nullDevice); null {
		return nil, ntdef.STATUS_INVALID_DEVICE_REQUEST
	}
	return i.basic(), ntdef.STATUS_SUCCESS
}

func (q *fileQuestion) standard() ([]byte, ntdef.Status) {
	held, size := q.size()
	b := append(le64(held, size), le32(1)...) // links
	return append(b, flagByte(q.info.DeletePending), flagByte(q.disk != nil && q.disk.node.folder), 0, 0), ntdef.STATUS_SUCCESS
}

// name is the path on its volume, or the pipe's name.
func (q *fileQuestion) name() (string, ntdef.Status) {
	switch f := q.file.(type) {
	case *fileObject:
		return q.info.Path[2:], ntdef.STATUS_SUCCESS
	case *pipeEnd:
		return `\` + f.instance.pipe.name, ntdef.STATUS_SUCCESS
	case *pipeFolder:
		return `\`, ntdef.STATUS_SUCCESS
	}
	return "", ntdef.STATUS_INVALID_DEVICE_REQUEST
}

func (q *fileQuestion) fileName() ([]byte, ntdef.Status) {
	name, st := q.name()
	return counted(name), st
}

func (q *fileQuestion) position() ([]byte, ntdef.Status) {
	return le64(q.info.Position), ntdef.STATUS_SUCCESS
}

// mode is the part of the options that a file keeps.
func (q *fileQuestion) mode() uint32 {
	return q.file.io().options & (ntdef.FILE_WRITE_THROUGH | ntdef.FILE_SEQUENTIAL_ONLY | ntdef.FILE_NO_INTERMEDIATE_BUFFERING |
		synchronousIO | ntdef.FILE_DELETE_ON_CLOSE)
}

func (q *fileQuestion) all() ([]byte, ntdef.Status) {
	standard, _ := q.standard()
	name, st := q.fileName()
	return slices.Concat(q.info.basic(), standard, le64(q.info.ID), le32(0, q.access), le64(q.info.Position), le32(q.mode(), 0), name), st
}

// streams are the streams of a file: its contents.
func (q *fileQuestion) streams() []byte {
	if q.disk.node.folder {
		return nil
	}
	name := counted(dataStream)
	return slices.Concat(le32(0), name[:4], le64(q.info.Size, q.info.allocated()), name[4:])
}

// links are the names of a file: there is one.
func (q *fileQuestion) links() []byte {
	parent := uint64(0)
	if p := q.disk.node.parent; p != nil {
		parent = p.id
	}
	units := EncodeUTF16(q.info.Name)
	entry := slices.Concat(le32(0, 0), le64(parent), le32(uint32(len(units)/2)), units)
	return append(le32(uint32(8+len(entry)), 1), entry...)
}

func (q *fileQuestion) stat() []byte {
	b := q.info.times(le64(q.info.ID))
	return slices.Concat(b, le64(q.info.allocated(), q.info.Size), le32(q.info.attributes(), 0, 1, q.access))
}

func (q *fileQuestion) pipe() ([]byte, ntdef.Status) {
	switch e := q.file.(type) {
	case *pipeEnd:
		return le32(uint32(flagByte(e.messages)), uint32(flagByte(e.nowait))), ntdef.STATUS_SUCCESS
	case *stream:
		return le32(0, uint32(flagByte(e.nowait))), ntdef.STATUS_SUCCESS
	}
	return nil, ntdef.STATUS_INVALID_DEVICE_REQUEST
}

func (q *fileQuestion) pipeLocal() ([]byte, ntdef.Status) {
	e, ok := q.file.(*pipeEnd)
	if s, is := q.file.(*stream); is {
		return s.pipeLocal(), ntdef.STATUS_SUCCESS
	} else if !ok {
		return nil, ntdef.STATUS_INVALID_DEVICE_REQUEST
	}
	n := e.instance.pipe
	configuration := uint32(0) // inbound
	switch {
	case n.inbound && n.outbound:
		configuration = 2
	case n.outbound:
		configuration = 1
	}
	out := e.out()
	return le32(uint32(flagByte(n.messages)), configuration, n.most, uint32(len(n.instances)), uint32(n.in), uint32(e.in().available()),
		uint32(n.out), uint32(max(out.size-out.available(), 0)), e.state(), uint32(flagByte(e.server))), ntdef.STATUS_SUCCESS
}

func ntQueryInformationFile(t *Thread, a *informationFileArgs) (ntdef.Status, error) {
	if err := t.Probe(a.IOStatus, 16, x86.Write); err != nil {
		return 0, err
	}
	b, st := t.QueryFileInformation(a.File, a.Class, a.Length)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return t.fileAnswer(a.IOStatus, a.Buffer, a.Length, b)
}

// QueryFileInformation is NtQueryInformationFile with a buffer of some bytes: the whole answer, which may be longer. INVALID_INFO_CLASS,
// INFO_LENGTH_MISMATCH, INVALID_HANDLE, OBJECT_TYPE_MISMATCH, ACCESS_DENIED, INVALID_DEVICE_REQUEST.
func (t *Thread) QueryFileInformation(h ntdef.Handle, class, length uint32) ([]byte, ntdef.Status) {
	c, ok := fileQueries[class]
	switch {
	case !ok:
		t.sys.refuse(classOf("NtQueryInformationFile", class))
		return nil, ntdef.STATUS_INVALID_INFO_CLASS
	case length < c.least:
		return nil, ntdef.STATUS_INFO_LENGTH_MISMATCH
	}
	f, st := of[ioObject](t.proc, h)
	if st != ntdef.STATUS_SUCCESS {
		return nil, st
	}
	q := &fileQuestion{t: t, file: f, access: t.proc.handles.granted(h)}
	if t.lacks(q.access, c.access) {
		return nil, ntdef.STATUS_ACCESS_DENIED
	}
	if d, ok := f.(*fileObject); ok {
		q.disk, q.info = d, d.node.info()
		q.info.Position = d.position
	}
	return c.get(q)
}

// lacks reports whether rights that a class needs are not among those of a handle. Wine's own kernel does not look at the rights to a
// file's attributes, and its kernelbase relies on that where it moves files and sets their attributes.
func (t *Thread) lacks(granted, needs uint32) bool {
	if t.sys.wine() {
		needs &^= ntdef.FILE_READ_ATTRIBUTES | ntdef.FILE_WRITE_ATTRIBUTES
	}
	return granted&needs != needs
}

// fileAnswer writes the answer to a question about a file, cut off where the buffer ends: BUFFER_OVERFLOW.
func (t *Thread) fileAnswer(ioStatus, buffer uint64, length uint32, b []byte) (ntdef.Status, error) {
	st := ntdef.STATUS_SUCCESS
	if uint32(len(b)) > length {
		b, st = b[:length], ntdef.STATUS_BUFFER_OVERFLOW
	}
	if err := t.Write(buffer, b); err != nil {
		return 0, err
	}
	return st, t.storeIOStatus(ioStatus, st, uint64(len(b)))
}
