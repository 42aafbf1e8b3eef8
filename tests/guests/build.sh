#!/bin/sh
# Builds the guest programs beside this script with Debian's mingw-w64 (gcc-mingw-w64-x86-64). The binaries are
# committed; the same compiler gives the same bytes.
set -e
cd "$(dirname "$0")"
mingw=x86_64-w64-mingw32
cc="$mingw-gcc -O2 -s -Wall -Wl,--no-insert-timestamp"
named="$mingw-gcc -O2 -Wall -Wl,--no-insert-timestamp,--strip-debug"

# functions keeps of a program's symbols those of its functions, by which traces and reports name places: 5 KB instead of 30.
functions() { # PROGRAM…
	for p; do
		$mingw-nm $p.exe | awk '$2 ~ /[tT]/ && $3 !~ /^\.|_(start|end)__$|_LIST__$/ { print $3 }' >$p.names
		SOURCE_DATE_EPOCH=0 $mingw-objcopy --strip-all --keep-symbols=$p.names $p.exe
		rm $p.names
	done
}

$named -nostdlib -o tiny.exe tiny.c -e start -lkernel32
for p in hello vm seh tour sort mapcopy asdata; do $named -o $p.exe $p.c; done
$named -D_UCRT -o hello_ucrt.exe hello.c -nodefaultlibs -lmingw32 -lgcc -lmoldname -lmingwex -lucrt -lkernel32 -lucrt -lmingwex
$named -O1 -fno-optimize-sibling-calls -w -o stuck.exe stuck.c
functions tiny hello vm seh tour sort mapcopy asdata hello_ucrt stuck
. ./native.sh
for p in vec x87; do $cc $(flags $p) -o $p.exe $p.c -lkernel32; done
$cc -fno-math-errno -fno-tree-vectorize -w -o bench.exe peers/kernels.c peers/win.c
x86_64-w64-mingw32-g++-posix -Os -static -s -Wl,--gc-sections,--no-insert-timestamp -ffunction-sections -o cpp.exe cpp.cpp # g++-mingw-w64-x86-64-posix
$cc -Wno-unused -o cfg.exe cfg.c && go run loadconfig.go cfg.exe
# A 32-bit DLL: the compiler has the code, the linker no script for it.
$mingw-gcc -m32 -Os -ffreestanding -fno-ident -fno-asynchronous-unwind-tables -c -o lends.o lends.c
$mingw-ld -m i386pe -T lends.ld -shared -s --dynamicbase --no-insert-timestamp -e 0 --image-base 0x10000000 -o lends.dll lends.o
chmod -x lends.dll
rm lends.o
ls -l *.exe *.dll
