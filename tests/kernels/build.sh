#!/bin/sh
# Builds the kernels: nasm and GNU ld. The binaries are committed, so that the tests need Go alone.
set -e
cd "$(dirname "$0")"
for source in "${@:-hello}"; do
	nasm -f elf32 -o "$source.o" "$source.asm"
	ld -m elf_i386 -N -s -Ttext=0x100000 --build-id=none -e start -o "$source.elf" "$source.o"
	rm "$source.o"
done
