#!/bin/bash
# The incident for real, in network namespaces: a resolver that is configured properly, a backhaul of 10 Mbit/s,
# customers on both families, some of them infected.  damp listens at the resolver, names the infected hosts,
# writes a rule; the rule is loaded into the kernel and everything is measured by the kernel's own counters.
#
#   res   unbound 10.53.0.53 + 2001:db8:53::53, behind it an authoritative unbound; damp and the rule run here
#   core  a router; tc tbf 10 Mbit/s towards the customers
#   metro every address of 10.64.0.0/23 and 2001:db8:64::/64; 4 Mbit/s up
set -u
export LC_ALL=C.UTF-8
build=${BUILD:-build} damp=${DAMP:-$build/damp} root=$(cd "$(dirname "$0")/../.." && pwd)
case $damp in /*) ;; *) damp=$root/$damp ;; esac

for tool in ip tc unbound tcpdump iptables-restore ip6tables-restore python3; do
	command -v $tool >/dev/null || { echo "skip lab: no $tool"; exit 0; }
done
[ "$(id -u)" = 0 ] || { echo "skip lab: needs root"; exit 0; }
ip netns add damp-probe-$$ 2>/dev/null || { echo "skip lab: no network namespaces here"; exit 0; }
ip netns del damp-probe-$$
[ -x "$damp" ] || { echo "no $damp"; echo "not ok lab"; exit 1; }

dir=$(mktemp -d)
res=damp-res-$$ core=damp-core-$$ metro=damp-metro-$$
pids=()
cleanup() {
	local p
	for p in "${pids[@]}"; do kill "$p" 2>/dev/null; done
	for p in "${pids[@]}"; do wait "$p" 2>/dev/null; done
	for p in $res $core $metro; do ip netns del $p 2>/dev/null; done
	if [ -n "${KEEP:-}" ]; then echo "kept: $dir" >&2; else rm -rf "$dir"; fi
}
trap cleanup EXIT
trap 'exit 1' INT TERM

in_res() { ip netns exec $res "$@"; }
in_core() { ip netns exec $core "$@"; }
in_metro() { ip netns exec $metro "$@"; }
# What runs in the background is started by `ip netns exec` itself, not through the functions above: so the pid
# is the program's own and can be ended.
check() { # check NAME CONDITION(awk) DETAIL
	if awk "BEGIN { exit !($2) }"; then echo "ok lab_$1"; else echo "not ok lab_$1: $2"; fi
	[ -z "${3:-}" ] || echo "   $3"
}

# --- the network ------------------------------------------------------------------------------------

build_network() {
	ip netns add $res && ip netns add $core && ip netns add $metro || return 1
	local n
	for n in $res $core $metro; do
		ip -n $n link set lo up
		ip netns exec $n sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
			net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
			net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
	done
	ip -n $core link add c0 type veth peer name r0 netns $res || return 1
	ip -n $core link add c1 type veth peer name m0 netns $metro || return 1
	# offloads would hand over packets larger than the link's
	in_res sh -c 'command -v ethtool >/dev/null && ethtool -K r0 tso off gso off gro off tx off >/dev/null 2>&1'
	ip -n $res addr add 10.53.0.53/24 dev r0
	ip -n $res addr add 2001:db8:53::53/64 dev r0 nodad
	ip -n $res addr add 192.0.2.53/32 dev lo
	ip -n $core addr add 10.53.0.1/24 dev c0
	ip -n $core addr add 2001:db8:53::1/64 dev c0 nodad
	ip -n $core addr add 172.31.255.1/30 dev c1
	ip -n $core addr add 2001:db8:ffff::1/64 dev c1 nodad
	ip -n $metro addr add 172.31.255.2/30 dev m0
	ip -n $metro addr add 2001:db8:ffff::2/64 dev m0 nodad
	ip -n $res link set r0 up
	ip -n $core link set c0 up
	ip -n $core link set c1 up
	ip -n $metro link set m0 up
	ip -n $res route add default via 10.53.0.1
	ip -n $res -6 route add default via 2001:db8:53::1
	ip -n $core route add 10.64.0.0/23 via 172.31.255.2
	ip -n $core -6 route add 2001:db8:64::/64 via 2001:db8:ffff::2
	ip -n $metro route add default via 172.31.255.1
	ip -n $metro -6 route add default via 2001:db8:ffff::1
	# every address of the prefixes is this namespace's own
	ip -n $metro route add local 10.64.0.0/23 dev lo
	ip -n $metro -6 route add local 2001:db8:64::/64 dev lo
	# one namespace stands in for all customers: their reassembly memory must not be one host's
	in_metro sysctl -qw net.ipv4.ipfrag_high_thresh=268435456 net.ipv6.ip6frag_high_thresh=268435456 \
		net.ipv4.ipfrag_time=3 net.ipv6.ip6frag_time=3
	in_core tc qdisc add dev c1 root tbf rate 10mbit burst 16kb latency 100ms || return 1
	in_metro tc qdisc add dev m0 root tbf rate 4mbit burst 16kb latency 100ms
}

zone() { # zone PAD: an ANY answer of about 4 kB; names of PAD bytes in all set its size exactly
	local i
	# unbound answers ANY of its own zones with SOA, MX, A and AAAA: so these must be many
	printf '$ORIGIN ripe.net.\n$TTL 300\n@ SOA ns root 1 3600 600 86400 300\n@ NS ns\nns A 192.0.2.53\n'
	for ((i = 0; i < 60; i++)); do echo "@ A 192.0.2.$((100 + i))"; done
	for ((i = 0; i < 80; i++)); do printf '@ AAAA 2001:db8:80::%x\n' $((256 + i)); done
	for ((i = 0; i < 10; i++)); do printf '@ MX 10 m%049d\n' "$i"; done
	printf '@ MX 20 a%0*d\n@ MX 20 b%0*d\n' $(($1 / 2 - 1)) 1 $(($1 - $1 / 2 - 1)) 2
}

unbound_conf() { # unbound_conf NAME ADDRESS...
	local name=$1 a
	shift
	cat <<-END
		server:
		  directory: "$dir"
		  chroot: ""
		  username: ""
		  pidfile: "$dir/$name.pid"
		  use-syslog: no
		  logfile: "$dir/$name.log"
		  do-daemonize: no
		  num-threads: 1
		  module-config: "iterator"
		  do-not-query-localhost: no
		  edns-buffer-size: 4096
		  max-udp-size: 4096
		  minimal-responses: yes
		  rrset-roundrobin: no
		  access-control: 0.0.0.0/0 allow_snoop
		  access-control: ::/0 allow_snoop
	END
	for a; do echo "  interface: $a"; done
	printf 'remote-control:\n  control-enable: no\n'
}

any_size() { # any_size SERVER: DNS bytes of its answer to ANY ripe.net
	echo 192.0.2.53 | in_res "$dir/dnsload" -4 "$1" -r 5 -d 0.3 -t 1 2>/dev/null |
		awk '{ split($2, n, "="); split($5, b, "="); if (n[2] > 0) print b[2] / n[2] }'
}

start_dns() {
	local pad=60 size auth i
	{
		unbound_conf auth 192.0.2.53
		printf 'auth-zone:\n  name: "ripe.net"\n  zonefile: "%s/ripe.zone"\n  for-upstream: no\n' "$dir"
		printf 'auth-zone:\n  name: "shop.example"\n  zonefile: "%s/shop.zone"\n  for-upstream: no\n' "$dir"
	} >"$dir/auth.conf"
	printf '$ORIGIN shop.example.\n$TTL 60\n@ SOA ns root 1 3600 600 86400 60\n@ NS ns\n* A 192.0.2.90\n' >"$dir/shop.zone"
	for i in 1 2; do # once to see the size, once with the padding that makes it 4089
		zone $pad >"$dir/ripe.zone"
		ip netns exec $res unbound -c "$dir/auth.conf" &
		auth=$!
		pids+=($auth)
		wait_for "[ -n \"\$(any_size 192.0.2.53)\" ]" 5 || return 1
		[ $i = 2 ] && break
		size=$(any_size 192.0.2.53)
		pad=$((pad + 4089 - size))
		{ [ $pad -ge 4 ] && [ $pad -le 126 ]; } || { echo "padding of $pad bytes is out of range"; return 1; }
		kill $auth
		wait $auth 2>/dev/null
	done
	{
		unbound_conf resolver 10.53.0.53 2001:db8:53::53
		printf 'forward-zone:\n  name: "."\n  forward-addr: 192.0.2.53\n'
	} >"$dir/resolver.conf"
	ip netns exec $res unbound -c "$dir/resolver.conf" &
	pids+=($!)
	wait_for "[ -n \"\$(any_size 10.53.0.53)\" ]" 5
}

wait_for() { # wait_for CONDITION SECONDS
	local end=$((SECONDS + $2))
	until eval "$1"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.2
	done
}

# --- who is there -----------------------------------------------------------------------------------

infected4=60 infected6=20 rate=6
who() {
	local i
	for ((i = 0; i < infected4; i++)); do echo "10.64.$((i % 2)).$((20 + i))"; done >"$dir/infected"
	for ((i = 0; i < infected6; i++)); do printf '2001:db8:64::bad:%x\n' $((256 + i)); done >>"$dir/infected"
	for ((i = 0; i < 110; i++)); do echo "10.64.$((i % 2)).$((120 + i))"; done >"$dir/ordinary"
	for ((i = 0; i < 40; i++)); do printf '2001:db8:64::600d:%x\n' $((256 + i)); done >>"$dir/ordinary"
	sort "$dir/infected" >"$dir/infected.sorted"
}

# --- measuring --------------------------------------------------------------------------------------

fragmented() { # datagrams the resolver's kernel had to fragment: the big answers
	in_res awk '/^Ip:/ { if (!col) { for (i = 1; i <= NF; i++) if ($i == "FragOKs") col = i } else print $col }' /proc/net/snmp |
		paste - <(in_res awk '$1 == "Ip6FragOKs" { print $2 }' /proc/net/snmp6) | awk '{ print $1 + $2 }'
}
link_bytes() { in_core tc -s qdisc show dev c1 | sed -nE 's/^ *Sent ([0-9]+) bytes.*/\1/p' | head -n 1; }
declare -A big mbit okay p95
phase() { # phase NAME SECONDS: everything at once, ordinary customers' look-ups among it
	local f0 b0 t0 f1 b1 t1 out
	f0=$(fragmented) b0=$(link_bytes) t0=$(date +%s.%N)
	ip netns exec $metro "$dir/dnsload" -n shop.example -k 400 -q 1 -e 1232 -r 2 -d "$2" -t 2 -s "$SECONDS" \
		<"$dir/ordinary" >"$dir/ordinary.$1" &
	local load=$!
	pids+=($load)
	sleep "$2"
	f1=$(fragmented) b1=$(link_bytes) t1=$(date +%s.%N)
	wait $load
	big[$1]=$(awk "BEGIN { printf \"%.1f\", ($f1 - $f0) / ($t1 - $t0) }")
	mbit[$1]=$(awk "BEGIN { printf \"%.2f\", ($b1 - $b0) * 8e-6 / ($t1 - $t0) }")
	out=$(cat "$dir/ordinary.$1")
	okay[$1]=$(sed -E 's/.*percent=([0-9.]+).*/\1/' <<<"$out")
	p95[$1]=$(sed -E 's/.*p95_ms=([0-9.]+).*/\1/' <<<"$out")
}

