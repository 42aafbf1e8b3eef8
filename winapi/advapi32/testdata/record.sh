#!/bin/sh
# Builds the programs with Debian's mingw-w64 and records what Debian's wine64 (Wine 8.0) does with them.
set -e
cd "$(dirname "$0")"
tmp=$(mktemp -d)
export Name=value WINEDEBUG=-all WINEPREFIX="${WINEPREFIX:-$tmp/prefix}"
x86_64-w64-mingw32-gcc -O1 -s -Wl,--no-insert-timestamp -o registry.exe registry.c
/usr/lib/wine/wine64 registry.exe >registry.golden || test $? = 77
rm -r $tmp
