#!/bin/sh
# Builds win32.exe and memory.exe with Debian's mingw-w64 and records what Debian's wine64 (Wine 8.0) does with them.
set -e
cd "$(dirname "$0")"
tmp=$(mktemp -d)
export WINEDEBUG=-all WINEPREFIX="${WINEPREFIX:-$tmp/prefix}"
for p in win32 memory; do
	x86_64-w64-mingw32-gcc -O1 -s -w -Wl,--no-insert-timestamp -o $p.exe $p.c -lpsapi
	/usr/lib/wine/wine64 $p.exe >$p.golden || test $? = 77
done
# What Wine does not do is checked by the program itself.
x86_64-w64-mingw32-gcc -O1 -s -Wl,--no-insert-timestamp -o windows.exe windows.c -lpsapi
rm -r $tmp
