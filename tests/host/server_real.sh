#!/bin/sh
# Real FUSE servers, as Debian has them, behind the gate: tests/servers/list, each with what
# tests/servers/try does in the guest. And what fs-image/HANGS.md tells to type. With
# SERVERS=1, which installs them.
set -u
. tests/host/lib
[ -n "${SERVERS-}" ] || {
	echo '1..0 # SKIP real servers are installed and tried with SERVERS=1'
	exit 0
}
export RUN="--kernel $kernel"
sed 's/ *| */|/g' tests/servers/list | grep -v '^#' >"$scratch/list"
while IFS='|' read -r name _; do
	try tests/servers/table --raw "$name"
	# where the gate is: a server that falls back to the socket would work as well, slowly
	case $name in
	*socket) where=socket ;;
	*) where='in its process' ;;
	esac
	like "$scratch/out" "^$name: gate: $where\$" "$name: gate: $where"
	for thing in fsx tree hold hang kill; do
		like "$scratch/out" "^$name: $thing: ok$" "$name: $thing"
	done
done <"$scratch/list"

# fs-image/HANGS.md: the commands that its blocks show with a prompt, and what they print
[ "$NAME" = patched ] || done_testing
plain() { # numbers may differ, and which thread
	sed 's/[0-9][0-9.]*/N/g; s/ sleeps in .*//; s/[[:blank:]][[:blank:]]*/ /g; s/ $//'
}
awk '/^```/ { inside = !inside } inside && /^\$ / { print substr($0, 3) }' fs-image/HANGS.md >"$scratch/commands"
[ "$(wc -l <"$scratch/commands")" -ge 5 ]
ok $? 'there are commands on the page'
while read -r command; do
	case $command in
	*no/such/folder* | git*) continue ;;
	esac
	try sh -c "DEPS=no; export DEPS; $command" </dev/null
	cat "$scratch/out" "$scratch/err" | plain >"$scratch/printed"
	# shown: the lines between this command and the end of its block
	awk -v command="\$ $command" '$0 == command { show = 1; next } /^```|^\$ / { show = 0 } show && NF' fs-image/HANGS.md |
		plain | while read -r line; do
		grep -q -x -F -e "$line" "$scratch/printed" || grep -q -x -F -e " $line" "$scratch/printed" || echo "$line"
	done >"$scratch/missing"
	[ ! -s "$scratch/missing" ]
	ok $? "$command" || { sed 's/^/#   not printed: /' "$scratch/missing" >&2; remark "$scratch/printed"; }
done <"$scratch/commands"
done_testing
