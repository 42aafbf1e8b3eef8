// Package ntmm is the memory manager: it owns the page tables of every address space, the physical frames and the
// accounting of commit, and answers page faults as Windows NT does (Windows Internals, part 1 ch. 5).
//
// # What a page is
//
// An AddressSpace has a tree of virtual address descriptors (VADs), one for each reservation or view. The page tables lie
// in guest memory in hardware format. A page's state is in exactly one place: its PTE, or, where the PTE is zero, its VAD.
//
//   - PTE valid: the page is resident; bits 56:52, which hardware ignores, keep its protection code.
//   - PTE invalid, not zero: a software format (pte.go) with a protection code: demand zero, decommitted, or an image page
//     whose protection was changed before it was touched.
//   - PTE zero, or no page table: the VAD says it: reserved, committed with the VAD's protection, or a page of an image
//     section with its section's.
//
// # Where frames come from
//
// The PFN database has an entry for each frame in use (pfn.go). A frame that was never used is zero and needs no entry:
// the zeroed list begins as an interval, so that starting a machine costs the same whatever its RAM.
//
// # What a fault does
//
// Fault looks at the VAD and the PTE, in this order: no VAD or not committed, no access: an access violation. Guard: the
// guard is cleared on that page alone, then the stack grows or STATUS_GUARD_PAGE_VIOLATION is raised. The protection does not
// allow the access: an access violation. A valid copy-on-write page that is written: a private copy. An image page: it is
// read from its file once for all views. Else a zeroed frame. Nothing on this path allocates.
//
// Not here yet, and refused by status where asked for: page replacement and page files (the limit they add to commit is
// counted), data-file and page-file sections, large pages, AWE, write watch, MEM_RESET, placeholders.
package ntmm
