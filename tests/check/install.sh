#!/bin/bash
# What `make install` puts on a machine is whole, the example configuration is valid, and damp runs with no more rights than
# the unit gives it.
set -u
damp=${DAMP:-build/damp}
dir=$(mktemp -d)
pid=
trap '[ -n "$pid" ] && kill "$pid" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$(dirname "$0")/../.." || exit 1

verdict() { if [ "$2" = 0 ]; then echo "ok $1"; else echo "not ok $1"; fi; }

make -s install DESTDIR="$dir/root" PREFIX=/usr BUILD="$(dirname "$damp")" PROGRAM="$damp" >"$dir/log" 2>&1
status=$?
for f in bin/damp share/man/man1/damp.1 share/man/man5/damp.conf.5 share/bash-completion/completions/damp \
	lib/systemd/system/damp.service share/doc/damp/damp.conf.example share/doc/damp/damp.logrotate; do
	[ -s "$dir/root/usr/$f" ] || { echo "missing: $f"; status=1; }
done
[ $status = 0 ] || cat "$dir/log"
verdict install_whole $status

"$damp" check-config docs/damp.conf.example >/dev/null 2>"$dir/log"
status=$?
cat "$dir/log"
verdict install_example_config $status

unit=$dir/root/usr/lib/systemd/system/damp.service
if command -v systemd-analyze >/dev/null; then
	sed "s|^ExecStart=/usr/bin/damp|ExecStart=$damp|" "$unit" >"$dir/damp.service"
	# it says nothing about a unit that it understands
	SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no "$dir/damp.service" 2>&1 | grep "damp.service" >"$dir/log"
	[ ! -s "$dir/log" ]
	status=$?
	cat "$dir/log"
	verdict install_unit $status
else
	echo "skip install_unit: no systemd-analyze"
fi

# As the unit runs it: an ordinary user with two capabilities, everything below folders of its own.
if [ "$(id -u)" != 0 ] || ! command -v setpriv >/dev/null; then
	echo "skip install_rights: not root, or no setpriv"
	exit 0
fi
mkdir "$dir/own" && chmod 755 "$dir" && chown 65534:65534 "$dir/own" || exit 1
"$damp" keygen -o "$dir/own/alert" >/dev/null 2>&1 && chown 65534 "$dir/own/alert.key" || exit 1
cp "$damp" "$dir/damp" && chmod 755 "$dir/damp"
sed -e "s|/var/l[a-z]*/damp|$dir/own|; s|eth1|lo|; s|\[2055\]|[\"127.0.0.1:0\"]|" docs/damp.conf.example >"$dir/damp.conf"
chmod 644 "$dir/damp.conf"
caps=+net_raw,+net_admin
setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs --inh-caps=-all,$caps --ambient-caps=-all,$caps --bounding-set=-all,$caps \
	"$dir/damp" run -c "$dir/damp.conf" --key "$dir/own/alert.key" --stats "$dir/own/stats" >"$dir/log" 2>&1 &
pid=$!
for _ in $(seq 100); do
	grep -q "ends it" "$dir/log" && break
	kill -0 $pid 2>/dev/null || break
	sleep 0.1
done
for i in 1 2 3; do
	printf '\0%b\1\0\0\1\0\0\0\0\0\0\4damp\7example\0\0\1\0\1' "\\$i" >/dev/udp/127.0.0.1/53
done
sleep 1.2
kill -TERM $pid 2>/dev/null
wait $pid
status=$?
pid=
python3 -c '
import json, sys
assert json.load(open(sys.argv[1]))["dns_queries"] >= 3' "$dir/own/stats" && [ -s "$dir/own/state" ] || status=1
[ $status = 0 ] || cat "$dir/log"
verdict install_rights $status
