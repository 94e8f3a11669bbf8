#!/bin/bash
# One attack, recorded once, exported by real exporters: the same hosts are named each time, as from the packets
# themselves, whether fragments come as port 0 (softflowd), with their ports (fprobe, pmacct, argus) or put together
# (nfpcapd); with and without knowing the networks.  Then sampled: ordinary traffic stays silent, what is fast enough
# is named.
set -u
here=$(cd "$(dirname "$0")" && pwd)
damp=${DAMP:-$here/../../build/damp} gen=${GEN:-$here/../../build/damp-gen}
PATH=$PATH:/usr/sbin:/sbin
dir=$(mktemp -d)
pids=() exporting=
trap 'for p in "${pids[@]}" $exporting; do kill "$p" 2>/dev/null; done; rm -rf "$dir"' EXIT
status=0
ok() { echo "ok exporters: $1"; }
not_ok() { echo "not ok exporters: $1"; shift; printf '%s\n' "$@" | head -n 20 | sed 's/^/  /'; status=1; }
have() {
	local t
	for t in "$@"; do command -v "$t" >/dev/null || { echo "skip exporters: $t: not installed"; return 1; }; done
}
cd "$dir" || exit 1
known=(--networks 10.64.0.0/23,2001:db8:64::/64 --resolvers 10.53.0.53,2001:db8:53::53)

named() { python3 "$here/named.py" "$@"; } # makes NAME.named and others

# --- collectors: many at a time, since each has to wait for what may still come --------------------------------------
# collect NAME OPTIONS...: a collector of its own; its port in $port
collect() {
	local name=$1; shift
	"$damp" run -l 127.0.0.1:0 --memory 64MB --alerts "$name.alerts" --stats "$name.stats" "$@" >/dev/null 2>"$name.log" &
	pids+=($!)
	port=
	for _ in $(seq 100); do
		port=$(sed -n 's/.*udp:\/\/127.0.0.1:\([0-9]*\).*/\1/p' "$name.log" 2>/dev/null)
		[ -n "$port" ] && return 0
		sleep 0.05
	done
	not_ok "$name: the collector does not start" "$(cat "$name.log")"
}
# both NAME: two of them, one that knows the networks; ports in $a and $b
both() {
	collect "$1.bare"; a=$port
	collect "$1.known" "${known[@]}"; b=$port
	rows+=("$1")
}
# ends them; what they said is in files
end_all() {
	local p
	for p in "${pids[@]}"; do kill "$p" 2>/dev/null; done
	for p in "${pids[@]}"; do wait "$p" 2>/dev/null; done
	pids=()
	named $(for r in "${rows[@]}"; do for f in "$r" "$r.bare" "$r.known"; do [ -e "$f.alerts" ] && echo "$f"; done; done)
}
rows=()

# verdict NAME named|ipv4 WANT: both collectors of a row name whom they should
verdict() {
	local mode
	for mode in bare known; do
		if cmp -s "$1.$mode.$2" "$3"; then ok "$1: the same hosts ($mode)"
		else not_ok "$1: other hosts ($mode)" "$(diff "$3" "$1.$mode.$2")"; fi
	done
}
# healthy NAME: and find nothing wrong with their exporter but its clock: what it reads is of another day
healthy() {
	local mode clock=' 0 of [0-9]* records lost .* 0 sets without a template, 0 records with impossible times, 0 datagrams damaged'
	for mode in bare known; do
		! grep -qv -e "$clock" "$1.$mode.health" || not_ok "$1: no fault of the exporter ($mode)" "$(cat "$1.$mode.health")"
		[ "$(cat "$1.$mode.faults")" = "0 0 0 0" ] || not_ok "$1: lost, corrupt, misordered, reset ($mode)" "$(cat "$1.$mode.faults")"
	done
}

# --- the recording: of just now, since some exporters stamp what they read from a file with the present --------------
start=$(($(date +%s) - 110))
"$gen" --seed "${SEED:-7}" --start $start --duration 100 --snaplen 200 --labels labels -o c.pcap \
	benign clients=80 clients6=20 web=0.002 quic=0.001 mail=1 \
	+ infected hosts=12 hosts6=2 rate=2-7 start=10 stop=90 stagger=5 \
	+ infected hosts=3 first=100 rate=5 edns=1232 start=10 stop=90 + reflection rate=100 start=5 stop=90 2>/dev/null
