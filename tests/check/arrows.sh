#!/bin/bash
# The house rules that a compiler does not see: which folder may include which, no clock, chance or
# input/output in detector/, every header alone, no unfinished marks, no endless file.
# usage: arrows.sh [ROOT [NAME]]   checks another tree, only for NAME, and does not test itself
set -u
root=${1:-$(cd "$(dirname "$0")/../.." && pwd)}
cd "$root" || exit 1
status=0

only=${2:-}
verdict() { # verdict NAME COMMAND...: which prints problems
	local name=$1 problems; shift
	[ -z "$only" ] || [ "$only" = "$name" ] || return 0
	problems=$("$@")
	if [ -z "$problems" ]; then echo "ok arrows: $name"
	else echo "not ok arrows: $name"; printf '%s\n' "$problems" | head -n 20 | sed 's/^/  /'; status=1; fi
}

folders='base collector detector rules feeds reports'
sources() { find $folders damp*.[ch] tests/unit tests/fuzz tests/gen -name '*.[ch]' 2>/dev/null | sort; }

# may FOLDER: what its files may include
may() {
	case $1 in
	base) echo base ;;
	collector) echo base collector ;;
	detector) echo base collector detector ;;
	*) echo base collector detector "$1" ;;
	esac
}

arrows() {
	for from in $folders; do
		[ -d "$from" ] || continue
		allowed=$(may "$from" | tr ' ' '|')
		# quoted or not: a folder of ours between the bracket and the slash
		grep -nE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[\"<](\.\./)*(${folders// /|})/" -r "$from" --include='*.[ch]' |
			grep -vE "include[[:space:]]*[\"<]($allowed)/"
		# by the root alone: neither "../x/y.h" nor a bare "y.h"
		grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"(\.\./|[^/"]*")' -r "$from" --include='*.[ch]'
		grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"(tests|damp)' -r "$from" --include='*.[ch]'
	done
}

# The text without comments and strings, line numbers kept.
code() {
	perl -0777 -pe 's{("(?:\\.|[^"\\\n])*")|(/\*.*?\*/)|(//[^\n]*)}{my $c = defined $2 ? $2 : ""; $c =~ s/[^\n]//g; defined $1 ? "\"\"" : $c}gse' "$1"
}

pure() {
	[ -d detector ] || return
	local calls='time|clock_gettime|gettimeofday|clock|rand|random|rand_r|srand|drand48|getrandom|arc4random|randombytes_buf|fopen|fdopen|open|openat|read|write|fwrite|fread|fputs|puts|putchar|printf|vprintf|fprintf|vfprintf|perror|syslog|socket|send|recv|getenv|system|popen'
	find detector -name '*.[ch]' | sort | while read -r f; do
		code "$f" | grep -nE "(^|[^A-Za-z0-9_.>])($calls)[[:space:]]*\(|\<(stdout|stderr|stdin)\>|<(time|fcntl|unistd|sys/time|sys/random|sodium)\.h>" |
			sed "s|^|$f:|"
	done
}

alone() {
	local flags
	flags=$(pkg-config --cflags libpcap libmaxminddb libsodium yaml-0.1 jansson libxxhash 2>/dev/null)
	find $folders -name '*.h' 2>/dev/null | sort | while read -r h; do
		# an empty macro of its own would hide nothing: the header is the whole unit
		$1 -std=c17 -D_GNU_SOURCE -Wall -Wextra -Wpedantic -Werror -I. $flags -fsyntax-only -x c \
			-include "$h" /dev/null 2>&1 | head -n 3
	done
}

words() {
	# spelled so that this file does not find itself
	grep -rnwE 'TO[D]O|FIX[M]E|XX[X]|HAC[K]' $folders damp*.[ch] docs tests Makefile README.md 2>/dev/null
}

long_files() {
	sources | xargs -r wc -l | awk '$2 != "total" && $1 > ($2 ~ /^tests\// ? 800 : 700) { print $2 ": " $1 " lines" }'
}

verdict "includes" arrows
verdict "detector/ is pure" pure
verdict "headers alone, gcc" alone gcc
if command -v clang >/dev/null; then verdict "headers alone, clang" alone clang
else echo "skip arrows: headers alone, clang: no clang"; fi
verdict "unfinished marks" words
verdict "files of at most 700 lines" long_files
[ $# -gt 0 ] && exit $status

# --- the check itself must be able to fail ---------------------------------------------------------

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

# plant NAME FILE TEXT WHAT: the check NAME must see the text appended to a copy of FILE
plant() {
	rm -rf "$copy"; mkdir -p "$copy"
	for d in $folders; do [ -d "$d" ] && cp -r "$d" "$copy"/; done
	mkdir -p "$copy/${2%/*}"
	printf '%s\n' "$3" >>"$copy/$2"
	if bash "$self" "$copy" "$1" | grep -qxF "not ok arrows: $1"; then echo "ok arrows: sees $4"
	else echo "not ok arrows: does not see $4"; status=1; fi
}
self=$root/tests/check/arrows.sh
plant includes base/planted.c '#include "collector/flow.h"' 'base including collector'
plant includes rules/planted.c '#include "feeds/x.h"' 'rules including feeds'
plant includes collector/planted.c '# include <../detector/alert.h>' 'an arrow in disguise'
plant includes reports/planted.c '#include "planted.h"' 'an include beside the root'
plant "detector/ is pure" detector/planted.c 'long f(void) { return time(0); }' 'a clock in detector/'
plant "detector/ is pure" detector/planted.c 'void f(void) { printf("x"); }' 'printf in detector/'
plant "headers alone, gcc" base/planted.h 'size_t planted(void);' 'a header that needs another'
plant "unfinished marks" base/planted.c "/* TO""DO: later */" 'an unfinished mark'
plant "files of at most 700 lines" base/planted.c "$(seq 701)" 'a long file'
exit $status
