#!/bin/sh
# Records what the kernels print on QEMU's TCG into golden/. The serial port goes to a file of its own, so that the firmware's
# messages stay out; the exit code is checked by the test. What QEMU has wrong is put right in golden/NAME.sdm. With names
# as arguments, only those.
cd "$(dirname "$0")" || exit 1
features=+smep,+smap,+pku,+fsgsbase,+umip,+pdpe1gb,+rdtscp,+xsave,+movbe,+aes,+pclmulqdq,+clflushopt,+clwb,+adx
only=" $* "
record() {
	name=$1
	shift
	case $only in *"  "* | *" $name "*) ;; *) return ;; esac
	qemu-system-x86_64 -accel tcg -cpu "${cpu:-Nehalem,$features}" -display none -monitor none -no-reboot \
		-serial "file:golden/$name.txt" -device isa-debug-exit,iobase=0xf4,iosize=4 -kernel "$name.elf" "$@"
	echo "$name: exit $?"
}
record hello -append key=value
record exceptions
cpu=max record system # with OSXSAVE
record minios
cpu=max record explorer -append step=97
case $only in *"  "* | *" compat "*) # by the processor itself
	./build.sh native && compat/native >golden/compat.txt && rm compat/native ;;
esac
