#!/bin/bash
# The configuration and the command line as a person meets them: exit status 2, file, line and a hint.
set -u
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
status=0
ok() { echo "ok config: $1"; }
not_ok() { echo "not ok config: $1"; shift; printf '%s\n' "$@" | head -n 20 | sed 's/^/  /'; status=1; }

# refused NAME FILE PATTERN...: check-config exits 2 and says each pattern
refused() {
	local name=$1 file=$2 out rc p; shift 2
	out=$("$DAMP" check-config "$file" 2>&1 </dev/null); rc=$?
	[ $rc = 2 ] || { not_ok "$name: exit 2" "exit $rc" "$out"; return; }
	for p in "$@"; do
		grep -qF -- "$p" <<<"$out" || { not_ok "$name: says $p" "$out"; return; }
	done
	ok "$name"
}

cat >"$dir/good.conf" <<'Y'
networks: [10.64.0.0/23, "2001:db8:64::/64"]     # our own prefixes
resolvers: [10.53.0.53, "2001:db8:53::53"]       # our resolvers
links:
  - name: metro-3
    prefixes: [10.64.0.0/23, "2001:db8:64::/64"]
    down: 10Mbit
    up: 4Mbit
groups:
  - name: mail
    members: [10.64.0.25]
Y
out=$("$DAMP" check-config "$dir/good.conf" 2>&1); rc=$?
if [ $rc = 0 ] && grep -q 'down: 10Mbit' <<<"$out" && grep -q '"10.64.0.25/32"' <<<"$out" && grep -q mail <<<"$out"
then ok "a good file prints its settings, exit 0"; else not_ok "a good file" "exit $rc" "$out"; fi

# what it prints is a configuration itself, and prints the same
"$DAMP" check-config "$dir/good.conf" >"$dir/printed.conf" 2>/dev/null
if "$DAMP" check-config "$dir/printed.conf" >"$dir/again.conf" 2>/dev/null && cmp -s "$dir/printed.conf" "$dir/again.conf"
then ok "the printed settings load and print the same"; else not_ok "round trip" "$(diff "$dir/printed.conf" "$dir/again.conf" | head)"; fi

printf 'resolvers: 10.53.0.53\nnetwroks: [10.64.0.0/23]\nnetworks: [10.64.0.5/23]\nthreads: many\n' >"$dir/several.conf"
refused "every problem of a file, each with its line" "$dir/several.conf" \
	"$dir/several.conf:2:" "did you mean networks?" "$dir/several.conf:3:" "the prefix is 10.64.0.0/23" "$dir/several.conf:4:"
printf 'links:\n- {name: a, prefixes: 10.0.0.0/8}\n- {name: b, prefixes: 10.1.0.0/16}\n' >"$dir/overlap.conf"
refused "overlapping links, both lines" "$dir/overlap.conf" "$dir/overlap.conf:3:" "in line 2"
printf 'groups:\n- {name: a, members: 10.0.0.0/8}\n- {name: b, members: [10.1.0.0/16, 10.2.3.5/24]}\n' >"$dir/members.conf"
refused "overlapping and mistyped members, both lines" "$dir/members.conf" "$dir/members.conf:3:" "in line 2" "the prefix is 10.2.3.0/24"
printf 'groups:\n- name: mail\n  subscribers: 20\n  members: 10.0.0.1\n' >"$dir/subscribers.conf"
refused "subscribers of mail servers" "$dir/subscribers.conf" "$dir/subscribers.conf:3:" "only a group of kind cgnat has subscribers"
cat >"$dir/never.conf" <<'Y'
links: [{name: slow, prefixes: 10.0.0.0/24, down: 1Mbit}]
groups:
  - name: far
    members: 10.0.0.7
    thresholds:
      dns-amplification-abuser:
        min-repeats: 2000
        repeat-share: 100%
Y
refused "thresholds that nothing can reach" "$dir/never.conf" "$dir/never.conf:7:" "10 s of the link hold 1250 answers of 1000 bytes" \
	"$dir/never.conf:8:" "the lower bound of a share does not come to 1"
cat >"$dir/groups.conf" <<'Y'
groups:
  - {name: cgnat, members: 100.64.0.0/24, subscribers: 10}
  - {name: mail, members: 10.0.0.25, thresholds: {dns-amplification-abuser: {any-rate: 7/s}}}
Y
out=$("$DAMP" check-config "$dir/groups.conf" 2>&1); rc=$?
if [ $rc = 0 ] && grep -q 'any-rate: 50/s' <<<"$out" && grep -qE '^ +"any-rate": 7/s' <<<"$out" && grep -q 'min-repeats: 20 ' <<<"$out" &&
	grep -q 'any-rate: 5/s' <<<"$out" && ! grep -qi warning <<<"$out"
