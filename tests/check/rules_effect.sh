#!/bin/bash
# Rules by effect: real packets from many sources between two namespaces, through the kernel's own
# matches, with both iptables back ends.  Attack dropped as far as the policy says, nobody else.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
[ "$(id -u)" = 0 ] || { echo "skip rules_effect: needs root"; exit 0; }
unshare -n true 2>/dev/null || { echo "skip rules_effect: no network namespaces here"; exit 0; }
tmp=$(mktemp -d)
pids=()
cleanup() { for p in "${pids[@]}"; do kill "$p" 2>/dev/null; done; rm -rf "$tmp"; }
trap cleanup EXIT
failed=0
make -s BUILD="$build" "$build/tools/rulegen" >/dev/null && cp "$build/tools/rulegen" "$tmp/rulegen" ||
	{ echo "not ok rules_effect: building"; exit 1; }

seconds=6
# space: two namespaces joined by a veth pair, each kept by a sleeper; sets $asker and $resolver
space() {
	unshare -n sleep 120 & asker=$!; pids+=("$asker")
	unshare -n sleep 120 & resolver=$!; pids+=("$resolver")
	for p in $asker $resolver; do # until it has left our namespace
		for _ in {1..100}; do
			[ "$(readlink /proc/$p/ns/net)" != "$(readlink /proc/self/ns/net)" ] && break
			sleep 0.02
		done
	done
	nsenter -t "$asker" -n sh -ec "
		ip link add veth0 type veth peer name veth1 netns $resolver
		sysctl -q -w net.ipv6.conf.all.dad_transmits=0 net.ipv6.conf.veth0.accept_dad=0 net.ipv6.conf.veth0.dad_transmits=0
		ip addr add 10.8.0.1/24 dev veth0; ip addr add 2001:db8:8::1/64 dev veth0 nodad; ip link set veth0 up; ip link set lo up
		sysctl -q -w net.ipv6.ip_nonlocal_bind=1
		for n in 9 11 12; do ip route add local 10.\$n.0.0/16 dev lo; done
		for n in 9 b c; do ip -6 route add local 2001:db8:\$n::/48 dev lo; done"
	nsenter -t "$resolver" -n sh -ec "
		ip addr add 10.8.0.2/24 dev veth1; ip addr add 2001:db8:8::2/64 dev veth1 nodad; ip link set veth1 up; ip link set lo up
		ip route add 10.0.0.0/8 via 10.8.0.1; ip -6 route add 2001:db8::/32 via 2001:db8:8::1"
	# known from the start: else the first second's packets wait for an answer in a short queue
	mac=$(nsenter -t "$resolver" -n ip -o link show veth1 | sed -E 's,.*link/ether ([0-9a-f:]+).*,\1,')
	nsenter -t "$asker" -n ip neigh replace 10.8.0.2 lladdr "$mac" nud permanent dev veth0
	nsenter -t "$asker" -n ip neigh replace 2001:db8:8::2 lladdr "$mac" nud permanent dev veth0
}

