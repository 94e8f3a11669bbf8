#!/bin/bash
# Real captures nobody here made: ordinary traffic must stay silent, real attacks must be named, damaged
# files must neither stop nor hurt the program.
set -u
damp=${DAMP:-build/damp} build=${BUILD:-build} data=${SHARED_DATA:-}
if [ -z "$data" ] || [ ! -d "$data/pcap" ]; then
	echo "skip shared_data: no folder of real captures (SHARED_DATA)"
	exit 0
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

silent() { # silent NAME FOLDER: no alert from any file
	local f bad=0 n=0
	for f in "$data/pcap/$2"/*; do
		n=$((n + 1))
		"$damp" replay -q --alerts "$dir/alerts" "$f" >"$dir/log" 2>&1
		# ordinary files may be cut at the end, which is status 1
		[ $? -le 1 ] && [ ! -s "$dir/alerts" ] && continue
		bad=$((bad + 1))
		echo "${f##*/}:"
		cat "$dir/log"
		grep -o '"message":"[^"]*"' "$dir/alerts" | head -n 3
	done
	if [ $bad = 0 ] && [ $n -gt 0 ]; then echo "ok shared_$1"; else echo "not ok shared_$1"; fi
}

named() { # named NAME KIND SUBJECT FILE
	"$damp" replay -q --alerts "$dir/alerts" "$4" >"$dir/log" 2>&1
	if [ $? -le 1 ] && grep '"action":"opened"' "$dir/alerts" | grep -F "\"name\":\"$2\"" | grep -qF "\"ip\":\"$3\""; then
		echo "ok shared_$1"
	else
		cat "$dir/log"
		grep -o '"message":"[^"]*"' "$dir/alerts" | head -n 5
		echo "not ok shared_$1"
	fi
}

survives() { # survives NAME FOLDER
	local f status bad=0 prog=$damp
	[ -x "$build/san/damp" ] && prog=$build/san/damp
	for f in "$data/pcap/$2"/*; do
		timeout 120 "$prog" replay -q --alerts "$dir/alerts" "$f" >"$dir/log" 2>&1
		status=$?
		[ $status -le 1 ] && ! grep -qE 'Sanitizer|runtime error' "$dir/log" && continue
		bad=$((bad + 1))
		echo "${f##*/}: status $status"
		head -n 20 "$dir/log"
	done
	if [ $bad = 0 ]; then echo "ok shared_$1"; else echo "not ok shared_$1"; fi
}

silent dns_benign dns-benign
silent mixed mixed
for f in "$data"/pcap/amp-dns/*; do named amp_dns dns-amplification-victim 10.10.10.10 "$f"; done
for f in "$data"/pcap/amp-udp/*isakmp* "$data"/pcap/amp-udp/*snmp*; do
	n=${f##*/}
	n=${n#stopddos-amp.UDP.}
	named "amp_udp_${n%%.*}" udp-amplification-victim 10.10.10.10 "$f"
done
# every tunnel whose capture holds more than one exchange
for f in "$data"/pcap/tunnel/*; do
	case ${f##*/} in
	*dnscat2-cname*) named tunnel_dnscat2 dns-tunnel 192.168.68.62 "$f" ;;
	*iodine-cname*) named tunnel_iodine_cname dns-tunnel 192.168.117.128 "$f" ;;
	*bad-dns-traffic*) named tunnel_dnscat2_mixed dns-tunnel 192.168.43.91 "$f" ;;
	*dns-tunnel-iodine*) named tunnel_iodine_null dns-tunnel 10.0.2.30 "$f" ;;
	*cmds_over_dns*) named tunnel_commands dns-tunnel 192.168.100.121 "$f" ;;
	*netrack*) named tunnel_dns2tcp dns-tunnel 172.17.0.3 "$f" ;;
	esac
done
survives tunnel tunnel
survives prsd_nx prsd-nx
survives malformed malformed
survives link link
