#!/bin/bash
# The same traffic, recorded otherwise: other files, links, clocks, taps and addresses (perturb.py) name the same hosts.
set -u
damp=${DAMP:-build/damp} gen=${GEN:-build/damp-gen} here=$(dirname "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$gen" --seed "${SEED:-7}" --duration 30 --snaplen 300 -o "$dir/c.pcap" \
	benign clients=40 clients6=10 web=0 quic=0 mail=1 \
	+ infected hosts=3 hosts6=1 rate=3 start=2 \
	+ reflection rate=30 start=2 victim=10.64.0.77 + amp vector=ntp pps=120 start=2 victim=10.64.0.78 \
	+ fragflood pps=120 start=2 victim=10.64.0.79 \
	+ subdomain rate=60 start=2 + dga clients=2 rate=30 rcode=5 start=2 \
	+ tunnel rate=1500 chunk=60 qtype=10 answer=300 start=2 2>"$dir/log" || { cat "$dir/log"; echo "not ok invariance"; exit 0; }
python3 "$here/invariance.py" "$damp" "$dir/c.pcap" "$@"
