package nt

import "github.com/pagewalk/pagewalk/ntdef"

// Who gets a handle to what (Windows Internals, part 1 ch. 7, "Protecting objects"). A handle to an object that is there is opened by
// openHandle, whether the object was found by its name, by an identifier or through another handle; who makes an object gets what he
// asks for (creatorHandle). What an object without a descriptor is asked for is granted: what the machine boots with is open to all
// but for a few.

// subject is the token by which the process's doings are judged: the one that its running thread impersonates, else its own.
func (p *Process) subject() *token {
	if t := p.sys.thread(); t != nil && t.proc == p && t.impersonating != nil {
		return t.impersonating
	}
	return p.token
}

// weak reports whether the token only tells who somebody is: nothing can be done with it.
func (t *token) weak() bool { return t.kind == tokenImpersonation && t.level < securityImpersonation }

// securityOf is where an object's descriptor is: that of a key or a file is common to all that have it open.
func securityOf(o object) **descriptor {
	switch o := o.(type) {
	case *keyObject:
		if o.key != nil {
			return &o.key.security
		}
	case *fileObject:
		return &o.node.security
	case *pipeEnd:
		return &o.instance.pipe.security
	}
	return &o.head().security
}

// openHandle opens a handle to an object that is there with the rights that its descriptor grants of those asked for.
func (p *Process) openHandle(o object, access, attributes uint32) (ntdef.Handle, ntdef.Status) {
	access, st := p.mayOpen(o, access)
	if st != ntdef.STATUS_SUCCESS {
		return 0, st
	}
	if s, ok := o.(*sectionObject); ok {
		if st := s.ready(p.sys); st != ntdef.STATUS_SUCCESS {
			return 0, st
		}
	}
	return p.handles.open(o, access, attributes)
}

// creatorHandle opens the first handle to an object: PRIVILEGE_NOT_HELD.
func (p *Process) creatorHandle(o object, access, attributes uint32) (ntdef.Handle, ntdef.Status) {
	if access&accessSystemSecurity != 0 && !p.Holds(SeSecurityPrivilege) {
		return 0, ntdef.STATUS_PRIVILEGE_NOT_HELD
	}
	return p.handles.open(o, access, attributes)
}

// mayOpen decides what a handle to an object gets of the rights asked for. ACCESS_DENIED, PRIVILEGE_NOT_HELD, BAD_IMPERSONATION_LEVEL for
// a thread that acts for somebody whom it may only identify.
func (p *Process) mayOpen(o object, access uint32) (uint32, ntdef.Status) {
	return mayOpenAs(p.subject(), o, access)
}

func mayOpenAs(tok *token, o object, access uint32) (uint32, ntdef.Status) {
	typ := typeOf(o)
	if tok.holds(SeDebugPrivilege) {
		switch o.(type) {
		case *processObject, *threadObject:
			return access &^ accessSystemSecurity, ntdef.STATUS_SUCCESS
		}
	}
	d := *securityOf(o)
	if d == nil {
		d = openToAll
	}
	if tok.weak() {
		return 0, ntdef.STATUS_BAD_IMPERSONATION_LEVEL
	}
	return d.check(tok, typ.specific(access)&(typ.all|typ.more|maximumAllowed|accessSystemSecurity), typ)
}

// openToAll stands for the descriptor of an object that has none.
var openToAll = &descriptor{}

// mayAdd decides whether something may be made in a container: ACCESS_DENIED, BAD_IMPERSONATION_LEVEL.
func (p *Process) mayAdd(container object, right uint32) ntdef.Status {
	_, st := p.mayOpen(container, right)
	return st
}

// secure gives an object that is made its descriptor; see descriptorOf.
func (p *Process) secure(o object, given givenSecurity, in object, named bool) ntdef.Status {
	d, st := p.descriptorOf(typeOf(o), isContainer(o), given, in, named)
	if st == ntdef.STATUS_SUCCESS {
		st = p.sys.protect(o, d)
	}
	return st
}

