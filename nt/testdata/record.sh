#!/bin/sh
# Builds the programs with Debian's mingw-w64 and records what Debian's wine64 (Wine 8.0) prints for them. What Wine has not, the
# factories of factory.c, and what it needs a processor's debug registers for is recorded from this machine, after a look at it.
set -e
cd "$(dirname "$0")"
export WINEDEBUG=-all WINEPREFIX="${WINEPREFIX:-${TMPDIR:-/tmp}/prefix}"
for p in ${*:-threads processes factory breakpoints}; do
	x86_64-w64-mingw32-gcc -O1 -s -w -Wl,--no-insert-timestamp -o $p.exe $p.c -lntdll
	case $p in
	factory | breakpoints) go run ../../cmd/pagewalk run $p.exe >$p.golden ;;
	*) /usr/lib/wine/wine64 $p.exe >$p.golden ;;
	esac
done
