#!/bin/bash
# Attacks whose truth is known: each labelled subject must be named once, with the right kind, and nobody else.
# Every line runs twice: as a stranger would (no configuration) and knowing the networks and resolvers.  SEED=N
# gives other traffic of the same kind.
set -u
damp=${DAMP:-build/damp} gen=${GEN:-build/damp-gen} here=$(dirname "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
known=(--networks 10.64.0.0/20,2001:db8:64::/48 --resolvers 10.53.0.53,2001:db8:53::53)
link() { printf 'links: [{name: metro-3, prefixes: [10.64.0.0/23, "2001:db8:64::/64"], down: %s}]\n' "$1" >"$dir/link.conf"; }
ordinary="benign clients=80 clients6=20 web=0.002 quic=0.001 mail=1"
abuser=dns-amplification-abuser victim=dns-amplification-victim udp=udp-amplification-victim

# run NAME DURATION REQUIRED ALLOWED SCENARIO...
run() {
	local name=$1 duration=$2 required=$3 allowed=$4 mode
	shift 4
	"$gen" --seed "${SEED:-7}" ${drop:+--drop "$drop"} --duration "$duration" --snaplen 200 --labels "$dir/labels" -o "$dir/c.pcap" "$@" 2>"$dir/log" ||
		{ cat "$dir/log"; echo "not ok scenario_$name"; return; }
	[ -n "${more:-}" ] && cat "$more" >>"$dir/labels"
	for mode in bare known; do
		local args=()
		[ $mode = known ] && args=("${known[@]}")
		[ -n "${conf:-}" ] && args+=(-c "$conf")
		if "$damp" replay -q "${args[@]}" --alerts "$dir/alerts" "$dir/c.pcap" >"$dir/log" 2>&1 &&
			python3 "$here/compare_alerts.py" "$dir/alerts" "$dir/labels" "$required" "$allowed" >>"$dir/log"
		then echo "ok scenario_${name}_$mode"
		else cat "$dir/log"; echo "not ok scenario_${name}_$mode"; fi
	done
}

run incident            60 $abuser - $ordinary + infected hosts=37 hosts6=4 rate=1-7 start=10 stop=50 stagger=5
run one_a_second       120 $abuser - $ordinary + infected hosts=5 hosts6=1 rate=1 start=5
run slow               400 $abuser - $ordinary + infected hosts=3 rate=0.2 start=20
run hundred_a_second    15 $abuser - $ordinary + infected hosts=3 hosts6=1 rate=100 start=5
run one_port            40 $abuser - $ordinary + infected hosts=3 rate=3 ports=14068
run txt                 40 $abuser - $ordinary + infected hosts=5 rate=3 qtype=TXT answer=3500 name=big.example
run dnskey              40 $abuser - $ordinary + infected hosts=5 rate=3 qtype=DNSKEY answer=2400 name=signed.example
run rrsig               40 $abuser - $ordinary + infected hosts=5 rate=3 qtype=RRSIG answer=3930
run many_addresses      40 $abuser - $ordinary + infected hosts=5 rate=3 qtype=A answer=4000 name=many.example
run no_fragments        60 $abuser - $ordinary + infected hosts=5 rate=3 edns=1232
run poisson             60 $abuser - $ordinary + infected hosts=5 rate=3 arrival=poisson
run two_names           60 $abuser - $ordinary + infected hosts=4 rate=2 + infected hosts=4 first=10 rate=2 qtype=TXT name=big.example
run reflected           30 $victim - $ordinary + reflection rate=100 start=5
run reflected_slowly    40 $victim - $ordinary + reflection rate=24 reflectors=120 qtype=RRSIG answer=3930 start=5
run reflected_v6        30 $victim - $ordinary + reflection rate=100 victim=2001:db8:64::77 start=5
run at_the_reflector    30 dns-amplification-reflector $victim $ordinary + reflection two_sided=yes reflectors=3 rate=150 start=5
# a public server of ours, known as one, misused against one, several and many at once
public="benign clients=20 clients6=5 web=0 quic=0 authoritative=1 authrate=100"
printf 'networks: [10.64.0.0/20]\ngroups: [{name: zones, kind: authoritative, members: [10.64.0.10]}]\n' >"$dir/zones.conf"
for victims in 1 4 6 20; do
	conf=$dir/zones.conf run "public_server_hits_$victims" 120 dns-amplification-reflector $victim $public + reflection two_sided=yes server=10.64.0.10 \
		victims=$victims rate=100 qtype=DNSKEY answer=3000 name=zone.example start=40
done
conf=$dir/zones.conf run public_server_alone 120 - - ${public/authrate=100/authrate=1000}
for vector in ntp ssdp cldap memcached snmp chargen; do
	run "$vector"       20 $udp - $ordinary + amp vector=$vector pps=1000 start=5
done
for vector in memcached ssdp netbios; do
	run "${vector}_at_53"   20 $udp - $ordinary + amp vector=$vector port=53 pps=1000 start=5
done
run bacnet              20 $udp - $ordinary + amp vector=bacnet pps=1000 start=5
run fragments           20 udp-fragment-flood - $ordinary + fragflood pps=3000 start=5
run query_flood         20 dns-query-flood - $ordinary + spoofed pps=5000 start=5
# what names tell
zone=dns-random-subdomain
run random_names        30 $zone - $ordinary + subdomain rate=300
run random_names_slow   90 $zone - $ordinary + subdomain rate=12 clients=40 start=10
run random_names_dead   40 $zone - $ordinary + subdomain rate=100 rcode=2 zone=shop.co.uk start=10
run random_names_texts  60 $zone - $ordinary + subdomain rate=100 clients=40 labels=50-60
run random_names_one   600 $zone - $ordinary + subdomain rate=15 clients=1 labels=20-30
run random_names_few    30 $zone dns-nxdomain-flood $ordinary + subdomain rate=150 clients=3 start=5
# the same where the answers are not seen: one direction alone, or a server that gives none
drop=answers run random_names_half 60 $zone - $ordinary + subdomain rate=300 start=10
drop=answers run random_names_half_slow 300 $zone - $ordinary + subdomain rate=15 clients=40 start=220
run random_names_mute   60 $zone - $ordinary + subdomain rate=100 answers=no retries=2 resolver=203.0.113.53 start=20
drop=answers run questions_only 300 - - $ordinary mail=3 validators=2 cgnat=2 antivirus=2 authoritative=1 recursion=yes + lookalikes
drop=queries run answers_only 60 - - $ordinary + lookalikes
run generated_domains  120 dns-nxdomain-flood - $ordinary + dga clients=3 rate=2
run refused             60 dns-nxdomain-flood - $ordinary + dga clients=2 rate=40 rcode=5
run tunnel              60 dns-tunnel - $ordinary + tunnel rate=2000 chunk=60 qtype=10 answer=300
run tunnel_out         900 dns-tunnel - benign clients=5 clients6=0 web=0 quic=0 mail=0 + tunnel rate=20 chunk=40
run tunnel_addresses   600 dns-tunnel - benign clients=5 clients6=0 web=0 quic=0 mail=0 + tunnel rate=200 chunk=60 qtype=A
run tunnel_nxdomain    600 dns-tunnel - benign clients=5 clients6=0 web=0 quic=0 mail=0 + tunnel rate=200 chunk=60 qtype=A rcode=3
run tunnel_refused     900 dns-tunnel - benign clients=5 clients6=0 web=0 quic=0 mail=0 + tunnel rate=20 chunk=40 rcode=5
run tunnel_fails_fast  120 dns-tunnel - $ordinary + tunnel rate=1000 chunk=60 qtype=A rcode=3
run tunnel_slow      86400 dns-tunnel - benign clients=2 clients6=0 web=0 quic=0 mail=0 antivirus=0 icmp=0 ntp=0 + tunnel rate=1 chunk=25
run strangers           60 open-resolver - $ordinary + strangers
run public_server       60 - - $ordinary + strangers authoritative=yes rate=5
run lookalikes         300 - - $ordinary + lookalikes
# spread over a prefix, so that no host of it stands out; and moving on to the next
carpet=carpet-bombing
run carpet              40 $carpet - $ordinary + reflection spread=10.64.1.0/24 rate=300 start=5
run carpet_slow         40 $carpet - $ordinary + reflection spread=10.64.1.0/24 rate=50 start=5
run carpet_few          30 $carpet - $ordinary + reflection spread=10.64.1.0/24 targets=40 rate=2000 start=5
run carpet_v6           30 $carpet - $ordinary + reflection spread=2001:db8:64::/48 rate=300 start=5
run carpet_v6_64        30 $carpet - $ordinary + reflection spread=2001:db8:64:7::/64 targets=1000000 rate=1000 start=5
run carpet_ntp          30 $carpet - $ordinary + amp vector=ntp spread=10.64.1.0/24 pps=1000 start=5
run carpet_moves        90 $carpet - $ordinary + reflection spread=10.64.2.0/24 rate=300 move=25
incidents=$(python3 -c 'import json, sys; print(len({json.loads(l)["damp"]["incident"] for l in open(sys.argv[1])}))' "$dir/alerts")
if [ "$incidents" = 1 ]; then echo "ok scenario_carpet_moves_is_one_incident"; else echo "not ok scenario_carpet_moves_is_one_incident: $incidents"; fi

# IPv6 customers who change the address: for each question, after some, every minute (the first address is named, as nobody can know)
own="hosts=0 hosts6=3 net6=2001:db8:64:100::/56"
run rotate              60 $abuser - $ordinary + infected $own rate=1-10 rotate=1 start=10
run rotate_txt          40 $abuser - $ordinary + infected $own rate=100 rotate=7 qtype=TXT answer=3500 name=big.example start=10
run rotate_slow        500 $abuser - $ordinary + infected $own rate=0.1 rotate=1 start=20 arrival=poisson
run rotate_minutes     150 - $abuser $ordinary + infected $own rate=3 rotate_s=40 start=10
prefixes=$(python3 -c 'import json, sys
print(len({l["damp"]["subject"]["prefix"] for l in map(json.loads, open(sys.argv[1])) if "prefix" in l["damp"]["subject"]}),
    len({l["damp"]["subject"]["ip"] for l in map(json.loads, open(sys.argv[1])) if "ip" in l["damp"]["subject"]}))' "$dir/alerts")
if [ "$prefixes" = "3 3" ]; then echo "ok scenario_rotate_minutes_subjects"; else echo "not ok scenario_rotate_minutes_subjects: $prefixes"; fi
# a /64 full of hosts: people, validators, mail servers, each with a cache of its own
run office_64          400 - - benign clients=10 clients6=1500 dns=0.05 web=0.0005 quic=0.0002 mail=0 antivirus=0
run rack_64            400 - - benign clients=10 clients6=20 mail=0 antivirus=0 validators6=400 validatorrate=0.1 mail6=40 mailrate=1

# many hosts behind one link or in one prefix, each of which asks once in ten minutes
quiet="benign clients=80 clients6=20 web=0.0005 quic=0.0002 mail=1"
link 50Mbit
conf=$dir/link.conf run together_link 1500 $abuser - $quiet + infected hosts=50 rate=0.00167 start=200 arrival=poisson together=metro-3
run together_prefix   1500 $abuser - $quiet + infected hosts=50 net=10.64.1.0/24 rate=0.00167 start=200 arrival=poisson together=10.64.1.0/24

# a link that abuse fills, beside its abusers; and one that people fill
full="$ordinary + infected hosts=37 hosts6=4 rate=1-7 start=10 stop=90 stagger=5"
link 5Mbit
printf 'link-saturation\tmetro-3\n' >"$dir/saturated"
conf=$dir/link.conf more=$dir/saturated run full_link 120 $abuser,link-saturation - $full
incidents=$(python3 -c 'import json, sys; print(len({json.loads(l)["damp"]["incident"] for l in open(sys.argv[1])}))' "$dir/alerts")
if [ "$incidents" = 1 ]; then echo "ok scenario_full_link_is_one_incident"; else echo "not ok scenario_full_link_is_one_incident: $incidents"; fi
link 200Mbit
conf=$dir/link.conf run free_link 60 $abuser - $full
link 5Mbit
conf=$dir/link.conf run busy_link 120 - - benign clients=60 speedtests=6 mail=1

# not amplification, whatever else it may be called
run random_names        30 - dns-random-subdomain,dns-nxdomain-flood,dns-query-flood $ordinary + subdomain rate=300
run ordinary            60 - - $ordinary mail=3 validators=2 cgnat=2 antivirus=2 authoritative=1 recursion=yes speedtests=2 transfers=3
