#!/bin/bash
# Names misused for amplification, exported: csv and json read back alike, and the policy zone is loaded by BIND's checker
# and by a running unbound, with names in it that somebody chose to break it.
set -u
cd "$(dirname "$0")/../.." || exit 1
damp=${DAMP:-build/damp}
[ "$(id -u)" = 0 ] || { echo "skip names_export: needs root"; exit 0; }
if [ "${1:-}" != inside ]; then
	unshare -n true 2>/dev/null || { echo "skip names_export: no network namespaces here"; exit 0; }
	exec unshare -n "$0" inside
fi
tool=$PWD/tests/check/names_export.py work=$(mktemp -d) pid=
trap '[ -n "$pid" ] && kill $pid 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1
ip link set lo up
status=0
result() { # result NAME STATUS
	if [ "$2" = 0 ]; then echo "ok names_export_$1"; else echo "not ok names_export_$1"; tail -n 20 log names.rpz | sed 's/^/  /'; status=1; fi
}
l60=$(printf '%060d' 0) # four of them and a tail: 254 bytes, no room for a policy zone's name
plain=('Ripe.net' 'semi;colon.example' 'quote\034x.example' 'new\010line.example' 'a\\b.example' 'dollar$.example' 'at@.example'
	'dot\046dot.example' '\255\000.example' 'one,two.example')
odd=(. '*.wild.example' '32.1.0.0.127.rpz-client-ip' 'x.rpz-nsdname' "$l60.$l60.$l60.$l60.x.long")
python3 "$tool" make odd.pcap "${plain[@]}" "${odd[@]}" && "$damp" replay -q --state names.state odd.pcap >log 2>&1 || exit 1
for format in text csv json list rpz; do "$damp" report names -o $format names.state >names.$format 2>>log; done

[ "$(python3 "$tool" read names.csv names.json 2>>log)" = 15 ] && [ "$(wc -l <names.list)" = 15 ] && [ "$(grep -c '^misused' names.text)" = 15 ]
result read_back $?
[ "$(grep -c 'CNAME rpz-tcp-only\.' names.rpz)" = 10 ] && [ "$(grep -c '^;.* ANY: ' names.rpz)" = 5 ]
result policy $?

if command -v named-checkzone >/dev/null; then
	named-checkzone -D rpz.damp names.rpz >log 2>&1 && [ "$(grep -c 'CNAME.*rpz-tcp-only' log)" = 10 ] && grep -q '^ripe.net.rpz.damp' log &&
		[ "$(grep -c 'client-ip\|nsdname\|^\*' log)" = 0 ]
	result bind $?
else
	echo "skip names_export_bind: no named-checkzone"
fi

if ! command -v unbound >/dev/null; then
	echo "skip names_export_unbound: no unbound"
	exit $status
fi
# what one knows, the other asks for, with the policy: an unbound does not judge names of its own
common() {
	printf 'server:\n directory: "%s"\n username: ""\n chroot: ""\n pidfile: ""\n use-syslog: no\n' "$work"
	printf ' interface: 127.0.0.1@%s\n module-config: "%s"\n do-not-query-localhost: no\n' "$1" "$2"
	printf 'remote-control:\n control-enable: no\n'
}
{
	common 5302 iterator
	printf 'server:\n local-zone: "." static\n'
	for name in ripe.net x.wild.example other.example 'semi\;colon.example'; do printf " local-data: '%s TXT \"whole\"'\n" "$name"; done
} >origin.conf
{
	common 5301 'respip iterator'
	printf 'forward-zone:\n name: "."\n forward-addr: 127.0.0.1@5302\nrpz:\n name: rpz.damp\n zonefile: names.rpz\n'
} >policy.conf
unbound -d -c origin.conf >origin.log 2>&1 &
pid=$!
unbound -d -c policy.conf >log 2>&1 &
pid="$pid $!"
for _ in $(seq 50); do python3 "$tool" ask 5301 other.example >/dev/null 2>&1 && break; sleep 0.1; done
python3 "$tool" ask 5301 ripe.net 'semi;colon.example' x.wild.example other.example >asked 2>>log
diff - asked >>log 2>&1 <<'END'
ripe.net TC 1
semi;colon.example TC 1
x.wild.example - 1
other.example - 1
END
result unbound $?
exit $status
