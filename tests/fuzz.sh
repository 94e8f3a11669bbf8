#!/bin/bash
# libFuzzer on each target for TIME seconds; new inputs go to build/, never into the seeds.
# usage: fuzz.sh TIME TARGET...
set -eu
cd "$(dirname "$0")/.."
time=$1; shift
out=build/libfuzzer
make -s -j"$(nproc)" CC=clang BUILD=$out SAN=address,undefined,fuzzer-no-link $out/libdamp.a
# what is optional in the library is asked for as the Makefile does
optional=
for p in zlib libzstd liblz4 lzo2 hiredis; do pkg-config --exists $p && optional="$optional $(pkg-config --libs $p)"; done
if echo '#include <bzlib.h>' | clang -E - >/dev/null 2>&1; then optional="$optional -lbz2"; fi
for t in "$@"; do
	clang -std=c17 -D_GNU_SOURCE -g -O1 -I. -fsanitize=address,undefined,fuzzer -fno-sanitize-recover=all \
		$(pkg-config --cflags libpcap libsodium yaml-0.1 jansson libxxhash libmaxminddb) -o "$out/$t" "tests/fuzz/$t.c" $out/libdamp.a \
		$(pkg-config --libs libpcap libsodium yaml-0.1 jansson libxxhash libmaxminddb) $optional -lm -pthread
	mkdir -p "$out/corpus/$t"
	echo "== $t, $time s"
	"$out/$t" -max_total_time="$time" -max_len=16384 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$out/$t-" \
		"$out/corpus/$t" "tests/fuzz/seeds/${t#fuzz_}" 2>&1 | grep -E 'ERROR|SUMMARY|stat::number_of_executed|stat::new_units|cov:' | tail -n 4
done
