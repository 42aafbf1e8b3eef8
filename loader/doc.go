// Package loader parses executable files. It knows formats and no address spaces: it reads through an io.ReaderAt and
// returns what the headers say.
//
// ParsePE reads PE32+ images for x86-64, and PE32 ones for i386, which only lend their data, as they lie in a file; ParseMappedPE reads
// what is executed as it lies in memory, where an offset is an RVA (Microsoft PE Format specification). debug/pe is not enough: it drops
// imports by ordinal, TLS, relocations and the load configuration.
//
// FunctionSymbols reads the COFF symbol table, which is of the file and not of the image.
//
// Everything is bounded by the data that is there: a count in a header allocates nothing, strings end within 4096 bytes,
// those of one table within 32 MiB (entries may share a name), and tables end with their directory, their section or the
// image. Errors are *FormatError and say in one line what is wrong with which value; a failure of the reader is passed on.
package loader
