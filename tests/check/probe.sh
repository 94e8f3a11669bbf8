#!/bin/bash
# Other people's collectors receive what damp probe exports: nfcapd and nfacctd must find every packet and byte, the
# right ports, addresses and dates; tshark takes the datagrams apart without complaint.
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
damp=${DAMP:-$here/../build/damp} gen=${GEN:-$here/../build/damp-gen}
capture=$here/golden/any_amp_100.pcap # 100 queries of 65 bytes, 100 answers of 1500 + 1500 + 1157
dir=$(mktemp -d)
pid=
stop() {
	[ -n "$pid" ] && kill "${1:--TERM}" "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	pid=
}
trap 'stop; rm -rf "$dir"' EXIT
status=0
ok() { echo "ok probe: $1"; }
not_ok() { echo "not ok probe: $1"; shift; printf '%s\n' "$@" | head -n 20 | sed 's/^/  /'; status=1; }
same() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "got:  $2" "want: $3"; fi; }
says() { # says NAME PATTERN FILE
	if grep -qE -- "$2" "$3"; then ok "$1"; else not_ok "$1" "$(cat "$3")"; fi
}
cd "$dir" || exit 1
PATH=$PATH:/usr/sbin:/sbin

free_port() { # free_port [ADDRESS]
	python3 -c '
import socket, sys
a = sys.argv[1]
s = socket.socket(socket.AF_INET6 if ":" in a else socket.AF_INET, socket.SOCK_DGRAM)
s.bind((a, 0))
print(s.getsockname()[1])' "${1:-127.0.0.1}"
}

# listening PORT: until somebody has bound it
listening() {
	for _ in $(seq 100); do
		ss -Hlun "sport = :$1" 2>/dev/null | grep -q . && return 0
		kill -0 "$pid" 2>/dev/null || return 1
		sleep 0.05
	done
	return 1
}

# drained PORT: until what is still in its socket was read
drained() {
	for _ in $(seq 100); do
		sleep 0.1
		[ "$(ss -Hlun "sport = :$1" | awk '{ print $2 }')" = 0 ] && return
	done
}

# nfcapd_gets ARGS...: runs damp probe ARGS against nfcapd; $dir/flows holds what nfdump prints of it
host=127.0.0.1
nfcapd_gets() {
	local port url=$host

	[[ $host == *:* ]] && url="[$host]"
	rm -rf nf flows.*; mkdir nf
	port=$(free_port "$host")
	nfcapd -w "$dir/nf" -p "$port" -b "$host" -t 3600 -C none -B 4000000 >nfcapd.log 2>&1 &
	pid=$!
	listening "$port" || { not_ok "nfcapd starts" "$(cat nfcapd.log)"; return 1; }
	"$damp" probe --to "$url:$port" "$@" 2>said
	rc=$?
	drained "$port"
	stop
	nfdump -C none -r "$(echo nf/nfcapd.2*)" -N -q -6 -o 'fmt:%sa %sp %da %dp %pr %pkt %byt %ts %te' 2>/dev/null |
		awk 'NF > 6' | sort >flows.txt
	nfdump -C none -r "$(echo nf/nfcapd.2*)" -I >flows.sum 2>&1
}
total() { awk '/^Packets:/ { p = $2 } /^Bytes:/ { b = $2 } /^Sequence failures:/ { s = $3 } END { print p, b, s }' flows.sum; }
rows() { awk '{ print $1, $2, $3, $4, $6, $7 }' flows.txt; }

queries='10.9.1.155 14068 10.53.0.1 53 100 6500'
versions='5 9 10'
if command -v nfcapd >/dev/null && command -v nfdump >/dev/null; then
	for v in $versions; do
		nfcapd_gets -r "$capture" --version "$v"
		same "version $v: nfcapd has both flows" "$(rows)" "10.53.0.1 53 10.9.1.155 14068 300 415700
$queries"
		same "version $v: its dates" "$(awk '{ print $8, $9, $10, $11 }' flows.txt)" \
			"2013-04-03 14:40:00.010 2013-04-03 14:41:39.010
2013-04-03 14:40:00.000 2013-04-03 14:41:39.000"
		same "version $v: nothing lost, by sequence" "$rc $(total)" "0 400 422200 0"
		nfcapd_gets -r "$capture" --version "$v" --fragments port0
		same "version $v: fragments as port 0" "$(rows)" "10.53.0.1 0 10.9.1.155 0 200 265700
