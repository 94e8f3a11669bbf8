#!/bin/bash
# A real rsyslogd of our own receives alert lines over a unix socket, UDP and octet-counted TCP, IPv4
# and IPv6; what it wrote down must still verify, byte for byte, and carry the structured data.
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
damp=${DAMP:-$here/../build/damp}
capture=$here/golden/backhaul.pcap
dir=$(mktemp -d)
pid=
stop() {
	[ -n "$pid" ] && kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	pid=
}
trap 'stop; rm -rf "$dir"' EXIT
status=0
ok() { echo "ok syslog: $1"; }
not_ok() { echo "not ok syslog: $1"; status=1; }

rsyslogd=$(PATH=$PATH:/usr/sbin:/sbin command -v rsyslogd) || { echo "skip syslog: no rsyslogd"; exit 0; }
cd "$dir" || exit 1
chmod 755 "$dir"

# three ports that nobody has; a race with others ends in a clear failure below
read -r tcp udp tcp6 < <(python3 -c '
import socket
s = [socket.socket() for _ in range(3)]
[x.bind(("127.0.0.1", 0)) for x in s]
print(*[x.getsockname()[1] for x in s])')

configure() {
	cat >rsyslog.conf <<END
global(workDirectory="$dir" maxMessageSize="256k")
module(load="imuxsock" SysSock.Use="off")
module(load="imudp")
module(load="imptcp")
template(name="head" type="string" string="%pri% %app-name% %hostname% %structured-data%\n")
template(name="bare" type="string" string="%msg%\n")
input(type="imuxsock" Socket="$dir/log" UseSpecialParser="off" ParseHostname="on" CreatePath="off" RateLimit.Interval="0" ruleset="unix")
input(type="imudp" address="127.0.0.1" port="$udp" rcvbufSize="1m" ruleset="udp")
input(type="imptcp" address="127.0.0.1" port="$tcp" ruleset="tcp")
input(type="imptcp" address="::1" port="$tcp6" ruleset="tcp6")
$(for r in unix udp tcp tcp6; do
	echo "ruleset(name=\"$r\") { action(type=\"omfile\" file=\"$dir/$r.lines\" template=\"bare\" flushOnTXEnd=\"on\")"
	echo "	action(type=\"omfile\" file=\"$dir/$r.heads\" template=\"head\") }"
done)
END
}

start() {
	"$rsyslogd" -n -f "$dir/rsyslog.conf" -i "$dir/rsyslog.pid" >rsyslog.log 2>&1 &
	pid=$!
	for _ in $(seq 100); do
		[ -S "$dir/log" ] && (exec 3<>"/dev/tcp/127.0.0.1/$tcp") 2>/dev/null && return 0
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.1
	done
	echo "not ok syslog: rsyslogd does not start"; cat rsyslog.log; exit 1
}

# arrived NAME LINES: waits until the receiver wrote that many
arrived() {
	for _ in $(seq 100); do
		[ -e "$1.lines" ] && [ "$(wc -l <"$1.lines")" -ge "$2" ] && return 0
		sleep 0.1
	done
	return 1
}

# through NAME URL: what is sent there arrives whole, in order, unchanged
through() {
	local name=$1 url=$2 want
	"$damp" replay -q --key k.key --alerts "$name.sent" --syslog "$url" "$capture" >/dev/null 2>err ||
		{ not_ok "$name: replay"; cat err; return; }
	want=$(wc -l <"$name.sent")
	[ "$want" -gt 0 ] || { not_ok "$name: the capture gives no alert"; return; }
	arrived "$name" "$want" || { not_ok "$name: $(cat "$name.lines" 2>/dev/null | wc -l) of $want lines arrived"; return; }
	if cmp -s "$name.sent" "$name.lines"; then ok "$name: every line as it was sent"
	else not_ok "$name: lines differ"; cmp "$name.sent" "$name.lines"; head -c 300 "$name.lines"; fi
	if "$damp" verify --key k.pub "$name.lines" >out 2>&1; then ok "$name: what arrived verifies"
	else not_ok "$name: what arrived verifies"; cat out; fi
	if grep -qE '^(16[2-5]) damp [^ ]+ \[damp@32473 kind="[a-z-]+" action="opened" severity="[0-9]+" subject="[^"]+" incident="[0-9a-f]{16}"\]$' \
		"$name.heads" || ! grep -q opened "$name.sent"; then ok "$name: header and structured data"
	else not_ok "$name: header and structured data"; head -n 2 "$name.heads"; fi
}

configure
"$damp" keygen -o k || not_ok "keygen"
if [ ! -e /proc/net/if_inet6 ] || ! grep -q ' lo$' /proc/net/if_inet6; then
	sed -i '/::1/d' rsyslog.conf
	v6=
else v6=1; fi
start
through unix "unix://$dir/log"
through udp "udp://127.0.0.1:$udp"
through tcp "tcp://127.0.0.1:$tcp"
if [ -n "$v6" ]; then through tcp6 "tcp://[::1]:$tcp6"
else echo "skip syslog: tcp6: no IPv6 on loopback"; fi
stop

# nobody listens: the alert file is complete all the same, and the loss is said
"$damp" replay -q --key k.key --alerts alone.sent --syslog "tcp://127.0.0.1:$tcp" "$capture" >/dev/null 2>err
if [ $? = 1 ] && grep -q "127.0.0.1" err; then ok "no receiver: exit status 1 and a sentence"
else not_ok "no receiver: exit status 1 and a sentence"; cat err; fi
if "$damp" verify --key k.pub alone.sent >/dev/null && cmp -s alone.sent tcp.sent; then ok "no receiver: the file is complete"
else not_ok "no receiver: the file is complete"; fi
exit $status
