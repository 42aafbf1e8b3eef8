#!/bin/sh
# Builds the programs with Debian's mingw-w64 and records what Debian's wine64 (Wine 8.0) does with them.
set -e
cd "$(dirname "$0")"
here=$PWD
tmp=$(mktemp -d)
export WINEDEBUG=-all WINEPREFIX="${WINEPREFIX:-$tmp/prefix}"
mkdir $tmp/work
cd $tmp/work
for p in win32 memory files io threads pool child other sections forms priority; do
	x86_64-w64-mingw32-gcc -O1 -s -w -Wl,--no-insert-timestamp -o $p.exe $here/$p.c -lpsapi -lsynchronization
	/usr/lib/wine/wine64 $p.exe >$here/$p.golden || test $? = 77
	mv $p.exe $here
done
# What Wine does not do is checked by the program itself.
x86_64-w64-mingw32-gcc -O1 -s -Wl,--no-insert-timestamp -o $here/windows.exe $here/windows.c -lpsapi -lsynchronization
x86_64-w64-mingw32-gcc -O1 -s -w -Wl,--no-insert-timestamp -o $here/pool_random.exe $here/pool_random.c
x86_64-w64-mingw32-gcc -O1 -s -w -Wl,--no-insert-timestamp -o $here/counters.exe $here/counters.c -lpsapi -ladvapi32
x86_64-w64-mingw32-gcc -O2 -s -Wall -nostdlib -Wl,--no-insert-timestamp -o $here/starts.exe $here/starts.c -e start -lkernel32
rm -r $tmp
# The names of functions that kernel32 has in an A and a W form.
x86_64-w64-mingw32-objdump -p /usr/lib/x86_64-linux-gnu/wine/x86_64-windows/kernel32.dll |
	awk '$1 == "[" || /^\t*\[ *[0-9]+\]/ { n = $NF; have[n] = 1 } END { for (n in have) if (n ~ /A$/ && substr(n, 1, length(n) - 1) "W" in have) print substr(n, 1, length(n) - 1) }' |
	LC_ALL=C sort >$here/pairs.txt
