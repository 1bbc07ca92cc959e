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
#	<!-- and on a terminal: quit -->	both without one and on one
#
# What stands within a line as `make verb VAR=...` must be a verb, with variables that
# exist.
set -u
. tests/host/lib
# a command may build something first
LIMIT=400
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
	/^<!-- and on a terminal: .* -->$/ { how = $0; gsub(/^<!-- and on a terminal: | -->$/, "", how); how = "both " how; next }
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

# as a line is compared: blanks are one, numbers are 0, and what a compiler has left of an argument
normal() {
	sed 's/<optimized out>/0/g; s/\x1b\[[0-9;?]*[a-zA-Z]//g; s/\r//g; s/0x[0-9a-f]*/0/g; s/[0-9][0-9.]*/0/g; s/[[:blank:]][[:blank:]]*/ /g; s/^ //; s/ $//'
}

documents=$(git ls-files -co --exclude-standard '*.md' 2>/dev/null || find . -name '*.md' ! -path './build/*')
# shellcheck disable=SC2086 # names without blanks
commands $documents >"$scratch/commands"
[ "$(grep -c '	run	' "$scratch/commands")" -ge 5 ]
ok $? 'there are commands in the documents'

expect() { # a line that the document shows: is it in the output?
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
type_it() { # where, status, how; $scratch/command, $scratch/below
	case $3 in
	without) try sh "$scratch/command" ;;
	*) try sh -c "(sleep 1; echo '$3') | script -qefc 'sh $scratch/command' /dev/null" ;;
	esac
	cat "$scratch/err" "$scratch/out" | normal >"$scratch/normal"
	[ "$status" -eq "$2" ]
	ok $? "$1: $(sed -n 2p "$scratch/command")$([ "$3" = without ] || echo ' (on a terminal)')" || {
		echo "#   expected status $2, got $status; it printed" >&2
		remark "$scratch/normal"
	}
	rm -f "$scratch/missing"
	while IFS= read -r below <&4; do
		expect "$below"
	done 4<"$scratch/below"
	[ ! -e "$scratch/missing" ] || {
		ok 1 "$1: ... prints what the document shows"
		echo '#   these lines did not come:' >&2
		remark "$scratch/missing"
		echo '#   it printed' >&2
		remark "$scratch/normal"
	}
}
type_all() { # where, how, status, command
	[ -n "$1" ] || return
	printf 'export DEPS=no\n%s\n' "$4" >"$scratch/command"
	case $2 in
	not) ;;
	run) type_it "$1" "$3" without ;;
	type*) type_it "$1" "$3" "${2#type }" ;;
	both*)
		type_it "$1" "$3" without
		type_it "$1" "$3" "${2#both }"
		;;
	esac
}
place='' how='' want='' command=''
while IFS= read -r line <&3; do
	case $line in
	'	'*) echo "${line#	}" >>"$scratch/below" ;;
	*)
		type_all "$place" "$how" "$want" "$command"
		: >"$scratch/below"
		place=${line%%	*} line=${line#*	}
		how=${line%%	*} line=${line#*	}
		want=${line%%	*} command=${line#*	}
		;;
	esac
done 3<"$scratch/commands"
type_all "$place" "$how" "$want" "$command"

# verbs and variables within lines
verbs=$(make -s help | sed -n 's/^  make \([a-z-]*\) .*/\1/p')
# shellcheck disable=SC2086,SC2016 # Markdown
grep -o -n -H '`make [^`]*`' $documents | while IFS= read -r line; do
	command=${line#*\`} place=${line%%:\`*}
	command=$(echo "${command%\`}" | sed "s/'[^']*'//g")
	set -f
	# shellcheck disable=SC2086 # words
	set -- $command
	set +f
	shift
	for word; do
		case $word in
		[A-Z]*=* | \[[A-Z]*=*)
			name=${word%%=*}
			grep -q -E "(^|[^A-Za-z_])${name#\[}([^A-Za-z_]|$)" Makefile ./*/*.mk ./*/*/*.mk uml/session uml/gdb/debug && continue
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

anchors() { # of a document, as its headings give them
	sed -n 's/^##* //p' "$1" | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9_\n-'
}
for document in $documents; do
	grep -o ']([^)]*)' "$document" | sed 's/^](//; s/)$//' | while read -r target; do
		case $target in
		*://*) continue ;;
		esac
		file=$(dirname "$document")/${target%%#*}
		case $target in
		'#'*) file=$document ;;
		esac
		[ -e "$file" ] || echo "$document: $target"
		case $target in
		*'#'*) anchors "$file" | grep -q -x -e "${target#*#}" || echo "$document: $target" ;;
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
