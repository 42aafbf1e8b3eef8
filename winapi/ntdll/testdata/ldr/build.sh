#!/bin/sh
# Builds ldr.exe and its DLLs with Debian 12's mingw-w64; with "record" their output under wine64 becomes ldr.golden.
# WINE names the program, Debian's wine64 by default.
set -e
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
def() { # name, exports…
	name=$1; shift
	{ echo "LIBRARY $name.dll"; echo EXPORTS; for e in "$@"; do echo "$e"; done; } >"$tmp/$name.def"
	x86_64-w64-mingw32-dlltool -d "$tmp/$name.def" -l "$tmp/lib$name.a"
}
flags="-Os -w -nostdlib -ffreestanding -fno-builtin -fno-ident -fno-asynchronous-unwind-tables -s -Wl,--no-insert-timestamp"
def ntdll RtlExitUserProcess LdrAddRefDll
mv "$tmp/libntdll.a" "$tmp/libextra.a"
def low low 'load_config DATA' straddles cookie_is_default
def top top 'far_low = low.low' 'seventh @7 NONAME' tls_value
def ring_a ring_a
def ring_b ring_b
def deep deep
def quiet quiet 'quiet2 = "quiet.#1"'
def late late tls_value 'far_quiet = quiet.quiet' 'far_nothing = quiet.nothing' 'far_nowhere = nowhere.f' 'far_ordinal = "quiet.#1"' 'far_twice = quiet.quiet2'
def sour sour
def fresh fresh
def round_a round_a
def round_b round_b
def nest nest
def outer outer
def after after
dll() { # name, function, flags…
	name=$1; f=$2; shift 2
	x86_64-w64-mingw32-gcc $flags -shared -Wl,--entry=DllMain -DNAME="\"$name\"" -DEXPORTS="$f" -o "$name.dll" dll.c \
		"$tmp/$name.def" "$@" -L"$tmp" -lntdll -lextra
}
dll low low -DSTRADDLES
dll top top -DTLS -DNEEDS=low -llow
dll ring_a ring_a -DRING=ring_b -lring_b
dll ring_b ring_b -DRING=ring_a -lring_a
dll deep deep
dll quiet quiet
dll late late -DTLS -DNEEDS=deep -ldeep
dll sour sour -DREFUSES -DNEEDS=fresh -lfresh
dll fresh fresh
dll round_a round_a -DRING=round_b -lround_b
dll round_b round_b -DRING=round_a -lround_a
dll nest nest '-DLOADS=L"fresh.dll"'
dll outer outer -DBEFORE=nest -DNEEDS=after -lnest -lafter
dll after after
x86_64-w64-mingw32-gcc $flags -Wl,--entry=start -o ldr.exe ldr.c -L"$tmp" -ltop -lring_a -llow -lntdll -lextra
if [ "$1" = record ]; then
	mkdir "$tmp/guest"
	cp ldr.exe *.dll "$tmp/guest"
	code=0
	WINEDEBUG=-all "${WINE:-/usr/lib/wine/wine64}" "$tmp/guest/ldr.exe" >ldr.golden || code=$?
	echo "exit $code" >>ldr.golden
fi