10.53.0.1 53 10.9.1.155 14068 100 150000
$queries"
	done
	nfcapd_gets -r "$capture" --version 5 --sampling 4
	same "version 5: nfcapd scales by the sampling" "$(total | cut -d' ' -f1)" 400

	# some 100 000 packets of ordinary customers and infected ones, on IPv4 and IPv6, with fragments: what damp itself counts
	"$gen" --seed 7 --start 1775960014 --duration 60 --snaplen 112 --fragment-snaplen 64 -o mix.pcap \
		benign net=10.64.0.0/23 net6=2001:db8:64::/64 clients=150 clients6=40 dns=0.3 mail=1 mailrate=4 web=0.012 quic=0.01 \
		+ infected hosts=12 hosts6=3 rate=4 start=5 stop=50 name=ripe.net qtype=ANY 2>/dev/null
	"$damp" replay -q --stats stats.json mix.pcap
	# statistics count from the Ethernet header on
	read -r packets bytes <<<"$(python3 -c '
import json
s = json.load(open("stats.json"))
print(s["packets"], s["bytes"] - 14 * s["packets"])')"
	[ "$packets" -gt 50000 ] || not_ok "enough packets" "$packets"
	for v in 9 10; do
		nfcapd_gets -r mix.pcap --version "$v"
		same "version $v: mixed traffic, every packet and byte" "$(total)" "$packets $bytes 0"
		grep -q '2001:db8:64:' flows.txt || not_ok "version $v: IPv6 flows"
	done
	cp nf/nfcapd.2* recorded
	nfcapd_gets -r recorded --sampling 10
	same "records of a file go on as they are" "$(total)" "$packets $bytes 0"
	nfcapd_gets -r mix.pcap --version 9 --max-flows 64 --active 1s --inactive 500ms
	same "a cache of 64: every packet and byte" "$(total)" "$packets $bytes 0"
	says "a cache of 64: told" '[0-9]+ flows exported early' said
	nfcapd_gets -r mix.pcap --version 9 --filter 'udp port 53'
	same "a filter" "$(total | cut -d' ' -f1)" "$(tcpdump -nr mix.pcap 'udp port 53' 2>/dev/null | wc -l)"
	nfcapd_gets -r mix.pcap --version 5
	read -r six six_bytes <<<"$(python3 - mix.pcap <<'END'
import struct, sys
d = open(sys.argv[1], "rb").read()
at, n, b = 24, 0, 0
while at < len(d):
    caplen = struct.unpack_from("<I", d, at + 8)[0]
    p = d[at + 16:at + 16 + caplen]
    at += 16 + caplen
    if p[12:14] == b"\x86\xdd":
        n += 1
        b += 40 + struct.unpack_from(">H", p, 18)[0]
print(n, b)
END
)"
	same "version 5: all of IPv4" "$(total)" "$((packets - six)) $((bytes - six_bytes)) 0"
	says "version 5: IPv6 is told" '[0-9]+ IPv6 flows cannot be exported in version 5; use 9 or 10' said
	host=::1
	nfcapd_gets -r "$capture"
	same "to an IPv6 collector" "$(total)" "400 422200 0"
	host=127.0.0.1
else
	echo "skip probe: nfcapd: not installed"
fi

# nfacctd_gets LINES ARGS...: the same against nfacctd, until it has written that many rows to acct.csv
nfacctd_gets() {
	local port lines=$1
	shift
	port=$(free_port)
	rm -f acct.csv
	cat >acct.conf <<END
nfacctd_ip: 127.0.0.1
nfacctd_port: $port
nfacctd_renormalize: true
plugins: print
aggregate: src_host, dst_host, src_port, dst_port, proto
print_output: csv
print_output_file: $dir/acct.csv
print_refresh_time: 1
daemonize: false
END
	nfacctd -f acct.conf >acct.log 2>&1 &
	pid=$!
	listening "$port" || not_ok "nfacctd starts" "$(cat acct.log)"
	"$damp" probe -q --to "127.0.0.1:$port" "$@"
	for _ in $(seq 60); do [ "$(sed 1d acct.csv 2>/dev/null | wc -l)" = "$lines" ] && break; sleep 0.1; done
	stop -INT
}
if command -v nfacctd >/dev/null; then
	for v in $versions; do
		nfacctd_gets 2 -r "$capture" --version "$v"
		same "version $v: nfacctd has both flows" "$(sed 1d acct.csv 2>/dev/null | sort)" "10.53.0.1,10.9.1.155,53,14068,udp,300,415700
10.9.1.155,10.53.0.1,14068,53,udp,100,6500"
		nfacctd_gets 2 -r "$capture" --version "$v" --sampling 10 --inactive 5m
		same "version $v: nfacctd scales by the sampling" "$(sed 1d acct.csv 2>/dev/null | awk -F, '{ n += $6 } END { print n }')" 400
	done
