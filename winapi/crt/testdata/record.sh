#!/bin/sh
# Builds the programs of the C run-times' tests with Debian's mingw-w64 and records what Debian's wine64 (Wine 8.0) does with
# them, through its msvcrt and its ucrtbase. Where Microsoft's ucrtbase (10.0.17134) is known to do otherwise, what it does stands instead:
# TestMicrosoftCRT of tests/programs runs it.
set -e
cd "$(dirname "$0")"
tmp=$(mktemp -d)
export WINEDEBUG=-all WINEPREFIX="${WINEPREFIX:-$tmp/prefix}"
wine=/usr/lib/wine/wine64
cc="x86_64-w64-mingw32-gcc -O1 -s -w -Wl,--no-insert-timestamp"
ucrt="-nodefaultlibs -lmingw32 -lgcc -lmoldname -lmingwex -lucrt -lkernel32 -lucrt -lmingwex"

$cc -o $tmp/m.exe printf.c
$cc -D_UCRT -DUCRT -o $tmp/u.exe printf.c $ucrt
$wine $tmp/m.exe <printf.txt | tr -d '\r' >printf-msvcrt.golden
for options in 00 18 20; do
	$wine $tmp/u.exe $options <printf.txt | tr -d '\r' >printf-ucrt-$options.golden
done
sed -i 's/^18 \[0X\(0000000000001234\]\)$/16 [\1/' printf-ucrt-00.golden printf-ucrt-20.golden

$cc -fno-builtin -o ../../msvcrt/testdata/crt.exe crt.c
$cc -fno-builtin -D_UCRT -o ../../ucrtbase/testdata/crt.exe crt.c $ucrt
$cc -fno-builtin -o ../../msvcrt/testdata/files.exe files.c
$cc -fno-builtin -D_UCRT -o ../../ucrtbase/testdata/files.exe files.c $ucrt
for dll in msvcrt ucrtbase; do
	$wine ../../$dll/testdata/crt.exe >../../$dll/testdata/crt.golden || test $? = 9
	printf 'first line\r\nxy more\r\n' | (cd $tmp && $wine "$OLDPWD/../../$dll/testdata/files.exe" >"$OLDPWD/../../$dll/testdata/files.golden") || test $? = 9
done
sed -i '/^strtol("-9223372036854775808",10)/s/ | 1 ""/ | 4294967295 ""/' ../../ucrtbase/testdata/crt.golden
rm -r $tmp
