#!/bin/sh
# A document that tells to type what does not work is worse than none, and nothing goes
# stale as fast. So each command in a block of each document is typed here, in the order of
# the document; its output must have the lines that the document shows (numbers may
# differ), and a link must lead somewhere.
#
# A block's commands are its lines after "$ ", or if it has none those that begin with a
# program of ours, up to two blanks. What is not to be run says why not, in a comment right
# before the block:
#
#	<!-- not run: it takes 15 minutes -->
#	<!-- status: 124 -->		what the commands of the block end with
#	<!-- terminal: quit -->		typed on a terminal, and there this
#
# What stands within a line as `make verb VAR=...` must be a verb, with variables that
# exist.
set -u
. tests/host/lib
[ "$NAME" = patched ] || {
	echo '1..0 # SKIP the documents tell of the default kernel'
	exit 0
}

# file:line, how, status, command; then the lines that are shown below it, with a tab
commands() {
	awk '
	function flush() { want = 0; how = "run" }
	function command(line) { print FILENAME ":" FNR "\t" how "\t" want "\t" line }
	FNR == 1 { inside = 0; flush() }
	/^<!-- not run: .* -->$/ { how = "not"; next }
	/^<!-- terminal: .* -->$/ { how = $0; gsub(/^<!-- terminal: | -->$/, "", how); how = "type " how; next }
	/^<!-- status: [0-9]+ -->$/ { want = $3; next }
	/^```/ {
		inside = !inside
		prompt = 0
		if (!inside)
			flush()
		next
	}
	inside || (/^    [^ ]/ && (indented || blank)) {
		indented = !inside
		line = $0
		if (indented)
			sub(/^    /, "", line)
		if (line ~ /^\$ /) {
			prompt = 1
			sub(/^\$ /, "", line)
			command(line)
		} else if (prompt) {
			print "\t" line
		} else if (line ~ /^(make|git|\.\/uml\/[a-z]+|uml\/[a-z\/]+|tests\/[a-z]+|[A-Z]+=[^ ]* make) /) {
			sub(/   *[^ ].*$/, "", line)
			command(line)
		}
		blank = 0
		next
	}
	indented && /^$/ { print "\t"; next }
	{
		if (indented)
			flush()
		indented = prompt = 0
		blank = /^$/
		if (!blank)
			flush()
	}' "$@"
}

# as a line is compared: blanks are one, numbers are 0
normal() {
	sed 's/\x1b\[[0-9;?]*[a-zA-Z]//g; s/\r//g; s/0x[0-9a-f]*/0/g; s/[0-9][0-9.]*/0/g; s/[[:blank:]][[:blank:]]*/ /g; s/^ //; s/ $//'
}

documents=$(git ls-files -co --exclude-standard '*.md' 2>/dev/null || find . -name '*.md' ! -path './build/*')
# shellcheck disable=SC2086 # names without blanks
commands $documents >"$scratch/commands"
[ "$(grep -c '	run	' "$scratch/commands")" -ge 8 ]
ok $? 'there are commands in the documents'

expect() { # a shown line: is it in the output of the last command?
	[ -n "$place" ] || return
	case $1 in
	*[a-zA-Z]*) ;;
	*) return ;;
	esac
	shown=$(printf '%s\n' "$1" | normal)
	# ... at the end of a line: the rest of it
	case $shown in
	*...) grep -q -F -- "${shown%...}" "$scratch/normal" ;;
	*) grep -q -x -F -- "$shown" "$scratch/normal" ;;
	esac || printf '%s\n' "$1" >>"$scratch/missing"
}
all_shown() {
	[ -z "$place" ] || [ ! -e "$scratch/missing" ] || {
		ok 1 "$place: ... prints what the document shows"
		echo '#   these lines did not come:' >&2
		remark "$scratch/missing"
		echo '#   it printed' >&2
		remark "$scratch/normal"
	}
	rm -f "$scratch/missing"
}
place=
while IFS= read -r line <&3; do
	case $line in
	'	'*)
		expect "${line#	}"
		continue
		;;
	esac
	all_shown
	place=${line%%	*} rest=${line#*	}
	what=${rest%%	*} rest=${rest#*	}
	want=${rest%%	*} command=${rest#*	}
	if [ "$what" = not ]; then
		place=
		continue
	fi
	printf 'export DEPS=no\n%s\n' "$command" >"$scratch/command"
	case $what in
	type*) try sh -c "(sleep 1; echo '${what#type }') | script -qefc 'sh $scratch/command' /dev/null" ;;
	*) try sh "$scratch/command" ;;
	esac
	cat "$scratch/err" "$scratch/out" | normal >"$scratch/normal"
	[ "$status" -eq "$want" ]
	ok $? "$place: $command" || {
		echo "#   expected status $want, got $status; it printed" >&2
		remark "$scratch/normal"
	}
done 3<"$scratch/commands"
all_shown

# verbs and variables within lines
verbs=$(make -s help | sed -n 's/^  make \([a-z-]*\) .*/\1/p')
# shellcheck disable=SC2086,SC2016 # Markdown
grep -o -n -H '`make [^`]*`' $documents | while IFS= read -r line; do
	command=${line#*\`} place=${line%%:\`*}
	command=${command%\`}
	set -f
	# shellcheck disable=SC2086 # words
	set -- $command
	set +f
	shift
	for word; do
		case $word in
		[A-Z]*=* | \[[A-Z]*=*)
			name=${word%%=*}
			grep -q -E "(^|[^A-Za-z_])${name#\[}([^A-Za-z_]|$)" Makefile ./*/*.mk ./*/*/*.mk && continue
			;;
		-[a-zA-Z]*) continue ;;
		[a-z]*)
			echo "$verbs" | grep -q -x -e "${word%]}" && continue
			;;
		*) continue ;;
		esac
		echo "$place: $command: no such verb or variable: $word"
	done
done >"$scratch/unknown"
[ ! -s "$scratch/unknown" ]
ok $? 'each make verb and variable that is named exists' || remark "$scratch/unknown"

# shellcheck disable=SC2086
for document in $documents; do
	grep -o '](\([^)#]*\)[^)]*)' "$document" | sed 's/^](//; s/[#)].*//' | while read -r target; do
		case $target in
		'' | *://*) ;;
		*) [ -e "$(dirname "$document")/$target" ] || echo "$document: $target" ;;
		esac
	done
done >"$scratch/dead"
[ ! -s "$scratch/dead" ]
ok $? 'each link leads somewhere' || remark "$scratch/dead"

# the list of scenarios is made by a command: each test is there
for file in tests/guest/*/*.c; do
	grep -q -F "(${file#tests/})" tests/README.md || echo "$file"
done >"$scratch/unlisted"
[ ! -s "$scratch/unlisted" ]
ok $? 'each scenario is in tests/README.md (make table)' || remark "$scratch/unlisted"
done_testing