"$damp" replay -q --alerts packets.alerts --stats packets.stats c.pcap 2>log || not_ok "replay" "$(cat log)"
"$damp" replay -q "${known[@]}" --alerts packets.known.alerts c.pcap 2>log || not_ok "replay" "$(cat log)"
named packets packets.known
grep -v '^#' labels | cut -f1,2 | tr '\t' ' ' | sort >labelled
if cmp -s labelled packets.named && cmp -s labelled packets.known.named; then
	ok "the packets themselves: $(wc -l <labelled) hosts"
else
	not_ok "the packets themselves" "$(diff labelled packets.named)" "$(diff labelled packets.known.named)"
fi
read -r packets bytes <packets.totals
bytes=$((bytes - 14 * packets)) # Ethernet headers do not show in records

# --- the exporters ------------------------------------------------------------------------------------------------------
if have softflowd; then
	for v in 1 5 9 10; do
		both "softflowd_$v"
		softflowd -d -r c.pcap -v $v -n "127.0.0.1:$a,127.0.0.1:$b" >log 2>&1
	done
fi
if have fprobe; then
	for v in 5 7; do
		both "fprobe_$v"
		# in the foreground it would read the terminal's input; it ends with its input
		fprobe -l 2 -n $v -q 100000 -b 100000 -f ip -i - "127.0.0.1:$a" "127.0.0.1:$b" <c.pcap >log 2>&1
	done
fi
nfprobe() { # nfprobe VERSION PORT
	cat >"pmacctd.$2" <<-END
		pcap_savefile: $dir/c.pcap
		daemonize: false
		plugins: nfprobe
		aggregate: src_host, dst_host, src_port, dst_port, proto, tos
		nfprobe_version: $1
		nfprobe_timeouts: expint=0
		nfprobe_receiver: 127.0.0.1:$2
		plugin_buffer_size: 1024000
		plugin_pipe_size: 102400000
	END
	pmacctd -f "pmacctd.$2" >"pmacctd.log" 2>&1
}
if have pmacctd; then
	both pmacct
	# some seconds each, and one after the other: two at once send some flows twice, for nfcapd as well
	{ nfprobe 9 "$a"; nfprobe 10 "$b"; } & exporting=$!
fi
for v in 5 9 10; do
	for f in service port0; do
		both "probe_${v}_$f"
		"$damp" probe -q -r c.pcap --version $v --fragments $f --to "127.0.0.1:$a" --to "127.0.0.1:$b" 2>log
	done
done
[ -n "$exporting" ] && wait "$exporting"
sleep 7 # as long as answers wait for the records of their queries, and a little
end_all
for r in "${rows[@]}"; do
	case $r in
	*_1 | fprobe* | *_5 | *_5_*) verdict "$r" ipv4 packets.ipv4 ;;
	*)
		verdict "$r" named packets.named
		[ "$(cat "$r.bare.totals")" = "$packets $bytes" ] || [ "$r" = pmacct ] ||
			not_ok "$r: every packet and byte" "got:  $(cat "$r.bare.totals")" "want: $packets $bytes"
		;;
	esac
	healthy "$r"
done

# files NAME FAMILY FILE...
files() {
	local name=$1 family=$2 args; shift 2
	for mode in bare known; do
		args=()
		[ $mode = known ] && args=("${known[@]}")
		"$damp" replay -q "${args[@]}" --alerts "$name.$mode.alerts" "$@" 2>log || not_ok "$name: read" "$(cat log)"
	done
	named "$name.bare" "$name.known"
	verdict "$name" "$family" "packets.$family"
}
if have nfpcapd; then
	mkdir nf
	nfpcapd -r c.pcap -w nf >log 2>&1
	# of IPv6 fragments it knows neither ports nor protocol, and writes them when the flow ends
	files nfpcapd ipv4 nf/nfcapd.2*
fi
if have argus ra; then
	argus -r c.pcap -w - 2>/dev/null |
		ra -n -u -c , -s stime dur proto saddr sport daddr dport spkts dpkts sbytes dbytes >argus.csv 2>/dev/null
	files argus named argus.csv
fi

# --- an old recording, at once: impossible times are repaired and told, and the hosts are the same -----------------------
# one client's hundred questions for 4157 bytes, of 2013, one a second
golden=$here/../golden/any_amp_100.pcap
want='dns-amplification-abuser 10.9.1.155'
rows=()
if have softflowd; then
	for v in 5 9 10; do collect "old_softflowd_$v"; softflowd -d -r "$golden" -v $v -n "127.0.0.1:$port" >log 2>&1; rows+=("old_softflowd_$v"); done
fi
if have fprobe; then
	collect old_fprobe_5; rows+=(old_fprobe_5)
	fprobe -l 2 -q 10000 -f ip -i - "127.0.0.1:$port" <"$golden" >log 2>&1
