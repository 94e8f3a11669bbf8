#!/bin/bash
# Reading an alert line back needs the detectors' fixed words in a table: whoever adds a signal, label
# or service there must add it to feeds/line_parse.c too.
# usage: words.sh [ROOT]
set -u
cd "${1:-$(dirname "$0")/../..}" || exit 1
table=feeds/line_parse.c
{
	grep -hoE 'verdict_signal\(v, "[^"]+", "[^"]+", "[^"]+", "[^"]*"' detector/*.c | grep -oE '"[^"]+"'
	grep -hoE '^	\{"[a-z0-9-]+", [0-9]+, [0-9]+, [0-9]+\}' detector/service.c 2>/dev/null | grep -oE '"[^"]+"'
} | sort -u >"${TMPDIR:-/tmp}/words.$$"
trap 'rm -f "${TMPDIR:-/tmp}/words.$$"' EXIT
if [ ! -s "${TMPDIR:-/tmp}/words.$$" ]; then
	echo "not ok words: none found in detector/, so this check looks for the wrong pattern"
	exit 1
fi
missing=$(while IFS= read -r word; do grep -qF -- "$word" "$table" || printf '%s ' "$word"; done <"${TMPDIR:-/tmp}/words.$$")
if [ -z "$missing" ]; then echo "ok words: $(wc -l <"${TMPDIR:-/tmp}/words.$$") known to $table"
else echo "not ok words: $table lacks $missing"; exit 1; fi
