#!/bin/bash
# Traffic that is hard to judge (odd_traffic.py says what each scene is): ordinary use that looks like abuse must
# stay silent, abuse that hides must be named, each subject once.  Every scene runs as a stranger would run
# it and knowing the networks and resolvers.  Scenes that no line here names are limits; docs/calibration.md tells them.
set -u
damp=${DAMP:-build/damp} here=$(dirname "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
known=(--networks 10.64.0.0/23,2001:db8:64::/64 --resolvers 10.53.0.53,10.53.0.54,2001:db8:53::53)

# opened FILE: "kind subject" of every alert that opened
opened() {
	python3 -c '
import json, sys
for line in open(sys.argv[1]):
    a = json.loads(line)
    if a["event"]["action"] == "opened":
        print(a["rule"]["name"], a["damp"]["subject"].get("ip"))' "$1"
}

# expect ALERT SNAPLEN SCENE...: ALERT is "kind subject", or "-" for silence
expect() {
	local want=$1 snaplen=$2 scene mode got
	shift 2
	[ "$want" = - ] && want=
	for scene; do
		python3 "$here/odd_traffic.py" "$scene" "$dir/c.pcap" "$snaplen" || { echo "not ok odd_$scene"; continue; }
		for mode in bare known; do
			local args=()
			[ $mode = known ] && args=("${known[@]}")
			"$damp" replay -q "${args[@]}" --alerts "$dir/alerts" "$dir/c.pcap" >"$dir/log" 2>&1 &&
				got=$(opened "$dir/alerts") && [ "$got" = "$want" ] &&
				{ echo "ok odd_${scene}_${snaplen}_$mode"; continue; }
			cat "$dir/log"
			printf 'wanted: %s\ngot: %s\n' "${want:-silence}" "${got:-silence}"
			echo "not ok odd_${scene}_${snaplen}_$mode"
		done
	done
}

expect - 65535 recursor recursor_retry forwarder_500 forwarder_cached all_servers two_resolvers_answer v6_only only_queries mirror_twice \
	names_that_fail
expect - 65535 authoritative_big authoritative_retry authoritative_keys
expect - 65535 ntp_pool vpn_server ipsec_server rdp_server game_server snapshots seeder leecher_one_way snmp_poller server_browser uploads uploads_through_vpn
expect - 65535 video_fragments video_heads_elsewhere vpn_tails_heads_elsewhere sip_fragments ike_certificates nfs_many
expect - 96 recursor forwarder_500 authoritative_big
bad=10.64.0.200
expect "dns-amplification-abuser $bad" 65535 a_half_a_second a_ttl_zero a_names_200 a_0x20 a_1232 a_txt_1100 a_addresses \
	a_last_second a_two_resolvers a_twenty_resolvers a_hours_off a_cgnat a_cgnat_signed
expect "dns-amplification-abuser $bad" 96 a_1232 a_cgnat
expect "dns-tunnel $bad" 65535 n_one_a_second n_refused_twice n_suffix
expect "dns-amplification-victim 10.64.0.77" 65535 v_plain v_one_source v_only_answers v_busy_resolver \
	v_forged_source
expect "dns-amplification-victim 10.64.0.77" 96 v_plain
expect "dns-amplification-reflector 10.64.0.40" 65535 r_authoritative_abused r_slow
expect "dns-amplification-reflector $bad" 65535 r_open_forwarder r_open_forwarder_slow
expect "udp-amplification-reflector 10.64.0.54" 65535 u_steam
expect "udp-amplification-reflector 10.64.0.53" 65535 u_rdp
expect "udp-amplification-reflector 10.64.0.50" 65535 u_ntp_monlist
expect "udp-fragment-flood 10.64.0.58" 65535 f_headless f_one_source

# What is forged in a victim's name, and what a forwarder asks for it, is the attack: a rule for it harms nobody.
for scene in r_authoritative_abused r_open_forwarder; do
	python3 "$here/odd_traffic.py" $scene "$dir/c.pcap" &&
		"$damp" replay -q "${known[@]}" --rules-dir "$dir/rules-$scene" --alerts "$dir/alerts" "$dir/c.pcap" >"$dir/log" 2>&1
	if grep -q "attack dropped 9" "$dir/rules-$scene"/*.iptables.rules && grep -q "legitimate dropped 0.00 %" "$dir/rules-$scene"/*.iptables.rules; then
		echo "ok rules_$scene"
	else
		grep -h "dropped" "$dir/rules-$scene"/*.iptables.rules
		echo "not ok rules_$scene"
	fi
done
