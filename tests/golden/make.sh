#!/bin/bash
# Makes the bundled capture anew: one evening minute of a link to 512 customers.  41 infected customers (37 on
# IPv4, 4 on IPv6) ask the provider's resolver for ANY ripe.net; everybody else does what people do.  Only the
# first bytes of each packet are kept, the lengths on the wire stay.
# usage: tests/golden/make.sh [FILE]
set -eu
cd "$(dirname "$0")/../.."
"${GEN:-build/damp-gen}" --seed 20260412 --start 1775960014 --duration 44 --snaplen 112 --fragment-snaplen 64 \
	-o "${1:-tests/golden/backhaul.pcap}" ${LABELS:+--labels "$LABELS"} \
	benign net=10.64.0.0/23 net6=2001:db8:64::/64 clients=150 clients6=30 dns=0.15 mail=1 mailrate=4 web=0.0012 quic=0.0004 \
	calls=0 vpn=0 validators=1 cgnat=1 subs=30 \
	+ infected hosts=37 hosts6=4 rate=0.9-7 start=7 stop=30 stagger=3 name=ripe.net qtype=ANY
