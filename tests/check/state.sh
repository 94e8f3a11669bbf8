#!/bin/bash
# Memory over days: a recording in two halves, kill -9 and a restart, damaged files, the ledger, baselines, storms, --diff.
set -u
damp=${DAMP:-build/damp} gen=${GEN:-build/damp-gen}
dir=$(mktemp -d)
pids=
trap '[ -n "$pids" ] && kill $pids 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir" || exit 1
net="--networks 10.64.0.0/16,2001:db8:64::/64"

result() { # result NAME STATUS
	if [ "$2" = 0 ]; then echo "ok state_$1"; else echo "not ok state_$1"; tail -n 20 log 2>/dev/null; fi
}
make_pcap() { # make_pcap FILE SEED START DURATION SCENARIO...
	local f=$1 seed=$2 start=$3 duration=$4
	shift 4
	"$gen" --seed "$seed" --start "$start" --duration "$duration" --snaplen 300 -o "$f" "$@" 2>log || { cat log; exit 1; }
}
# cut FILE SECOND BEFORE AFTER: a classic pcap in two, by time
cut_pcap() {
	python3 - "$@" <<'END'
import struct, sys
path, second, before, after = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
b = open(path, "rb").read()
e = "<" if b[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
at, out = 24, [b[:24], b[:24]]
parts = [[b[:24]], [b[:24]]]
while at < len(b):
    s, _, n, _ = struct.unpack(e + "IIII", b[at:at + 16])
    parts[s >= second].append(b[at:at + 16 + n])
    at += 16 + n
open(before, "wb").write(b"".join(parts[0]))
open(after, "wb").write(b"".join(parts[1]))
END
}
# The lines without what belongs to one stream (number, chain, signature) and without the rules, which are made anew after a restart.
normal() {
	python3 - "$1" <<'END'
import json, sys
for line in open(sys.argv[1]):
    a = json.loads(line)
    a.pop("sig")
    for k in ("seq", "prev", "kid", "suggestions"):
        a["damp"].pop(k, None)
    print(json.dumps(a, sort_keys=True))
END
}

make_pcap all.pcap 5 1775960000 100 benign clients=40 clients6=5 web=0.001 quic=0.0005 + infected hosts=6 hosts6=1 rate=1-7 start=15 stop=90 \
	+ amp vector=ntp pps=200 start=30 stop=70
"$damp" keygen -o k >/dev/null 2>&1
"$damp" replay -q --key k.key --state one.state --alerts one all.pcap >log 2>&1
normal one >one.n
for cut in 8 21 43 77; do
	cut_pcap all.pcap $((1775960000 + cut)) a.pcap b.pcap
	rm -f two two.state
	"$damp" replay -q --key k.key --threads 1 --state two.state --alerts two a.pcap >log 2>&1 &&
		"$damp" replay -q --key k.key --threads 3 --state two.state --alerts two b.pcap >>log 2>&1 && normal two >two.n
	[ -s one.n ] && cmp one.n two.n >>log 2>&1 && "$damp" verify --key k.pub two >>log 2>&1
	result "halves_cut_at_$cut" $?
done
grep -q '"action": "opened"' one.n && ! grep -q '"action": "closed"' <(tail -n 1 two.n) && cmp one.state two.state >log 2>&1
result same_state_after_halves $?

# --- what cannot be read ---------------------------------------------------------------------------------
cp one.state bad.state
printf 'x' | dd of=bad.state bs=1 seek=2000 conv=notrunc 2>/dev/null
"$damp" replay -q --state bad.state --alerts bad all.pcap >log 2>&1 && grep -q 'checksum' log && [ -e bad.state.refused ] &&
	grep -q '"action":"opened"' bad && "$damp" report offenders bad.state >/dev/null
result damaged $?
cp all.pcap foreign.state
"$damp" replay -q --state foreign.state all.pcap >log 2>&1
[ $? = 2 ] && grep -q 'no state of damp' log && cmp -s all.pcap foreign.state && [ ! -e foreign.state.refused ]
result foreign $?
cp bad.state.refused asked.state
"$damp" why --state asked.state 10.0.0.1 all.pcap >log 2>&1 && grep -q 'checksum' log && cmp -s asked.state bad.state.refused
result asking_sets_nothing_aside $?
"$damp" replay -q --state /nonexistent/dir/state all.pcap >log 2>&1
[ $? = 1 ] && grep -q 'cannot be saved' log
result unwritable $?
[ "$(stat -c %a one.state)" = 600 ] && [ ! -e one.state.tmp ]
result private $?

# --- the ledger ---------------------------------------------------------------------------------------------
rm -f days.state days
for day in 0 1 2 3; do
	make_pcap day.pcap 7 $((1775960000 + day * 86400)) 40 infected hosts=2 rate=2 start=2 stop=30
	"$damp" replay -q $net --state days.state --alerts days day.pcap >log 2>&1
done
"$damp" report offenders -o csv days.state >off.csv 2>log
"$damp" report names -o rpz --state days.state >names.rpz 2>>log
[ "$(wc -l <off.csv)" = 3 ] && [ "$(grep -c ',4,4,4,' off.csv)" = 2 ] && grep -q 'seen for 4 days' days && grep -q '"days_active":4' days &&
	grep -q '^ripe.net CNAME rpz-tcp-only\.' names.rpz && [ "$("$damp" report names -o list days.state)" = "ripe.net ANY" ]
result ledger_and_names $?
"$damp" report offenders -o rpz days.state >log 2>&1
[ $? = 2 ] && "$damp" report offenders all.pcap >>log 2>&1
[ $? = 1 ]
result report_refuses $?

# --- baselines: a hundred and three hundred times -------------------------------------------------------------
quiet="clients6=0 web=0 quic=0 calls=0 vpn=0 mail=0 speedtests=0 transfers=0 validators=0 antivirus=0"
make_pcap base.pcap 5 1775960000 900 benign clients=12 dns=0.1 $quiet
for times in 100 300; do
	make_pcap rise.pcap 6 1775960900 120 benign clients=240 dns=$((times * 3 / 100)).0 $quiet
	"$damp" replay -q $net --alerts rise base.pcap rise.pcap >log 2>&1
	[ "$(grep -c '"action":"opened"' rise)" = 1 ] && grep -q '"name":"traffic-anomaly".*"ip":"10.53.0.53"' rise
	result "anomaly_$times" $?
done
# a storm of alerts explains the resolver's rise: the infected are named, their resolver is not named again
make_pcap rise.pcap 6 1775960900 100 infected hosts=30 rate=3 start=2
"$damp" replay -q $net --alerts rise base.pcap rise.pcap >log 2>&1
[ "$(grep -c '"action":"opened"' rise)" = 30 ] && ! grep -q traffic-anomaly rise
result anomaly_explained $?

# --- storms ------------------------------------------------------------------------------------------------------
make_pcap storm.pcap 5 1775960000 60 infected hosts=1500 net=10.64.0.0/18 rate=1 start=3 stop=40
printf 'detectors: {engine: {storm: 500}}\n' >storm.conf
"$damp" replay -q $net -c storm.conf --alerts storm --stats storm.stats storm.pcap >log 2>&1
python3 - >>log 2>&1 <<'END'
import json
lines = [json.loads(l) for l in open("storm")]
stats = json.load(open("storm.stats"))
by = lambda a: [l for l in lines if l["event"]["action"] == a]
assert len({l["damp"]["incident"] for l in lines}) == 1
assert len(by("opened")) == 500 == len(by("closed")), len(by("opened"))
assert stats["alerts_withheld"] == 1000 and stats["ledger"] == 1500
assert by("closed")[-1]["damp"]["storm"] == {"alerts": 1500, "withheld": 1000}
END
result storm $?

# --- another configuration ---------------------------------------------------------------------------------------
cat >strict.conf <<'END'
detectors:
  engine: {large-answer: 65000B}
END
"$damp" replay --diff strict.conf all.pcap >diff.out 2>log
[ $? = 0 ] && [ "$(grep -c '^vanishes' diff.out)" -ge 1 ] && ! grep -q '^appears' diff.out
a=$?
echo "width: 80" >same.conf
"$damp" replay --diff same.conf all.pcap >diff.same 2>>log
[ $a = 0 ] && [ "$(wc -l <diff.same)" = 1 ]
result diff $?

# --- kill -9 ---------------------------------------------------------------------------------------------------------
port=$((20000 + $$ % 20000))
start_run() {
	"$damp" run -l 127.0.0.1:$port $net --key k.key --state live.state --alerts live >>log.live 2>&1 &
	pid=$!
	pids="$pids $pid"
	for i in $(seq 200); do grep -q "listening on udp://127.0.0.1:$port" log.live && return; sleep 0.1; done
}
wait_for() { for i in $(seq 200); do grep -qs "$1" live && return 0; sleep 0.1; done; return 1; }
send() { # send SEED: the last minute, as records
	make_pcap live.pcap "$1" $(($(date +%s) - 61)) 60 infected hosts=2 rate=4 ordinary=0
	"$damp" probe -q -r live.pcap --to 127.0.0.1:$port --active 10s >>log.live 2>&1
}
: >log.live
start_run
send 3
wait_for '"action":"opened"'
opened=$?
sleep 1
kill -9 $pid 2>/dev/null
wait $pid 2>/dev/null
: >log.live
start_run
send 3
wait_for '"action":"updated"'
updated=$?
sleep 0.5
kill -TERM $pid 2>/dev/null
wait $pid 2>/dev/null
cp log.live log
python3 - >>log 2>&1 <<'END'
import json
lines = [json.loads(l) for l in open("live")]
opened = [l["event"]["id"] for l in lines if l["event"]["action"] == "opened"]
who = [l["damp"]["subject"]["ip"] for l in lines if l["event"]["action"] == "opened"]
assert opened and len(who) == len(set(who)), who
assert {l["event"]["id"] for l in lines} == set(opened)
assert len({l["damp"]["incident"] for l in lines}) == 1
END
[ $? = 0 ] && [ $opened = 0 ] && [ $updated = 0 ] && "$damp" verify --key k.pub live >>log 2>&1 || { echo "opened $opened updated $updated"; false; } >>log
result kill_and_restart $?
