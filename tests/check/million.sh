#!/bin/bash
# A million hosts at work, each with two or three resolvers, keep all they have within 256 MB: the budget is fixed at the start, and the
# program stays within it, whatever the number of threads.
set -u
damp=${DAMP:-build/damp} gen=${GEN:-build/damp-gen}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

value() { grep -oE "\"$1\":[0-9]+" "$dir/stats" | cut -d: -f2; }

# a million clients, three resolvers, four thousand servers; five pairs for two clients
busy() { "$gen" --snaplen 100 -o - active hosts=1000000 rate=20000 servers=4000 2>/dev/null; }
for threads in 1 2; do
	ok=yes
	busy | "$damp" replay -q --threads $threads --memory 256MB --networks 10.0.0.0/8 --stats "$dir/stats" - >"$dir/log" 2>&1 || ok=no
	want() { [ "$(value "$1")" "$2" "$3" ] || { ok=no; echo "$1 is $(value "$1"), not $2 $3"; }; }
	want hosts -eq 1004003
	want pairs -ge 2500000 # and what a port of chance made one of a service
	for lost in evicted evicted_pairs unadmitted_packets; do want $lost -eq 0; done
	want peak_rss_bytes -le 256000000
	want memory_most -le 256000000
	if [ $ok = yes ]; then
		echo "ok million_hosts_${threads}_threads"
		echo "   $(($(value peak_rss_bytes) / 1000000)) MB resident at most, $(($(value memory_most) / 1000000)) MB promised"
	else
		cat "$dir/log"
		echo "not ok million_hosts_${threads}_threads"
	fi
done