// descriptorOf is the descriptor of a new object: what the caller says, what its container's DACL hands down, and of what is then
// missing what the token says ("DACL for a New Object" in Microsoft's documentation). named is whether it has a name: objects
// without one have no descriptor that nobody gave them, but for those of a few types; files and keys have none in a container that has
// none. INVALID_OWNER, PRIVILEGE_NOT_HELD, and what speaks against the descriptor itself.
func (p *Process) descriptorOf(typ *objectType, container bool, given givenSecurity, in object, named bool) (*descriptor, ntdef.Status) {
	var above *descriptor
	if in != nil {
		above = *securityOf(in)
	}
	switch {
	case given.refused != ntdef.STATUS_SUCCESS:
		return nil, given.refused
	case given.descriptor != nil:
	case !named && !typ.secured, typ.inheritsAlways() && above == nil:
		return nil, ntdef.STATUS_SUCCESS
	}
	return p.newDescriptor(given.descriptor, above, typ, container)
}

// inheritsAlways reports whether objects of the type have their descriptors from their containers.
func (t *objectType) inheritsAlways() bool { return t.name == "Key" || t.name == "File" }

// isContainer reports whether things are made in an object.
func isContainer(o object) bool {
	switch o := o.(type) {
	case *directory, *keyObject:
		return true
	case *fileObject:
		return o.node.folder
	}
	return false
}

// newDescriptor is the descriptor of a new object; given and above may be nil.
func (p *Process) newDescriptor(given, above *descriptor, typ *objectType, container bool) (*descriptor, ntdef.Status) {
	tok := p.subject()
	if given == nil && (above == nil || above.dacl == nil) {
		return tok.descriptorFor(typ), ntdef.STATUS_SUCCESS
	}
	d := &descriptor{}
	if given != nil {
		*d = *given
	}
	switch {
	case d.owner == nil:
		d.owner = &tok.owner
	case !tok.mayOwn(*d.owner) && !p.Holds(SeRestorePrivilege):
		return nil, ntdef.STATUS_INVALID_OWNER
	}
	if d.group == nil {
		d.group = &tok.primaryGroup
	}
	if st := p.mayAudit(d.sacl); st != ntdef.STATUS_SUCCESS {
		return nil, st
	}
	var from []ace
	if above != nil && d.control&daclProtected == 0 {
		mark := uint8(0)
		if typ.inheritsAlways() {
			mark = inheritedACE
		}
		from = inherited(above.dacl, typ, container, *d.owner, *d.group, mark)
	}
	explicit := d.control&daclPresent != 0 && (d.control&daclDefaulted == 0 || len(from) == 0)
	switch {
	case explicit && d.dacl == nil: // everybody may do everything
	case explicit:
		d.dacl = appendACL(mapped(d.dacl, typ), from...)
	case len(from) > 0:
		d.dacl = newACL(from...)
	default:
		d.dacl = mapped(tok.defaultDacl, typ)
	}
	d.control &^= daclDefaulted
	if d.dacl != nil {
		d.control |= daclPresent
	}
	if len(d.dacl) > maxACL {
		return nil, ntdef.STATUS_INVALID_ACL
	}
	return d, ntdef.STATUS_SUCCESS
}

// mayAudit looks at a system ACL that an object is to have. Its labels are kept: nobody is of a lower level than the one user, so that they
// keep nobody out. PRIVILEGE_NOT_HELD for a label above him and for what is to be audited; with the privilege that is NOT_SUPPORTED.
func (p *Process) mayAudit(sacl []byte) ntdef.Status {
	entries, _ := parseACL(sacl)
	for _, e := range entries {
		switch {
		case e.kind == mandatoryLabel && len(e.sid.Sub) == 1 && e.sid.Authority == mediumSID.Authority && e.sid.Sub[0] <= mediumSID.Sub[0]:
		case e.kind == mandatoryLabel, !p.Holds(SeSecurityPrivilege):
			return ntdef.STATUS_PRIVILEGE_NOT_HELD
		default:
			p.sys.refuse("a system ACL")
			return ntdef.STATUS_NOT_SUPPORTED
		}
	}
	return ntdef.STATUS_SUCCESS
}

