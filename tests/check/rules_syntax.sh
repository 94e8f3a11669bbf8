#!/bin/bash
# Rules by syntax, life cycle and hostility: what iptables-restore and sh say about every shape of
# file; loading twice, undoing twice; the lifetime; names that try to break out.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
[ "$(id -u)" = 0 ] || { echo "skip rules_syntax: needs root"; exit 0; }
outer=$(readlink /proc/$PPID/ns/net)
if [ "${1:-}" != inside ]; then
	unshare -n true 2>/dev/null || { echo "skip rules_syntax: no network namespaces here"; exit 0; }
	exec unshare -n "$0" inside
fi
# the parent stayed outside: never touch the machine's own tables
[ "$outer" != "$(readlink /proc/self/ns/net)" ] || { echo "not ok rules_syntax: not in a namespace of its own"; exit 1; }
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
failed=0
ok() { echo "ok rules_syntax $*"; }
no() { echo "not ok rules_syntax $*"; failed=1; }
try() { local name=$1; shift; if "$@" >"$tmp/log" 2>&1; then ok "$name"; else no "$name"; cat "$tmp/log"; fi; }
refuse() { local name=$1; shift; if "$@" >"$tmp/log" 2>&1; then no "$name"; cat "$tmp/log"; else ok "$name"; fi; }
make -s BUILD="$build" "$build/tools/rulegen" >/dev/null && cp "$build/tools/rulegen" "$tmp/rulegen" ||
	{ echo "not ok rules_syntax: building"; exit 1; }

hex() { od -An -v -tx1 | tr -d ' \n'; }
label() { printf '%02x' "${#1}"; printf %s "$1" | hex; }
sixty() { printf "%0${2}d" 0 | tr 0 "$1"; }
long=$(label "$(sixty a 63)")$(label "$(sixty b 63)")$(label "$(sixty c 63)")$(label "$(sixty d 61)")00
evil=$(label $'\nDAMP\n-A INPUT -j ACCEPT\nCOMMIT\n')$(label $'\n"\'`id`$(id)\\\e[2J|;#%s\n')00

# one NAME TOOL BACKEND: the file tmp/r loads, and a second time is refused and changes nothing
one() {
	"$2-$3-restore" --test --noflush "$tmp/r" && "$2-$3-restore" --noflush "$tmp/r" && "$2-$3-save" >"$tmp/before" || return 1
	"$2-$3-restore" --noflush "$tmp/r" && return 1
	"$2-$3-save" >"$tmp/after"
	diff <(grep -v '^#' "$tmp/before") <(grep -v '^#' "$tmp/after") && grep -q -e '-A DAMP-.* -j DROP' "$tmp/after"
}

while IFS='|' read -r name options; do
	for f in iptables ip6tables; do
		# shellcheck disable=SC2086
		"$tmp/rulegen" $options $f >"$tmp/r" || { no "$name $f: generating"; continue; }
		for backend in nft legacy; do
			try "$name, $f $backend: loads, a second time is refused whole" one "$name" $f $backend
			"$f-$backend" -F 2>/dev/null; "$f-$backend" -X 2>/dev/null
		done
	done
	# shellcheck disable=SC2086
	"$tmp/rulegen" $options iptables-commands >"$tmp/r.sh" || no "$name script: generating"
	try "$name script: sh -n" sh -n "$tmp/r.sh"
done <<SHAPES
any|
many types|-t 255 -t 16:0361626300 -t 48:00 -t 46:036f726700 -t 1:0162016300
long name|-t 16:$long
hostile name|-t 16:$evil
shards|-n 101
more shards|-n 1000
rate|-n 50 -l 10
victim|-k dns-amplification-victim
ntp victim|-k udp-amplification-victim -p 123
ntp service|-k udp-amplification-reflector -p 123
fragments|-k udp-fragment-flood
SHAPES

"$tmp/rulegen" -t "16:$evil" iptables-commands >"$tmp/evil.sh"
if LC_ALL=C grep -qP '[^\x09\x20-\x7e]' "$tmp/evil.sh"; then no "hostile name: only printable ASCII"
else ok "hostile name: only printable ASCII"; fi
if [ "$(grep -cx DAMP "$tmp/evil.sh")" = 2 ]; then ok "hostile name: here-documents end where they should"
else no "hostile name: here-documents end where they should"; fi

