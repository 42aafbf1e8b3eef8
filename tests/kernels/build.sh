#!/usr/bin/env bash
# Builds the test kernels (nasm, gcc, binutils); the binaries are committed. With names as arguments, only those.
set -euo pipefail
cd "$(dirname "$0")"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cc64=(gcc -m64 -std=gnu11 -O2 -ffreestanding -fno-pic -fno-pie -mno-red-zone -mgeneral-regs-only -mcmodel=small
	-fno-stack-protector -fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns -Wall -Wextra -Ilib)
asm64=(nasm -f elf64 -Ilib/)

object() { # source
	local o=$out/${1//\//_}.o
	case $1 in
	*.asm) "${asm64[@]}" -o "$o" "$1" ;;
	*.c) "${cc64[@]}" -c -o "$o" "$1" ;;
	esac
	objects+=("$o")
}

kernel() { # name sources…
	local name=$1
	shift
	[ ${#only[@]} = 0 ] || [[ " ${only[*]} " == *" $name "* ]] || return 0
	objects=()
	for s in lib/boot.asm lib/trap.asm lib/serial.c lib/machine.c "$@"; do object "$s"; done
	ld -m elf_x86_64 -n -nostdlib -z noexecstack --no-warn-rwx-segments -T lib/kernel.ld -o "$out/$name" "${objects[@]}"
	objcopy --strip-all -O elf32-i386 "$out/$name" "$name.elf"
	echo "$name.elf $(stat -c %s "$name.elf")"
}

only=("$@")
# The 32-bit program of the kernel compat, at the address of the test region; and for Linux, with "native" as an argument.
cc32=(gcc -m32 -std=gnu11 -O2 -march=x86-64-v2 -ffreestanding -fno-pic -fno-pie -fno-stack-protector -fno-math-errno -Wall -Wextra
	-fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns)
compat() {
	local o=$out/compat link=(ld -m elf_i386 -nostdlib -z noexecstack --no-warn-rwx-segments)
	"${cc32[@]}" "$@" -mfpmath=sse -c -o "$o.program.o" compat/program.c
	"${cc32[@]}" -mfpmath=sse -DFLOATS=floats_sse -c -o "$o.sse.o" compat/floats.c
	"${cc32[@]}" -mfpmath=387 -DFLOATS=floats_x87 -c -o "$o.x87.o" compat/floats.c
	if [ $# = 0 ]; then
		"${link[@]}" -N -T compat/program.ld -o "$o.elf" "$o".*.o
		objcopy -O binary "$o.elf" "$o.bin"
	else
		"${link[@]}" -o compat/native "$o".*.o
	fi
}
if [ "$*" = native ]; then
	compat -DNATIVE
	exit
fi

kernel exceptions exceptions.asm lib/cases.c
kernel system system.asm lib/cases.c
kernel chase chase.c
kernel explorer explorer.asm explorer.c
kernel minios minios.c
compat
cc64+=(-DPROGRAM="\"$out/compat.bin\"")
kernel compat compat/kernel.c

if [ ${#only[@]} = 0 ] || [[ " ${only[*]} " == *" hello "* ]]; then
	nasm -f elf32 -o "$out/hello.o" hello.asm
	ld -m elf_i386 -N -s -Ttext=0x100000 --build-id=none -z noexecstack -e start -o hello.elf "$out/hello.o"
fi
