#!/bin/bash
# Alert lines checked with openssl and b2sum alone, as the alert line's description promises, and the
# same file altered, which both they and damp verify must notice.
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
damp=${DAMP:-$here/../build/damp}
capture=$here/golden/backhaul.pcap
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
status=0
ok() { echo "ok signature: $1"; }
not_ok() { echo "not ok signature: $1"; status=1; }
check() { # check NAME COMMAND...
	local name=$1; shift
	if "$@" >out; then ok "$name"; else not_ok "$name"; fi
}

for tool in openssl b2sum base64; do
	command -v "$tool" >/dev/null || { echo "skip signature: no $tool"; exit 0; }
done
cd "$dir" || exit 1

"$damp" keygen -o k || not_ok "keygen"
check "the private key is its owner's alone" [ "$(stat -c %a k.key)" = 600 ]
check "openssl derives the same public key" cmp -s <(openssl pkey -in k.key -pubout) k.pub
if "$damp" keygen -o k 2>/dev/null; then not_ok "a second keygen refuses"; else ok "a second keygen refuses"; fi

"$damp" replay -q --key k.key --alerts lines "$capture" >/dev/null 2>err || { not_ok "replay"; cat err; exit 1; }
lines=$(wc -l <lines)
if [ "$lines" -lt 1 ]; then not_ok "no alert line came out of the capture"; exit 1; fi

# tool_check FILE: every line by hand; the first bad line's number, 0 when all are good
tool_check() {
	local n=0 prev sig hash line kid
	hash=$(printf '0%.0s' {1..64})
	kid=$(openssl pkey -pubin -in k.pub -outform DER | tail -c 32 | b2sum -l 256 | cut -c1-16)
	while IFS= read -r line; do
		n=$((n + 1))
		prev=$(printf %s "$line" | sed 's/.*"prev":"\([0-9a-f]*\)".*/\1/')
		sig=$(printf %s "$line" | sed 's/.*,"sig":"\([^"]*\)"}$/\1/')
		printf %s "$line" | sed 's/,"sig":"[^"]*"//' | tr -d '\n' >message
		printf %s "$sig" | base64 -d >sig 2>/dev/null
		{ [ "$prev" = "$hash" ] && printf %s "$line" | grep -q "\"seq\":$n,.*\"kid\":\"$kid\"" &&
			openssl pkeyutl -verify -pubin -inkey k.pub -rawin -in message -sigfile sig >/dev/null 2>&1; } ||
			{ echo "$n"; return; }
		hash=$(printf %s "$line" | b2sum -l 256 | cut -d' ' -f1)
	done <"$1"
	echo 0
}

head -n 60 lines >some # a few dozen are enough for the shell
check "openssl and b2sum accept every line" [ "$(tool_check some)" = 0 ]
check "damp verify accepts them" "$damp" verify --key k.pub lines

middle=$(( ($(wc -l <some) + 1) / 2 ))
sed "${middle}s/\"severity\":[0-9]*/\"severity\":0/" some >altered
check "openssl refuses an altered line" [ "$(tool_check altered)" = "$middle" ]
if out=$("$damp" verify --key k.pub altered 2>&1); then not_ok "damp verify refuses it"
else check "damp verify names the same line" grep -q "line $middle" <<<"$out"; fi

# a line that openssl signs is one that damp accepts
head -n 1 some | sed 's/,"sig":"[^"]*"//; s/"severity":[0-9]*/"severity":3/' | tr -d '\n' >message
openssl pkeyutl -sign -inkey k.key -rawin -in message -out sig
sed "s#}\$#,\"sig\":\"$(base64 -w0 sig)\"}#" message >resigned
check "damp verify accepts what openssl signed" "$damp" verify --key k.pub resigned
exit $status