opened() { # hosts named as abusers so far, sorted
	python3 - "$1" <<-'END' | sort -u
		import json, sys
		for line in open(sys.argv[1]):
		    try:
		        a = json.loads(line)
		    except ValueError:  # the last line may be half written
		        continue
		    if a["event"]["action"] == "opened" and a["rule"]["name"] == "dns-amplification-abuser":
		        print(a["damp"]["subject"].get("ip"))
	END
}
named_all() { [ -s "$dir/alerts.json" ] && [ "$(opened "$dir/alerts.json" | comm -12 - "$dir/infected.sorted" | wc -l)" = $((infected4 + infected6)) ]; }

# --- the course of events ---------------------------------------------------------------------------

write_config() {
	"$damp" keygen -o "$dir/key" >"$dir/keygen.log" 2>&1
	mkdir -p "$dir/rules"
	: >"$dir/alerts.json"
	cat >"$dir/damp.conf" <<-END
		interfaces: [r0]
		networks: [10.64.0.0/23, "2001:db8:64::/64"]
		resolvers: [10.53.0.53, "2001:db8:53::53"]
		links:
		  - name: metro-3
		    prefixes: [10.64.0.0/23, "2001:db8:64::/64"]
		    down: 10Mbit
		    up: 4Mbit
		alerts: $dir/alerts.json
		key: $dir/key.key
		rules-dir: $dir/rules
	END
}