then ok "what holds for each group, and for everybody"; else not_ok "settings of groups" "exit $rc" "$out"; fi
# a kind that is turned off, for everybody and for the members of a group
printf 'detectors:\n  dns-nxdomain-flood: {enabled: false}\n  dns-tunnel: {enabled: off}\n' >"$dir/off.conf"
printf 'groups:\n  - {name: lab, members: 10.64.0.0/16, thresholds: {dns-nxdomain-flood: {enabled: no}}}\n' >"$dir/off_group.conf"
"$GEN" --duration 60 --labels "$dir/labels" -o "$dir/off.pcap" dga clients=1 rate=40 + tunnel rate=2000 chunk=60 2>"$dir/log"
host=$(awk '$1 == "dns-nxdomain-flood" { print $2 }' "$dir/labels")
opened() { "$DAMP" replay -q "$@" --alerts - --stats "$dir/stats" "$dir/off.pcap" 2>>"$dir/log" | grep -c '"action":"opened"'; }
if [ "$(opened)" = 2 ] && grep -q '"turned_off":\[\]' "$dir/stats" && [ "$(opened -c "$dir/off.conf")" = 0 ] &&
	grep -qF '"turned_off":["dns-nxdomain-flood","dns-tunnel"]' "$dir/stats" && [ "$(opened -c "$dir/off_group.conf")" = 1 ]
then ok "kinds that are turned off"; else not_ok "kinds that are turned off" "$(cat "$dir/log" "$dir/stats")"; fi
out=$("$DAMP" why "$host" -q -c "$dir/off.conf" "$dir/off.pcap" 2>&1)
if grep -q 'dns-nxdomain-flood: turned off' <<<"$out" && ! grep -q 'dns-random-subdomain: turned off' <<<"$out"
then ok "why tells what is turned off"; else not_ok "why tells what is turned off" "$out"; fi
out=$("$DAMP" check-config "$dir/off.conf" 2>&1); rc=$?
if [ $rc = 0 ] && grep -qE '^ +"?enabled"?: false' <<<"$out" && grep -q '#   enabled: true' <<<"$out"
then ok "check-config shows what is turned off"; else not_ok "check-config shows what is turned off" "$out"; fi
printf 'detectors:\n  dns-tunnel: {enabled: 0}\n  open-resolver: {enable: no}\n' >"$dir/on.conf"
refused "no number turns a kind off" "$dir/on.conf" "$dir/on.conf:2:" "must be true or false" "$dir/on.conf:3:" "enabled"
printf 'detectors:\n  dns-amplification-abusr:\n    nonsense: 1\n' >"$dir/kind.conf"
refused "an unknown kind" "$dir/kind.conf" "$dir/kind.conf:3:" "dns-amplification-abuser"
printf 'policy:\n\tttl: 1h\n' >"$dir/tab.conf"
refused "a tab" "$dir/tab.conf" "$dir/tab.conf:2:" "indent with spaces"
: >"$dir/empty.conf"
refused "an empty file" "$dir/empty.conf" "$dir/empty.conf" "the file is empty"
refused "a folder" "$dir" "is a directory"
refused "a file that is not there" "$dir/none.conf" "$dir/none.conf" "No such file"
head -c 10000000 /dev/zero | tr '\0' '#' >"$dir/large.conf"
refused "a file of 10 MB" "$dir/large.conf" "larger than"
{ echo 'a: &a [x,x,x,x,x,x,x,x,x,x]'; for i in b c d e f g h i; do echo "$i: &$i [*a,*a,*a,*a,*a,*a,*a,*a,*a]"; done; } >"$dir/bomb.conf"
refused "a bomb of aliases" "$dir/bomb.conf" "$dir/bomb.conf:1:"

# wrong usage: exit 2 and the nearest name
usage() { # usage NAME PATTERN ARGS...
	local name=$1 pattern=$2 out rc; shift 2
	out=$("$DAMP" "$@" 2>&1 </dev/null); rc=$?
	if [ $rc = 2 ] && grep -qF -- "$pattern" <<<"$out"; then ok "$name"; else not_ok "$name" "exit $rc" "$out"; fi
}
usage "an unknown command" replay repaly x.pcap
usage "an unknown option" --networks replay --netwroks 10.0.0.0/8 x.pcap
usage "an option's bad value" "the prefix is 10.0.0.0/8" replay --networks 10.0.0.1/8 x.pcap
usage "an option in the words of the file" "a whole number" replay --threads many x.pcap
exit $status
