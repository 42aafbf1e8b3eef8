#!/bin/sh
# Builds the programs with Debian's mingw-w64 and records what Debian's wine64 (Wine 8.0) prints for them.
set -e
cd "$(dirname "$0")"
export WINEDEBUG=-all WINEPREFIX="${WINEPREFIX:-${TMPDIR:-/tmp}/prefix}"
for p in ${*:-threads processes}; do
	x86_64-w64-mingw32-gcc -O1 -s -w -Wl,--no-insert-timestamp -o $p.exe $p.c -lntdll
	/usr/lib/wine/wine64 $p.exe >$p.golden
done
