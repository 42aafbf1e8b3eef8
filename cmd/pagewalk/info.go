package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/pagewalk/pagewalk"
	"github.com/pagewalk/pagewalk/loader"
	"github.com/pagewalk/pagewalk/winapi"
)

type infoCmd struct {
	Program string `arg:"" help:"The program: a PE64 file."`
}

// Run describes the program and says which of its imports the built-in DLLs provide.
func (c *infoCmd) Run(std stdio) error {
	f, err := os.Open(c.Program)
	if err != nil {
		return fmt.Errorf("open the program: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("open the program: %w", err)
	}
	if info.IsDir() {
		return fmt.Errorf("info %s: it is a directory", c.Program)
	}
	pe, err := loader.ParsePE(f, info.Size())
	if err == nil {
		err = pe.Native()
	}
	if err != nil {
		return fmt.Errorf("info %s: %w", c.Program, err)
	}
	var out bytes.Buffer
	describeHeaders(&out, pe)
	if err := describeImports(&out, pe); err != nil {
		return fmt.Errorf("info %s: %w", c.Program, err)
	}
	_, err = out.WriteTo(std.out)
	return err
}

func describeHeaders(w io.Writer, pe *loader.PE) {
	fmt.Fprintf(w, "image base     %#x, %#x bytes, entry point +%#x\n", pe.ImageBase, pe.SizeOfImage, pe.EntryPoint)
	fmt.Fprintf(w, "subsystem      %d, version %d.%d\n", pe.Subsystem, pe.MajorSubsystemVersion, pe.MinorSubsystemVersion)
	fmt.Fprintf(w, "stack          reserve %#x, commit %#x\n", pe.SizeOfStackReserve, pe.SizeOfStackCommit)
	fmt.Fprintf(w, "heap           reserve %#x, commit %#x\n", pe.SizeOfHeapReserve, pe.SizeOfHeapCommit)
	fmt.Fprintf(w, "characteristics %#x, DLL characteristics %#x\n\n", pe.Characteristics, pe.DllCharacteristics)
	fmt.Fprintf(w, "section        RVA         size        file        size\n")
	for _, s := range pe.Sections {
		rights := [...]byte{'-', '-', '-'}
		for i, bit := range []uint32{0x40000000, 0x80000000, 0x20000000} {
			if s.Characteristics&bit != 0 {
				rights[i] = "rwx"[i]
			}
		}
		fmt.Fprintf(w, "%-10q %s %#-11x %#-11x %#-11x %#x\n",
			s.Name, rights[:], s.VirtualAddress, s.VirtualSize, s.PointerToRawData, s.SizeOfRawData)
	}
}

// describeImports lists the imports, those that nothing provides marked.
func describeImports(w io.Writer, pe *loader.PE) error {
	imports, err := pe.Imports()
	if err != nil {
		return err
	}
	set, err := pagewalk.SystemDLLs()
	if err != nil {
		return err
	}
	provided, missing := 0, 0
	for _, imp := range imports {
		exports, host, err := builtinExports(set, imp.DLL)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "\n%s", imp.DLL)
		if host != strings.ToLower(imp.DLL) {
			fmt.Fprintf(w, " → %s", host)
		}
		fmt.Fprintln(w)
		for _, f := range imp.Functions {
			name := f.Name
			if f.ByOrdinal {
				name = fmt.Sprintf("#%d", f.Ordinal)
			}
			if exports != nil && (f.ByOrdinal && exports.ByOrdinal(uint32(f.Ordinal)) != nil || !f.ByOrdinal && exports.ByName(name) != nil) {
				provided++
				fmt.Fprintf(w, "  %s\n", name)
				continue
			}
			missing++
			fmt.Fprintf(w, "  %s (not provided: the run stops where it is called)\n", name)
		}
	}
	fmt.Fprintf(w, "\n%d imports, %d provided by the built-in DLLs, %d not\n", provided+missing, provided, missing)
	return nil
}

// builtinExports returns the exports of the built-in DLL behind a name, nil where there is none.
func builtinExports(set *winapi.Set, dll string) (*loader.Exports, string, error) {
	host := winapi.ResolveAPISet(strings.ToLower(dll))
	image := set.Images[host]
	if image == nil {
		return nil, host, nil
	}
	pe, err := loader.ParsePE(bytes.NewReader(image), int64(len(image)))
	if err != nil {
		return nil, host, err
	}
	exports, err := pe.Exports()
	return exports, host, err
}
