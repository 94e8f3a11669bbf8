#!/bin/bash
# Which list of public suffixes a run uses, what is said of it, and that none of the golden captures depends on it.
set -u
cd "$(dirname "$0")/../.." || exit 1
root=$PWD work=$(mktemp -d) status=0
trap 'rm -rf "$work"' EXIT
result() { # result NAME STATUS
	if [ "$2" = 0 ]; then echo "ok suffixes_$1"; else echo "not ok suffixes_$1"; head -n 20 "$work/log" | sed 's/^/  /'; status=1; fi
}
cd "$work" || exit 1
pcap=$root/tests/golden/any_amp_100.pcap
printf '// VERSION: 2031-04-05\n// ===BEGIN ICANN DOMAINS===\ncom\nbroken..rule\n// ===END ICANN DOMAINS===\n' >own.dat
printf 'public-suffixes: own.dat\n' >own.conf
printf 'public-suffixes: none\n' >none.conf
printf 'public-suffixes: gone.dat\n' >gone.conf
printf 'public-suffixes: own.conf\n' >wrong.conf
member() { python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["public_suffixes"])' "$1"; }

"$DAMP" replay -q -c own.conf --stats own.json "$pcap" >log 2>&1 &&
	[ "$(member own.json)" = "{'file': 'own.dat', 'version': '2031-04-05', 'rules': 1, 'refused': 1}" ]
result own_list $?
"$DAMP" replay -q -c none.conf --stats none.json --html none.html "$pcap" >log 2>&1 && grep -q 'no list: a zone is' none.html &&
	[ "$(member none.json)" = "{'file': '', 'version': '', 'rules': 0, 'refused': 0}" ]
result no_list $?
"$DAMP" replay -q -c gone.conf "$pcap" >log 2>&1
[ $? = 2 ] && grep -q '^damp: gone.dat: No such file' log && ! grep -q 'out of memory' log
result missing_list $?
"$DAMP" replay -q -c wrong.conf "$pcap" >log 2>&1
[ $? = 2 ] && grep -q '^damp: own.conf: holds no rules' log
result no_such_format $?

file=/usr/share/publicsuffix/public_suffix_list.dat
if [ -r $file ]; then
	"$DAMP" replay -q --stats stats.json --html page.html "$pcap" >log 2>&1 && member stats.json >>log &&
		member stats.json | grep -q "'file': '$file', 'version': '20[0-9-]*[^']*', 'rules': [0-9]\{4,\}, 'refused': 0}" &&
		grep -q "<dt>Public suffixes</dt><dd>$file, 20" page.html && "$DAMP" --version | grep -q "^public suffixes: $file, 20"
	result system_list $?
	same=0
	for capture in "$root"/tests/golden/*.pcap; do
		"$DAMP" replay -q --alerts list.alerts "$capture" >log 2>&1
		"$DAMP" replay -q -c none.conf --alerts none.alerts "$capture" >>log 2>&1
		# each run has a key of its own
		sed 's/"prev":"[^"]*"//; s/"kid":"[^"]*"//; s/,"sig":.*//' list.alerts >list.lines
		sed 's/"prev":"[^"]*"//; s/"kid":"[^"]*"//; s/,"sig":.*//' none.alerts >none.lines
		cmp list.lines none.lines >>log 2>&1 || same=1
		cat list.lines >>all.lines
	done
	[ "$same" = 0 ] && [ "$(grep -c '"action":"opened"' all.lines)" -ge 3 ]
	result golden_alike $?
else
	echo "skip suffixes_system_list: $file is not there"
fi
exit $status
