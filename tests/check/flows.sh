#!/bin/bash
# damp flows and damp report: the figures and columns of nfdump, flow-print and flow-report for the same records, the
# options as a new user meets them, mistakes, broken pipes.
set -u
cd "$(dirname "$0")/../.." || exit 1
export TZ=UTC
golden=tests/golden/flows
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
status=0
ok() { echo "ok flows: $1"; }
not_ok() { echo "not ok flows: $1"; shift; printf '%s\n' "$@" | head -n 20 | sed 's/^/  /'; status=1; }
same() { # same NAME WANT GOT
	local d
	d=$(diff <(printf '%s\n' "$2") <(printf '%s\n' "$3"))
	if [ -n "$2" ] && [ -z "$d" ]; then ok "$1"; else not_ok "$1" "$d"; fi
}
says() { # says NAME STATUS PATTERN COMMAND...: on standard error
	local name=$1 want=$2 pattern=$3 got; shift 3
	"$@" >"$dir/out" 2>"$dir/err" </dev/null; got=$?
	if [ "$got" = "$want" ] && grep -qE -- "$pattern" "$dir/err"; then ok "$name"
	else not_ok "$name" "status $got" "$(cat "$dir/err")"; fi
}
flows() { "$DAMP" flows "$@"; }

# --- the article's three rows, from both kinds of file
rows=$(sed -n 2,5p $golden/seed_rows.nfdump-extended.txt)
for f in seed_rows.nfcapd seed_rows.ft-v05; do
	same "the article's rows from $f" "$rows" "$(flows -s record/bytes $golden/$f | sed -n 2,5p)"
done
same "summary" "$(sed -n 6,7p $golden/seed_rows.nfdump-extended.txt)" "$(flows -a $golden/seed_rows.nfcapd | tail -n 3 | head -n 2)"
same "flow-print 5" "$(cat $golden/ng_netflow_seed.flow-print5.txt)" "$(flows -o print5 $golden/ng_netflow_seed.ft-v05)"
same "print3" "10.53.0.1 198.51.5.101 17 53 14068" \
	"$(flows -q -o print3 -f 'port 53' -c 1 $golden/seed_rows.ft-v05 | awk '{ print $1, $2, $3, $4, $5 }')"

# --- seventeen reports: rows of equal octets in any order
sorted() { awk '/^#/ { n++; print n "\t" $0; next } { print n "a\t" $0 }' | sort; }
"$DAMP" report --list | head -n 17 | while read -r type; do
	"$DAMP" report -q "$type" $golden/seed_rows.ft-v05
done >"$dir/17"
same "seventeen reports" "$(sorted <$golden/seed_rows.flow-report-17.txt)" "$(sorted <"$dir/17")"
same "a cut report says so" "# stop, hit record limit." "$("$DAMP" report ip-port -n 1 $golden/seed_rows.ft-v05 | tail -n 1)"

# --- cell for cell what nfdump prints
if command -v nfdump >/dev/null; then
	compare() { # compare FILE OPTION...: in any order of rows of one rank
		local f=$1 want got; shift
		want=$(nfdump -r "$f" -C none -N -q -n 0 "$@" 2>/dev/null | grep -v '^$' | sort)
		got=$(flows -N -q -n 0 "$@" "$f" | grep -v '^$' | sort)
		same "as nfdump: $* ${f##*/}" "$want" "$got"
	}
	seed=$golden/seed_rows.nfcapd
	for s in ip/bytes dstip/bytes dstip/bpp srcip/flows port/flows srcport/packets dstport/bps proto/bps dstip:p/bytes \
		record/bytes record/bpp if/flows inif/bytes outif/pps tos srcmask router srcas; do
		compare $seed -s "$s" -o extended
	done
	compare $seed -a -o extended
	compare $seed -A srcip,dstip,proto -o extended
	compare $seed -o long
	compare $seed -o line
	compare $seed -o extended
	# a capture's worth of real records; those that end before they begin are mended here, and not there
	real=${SHARED_DATA:-}/nfcapd/nfdump-nfcapd.sample
	if [ -n "${SHARED_DATA:-}" ] && [ -f "$real" ]; then
		columns() { grep -v '^$' | sed -E 's/^[^ ]+ [^ ]+ +[^ ]+ //; s/\(/ (/g; s/\( /(/g' | awk '{ print $2, $3, $4, $5, $6, $7, $8, $NF }' | sort; }
		for s in ip/bytes dstip/bytes dstip/bpp srcport/packets port/flows if/flows tos; do
			same "as nfdump on real records: $s" "$(nfdump -r "$real" -C none -N -q -n 0 -s "$s" | columns)" \
				"$(flows -N -q -n 0 -s "$s" "$real" | columns)"
		done
		same "as nfdump on real records: filter" \
			"$(nfdump -r "$real" -C none -q -N -o line 'proto udp and port 53 and bytes > 100' | wc -l)" \
			"$(flows -q -N -o line -f 'proto udp and port 53 and bytes > 100' "$real" | wc -l)"
	else
		echo "skip flows: as nfdump on real records: no shared data"
	fi
else
	echo "skip flows: as nfdump: no nfdump"
fi