// protect gives an object a descriptor in place of the one that it has. INSUFFICIENT_RESOURCES where the pool has no room, of a file's
// volume DISK_FULL.
func (s *System) protect(o object, d *descriptor) ntdef.Status {
	if f, ok := o.(*fileObject); ok {
		return f.node.protect(d)
	}
	if !s.charge(d.cost()) {
		return ntdef.STATUS_INSUFFICIENT_RESOURCES
	}
	at := securityOf(o)
	s.release((*at).cost())
	*at = d
	return ntdef.STATUS_SUCCESS
}

// unprotect takes an object's descriptor away as it ends.
func (s *System) unprotect(at **descriptor) {
	s.release((*at).cost())
	*at = nil
}

// unuse takes one of an object's uses away. Without any, and without a handle, it is gone.
func (s *System) unuse(o object) {
	h := o.head()
	if h.uses--; h.uses == 0 && h.handles == 0 {
		s.unprotect(&h.security)
	}
}

// descriptorFor is that of an object which nobody gave one: owner, group and DACL are the token's for what its user makes.
func (t *token) descriptorFor(typ *objectType) *descriptor {
	if t.usual == nil {
		t.usual = map[*objectType]*descriptor{}
	}
	d := t.usual[typ]
	if d == nil {
		owner, group := t.owner, t.primaryGroup
		d = &descriptor{owner: &owner, group: &group, dacl: mapped(t.defaultDacl, typ), shared: true}
		if d.dacl != nil {
			d.control = daclPresent
		}
		t.usual[typ] = d
	}
	return d
}

// givenSecurity is a descriptor that a caller has for what it makes.
type givenSecurity struct {
	descriptor *descriptor  // nil: none
	refused    ntdef.Status // what is wrong with it
}

// SecurityAttributes is what a SECURITY_ATTRIBUTES says: of an object that is made, and of the handle to it.
type SecurityAttributes struct {
	Inherit bool // by children

	security givenSecurity
}

// SecurityAttributes reads a SECURITY_ATTRIBUTES, which may be NULL. What is wrong with the descriptor is found by whoever makes
// an object with it.
func (t *Thread) SecurityAttributes(va uint64) (a SecurityAttributes, err error) {
	if va == 0 {
		return a, nil
	}
	at, err := t.Load64(va + 8)
	if err != nil {
		return a, err
	}
	inherit, err := t.Load32(va + 16)
	if err != nil || at == 0 {
		return SecurityAttributes{Inherit: inherit != 0}, err
	}
	d, err := t.loadDescriptor(at)
	st, err := serviceStatus(ntdef.STATUS_SUCCESS, err)
	return SecurityAttributes{inherit != 0, givenSecurity{d, st}}, err
}

// securable returns the object of a handle with the rights that parts of its descriptor need.
func (t *Thread) securable(h ntdef.Handle, need uint32) (object, ntdef.Status) {
	o := t.proc.resolve(t, h)
	switch {
	case o == nil:
		return nil, ntdef.STATUS_INVALID_HANDLE
	case h != ntdef.CurrentProcess && h != ntdef.CurrentThread && t.proc.handles.granted(h)&need != need:
		return nil, ntdef.STATUS_ACCESS_DENIED
	}
	if k, ok := o.(*keyObject); ok && k.key != nil && k.key.deleted {
		return nil, ntdef.STATUS_KEY_DELETED
	}
	return o, ntdef.STATUS_SUCCESS
}

// described returns an object's descriptor: what the machine has booted with is its user's; nil for what has none.
func (p *Process) described(o object) *descriptor {
	if d := *securityOf(o); d != nil {
		return d
	}
	switch o.(type) {
	case *fileObject, *keyObject:
	default:
		if h := o.head(); h.dir == nil && !typeOf(o).secured {
			return nil
		}
	}
	return p.token.descriptorFor(typeOf(o))
}
