// Package tlb models translation lookaside buffers as pure state: it is told what was looked up, filled and invalidated,
// and says what a processor of a Profile would hold. It never reads page tables; package mmu walks and fills.
//
// A Hierarchy has a first level for instructions and one for data, each split by page size as the profile says, and an
// optional second level, shared or one for each. Every structure is sets × ways with LRU, tree-PLRU or random replacement
// inside a set. An entry is tagged by virtual page number, page size and PCID; a global entry matches every PCID
// (SDM vol. 3A 4.10.2). Beside them are the paging-structure caches, from which a walk may begin behind the tables that it
// has read before (4.10.3).
//
// The levels are inclusive from the hierarchy's point of view: an access that misses the first level and hits the second
// copies the entry up; what falls out of the last level that holds it is reported to the owner, whose own caches may hold
// only what is here.
//
// The profile "ideal" has one structure without limit: it holds every translation until an invalidation.
package tlb
