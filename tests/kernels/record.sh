#!/bin/sh
# Records what the kernels print on QEMU's TCG into golden/. The serial port goes to a file of its own, so that the firmware's
# messages stay out; the exit code is checked by the test.
set -e
cd "$(dirname "$0")"
record() {
	name=$1
	shift
	qemu-system-x86_64 -accel tcg -cpu max -display none -monitor none -no-reboot -serial "file:golden/$name.txt" \
		-device isa-debug-exit,iobase=0xf4,iosize=4 -kernel "$name.elf" "$@" || echo "$name: exit $?"
}
record hello -append key=value
