#!/bin/bash
# The traffic generator itself: the same bytes from every build, packets that dissect without a
# complaint, the figures of the incident, labels that say what was written.
set -u
gen=${GEN:-build/damp-gen} build=${BUILD:-build}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
case $gen in /*) ;; *) gen=$OLDPWD/$gen ;; esac
case $build in /*) ;; *) build=$OLDPWD/$build ;; esac

check() { # check NAME COMMAND...
	local name=$1; shift
	if "$@"; then echo "ok $name"; else echo "not ok $name"; fi
}
make_pcap() { "$gen" --pps 1000 --duration 10 "$@" 2>/dev/null; }

scenarios=(
	"benign recursion=yes authoritative=1 transfers=3 mail=3"
	"infected hosts=5 hosts6=2 stagger=3"
	"infected hosts=3 qtype=TXT arrival=poisson edns=1232"
	"infected hosts=2 qtype=A" "infected qtype=RRSIG answer=1700 v6=yes" "infected qtype=DNSKEY answer=2400"
	"reflection" "reflection two_sided=yes" "amp vector=ntp" "amp vector=memcached" "spoofed" "spoofed name=isc.org" "active" "spoofed name=isc.org answer=1400 net=10.0.0.0/8 net6=2001:db8::/40"
	"town subs=3000 sessions=400" "subdomain" "subdomain answers=no retries=2" "fragflood" "fragflood headless=no" "bulk" "benign + infected hosts=3 + reflection rate=20"
)

same_twice() {
	local s
	for s in "${scenarios[@]}"; do
		make_pcap -o a.pcap $s && make_pcap -o b.pcap $s && cmp a.pcap b.pcap || { echo "$s"; return 1; }
	done
}
seed_matters() {
	make_pcap --seed 1 -o a.pcap infected && make_pcap --seed 2 -o b.pcap infected && ! cmp -s a.pcap b.pcap
}
compilers_agree() { # C leaves much open: order of evaluation, widths; the bytes must not depend on it
	local s
	for s in "${scenarios[@]}"; do
		make_pcap -o a.pcap $s && "$build/san/damp-gen" --pps 1000 --duration 10 -o b.pcap $s 2>san.log && cmp a.pcap b.pcap ||
			{ echo "$s"; cat san.log; return 1; }
	done
}
dissects() {
	local s bad
	for s in "${scenarios[@]}"; do
		make_pcap -o a.pcap $s || return 1
		bad=$(tshark -o ip.check_checksum:TRUE -o udp.check_checksum:TRUE -o tcp.check_checksum:TRUE -r a.pcap \
			-Y '(dns and _ws.malformed) or ip.checksum.status==0 or udp.checksum.status==0 or tcp.checksum.status==0' \
			2>/dev/null | head -n 3)
		[ -z "$bad" ] || { echo "$s: $bad"; return 1; }
	done
}
in_order() {
	make_pcap -o a.pcap benign recursion=yes + infected hosts=5 rate=20 + reflection + bulk || return 1
	tcpdump -tt -nr a.pcap 2>/dev/null | awk '$1 < last { bad++ } { last = $1 } END { exit NR < 1000 || bad > 0 }'
}
incident_figures() { # 65 bytes up; 1500 + 1500 + 1157 = 4157 down, 4089 of them DNS
	make_pcap -o a.pcap infected ordinary=0 rate=1 || return 1
	tcpdump -vnr a.pcap 2>/dev/null | grep -oE '^[^ ]+ IP .*length [0-9]+\)' | grep -oE 'length [0-9]+' | head -n 4 |
		tr -d 'a-z \n' | grep -qx 65150015001157 || return 1
	tshark -r a.pcap -T fields -e udp.length -Y 'dns.flags.response==1' 2>/dev/null | head -n 1 | grep -qx 4097
}
edns_limits() { # a requester that accepts 1232 bytes gets no fragments, and the TC bit
	make_pcap -o a.pcap infected ordinary=0 rate=5 edns=1232 || return 1
	[ "$(tshark -r a.pcap -Y 'ip.flags.mf==1 or ip.frag_offset>0' 2>/dev/null | wc -l)" = 0 ] &&
		[ "$(tshark -r a.pcap -Y 'dns.flags.truncated==1 and udp.length<=1240' 2>/dev/null | wc -l)" -gt 40 ]
}
spoofed_size() {
	make_pcap -o a.pcap spoofed pps=500 + spoofed name=isc.org pps=500 || return 1
	[ "$(tshark -r a.pcap -T fields -e ip.len 2>/dev/null | sort -u)" = 64 ] &&
		[ "$(tshark -r a.pcap -T fields -e ip.src 2>/dev/null | sort | uniq -d | wc -l)" -le 1 ]
}
ttl_counts_down() { # a cached answer's TTL falls with the clock
	make_pcap -o a.pcap infected ordinary=0 rate=1 qtype=TXT answer=800 || return 1
	tshark -r a.pcap -T fields -e dns.resp.ttl -Y 'dns.flags.response==1' 2>/dev/null | cut -d, -f1 |
		awk 'NR > 1 && $1 > last { bad++ } NR == 1 { first = $1 } { last = $1 } END { exit NR < 8 || bad > 0 || last >= first }'
}
labels_match() {
	make_pcap --labels l -o a.pcap benign + infected hosts=4 rate=1-5 ordinary=0 start=2 stop=8 || return 1
	local kind ip first last n
	while read -r kind ip first last n _; do
		[ "$kind" = dns-amplification-abuser ] || continue
		tshark -r a.pcap -T fields -e frame.time_epoch -Y "ip.src==$ip and dns.qry.type==255" 2>/dev/null >times
		[ "$(wc -l <times)" = "$n" ] && [ "$(head -n 1 times | cut -c1-17)" = "$first" ] &&
			[ "$(tail -n 1 times | cut -c1-17)" = "$last" ] || { echo "$ip"; return 1; }
	done <l
	[ "$(grep -c '^dns-amplification-abuser' l)" = 4 ]
}
exact_count() {
	"$gen" -o a.pcap bulk packets=12345 2>/dev/null && [ "$(tcpdump -nr a.pcap 2>/dev/null | wc -l)" = 12345 ]
}
mean_size() { # IP bytes, within 5 %
	"$gen" -o a.pcap bulk packets=50000 size=500 2>/dev/null || return 1
	local bytes
	bytes=$(($(stat -c %s a.pcap) - 24 - 50000 * 30))
	[ $((bytes / 50000)) -ge 475 ] && [ $((bytes / 50000)) -le 525 ]
}
snaplen_keeps_length() {
	make_pcap -o a.pcap infected && make_pcap --snaplen 128 --fragment-snaplen 64 -o b.pcap infected || return 1
	[ "$(tshark -r a.pcap -T fields -e frame.len 2>/dev/null)" = "$(tshark -r b.pcap -T fields -e frame.len 2>/dev/null)" ] &&
		[ "$(tshark -r b.pcap -T fields -e frame.cap_len 2>/dev/null | sort -n | tail -n 1)" = 128 ]
}
refuses() {
	local a
	for a in "nonsense" "infected rate=x" "infected nokey=1" "infected rate=0" "amp vector=none" "infected resolver=1.2.3"; do
		"$gen" -o a.pcap $a 2>/dev/null
		[ $? = 2 ] || { echo "$a"; return 1; }
	done
}

check gen_same_arguments_same_bytes same_twice
check gen_seed_matters seed_matters
if [ -x "$build/san/damp-gen" ]; then check gen_gcc_and_clang_agree compilers_agree
else echo "skip gen_gcc_and_clang_agree: no $build/san/damp-gen"; fi
if command -v tcpdump >/dev/null; then
	check gen_time_order in_order
	check gen_exact_count exact_count
else echo "skip gen_time_order: no tcpdump"; fi
check gen_mean_size mean_size
check gen_refuses_nonsense refuses
if command -v tshark >/dev/null; then
	check gen_dissects dissects
	check gen_incident_figures incident_figures
	check gen_edns_limits edns_limits
	check gen_spoofed_size spoofed_size
	check gen_ttl_counts_down ttl_counts_down
	check gen_labels_match labels_match
	check gen_snaplen_keeps_length snaplen_keeps_length
else echo "skip gen_dissects: no tshark"; fi
