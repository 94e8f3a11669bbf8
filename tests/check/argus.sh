#!/bin/bash
# What argus' ra prints against the capture it was made from: the same totals, at IP level.
# usage: argus.sh   (needs DAMP, argus, ra, python3)
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
for tool in argus ra; do
	command -v "$tool" >/dev/null || { echo "skip argus: no $tool"; exit 0; }
done

is() { # is NAME GOT WANTED
	if [ "$2" = "$3" ]; then echo "ok argus: $1"
	else echo "not ok argus: $1: $2 instead of $3"; status=1; fi
}

# a hundred queries of 65 bytes, each with an answer in three fragments
python3 - "$work/any.pcap" <<'PY'
import struct, sys
def ip(src, dst, ident, frag, body):
    h = struct.pack('>BBHHHBBH4s4s', 0x45, 0, 20 + len(body), ident, frag, 64, 17, 0, src, dst)
    s = sum(struct.unpack('>10H', h)); s = (s & 0xffff) + (s >> 16); s = ~(s + (s >> 16)) & 0xffff
    return b'\2\0\0\0\0\1\2\0\0\0\0\2\x08\0' + h[:10] + struct.pack('>H', s) + h[12:] + body
a, b = bytes([10, 9, 1, 155]), bytes([10, 53, 0, 1])
with open(sys.argv[1], 'wb') as f:
    f.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
    for i in range(100):
        q = struct.pack('>6H', i, 0x100, 1, 0, 0, 0) + b'\7example\3com\0' + struct.pack('>2H', 255, 1)
        q = q.ljust(37, b'\0')
        r = struct.pack('>6H', i, 0x8180, 1, 0, 0, 0) + b'\0' * 4077
        u = struct.pack('>4H', 53, 20000 + i, 8 + len(r), 0) + r
        frames = [ip(a, b, i, 0, struct.pack('>4H', 20000 + i, 53, 45, 0) + q)]
        frames += [ip(b, a, i, (0x2000 if k < 2 else 0) | k * 185, u[k * 1480:k * 1480 + 1480]) for k in range(3)]
        for k, p in enumerate(frames):
            f.write(struct.pack('<4I', 1700000000 + i, k * 1000, len(p), len(p)) + p)
PY
argus -r "$work/any.pcap" -w "$work/argus" 2>"$work/err" || { echo "not ok argus: argus itself: $(head -n 1 "$work/err")"; exit 1; }
columns="stime dur proto saddr sport daddr dport spkts dpkts sbytes dbytes"
ra -r "$work/argus" -n -u -c , -s $columns >"$work/ra.csv" 2>/dev/null
is "a management record is among them" "$(grep -c ',man,' "$work/ra.csv" | awk '{ print ($1 > 0) }')" 1

# flows, first, last of a run
figures() { python3 -c 'import json,sys; s=json.load(open(sys.argv[1])); print(s["flows"], s["first"], s["last"])' "$1"; }

if ! "$DAMP" replay -q --stats "$work/csv.json" "$work/ra.csv" >/dev/null 2>"$work/err"; then
	echo "not ok argus: ra's CSV is read: $(head -n 1 "$work/err")"; exit 1
fi
is "two flows a line, no damage" "$(figures "$work/csv.json" | cut -d' ' -f1)" 200
ra -r "$work/argus" -nn -u -c , -s $columns 2>/dev/null | tail -n +2 | grep -v ',0,0,0,0$' >"$work/bare.csv"
"$DAMP" replay -q --stats "$work/bare.json" - <"$work/bare.csv" >/dev/null 2>&1
is "protocol numbers, no header, through a pipe" "$(figures "$work/bare.json")" "$(figures "$work/csv.json")"
ra -r "$work/argus" -n -u -c , -s dbytes sbytes state dpkts spkts dport daddr sport saddr proto dur stime 2>/dev/null >"$work/order.csv"
"$DAMP" replay -q --stats "$work/order.json" "$work/order.csv" >/dev/null 2>&1
is "columns in another order" "$(figures "$work/order.json")" "$(figures "$work/csv.json")"
{ cat "$work/ra.csv"; echo "1700000000.0,0.0,udp,10.0.0.1,1,nobody,2,1,0,79,0"; } >"$work/bad.csv"
"$DAMP" replay -q --stats "$work/bad.json" "$work/bad.csv" >/dev/null 2>"$work/err"
is "a bad line: exit status" $? 1
is "a bad line is told with its number" "$(grep -o 'line [0-9]*' "$work/err")" "line $(wc -l <"$work/bad.csv")"
is "a bad line: the others count" "$(figures "$work/bad.json")" "$(figures "$work/csv.json")"

totals() { # packets and bytes of each direction, as damp prints them
	"$DAMP" flows -o json "$1" | python3 -c '
import json, sys
q = [0, 0]; a = [0, 0]
for line in sys.stdin:
    r = json.loads(line); d = q if r["destinationIPv4Address"] == "10.53.0.1" else a
    d[0] += r["packetDeltaCount"]; d[1] += r["octetDeltaCount"]
print(*q, *a)'
}
is "totals at IP level" "$(totals "$work/ra.csv")" "100 6500 300 415700"
is "as in the capture itself" "$(totals "$work/any.pcap")" "100 6500 300 415700"
exit $status
