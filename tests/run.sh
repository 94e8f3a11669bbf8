#!/bin/bash
# The test runner.  Each check prints "ok NAME", "not ok NAME" or "skip NAME: reason" lines, other
# output is shown only when it fails; cmocka programs are counted by their own lines.
# Tests run side by side, JOBS at a time (one more than there are cores: many wait for something most of the
# time), as root each in a network namespace of its own, so that ports and captures are theirs alone.
# usage: run.sh [live|long|SCRIPT...]   without an argument: everything `make check` promises
set -u
cd "$(dirname "$0")/.." || exit 1
# what `make` was called with is for the program, not for what the tests build again: WERROR as below, or all is rebuilt
unset MAKEFLAGS MFLAGS MAKEOVERRIDES
build=${BUILD:-build} at=$PWD/
case $build in /*) at= ;; esac # of what lies in it
export BUILD=$build CC=gcc WERROR=1 DAMP=${DAMP:-$at$build/damp} GEN=${GEN:-$at$build/damp-gen}
export SHARED_DATA=${SHARED_DATA:-$([ -d ../shared/data ] && cd ../shared/data && pwd)}
export LC_ALL=C.UTF-8 TZ=UTC
jobs=${JOBS:-$(($(nproc) + 1))}
longest_s=900 # a test that takes longer hangs
passed=0 failed=0 skipped=0 ran=0 told=0
work=$(mktemp -d)
names=() kinds=() commands=()
declare -A job_of=() began=() # by process id
declare -A added=()
times=()
trap 'rm -rf "$work"' EXIT
trap 'kill "${!job_of[@]}" 2>/dev/null; wait; exit 130' INT TERM
started=$SECONDS

section() { printf '== %s\n' "$*"; }
tenths() { echo "$((${EPOCHREALTIME/[.,]/} / 100000))"; } # now, in tenths of a second

# tally NAME STATUS TENTHS LOG: count the lines of LOG
tally() {
	local name=$1 log=$4 p f s
	p=$(grep -cE '^ok ' "$log"); f=$(grep -cE '^not ok ' "$log"); s=$(grep -cE '^skip ' "$log")
	if [ "$2" != 0 ] && [ "$f" = 0 ]; then f=1; fi
	if [ "$p" = 0 ] && [ "$f" = 0 ] && [ "$s" = 0 ]; then f=1; echo "$name ran no test"; fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	times+=("$3 $name")
	grep -E '^skip ' "$log"
	if [ "$f" != 0 ]; then
		printf 'FAILED %s (status %s, %d.%d s)\n' "$name" "$2" $(($3 / 10)) $(($3 % 10))
		sed 's/^/    /' "$log" | tail -n 60
	else
		printf '%-40s %3d ok, %d.%d s\n' "$name" "$p" $(($3 / 10)) $(($3 % 10))
	fi
}

compile() { # compile NAME MAKE-ARGS...
	local name=$1 t0; shift
	t0=$(tenths)
	if make -s -j"$(nproc)" "$@" >"$work/log" 2>&1; then echo "ok $name" >>"$work/log"; tally "$name" 0 $(($(tenths) - t0)) "$work/log"
	else echo "not ok $name" >>"$work/log"; tally "$name" 1 $(($(tenths) - t0)) "$work/log"; fi
}

add() { # add KIND NAME COMMAND...: a test to run; KIND is lines or cmocka
	kinds+=("$1"); names+=("$2"); shift 2
	commands+=("$(printf '%q ' "$@")")
}
scripts() { # scripts FILE...: each once
	local s
	for s in "$@"; do
		[ -e "$s" ] && [ -z "${added[$s]:-}" ] || continue
		added[$s]=1
		add lines "${s#tests/}" "$s"
	done
}

alone=()
if [ "$(id -u)" = 0 ] && unshare -n true 2>/dev/null; then
	# shellcheck disable=SC2016
	alone=(unshare -n sh -c 'ip link set lo up; exec "$@"' sh)
fi

start() { # start N
	local argv
	eval "argv=(${commands[$1]})"
	timeout -k 10 $longest_s "${alone[@]}" "${argv[@]}" >"$work/$1" 2>&1 </dev/null &
	job_of[$!]=$1 began[$!]=$(tenths)
}

# cmocka LOG: its words as ours; what failed or was skipped it names twice
cmocka() {
	awk '/^\[ +OK \] /				{ sub(/^\[ +OK \]/, "ok") }
		/^\[  FAILED  \] [a-z_0-9]+$/	{ sub(/^\[  FAILED  \]/, "not ok") }
		/^\[  SKIPPED \] [a-z_0-9]+$/	{ sub(/^\[  SKIPPED \]/, "skip") }
		!/^(not ok|skip) / || !seen[$0]++' "$1" >"$work/log" && mv "$work/log" "$1"
}

# finish: wait for one of those that run, and tell it
finish() {
	local pid=0 status n
	wait -n -p pid "${!job_of[@]}"
	status=$? n=${job_of[$pid]}
	[ "${kinds[$n]}" != cmocka ] || cmocka "$work/$n"
	tally "${names[$n]}" $status $(($(tenths) - began[$pid])) "$work/$n"
	told=$((told + 1))
	unset "job_of[$pid]" "began[$pid]"
}

run_all() { # whatever was added, in that order
	while [ $ran -lt ${#names[@]} ]; do
		[ ${#job_of[@]} -lt "$jobs" ] || finish
		start $ran
		ran=$((ran + 1))
	done
	while [ ${#job_of[@]} -gt 0 ]; do finish; done
}

units() { # units FOLDER SUFFIX
	local t
	for t in "$1"/test_*; do case $t in *.*) continue ;; esac; [ -x "$t" ] && add cmocka "${t##*/}$2" env BUILD="${1%/unit}" "$t"; done
}
seeds() { # seeds FOLDER
	local t n
	for t in "$1"/fuzz_*; do
		case $t in *.*) continue ;; esac
		n=${t##*/}; add lines "$n" "$t" tests/fuzz/seeds/"${n#fuzz_}"
	done
}
everything() {
	# what takes longest begins first, so that none of it is left over at the end
	if [ "$(id -u)" = 0 ]; then scripts tests/live/*.sh
	else echo "skip live lab: needs root"; skipped=$((skipped + 1)); fi
	scripts tests/check/{exporters,probe,odd_traffic,scenarios,rules_effect}.sh
	units "$build/san/unit" " (san)"
	scripts tests/check/*.sh
	add lines "check/golden.sh (gcc san)" env DAMP="$at$build/gsan/damp" tests/check/golden.sh
	units "$build/unit" ""
	seeds "$build/san/fuzz"
}

case ${1:-} in
live) section "live lab"; scripts tests/live/*.sh; run_all ;;
long) section "long suites"; jobs=1; scripts tests/long/*.sh; run_all ;;
*.sh) scripts "$@"; run_all ;;
*)
	section "build"
	compile "gcc" CC=gcc BUILD="$build" tools
	compile "clang, address + undefined sanitizers" CC=clang SAN=address,undefined BUILD="$build/san" tools
	compile "gcc, address + undefined sanitizers" CC=gcc SAN=address,undefined OPT=-O1 BUILD="$build/gsan" "$build/gsan/damp"
	section "tests, $jobs at a time"
	everything
	run_all
	printf 'slowest: %s\n' "$(printf '%s\n' "${times[@]}" | sort -rn | head -n 8 |
		awk '{ t = $1; $1 = ""; printf "%s%s %.0f s", n++ ? "," : "", $0, t / 10 }' | sed 's/^ //')"
	;;
esac
# whatever goes wrong here, a test that was not run is none that passed
[ $told = ${#names[@]} ] || { echo "FAILED: only $told of ${#names[@]} jobs were run"; failed=$((failed + 1)); }
printf 'took %d s\n' "$((SECONDS - started))"
if [ "$skipped" != 0 ]; then printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
else printf '%d passed, %d failed\n' "$passed" "$failed"; fi
[ "$failed" = 0 ]
