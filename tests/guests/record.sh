#!/bin/sh
# Records what each guest program does under Wine: golden/NAME.stdout, golden/NAME.exit, and the checksums of bench.exe
# in golden/bench.txt (kernel, count, checksum). WINE names the program, Debian's wine64 by default. Programs of numbers
# are recorded from a native build by Linux's gcc, of which Wine must not differ.
set -e
cd "$(dirname "$0")"
wine=${WINE:-/usr/lib/wine/wine64}
export WINEDEBUG=-all
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
record() { # NAME ARGS…
	name=$1
	shift
	code=0
	"$wine" "$name.exe" "$@" > "golden/$name.stdout" || code=$?
	echo "$code" > "golden/$name.exit"
}
record tiny
record hello one two
record hello_ucrt one two
record vm
record seh
record tour
record cpp
record asdata
. ./native.sh
for p in vec x87; do
	gcc $(flags $p) -static -no-pie -o "$tmp/$p" $p.c
	"$tmp/$p" > "$tmp/$p.stdout"
	record $p
	cmp "$tmp/$p.stdout" golden/$p.stdout
done
record sort 64
for k in "alu 1000" "fib 2" "sieve 1" "sha 100" "chase 1000" "nbody 1000" "interp 1000" "memcpy 1" "touch 3"; do
	echo "$k $("$wine" bench.exe $k | tr -d '\r')"
done > golden/bench.txt