fi
for v in 5 9 10; do collect "old_probe_$v"; "$damp" probe -q -r "$golden" --version $v --to "127.0.0.1:$port" 2>log; rows+=("old_probe_$v"); done
sleep 2
end_all
for r in "${rows[@]}"; do
	got=$(cat "$r.named")
	if [ "$got" = "$want" ]; then ok "$r: the same host"; else not_ok "$r: other hosts" "$got"; fi
done
if have nfpcapd; then
	mkdir old
	nfpcapd -r "$golden" -w old >log 2>&1
	"$damp" replay -q --alerts old.alerts old/nfcapd.2* 2>log
	named old
	if [ "$(cat old.named)" = "$want" ]; then ok "old_nfpcapd: the same host"; else not_ok "old_nfpcapd" "$(cat old.alerts log)"; fi
fi
if have argus ra; then
	argus -r "$golden" -w - 2>/dev/null |
		ra -n -u -c , -s stime dur proto saddr sport daddr dport spkts dpkts sbytes dbytes >argus.csv 2>/dev/null
	"$damp" replay -q --alerts old.alerts argus.csv 2>log
	named old
	if [ "$(cat old.named)" = "$want" ]; then ok "old_argus: the same host"; else not_ok "old_argus" "$(cat old.alerts log)"; fi
fi

# --- sampled ------------------------------------------------------------------------------------------------------------
ordinary="benign clients=200 clients6=40 web=0.004 quic=0.003 mail=2 mailrate=4 validators=3 cgnat=2 recursion=yes authoritative=1"
# shellcheck disable=SC2086
"$gen" --seed 8 --start $start --duration 100 --snaplen 120 -o ordinary.pcap $ordinary 2>/dev/null
# shellcheck disable=SC2086
"$gen" --seed 7 --start $start --duration 50 --snaplen 120 --labels labels -o attack.pcap $ordinary \
	+ infected hosts=2 hosts6=1 rate=300 start=5 + infected hosts=1 first=100 rate=2500 start=5 stop=45 2>log ||
	not_ok "generator" "$(cat log)"
grep -v '^#' labels | cut -f1,2 | tr '\t' ' ' | sort >labelled
fast='dns-amplification-abuser 10.64.1.130'
rows=()
for n in 100 1000; do
	for what in ordinary attack; do
		both "probe_${what}_$n"
		"$damp" probe -q -r $what.pcap --sampling $n --to "127.0.0.1:$a" --to "127.0.0.1:$b" 2>log
		if have softflowd >/dev/null; then
			both "softflowd_${what}_$n"
			softflowd -d -r $what.pcap -v 9 -s $n -n "127.0.0.1:$a,127.0.0.1:$b" >log 2>&1
		fi
	done
done
# Half an hour, sent in a second: a collector has but its own clock, so it all looks like the last minutes.  What people
# do in half an hour is no attack even then.
# shellcheck disable=SC2086
"$gen" --seed 11 --start 1772366400 --duration 1800 --snaplen 120 -o hour.pcap ${ordinary/clients=200/clients=60} 2>/dev/null
both probe_ordinary_1
"$damp" probe -q -r hour.pcap --rate 0 --to "127.0.0.1:$a" --to "127.0.0.1:$b" 2>log
sleep 7
end_all
for r in "${rows[@]}"; do
	n=${r##*_}
	for mode in bare known; do
		got=$(cat "$r.$mode.named")
		case $r in
		*ordinary*) right=$([ -z "$got" ] && echo yes) ;;
		*_1000) right=$(grep -qxF "$fast" <<<"$got" && ! grep -v '^dns-amplification-abuser' <<<"$got" >&2 && echo yes) ;;
		*) right=$(cmp -s "$r.$mode.named" labelled && echo yes) ;;
		esac
		if [ "$right" = yes ]; then ok "$r: $(grep -c . <<<"$got") named ($mode)"; else not_ok "$r: named ($mode)" "$got"; fi
		# 20 large answers in five minutes where the networks are known, 50 where not
		rate=$(python3 -c 'import sys; n, known = sys.argv[1:]; print("%s %.3g" % (n, int(n) * (20 if known == "known" else 50) / 300))' "$n" $mode)
		[ "$(cat "$r.$mode.sampling")" = "$rate" ] || [ "$n" = 1 ] ||
			not_ok "$r: sampling and what is still visible ($mode)" "got:  $(cat "$r.$mode.sampling")" "want: $rate"
	done
	healthy "$r"
done
exit $status
