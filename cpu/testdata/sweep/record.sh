#!/bin/sh
# Renews the records of the opcode sweep: of this processor, and of QEMU's Nehalem with what we advertise beyond it, as far as
# QEMU has that.
set -e
cd "$(dirname "$0")"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
gcc -O1 -nostdlib -static -ffreestanding -fno-stack-protector -mno-sse -Wno-builtin-declaration-mismatch -o "$dir/sweep" sweep.c
"$dir/sweep" 3>&1 >/dev/null | gzip -9n >host.gz
qemu-x86_64 -cpu Nehalem,+aes,+pclmulqdq,+movbe,+rdrand,+adx,+fsgsbase,+clflushopt,+clwb,+rdtscp,+xsave,+xsaveopt,+smap,+pku \
	"$dir/sweep" 3>&1 >/dev/null 2>&1 | gzip -9n >nehalem.gz