load_rules() { # both families; the file that covers most hosts is the latest
	local f n=0
	for f in "$dir"/rules/*iptables.rules; do
		in_res iptables-restore --noflush <"$f" && n=$((n + 1))
	done
	for f in "$dir"/rules/*ip6tables.rules; do
		[ -e "$f" ] && in_res ip6tables-restore --noflush <"$f" && n=$((n + 1))
	done
	[ $n -gt 0 ]
}

undo_rules() { # by the commands each file gives for it
	local f
	for f in "$dir"/rules/*iptables.rules "$dir"/rules/*ip6tables.rules; do
		[ -e "$f" ] && sed -n '/^# Undo:/,/^# [^ ]/s/^#   //p' "$f" >"$dir/undo.sh" && in_res sh "$dir/undo.sh"
	done
}

${CC:-gcc} -O2 -std=c17 -D_GNU_SOURCE -Wall -Wextra -o "$dir/dnsload" "$root/tests/tools/dnsload.c" ||
	{ echo "not ok lab_tools"; exit 1; }
who
build_network || { echo "not ok lab_network"; exit 1; }
start_dns || { tail -n 5 "$dir"/*.log; echo "not ok lab_resolver"; exit 1; }

ip netns exec $res tcpdump -i r0 -s 256 -w "$dir/lab.pcap" >/dev/null 2>"$dir/tcpdump.log" &
capture=$!
pids+=($capture)
write_config
ip netns exec $res "$damp" run -c "$dir/damp.conf" >"$dir/damp.log" 2>&1 &
daemon=$!
pids+=($daemon)
sleep 1.5
kill -0 $daemon 2>/dev/null || { cat "$dir/damp.log"; echo "not ok lab_daemon_starts"; exit 1; }
echo "ok lab_daemon_starts"

size=$(any_size 10.53.0.53)
check any_answer_is_4089_bytes "${size:-0} == 4089"
phase calm 4

attack_from=$(date +%s)
ip netns exec $metro "$dir/dnsload" -r $rate -d 120 -t 0.1 <"$dir/infected" >"$dir/attack" &
attack=$!
pids+=($attack)
wait_for named_all 15
named_after=$(($(date +%s) - attack_from))
phase attack 6

opened "$dir/alerts.json" >"$dir/named"
hosts=$(comm -12 "$dir/named" "$dir/infected.sorted" | wc -l)
others=$(comm -23 "$dir/named" "$dir/infected.sorted" | wc -l)
check all_infected_named "$hosts == $infected4 + $infected6" "$hosts of $((infected4 + infected6)) within $named_after s"
check nobody_else_named "$others == 0" "$(comm -23 "$dir/named" "$dir/infected.sorted" | head -n 3 | tr '\n' ' ')"
check resolver_and_name_told "$(grep -c '"ripe.net' "$dir/alerts.json") > 0 && $(grep -cE '10\.53\.0\.53|2001:db8:53::53' "$dir/alerts.json") > 0"

if wait_for "ls '$dir'/rules/*iptables.rules >/dev/null 2>&1" 5 && load_rules 2>"$dir/restore.log"; then echo "ok lab_rules_load"
else cat "$dir/restore.log"; ls "$dir/rules"; echo "not ok lab_rules_load"; fi
sleep 2
phase rule 6
rules_v4=$(in_res iptables-save -c) rules_v6=$(in_res ip6tables-save -c)

undo_rules
left=$({ in_res iptables-save; in_res ip6tables-save; } | grep -c DAMP)
sleep 1
phase undone 3

printf '%-18s %14s %14s %14s %10s\n' '' 'big answers/s' 'link Mbit/s' 'ordinary ok %' 'p95 ms'
for p in calm attack rule undone; do
	printf '%-18s %14s %14s %14s %10s\n' "$p" "${big[$p]}" "${mbit[$p]}" "${okay[$p]}" "${p95[$p]}"
done
check attack_fills_the_link "${mbit[attack]} > 9"
check rule_stops_nine_tenths "${big[rule]} <= 0.1 * ${big[attack]}"
check link_relieved "${mbit[rule]} < 0.3 * ${mbit[attack]}"
check ordinary_answered "${okay[calm]} >= 99 && ${okay[rule]} >= 99"
check rule_dropped_packets "$(printf '%s\n%s\n' "$rules_v4" "$rules_v6" | grep -E 'DROP' | grep -cE '^\[[1-9]') > 0"
check undo_undoes "$left == 0 && ${big[undone]} > 0.5 * ${big[attack]}"

kill $attack
kill -TERM $daemon
wait $daemon; status=$?
check daemon_ends_well "$status == 0" "$([ $status = 0 ] || tail -n 3 "$dir/damp.log")"
if "$damp" verify --key "$dir/key.pub" "$dir/alerts.json" >"$dir/verify.log" 2>&1; then echo "ok lab_alerts_verify"
else cat "$dir/verify.log"; echo "not ok lab_alerts_verify"; fi

# the same traffic from a file must give the same names
kill $capture
wait $capture 2>/dev/null
"$damp" replay -q --networks 10.64.0.0/23,2001:db8:64::/64 --resolvers 10.53.0.53,2001:db8:53::53 \
	--alerts "$dir/replayed.json" "$dir/lab.pcap" >"$dir/replay.log" 2>&1 || tail -n 3 "$dir/replay.log"
opened "$dir/replayed.json" >"$dir/renamed"
if cmp "$dir/named" "$dir/renamed"; then echo "ok lab_replay_names_the_same"; else echo "not ok lab_replay_names_the_same"; fi
