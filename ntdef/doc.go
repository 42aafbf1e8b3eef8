// Package ntdef is the vocabulary of Windows NT: status codes, memory constants, and the layouts of the structures that a
// guest and its kernel share. Names are the Windows SDK's own, spelled as there. It holds no behaviour but marshalling.
package ntdef