# --- filters and windows
count() { flows -q -o line "$@" $golden/seed_rows.ft-v05 2>/dev/null | wc -l; }
same "filters count" "304 187 117 79 117 0 9" "$(count) $(count -f 'src port 53') $(count -f fragment) $(count -f 'dst net 198.51.1.0/24') \
$(count -f 'bpp > 1300 and not port 53') $(count -f 'port 99') $(count -c 9)"
whole=$(count -t 2013-04-03T14:40-2013-04-03T15:10)
same "windows add up" "304 304" \
	"$whole $(($(count -t 2013-04-03T14:00-2013-04-03T14:50) + $(count -t 2013/04/03.14:50:00+1h)))"
same "the last of an archive" "$(count -f 'time >= 2013-04-03T15:02:22.250')" "$(count --last 5m)"
same "last in a filter" "$(count --last 5m)" "$(count -f 'time last 300 seconds')"
same "local time" "2013-04-03 16:40:00.000" "$(TZ=EET-2 "$DAMP" flows --local -q -c 1 $golden/seed_rows.ft-v05 | cut -c1-23)"

# --- formats for programs
same "CSV has flow-export's columns" 24 "$(flows -o csv -c 1 $golden/seed_rows.ft-v05 | tail -n 1 | tr -cd , | wc -c | awk '{ print $1 + 1 }')"
if command -v jq >/dev/null; then
	same "JSON adds up" 164211470 "$(flows -o json $golden/seed_rows.ft-v05 | jq -s 'map(.octetDeltaCount) | add')"
	same "JSON of a statistic" 198.51.1.155 "$(flows -o json -s dstip/bytes -n 1 $golden/seed_rows.ft-v05 | jq -r .value)"
fi
same "AS_TRANS is not ranked" "AS_TRANS (unknown)" "$(flows -q -s dstas/bytes $golden/seed_rows.ft-v05 | grep -o 'AS_TRANS (unknown)')"
same "packets are flows of one" "$("$DAMP" flows -q -o line tests/golden/backhaul.pcap | wc -l)" \
	"$("$DAMP" flows -q -N -s proto tests/golden/backhaul.pcap | awk '{ sub(/\(.*/, "", $6); n += $6 } END { print n }')"

# --- as a new user
flows --help >"$dir/help"
same "help tells of filters" 1 "$(grep -c -- '--filter EXPR' "$dir/help")"
says "no file" 2 'needs files' flows
says "a wrong field" 2 "no field 'srcipp'; did you mean 'srcip'" flows -A srcipp $golden/seed_rows.ft-v05
says "a wrong statistic" 2 "no statistic 'dstpi'; did you mean 'dstip'" flows -s dstpi $golden/seed_rows.ft-v05
says "a wrong format" 2 "no format 'jsn'; did you mean 'json'" flows -o jsn $golden/seed_rows.ft-v05
says "a wrong filter" 2 "filter, column 9: there is no 'bites'; did you mean 'bytes'" flows -f 'udp and bites > 5' $golden/seed_rows.ft-v05
says "a wrong window" 2 "no time window such as" flows -t yesterday $golden/seed_rows.ft-v05
says "a wrong report" 2 "did you mean 'ip-address'" "$DAMP" report ip-adress $golden/seed_rows.ft-v05
says "nothing matches" 0 'no flows match' flows -f 'port 99' $golden/seed_rows.ft-v05
says "no such file" 1 'nowhere.*No such file' flows "$dir/nowhere"
printf 'neither a capture nor a flow file, whatever it says\n' >"$dir/text"
says "not a flow file" 1 "$dir/text: not a" flows "$dir/text"
says "last of a pipe" 2 'read twice' flows --last 5m -
head -c 20000 $golden/seed_rows.nfcapd >"$dir/cut"
says "a cut file" 1 "$dir/cut: record" flows -q "$dir/cut"
same "standard input" 304 "$(flows -q -o line - <$golden/seed_rows.nfcapd | wc -l)"
mkdir "$dir/tree" && cp $golden/seed_rows.ft-v05 "$dir/tree/ft-v05.2013-04-03.144000+0000" &&
	cp $golden/seed_rows.ft-v05 "$dir/tree/tmp-v05.2013-04-03.150000+0000"
same "a folder, without files being written" 304 "$(flows -q -o line "$dir/tree" | wc -l)"
flows -q -o json $golden/seed_rows.nfcapd $golden/seed_rows.nfcapd $golden/seed_rows.nfcapd 2>"$dir/err" | head -n 1 >/dev/null
same "a closed pipe ends quietly" "0 bytes" "$(wc -c <"$dir/err") bytes"
if [ -w /dev/full ]; then says "a full disk" 1 'standard output' bash -c '"$0" flows "$1" >/dev/full' "$DAMP" $golden/seed_rows.nfcapd; fi
{
	flows -o csv -c 1 $golden/seed_rows.ft-v05
	flows -q -o csv -c 1 $golden/seed_rows.ft-v05 | tail -n 1 | awk -F, -v OFS=, '{ for (i = 0; i < 40000; i++) { $11 = "10." int(i / 65536) "." int(i / 256) % 256 "." i % 256; print } }'
} >"$dir/many.csv"
says "too little memory is said" 0 'did not fit into the memory' flows --memory 1MB -s record/bytes "$dir/many.csv"
exit $status
