//go:build ignore

// Loadconfig puts the load configuration that a program carries behind the eight bytes LOADCONF into its headers, and says there that
// it was built for control-flow guard: go run loadconfig.go cfg.exe.
package main

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"log"
	"os"
)

func main() {
	name := os.Args[1]
	b, err := os.ReadFile(name)
	if err != nil {
		log.Fatal(err)
	}
	f, err := pe.NewFile(bytes.NewReader(b))
	if err != nil {
		log.Fatal(err)
	}
	const mark, guardCF, loadConfig = "LOADCONF", 0x4000, 10
	at := bytes.Index(b, []byte(mark)) + len(mark)
	optional := int(binary.LittleEndian.Uint32(b[0x3c:])) + 24
	for _, s := range f.Sections {
		if off := at - int(s.Offset); off >= len(mark) && off < int(s.Size) {
			le, directory := binary.LittleEndian, b[optional+112+8*loadConfig:]
			le.PutUint32(directory, s.VirtualAddress+uint32(off))
			le.PutUint32(directory[4:], le.Uint32(b[at:]))
			le.PutUint16(b[optional+70:], le.Uint16(b[optional+70:])|guardCF)
			if err := os.WriteFile(name, b, 0o755); err != nil {
				log.Fatal(err)
			}
			return
		}
	}
	log.Fatalf("%s carries no load configuration", name)
}
