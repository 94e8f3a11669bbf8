#!/bin/bash
# Files of flow-tools and nfcapd: the totals that the tools of their own print, compressed or not, in folders in
# order of time, and errors with a name.  nfcapd, nfpcapd and nfdump are used where they are.
set -u
damp=${DAMP:-build/damp} gen=${GEN:-build/damp-gen} data=${SHARED_DATA:-}
golden=$(cd "$(dirname "$0")/../golden/flows" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export TZ=UTC

verdict() { # verdict NAME STATUS [WHAT]
	if [ "$2" = 0 ]; then echo "ok $1"; else printf '%s\n' "${3:-}" | head -n 20 | sed 's/^/  /'; echo "not ok $1"; fi
}

# totals FILE...: "flows bytes packets", the forward direction alone with FORWARD=1
totals() {
	"$damp" flows -o json "$@" 2>"$dir/log" | python3 -c '
import json, sys
n = b = p = 0
for line in sys.stdin:
    r = json.loads(line)
    if len(sys.argv) > 1 and r.get("biflowDirection") == 2: continue
    n += 1; b += r["octetDeltaCount"]; p += r["packetDeltaCount"]
print(n, b, p)' ${FORWARD:+forward}
}

same() { # same NAME WANT FILE...
	local name=$1 want=$2 got
	shift 2
	got=$(totals "$@")
	[ "$got" = "$want" ]; verdict "$name" $? "want $want, got $got; $(cat "$dir/log")"
}

# --- what flow-tools and nfcapd wrote ---

for v in v1 v5 v5_big v6 v7; do same "flowtools_$v" "3 6 6" "$golden/flowgen_$v.ft"; done
same flowtools_seed "304 164211470 122194" "$golden/seed_rows.ft-v05"
same flowtools_zero_packets "5 10000000200 7000002" "$golden/pfflowd_split_lost_corrupt.ft-v05"
same nfcapd_seed "304 164211470 122194" "$golden/seed_rows.nfcapd"

# --- compressed, and through a pipe ---

"$damp" flows -o csv "$golden/seed_rows.nfcapd" >"$dir/plain"
for tool in gzip zstd bzip2 lz4; do
	command -v $tool >/dev/null || { echo "skip compressed_$tool: no $tool"; continue; }
	$tool -c <"$golden/seed_rows.nfcapd" >"$dir/packed.$tool" 2>/dev/null
	"$damp" flows -o csv "$dir/packed.$tool" >"$dir/file" 2>"$dir/log" && "$damp" flows -o csv - <"$dir/packed.$tool" >"$dir/pipe" 2>>"$dir/log" &&
		cmp -s "$dir/plain" "$dir/file" && cmp -s "$dir/plain" "$dir/pipe"
	verdict "compressed_$tool" $? "$(cat "$dir/log")"
	head -c 700 "$dir/packed.$tool" >"$dir/cut.$tool"
	"$damp" flows -o csv "$dir/cut.$tool" >"$dir/file" 2>"$dir/log"
	[ $? != 0 ] && grep -q 'the compressed stream is cut off' "$dir/log"
	verdict "cut_$tool" $? "$(cat "$dir/log")"
done

# --- folders ---

mkdir -p "$dir/tree/2013/2013-04/2013-04-03" "$dir/tree/2004"
cp "$golden/seed_rows.ft-v05" "$dir/tree/2013/2013-04/2013-04-03/ft-v05.2013-04-03.144000+0000"
cp "$golden/seed_rows.ft-v05" "$dir/tree/2013/2013-04/2013-04-03/tmp-v05.2013-04-03.150000+0000"
cp "$golden/ng_netflow_seed.ft-v05" "$dir/tree/2004/ft-v05.2004-01-09.131500+0000"
echo hello >"$dir/tree/README"
first=$("$damp" flows -o json "$dir/tree/2013" "$dir/tree/2004" 2>"$dir/log" | head -n 1)
[[ $first == *'"flowStartMilliseconds":1073654155981'* ]]
verdict tree_in_order_of_time $? "$first $(cat "$dir/log")"
same tree_leaves_unfinished_files "305 164211554 122195" "$dir/tree"

# --- wrong and damaged ---

refused() { # refused NAME PATTERN FILE
	"$damp" flows -o none "$3" >"$dir/out" 2>"$dir/log"
	[ $? != 0 ] && grep -qE "$2" "$dir/log"
	verdict "$1" $? "$(cat "$dir/log")"
}
echo 'not a flow file at all, whatever it is called' >"$dir/ft-v05.2013-04-03.144000+0000"
refused not_flowtools 'ft-v05.*not a capture or flow file' "$dir/ft-v05.2013-04-03.144000+0000"
{ printf '\245\014\0\002'; tail -c +5 "$golden/seed_rows.nfcapd"; } >"$dir/big"
refused nfcapd_big_endian 'big: .*big-endian' "$dir/big"
head -c 20000 "$golden/seed_rows.nfcapd" >"$dir/cut"
refused nfcapd_cut 'cut.*offset 40: the file is cut off inside this block' "$dir/cut"
[ "$(totals "$dir/cut")" != "0 0 0" ]; verdict nfcapd_cut_keeps_what_is_there $?
head -c 1500 "$golden/seed_rows.ft-v05" >"$dir/cut"
refused flowtools_cut 'cut.*the zlib stream is cut off' "$dir/cut"

# --- against nfdump ---

by_nfdump() { nfdump -C none -I -r "$1" 2>/dev/null | awk '$1=="Flows:" {f=$2} $1=="Bytes:" {b=$2} $1=="Packets:" {p=$2} END {print f, b, p}'; }

if ! command -v nfdump >/dev/null || ! command -v nfpcapd >/dev/null || [ ! -x "$gen" ]; then
	echo "skip nfcapd_against_nfdump: no nfdump and nfpcapd"
else
	"$gen" --seed 5 --start 1775960000 --duration 20 --snaplen 128 -o "$dir/in.pcap" benign clients=60 clients6=20 web=0.01 quic=0.005 \
		+ reflection rate=100 start=5 2>"$dir/log"
	for o in "" -z -y; do # its -j wants an argument in some versions; nfdump writes those
		mkdir "$dir/nf$o"
		timeout 60 nfpcapd $o -r "$dir/in.pcap" -w "$dir/nf$o" >"$dir/log" 2>&1
		flows=0
		for f in "$dir/nf$o"/nfcapd.2*; do
			[ -f "$f" ] || continue
			want=$(by_nfdump "$f")
			flows=$((flows + ${want%% *}))
			FORWARD=1 same "nfpcapd${o:-_plain}_${f##*.}" "$want" "$f"
		done
		[ "$flows" -ge 100 ]; verdict "nfpcapd${o:-_plain}_wrote_flows" $? "$flows flows; $(cat "$dir/log")"
	done
	for o in -z -y -j; do
		for f in "$dir/nf"/nfcapd.2*; do
			nfdump -C none -r "$f" $o -w "$dir/again$o" >"$dir/log" 2>&1
			FORWARD=1 same "nfdump${o}" "$(by_nfdump "$f")" "$dir/again$o"
			break
		done
	done
	six=$("$damp" flows -o json "$dir/nf"/nfcapd.2* 2>/dev/null | grep -c '"sourceIPv6Address"')
	[ "$six" -gt 0 ]; verdict nfpcapd_ipv6 $?
fi

if [ -z "$data" ] || [ ! -d "$data/nfcapd" ]; then
	echo "skip shared_flowfiles: no folder of real files (SHARED_DATA)"
	exit 0
fi
for f in "$data"/flowtools/*compress*sample; do same "shared_${f##*/}" "1000 500500 500500" "$f"; done
for f in "$data"/flowtools/*empty; do same "shared_${f##*/}" "0 0 0" "$f"; done
command -v nfdump >/dev/null || { echo "skip shared_nfcapd: no nfdump"; exit 0; }
for f in "$data"/nfcapd/*; do same "shared_${f##*/}" "$(by_nfdump "$f")" "$f"; done
