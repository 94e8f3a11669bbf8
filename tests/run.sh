#!/bin/bash
# The test runner.  Each check prints "ok NAME", "not ok NAME" or "skip NAME: reason" lines, other
# output is shown only when it fails; cmocka programs are counted by their own lines.
# usage: run.sh [live|long]   without an argument: everything `make check` promises
set -u
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-build}
export BUILD=$build DAMP=${DAMP:-$PWD/$build/damp} GEN=${GEN:-$PWD/$build/damp-gen}
export SHARED_DATA=${SHARED_DATA:-$([ -d ../shared/data ] && cd ../shared/data && pwd)}
export LC_ALL=C.UTF-8 TZ=UTC
passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
started=$SECONDS

section() { printf '== %s\n' "$*"; }

# tally NAME STATUS: count the lines of $log
tally() {
	local p f s
	p=$(grep -cE '^ok ' "$log"); f=$(grep -cE '^not ok ' "$log"); s=$(grep -cE '^skip ' "$log")
	if [ "$2" != 0 ] && [ "$f" = 0 ]; then f=1; fi
	if [ "$p" = 0 ] && [ "$f" = 0 ] && [ "$s" = 0 ]; then f=1; echo "$1 ran no test"; fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	grep -E '^skip ' "$log"
	if [ "$f" != 0 ]; then
		printf 'FAILED %s (status %s)\n' "$1" "$2"
		sed 's/^/    /' "$log" | tail -n 60
	else
		printf '%-40s %3d ok, %ds\n' "$1" "$p" "$((SECONDS - t0))"
	fi
}

one() { # one NAME COMMAND...
	local name=$1; shift
	t0=$SECONDS
	"$@" >"$log" 2>&1 </dev/null
	tally "$name" $?
}

unit() { # cmocka prints "[       OK ] name" and "[  FAILED  ] name"
	local name=$1; shift
	t0=$SECONDS
	"$@" >"$log" 2>&1 </dev/null
	local status=$?
	sed -i -E 's/^\[ +OK \] /ok /; s/^\[  FAILED  \] ([a-z_0-9]+)$/not ok \1/; s/^\[  SKIPPED \] /skip /' "$log"
	tally "$name" $status
}

compile() { # compile NAME MAKE-ARGS...
	local name=$1; shift
	t0=$SECONDS
	if make -s -j"$(nproc)" WERROR=1 "$@" >"$log" 2>&1; then echo "ok $name" >>"$log"; tally "$name" 0
	else echo "not ok $name" >>"$log"; tally "$name" 1; fi
}

scripts() { for s in "$@"; do [ -e "$s" ] && one "${s#tests/}" "$s"; done; }

case ${1:-} in
live) section "live lab"; scripts tests/live/*.sh ;;
long) section "long suites"; scripts tests/long/*.sh ;;
*)
	section "build"
	compile "gcc" CC=gcc BUILD="$build" tools
	compile "clang, address + undefined sanitizers" CC=clang SAN=address,undefined BUILD="$build/san" tools
	compile "gcc, address + undefined sanitizers" CC=gcc SAN=address,undefined OPT=-O1 BUILD="$build/gsan" "$build/gsan/damp"
	section "units"
	for t in "$build"/unit/test_*; do case $t in *.*) continue ;; esac; [ -x "$t" ] && unit "${t##*/}" "$t"; done
	section "units under the sanitizers"
	for t in "$build"/san/unit/test_*; do case $t in *.*) continue ;; esac; [ -x "$t" ] && unit "${t##*/} (san)" "$t"; done
	section "fuzz seeds under the sanitizers"
	for t in "$build"/san/fuzz/fuzz_*; do
		case $t in *.*) continue ;; esac
		n=${t##*/}; one "$n" "$t" tests/fuzz/seeds/"${n#fuzz_}"
	done
	section "checks"
	scripts tests/check/*.sh
	if [ "$(id -u)" = 0 ]; then section "live lab"; scripts tests/live/*.sh
	else echo "skip live lab: needs root"; skipped=$((skipped + 1)); fi
	;;
esac
printf 'took %d s\n' "$((SECONDS - started))"
if [ "$skipped" != 0 ]; then printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
else printf '%d passed, %d failed\n' "$passed" "$failed"; fi
[ "$failed" = 0 ]