# The script's life, with a rule of somebody else's beside it.
mkdir "$tmp/bin"
PATH=$tmp/bin:$PATH
state() { { iptables-"$backend"-save; ip6tables-"$backend"-save; } 2>/dev/null | grep -v '^#' | sed 's/\[[0-9:]*\]//; s/--datestop [^ ]*//'; }
same() { state >"$tmp/now"; diff "$1" "$tmp/now"; }
ask() {
	python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
q = bytes.fromhex("1234010000010000000000000261620000ff0001")
for _ in range(5): s.sendto(q, ("127.0.0.1", 53))'
}
hits() { iptables -w -n -v -x -L INPUT 2>/dev/null | awk '/DAMP-/ { print $1 }'; }
ip link set lo up
"$tmp/rulegen" -n 101 iptables-commands >"$tmp/s.sh"
for backend in nft legacy; do
	for t in iptables ip6tables; do
		ln -sf "$(command -v $t-$backend)" "$tmp/bin/$t"
		ln -sf "$(command -v $t-$backend-restore)" "$tmp/bin/$t-restore"
	done
	hash -r
	for t in iptables ip6tables; do $t -A INPUT -p udp --dport 99 -j ACCEPT; done
	state >"$tmp/clean"
	refuse "$backend: status before apply" sh "$tmp/s.sh" status
	try "$backend: undo of nothing" sh "$tmp/s.sh" undo
	try "$backend: apply" sh "$tmp/s.sh" apply
	state >"$tmp/once"
	try "$backend: apply again" sh "$tmp/s.sh" apply
	try "$backend: twice is once" same "$tmp/once"
	try "$backend: status" sh "$tmp/s.sh" status
	try "$backend: undo" sh "$tmp/s.sh" undo
	try "$backend: undo again" sh "$tmp/s.sh" undo
	try "$backend: nothing is left, nothing else is gone" same "$tmp/clean"
	try "$backend: on a router" env HOOK=FORWARD sh "$tmp/s.sh" apply
	try "$backend: hooked there" grep -q -e '-A FORWARD .* -j DAMP-' <(state)
	try "$backend: undo without the setting" sh "$tmp/s.sh" undo
	try "$backend: nothing is left of that" same "$tmp/clean"
	# the kernel stops using it by itself: packets of our own, over loopback
	TTL=2 sh "$tmp/s.sh" apply >/dev/null
	ask 2>/dev/null; first=$(hits)
	sleep 3
	ask 2>/dev/null; second=$(hits)
	if [ "$first" -gt 0 ] && [ "$second" = "$first" ]; then ok "$backend: in force, and no longer after its lifetime"
	else no "$backend: lifetime ($first, then $second packets)"; fi
	sh "$tmp/s.sh" undo
	# the undo a restore file prints
	"$tmp/rulegen" -n 101 iptables >"$tmp/r"
	iptables-restore --noflush "$tmp/r"
	sed -n 's/^#   \(iptables -[DS].*\)/\1/p' "$tmp/r" >"$tmp/undo.sh"
	try "$backend: the undo in the file" sh -e "$tmp/undo.sh"
	try "$backend: undoes it exactly" same "$tmp/clean"
	for t in iptables ip6tables; do $t -F; done
done

# A victim's guard: large answers and only those, towards the victim and only there.  Over loopback,
# so the chain is hooked into INPUT here.
ip addr add 10.9.0.1/32 dev lo; ip addr add 10.9.0.2/32 dev lo
"$tmp/rulegen" -k dns-amplification-victim iptables | sed 's/^-I FORWARD/-I INPUT/' | iptables-nft-restore --noflush
cat >"$tmp/answers.py" <<'PY'
import socket
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
out.bind(("127.0.0.1", 53))
for host in "10.9.0.1", "10.9.0.2":
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    s.bind((host, 4000))
    s.settimeout(0.2)
    for size in 100, 1200:
        n = 0
        for _ in range(100):
            out.sendto(b"x" * size, (host, 4000))
        try:
            while s.recv(2000):
                n += 1
        except TimeoutError:
            pass
        print(host, size, n)
PY
python3 "$tmp/answers.py" >"$tmp/answers"
if [ "$(awk '$1 != "10.9.0.1" || $2 == 100 { print $3 }' "$tmp/answers" | sort -u)" = 100 ] &&
	[ "$(awk '$1 == "10.9.0.1" && $2 == 1200 { print $3 }' "$tmp/answers")" -le 25 ]; then
	ok "victim: $(tr '\n' ';' <"$tmp/answers") of 100 each"
else no "victim: $(tr '\n' ';' <"$tmp/answers") of 100 each"; fi

for f in iptables ip6tables iptables-commands; do
	refuse "$f: hitcount 21 on an old kernel" "$tmp/rulegen" -o -q 21 $f
	refuse "$f: TXT without a name" "$tmp/rulegen" -t 16 $f
done
exit $failed