else
	echo "skip probe: nfacctd: not installed"
fi

# Two collectors get the same datagrams; without one, the failure is told.
cat >two.py <<'END'
import socket, sys
s = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
for x in s:
    x.bind(("127.0.0.1", 0))
    x.settimeout(5)
print(*[x.getsockname()[1] for x in s], flush=True)
sys.stdin.readline()
got = []
for x in s:
    got.append([])
    try:
        while True:
            got[-1].append(x.recv(65536))
            x.settimeout(0.3)
    except TimeoutError:
        pass
print(len(got[0]), sum(map(len, got[0])), got[0] == got[1])
with open(sys.argv[1], "wb") as f: # a capture of them, for tshark
    f.write(bytes.fromhex("d4c3b2a1020004000000000000000000ffff000065000000"))
    for p in got[0]:
        udp = (50000).to_bytes(2, "big") + (2055).to_bytes(2, "big") + (8 + len(p)).to_bytes(2, "big") + b"\0\0" + p
        ip = b"\x45\0" + (20 + len(udp)).to_bytes(2, "big") + b"\0\0\0\0\x40\x11\0\0\x7f\0\0\1\x7f\0\0\1" + udp
        f.write(b"\0" * 8 + len(ip).to_bytes(4, "little") * 2 + ip)
END
for v in $versions; do
	coproc TWO { python3 two.py "export$v.pcap"; }
	read -r a b <&"${TWO[0]}"
	"$damp" probe -r "$capture" --version "$v" --domain 258 --to "127.0.0.1:$a" --to "127.0.0.1:$b" 2>said
	echo >&"${TWO[1]}"
	read -r n size equal <&"${TWO[0]}"
	wait "$TWO_PID" 2>/dev/null
	same "version $v: two collectors, the same bytes" "$equal" True
	says "version $v: statistics" "400 packets, 422200 bytes of IP seen; flows exported 2, in $n datagrams of $size bytes" said
	if command -v tshark >/dev/null; then
		tshark -r "export$v.pcap" -d udp.port==2055,cflow -V >"shark$v" 2>/dev/null
		same "version $v: tshark sees both flows and no fault" \
			"$(grep -cE '^ +Packets: (100|300)$' "shark$v") $(grep -ciE 'malformed|expert info|no template' "shark$v")" "2 0"
	fi
done
command -v tshark >/dev/null || echo "skip probe: tshark: not installed"
"$damp" probe -q -r "$capture" --active 1s --to "127.0.0.1:$(free_port)" 2>said
rc=$?
same "nobody listens: exit 1" "$rc" 1
says "nobody listens: told" 'datagrams could not be sent: Connection refused' said

# Live: a pair of interfaces of our own, an ended run exports what it holds.
live() {
	local port py
	port=$(free_port)
	python3 - "$port" >got <<'END' &
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", int(sys.argv[1])))
s.settimeout(20)
flows = 0
try:
    while flows < 2: # the idle one, and what the signal brings
        d = s.recv(65536)
        for i in range(int.from_bytes(d[2:4], "big")):
            r = d[24 + 48 * i:]
            if r[34:36] == (4711).to_bytes(2, "big"):
                print(int.from_bytes(r[12:14], "big"), int.from_bytes(r[16:20], "big"), int.from_bytes(r[20:24], "big"), flush=True)
                flows += 1
except TimeoutError:
    pass
END
	py=$!
	"$damp" probe -i lo --version 5 --inactive 1s --filter 'udp dst port 4711' --to "127.0.0.1:$port" 2>said &
	pid=$!
	for _ in $(seq 100); do grep -q metering said && break; sleep 0.05; done
	python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(3):
    s.sendto(b"x" * 72, ("127.0.0.1", 4711))'
	# time passes without packets: the flow comes though the probe runs on
	for _ in $(seq 300); do [ -s got ] && break; sleep 0.05; done
	same "live: an idle flow is exported" "$(cat got)" "$(cat /sys/class/net/lo/ifindex) 3 300"
	python3 -c '
import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x" * 72, ("127.0.0.1", 4711))'
	sleep 0.6 # until it is captured; idle for less than what ends a flow
	stop -INT
	wait "$py"
	same "live: SIGINT exports the rest" "$(tail -n 1 got)" "$(cat /sys/class/net/lo/ifindex) 1 100"
	says "live: statistics" '^damp: 4 packets, 400 bytes' said
}
if [ "$(id -u)" = 0 ]; then live; else echo "skip probe: live: needs root"; fi
exit $status
