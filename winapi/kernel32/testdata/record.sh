#!/bin/sh
# Builds win32.exe with Debian's mingw-w64 and records what Debian's wine64 (Wine 8.0) does with it.
set -e
cd "$(dirname "$0")"
tmp=$(mktemp -d)
export WINEDEBUG=-all WINEPREFIX="${WINEPREFIX:-$tmp/prefix}"
x86_64-w64-mingw32-gcc -O1 -s -w -Wl,--no-insert-timestamp -o win32.exe win32.c
/usr/lib/wine/wine64 win32.exe >win32.golden || test $? = 77
rm -r $tmp
