#!/bin/bash
# The manual pages are clean mdoc, and say what the program says: every option and command of --help
# is in damp(1) and the other way round; every key of the configuration is in damp.conf(5).
set -u
cd "$(dirname "$0")/../.." || exit 1
status=0
ok() { echo "ok manual: $1"; }
not_ok() { echo "not ok manual: $1"; shift; printf '%s\n' "$@" | head -n 20 | sed 's/^/  /'; status=1; }
same() { # same NAME HERE THERE
	local d
	d=$(diff <(printf '%s\n' "$2") <(printf '%s\n' "$3"))
	if [ -n "$2" ] && [ -z "$d" ]; then ok "$1"; else not_ok "$1" "$d"; fi
}

if command -v mandoc >/dev/null; then
	for page in docs/damp.1 docs/damp.conf.5; do
		out=$(mandoc -Tlint -W warning "$page" 2>&1)
		if [ -z "$out" ]; then ok "$page is clean"; else not_ok "$page is clean" "$out"; fi
	done
else
	echo "skip manual: lint: no mandoc"
fi

# Commands: the program's own list against ".It Cm NAME" of section COMMANDS.
section() { awk -v s="$2" '$1 == ".Sh" { on = substr($0, 5) == s } on' "$1"; }
commands=$("$DAMP" --help 2>&1 | sed -nE 's/^[[:space:]]+(damp )?([a-z][a-z-]+)([[:space:]]{2,}|[[:space:]]+[][A-Z<-]).*/\2/p' | grep -vx damp | sort -u)
manual_commands=$(section docs/damp.1 COMMANDS | awk '/^\.It Cm/ { print $3 }' | sort -u)
same "commands" "$commands" "$manual_commands"

# Options: long ones, from every --help and every .Fl of the manual.
options() { grep -oE -- '(^|[^[:alnum:]-])--[a-z][a-z-]+' | grep -oE -- '--[a-z][a-z-]+' | sort -u; }
said=$({ "$DAMP" --help; for c in $commands; do "$DAMP" "$c" --help; done; } 2>&1 </dev/null | options)
# the pages of help for one option or command write .Fl -name; examples of other programs' options are
# in literal blocks and are not .Fl
written=$(grep -oE '\bFl -[a-z][a-z-]+' docs/damp.1 | sed 's/^Fl -/--/' | sort -u)
same "options" "$said" "$written"

short=$({ "$DAMP" --help; for c in $commands; do "$DAMP" "$c" --help; done; } 2>&1 </dev/null |
	grep -oE -- '(^|[[:space:],[|])-[a-z]\b' | grep -oE -- '-[a-z]' | sort -u)
written=$(grep -oE '\bFl [a-z]\b' docs/damp.1 | sed 's/^Fl /-/' | sort -u)
same "short options" "$short" "$written"

# Keys: the table in the source against ".It Cm NAME" of section KEYS.
keys=$(sed -n 's/^\t{"\([a-z.-]*\)", CONFIG_.*/\1/p' base/config_keys.c | sort -u)
written=$(section docs/damp.conf.5 KEYS | awk '/^\.It Cm/ { sub(/:$/, "", $3); print $3 }' | sort -u)
same "keys" "$keys" "$written"

# Kinds of alert, and completion.
kinds=$(sed -n 's/.*\[KIND_[A-Z_]*\] = "\([a-z-]*\)".*/\1/p' detector/alert.c | sort -u)
written=$(section docs/damp.1 KINDS | awk '/^\.It Cm/ { print $3 }' | sort -u)
same "kinds" "$kinds" "$written"
if bash -n docs/damp.bash 2>/dev/null; then ok "completion parses"; else not_ok "completion parses" "$(bash -n docs/damp.bash 2>&1)"; fi
completed() { # completed WORD...: what completion offers for the last word
	bash -c '. docs/damp.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _damp; printf "%s\n" "${COMPREPLY[@]}"' _ "$@" | sort -u
}
same "completion: commands" "$(completed damp '' | grep -v '^-')" "$commands"
missing=$(for c in $commands; do
	[ "$c" = help ] && continue # prints the help of all
	comm -23 <("$DAMP" "$c" --help 2>&1 </dev/null | options) <(completed damp "$c" --)
done | sort -u)
if [ -z "$missing" ]; then ok "completion: options"; else not_ok "completion: options" "$missing"; fi
exit $status
