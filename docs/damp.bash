# bash completion for damp: commands, options, files, formats, kinds.

_damp_options() { # _damp_options COMMAND
	local common='-c --config --networks --resolvers --geoip --sensor --input --state --threads --memory --width -q --quiet
		-v --verbose --no-color -h --help --version' outputs='--key --alerts --rules-dir --html --stats --syslog'

	case $1 in
	replay) echo "$common $outputs --diff" ;;
	why) echo "$common -o --format" ;;
	run) echo "$common $outputs -i --interface -l --listen --queue --archive" ;;
	probe) echo '-i --interface -r --read --to --end --version --active --inactive --fragments --sampling --max-flows --domain
		--filter --rate -q --quiet -h --help' ;;
	rules) echo '--format --list --policy --ttl --incident -o --output -h --help --version' ;;
	verify) echo '--key --threads -h --help --version' ;;
	flows) echo '-o --format -f --filter -t --time --last -a --aggregate -A --fields -s --stat -O --order -n --top -c --limit
		-N --plain -6 --wide --local --asdot --input --memory --list -q --quiet --no-color -h --help --version' ;;
	report) echo '--state --format --victims -f --filter -t --time --last -O --order -n --top --local --asdot --input --memory --list -q --quiet
		-h --help --version' ;;
	keygen) echo '-o --output -h --help --version' ;;
	check-config | help) echo '-h --help --version' ;;
	*) echo '-h --help --version' ;;
	esac
}

_damp_files() { # _damp_files [PATTERN]: folders, and files whose name matches
	local f

	compopt -o filenames 2>/dev/null
	COMPREPLY=()
	while IFS= read -r f; do
		if [[ -d $f || -z $1 || $f =~ $1 ]]; then COMPREPLY+=("$f"); fi
	done < <(compgen -f -- "$cur")
	# nothing of the usual name: any file
	if [[ ${#COMPREPLY[@]} = 0 && -n $1 ]]; then mapfile -t COMPREPLY < <(compgen -f -- "$cur"); fi
}

_damp_words() { # _damp_words WORDS: of these, what begins like the current word
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

# The value of the option before the current word; fails when there is none to complete.
_damp_value() { # _damp_value COMMAND OPTION
	case $1:$2 in
	flows:-o | flows:--format) _damp_words 'text extended long line print0 print1 print3 print5 csv json none'; return ;;
	flows:-s | flows:--stat) _damp_words 'record/bytes ip/bytes srcip/bytes dstip/bytes dstip/bpp port/flows srcport/bytes
		dstport/bytes proto/bytes as/bytes srcas/bytes dstas/bytes if/bytes inif/bytes outif/bytes net/bytes'; return ;;
	flows:-A | flows:--fields) _damp_words 'srcip dstip srcip/24 dstip/24 srcport dstport proto srcas dstas inif outif tos'; return ;;
	flows:-O | flows:--order) _damp_words 'flows packets bytes pps bps bpp tstart tend duration'; return ;;
	why:-o | why:--format) _damp_words 'text json'; return ;;
	report:-O | report:--order) _damp_words 'flows packets octets pps bps bpp'; return ;;
	flows:-c | flows:--limit) COMPREPLY=(); return ;;
	esac
	case $2 in
	-c | --config | --diff) _damp_files '\.(conf|ya?ml)$' ;;
	--geoip) _damp_files '\.mmdb$' ;;
	--key) if [[ $1 = verify ]]; then _damp_files '\.pub$'; else _damp_files '\.key$'; fi ;;
	--html) _damp_files '\.html$' ;;
	--alerts | --stats) _damp_files '\.jsonl?$' ;;
	--rules-dir | --archive) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
	-f | --filter | -t | --time | --last | -n | --top) COMPREPLY=() ;;
	--format) _damp_words "$(damp rules --list 2>/dev/null | awk '{ print $1 }')" ;;
	-r | --read) _damp_files '\.(pcap|pcapng|cap|dmp)$' ;;
	--version) if [[ $1 = probe ]]; then _damp_words '5 9 10'; else return 1; fi ;;
	--fragments) _damp_words 'service port0' ;;
	--active) _damp_words '1m 5m 30m' ;;
	--inactive) _damp_words '15s 1m' ;;
	--input) _damp_words 'auto packets exports' ;;
	--policy) _damp_words '1/5 2/5 5/10' ;;
	--ttl) _damp_words '10m 1h 1d' ;;
	--memory) _damp_words '128MB 512MB 2GB' ;;
	-l | --listen) _damp_words '2055 0.0.0.0:2055 [::1]:2055 tcp://0.0.0.0:4739' ;;
	--queue) _damp_words 'redis://127.0.0.1:6379 unix:///run/redis.sock' ;;
	--syslog) _damp_words 'unix:///dev/log udp:// tcp://' ;;
	-i | --interface) _damp_words "$(ls /sys/class/net 2>/dev/null)" ;;
	-o | --output | --state) _damp_files ;;
	--networks | --resolvers | --sensor | --incident | --threads | --width | --to | --sampling | --max-flows | --domain | \
		--filter | --rate) COMPREPLY=() ;;
	*) return 1 ;;
	esac
}

_damp() {
	local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local commands='replay run probe check-config rules verify keygen flows report why help' command=
	local w

	for w in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		if [[ " $commands " == *" $w "* ]]; then command=$w; break; fi
	done
	if [[ $COMP_CWORD -gt 1 ]] && _damp_value "$command" "$before"; then return; fi
	if [[ $cur == -* ]]; then _damp_words "$(_damp_options "$command")"; return; fi
	case $command in
	flows) _damp_files ;;
	report)
		if [[ $before = report ]]; then _damp_words "$(damp report --list 2>/dev/null)"; else _damp_files; fi ;;
	'') _damp_words "$commands" ;;
	help) _damp_words "$commands" ;;
	replay | why) _damp_files '\.(pcap|pcapng|cap|dmp)(\.gz)?[0-9]*$' ;;
	rules | verify) _damp_files '\.jsonl?$' ;;
	check-config) _damp_files '\.(conf|ya?ml)$' ;;
	esac
}

complete -F _damp damp