# run NAME BACKEND SOURCES MODE RATE LOWEST-DROPPED-% [rulegen options]
run() {
	local name=$1 backend=$2 sources=$3 mode=$4 rate=$5 least=$6 dir asker resolver sink
	shift 6
	dir=$tmp/$name-$backend; mkdir "$dir"
	space
	for f in ip ip6; do
		"$tmp/rulegen" -n "$sources" "$@" "${f}tables" >"$dir/$f.rules" &&
		nsenter -t "$resolver" -n "${f}tables-$backend-restore" --noflush "$dir/$f.rules" ||
			{ echo "not ok rules_effect $name $backend: loading"; return 1; }
	done
	nsenter -t "$resolver" -n python3 tests/tools/dnsload.py sink "$dir/ready" "$dir/got" & sink=$!
	for _ in {1..100}; do [ -e "$dir/ready" ] && break; sleep 0.05; done
	nsenter -t "$asker" -n python3 tests/tools/dnsload.py send 4 "$sources" "$mode" "$rate" $seconds >"$dir/sent4" & local four=$!
	nsenter -t "$asker" -n python3 tests/tools/dnsload.py send 6 "$sources" "$mode" "$rate" $seconds >"$dir/sent6"
	local six=$?
	wait $four || six=1
	kill "$sink"; wait "$sink"
	for f in ip ip6; do
		nsenter -t "$resolver" -n "${f}tables-$backend" -S INPUT >"$dir/$f.hook" 2>/dev/null
		nsenter -t "$resolver" -n "${f}tables-$backend" -w -n -v -x -L >"$dir/$f.counters" 2>/dev/null
	done
	kill "$asker" "$resolver"
	[ "$six" = 0 ] || { echo "not ok rules_effect $name $backend: sending"; return 1; }
	python3 - "$dir" "$name $backend" "$least" <<'P'
import json, re, sys
d, name, least = sys.argv[1], sys.argv[2], float(sys.argv[3])
got = json.load(open(d + '/got'))
bad = False
for f, tool in (('4', 'ip'), ('6', 'ip6')):
    sent, g = json.load(open(d + '/sent' + f)), got[f]
    share = 100 * (1 - g['ATTACK'] / sent['ATTACK'])
    # the kernel's own word for it: packets that hit a DROP of ours
    kernel = sum(int(l.split()[0]) for l in open(d + '/' + tool + '.counters') if re.match(r' *\d+ +\d+ DROP .*damp', l))
    ok = share >= least and g['ORDINARY'] == sent['ORDINARY'] and g['POLITE'] == sent['POLITE'] \
        and kernel == sent['ATTACK'] - g['ATTACK']
    print('%s rules_effect %s IPv%s: attack dropped %.1f %% (at least %.0f), counters %d of %d; ordinary %d of %d, polite %d of %d pass'
          % ('ok' if ok else 'not ok', name, f, share, least, kernel, sent['ATTACK'], g['ORDINARY'], sent['ORDINARY'],
             g['POLITE'], sent['POLITE']))
    bad |= not ok
sys.exit(bad)
P
}

# wave: one run per back end at the same time, output in order
wave() {
	local jobs=() i=0
	while read -r line; do
		[ -n "$line" ] || continue
		# shellcheck disable=SC2086
		(run $line) >"$tmp/out.$i" 2>&1 &
		jobs+=($!); i=$((i + 1))
	done
	for j in "${!jobs[@]}"; do
		wait "${jobs[$j]}" || failed=1
		cat "$tmp/out.$j"
	done
}

hex_txt=03626967037478740661747461636b076578616d706c65047465737400
hex_long=$(python3 -c 'print("".join("%02x" % n + ("%02x" % ord(c)) * n for c, n in (("a", 60), ("b", 60), ("c", 60), ("d", 40))) + "00")')
hex_org=036f726700
# A list lets 2 of each source's rate x 6 s pass, a rate 2 + 6 x 2/5.
wave <<E1
one nft 1 any 4 90
one legacy 1 any 4 90
names nft 20 names 4 90 -t 16:$hex_txt -t 48:$hex_org -t 16:$hex_long
names legacy 20 names 4 90 -t 16:$hex_txt -t 48:$hex_org -t 16:$hex_long
list90 nft 90 any 4 90
list90 legacy 90 any 4 90
E1
wave <<E2
shards101 nft 101 any 4 90
shards101 legacy 101 any 4 90
rate101 nft 101 any 4 80 -l 1
rate101 legacy 101 any 4 80 -l 1
E2
# customers who walk through their prefix: counted by /64, or by what their alert says they have
wave <<E3
rotate64 nft 20 rotate64 4 90 -x 64
rotate64 legacy 20 rotate64 4 90 -x 64
rotate56 nft 20 rotate56 4 90 -x 56
rotate56 legacy 20 rotate56 4 90 -x 56
shards1000 nft 1000 any 4 90
rate1000 legacy 1000 any 4 80 -l 10
E3
exit $failed
