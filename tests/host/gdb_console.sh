#!/bin/sh
# Two terminals: gdb in one, the guest's shell in the other. Leaving the shell's terminal
# must not hang up the guest, Ctrl-C in gdb's must not kill it, and a second visit must
# find the same shell.
# shellcheck disable=SC2016,SC2317 # the guest's shell expands these; at_end is the library's
set -u
. tests/host/gdb-lib
command -v script >/dev/null || {
	echo '1..0 # SKIP no script(1) to make a terminal'
	exit 0
}

# gdb on a terminal of its own; what is typed comes from a pipe
mkfifo "$scratch/keys"
: >"$scratch/screen"
# a marker in the kernel's words tells our guest from others
mark=mark=$$
(RUN="--mem $mem --append $mark" script -q -f -c "uml/gdb/debug '$kernel' '$image'" "$scratch/screen" <"$scratch/keys" >/dev/null 2>&1) &
session=$!
exec 8>"$scratch/keys"
shown() { tr -d '\r' <"$scratch/screen" | grep -q -E "$1"; }
at_end() {
	exec 8>&-
	kill "$session" 2>/dev/null
}

await shown 'fuse-help +all commands'
ok $? 'the greeting'
await shown "The guest's shell: make console"
ok $? '... tells where the shell is'
tty=$(tr -d '\r' <"$scratch/screen" | sed -n "s|.*uml/console \(/dev/pts/[0-9]*\).*|\1|p" | head -n 1)
echo 'uml-ps' >&8
await shown 'uml-ps: no guest: start one with'
ok $? 'nothing has booted yet'
echo boot >&8
type() { # into the guest's shell, until the answer is there
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		echo "$1" | uml/console "$tty" >"$scratch/shell" 2>&1
		tr -d '\r' <"$scratch/shell" | grep -q -x "$2" && return 0
		sleep 0.3
	done
	return 1
}
type 'echo $((6 * 7))' 42
ok $? 'the shell answers after boot' || remark "$scratch/shell"
type 'x=same; stat -f -c %T /mnt/fuse' '.*0x65735546\|.*fuse.*'
ok $? '... FUSE is mounted' || remark "$scratch/shell"
type 'echo $x shell' 'same shell'
ok $? 'it is the same one at the next visit'
printf '\003' >&8
await shown 'SIGINT'
ok $? 'Ctrl-C stops the guest'
echo 'uml-ps' >&8
await shown '^1 +1 +init '
ok $? '... and gives a prompt'
echo continue >&8
await shown 'Continuing\.'
type 'echo still $x' 'still same'
ok $? 'it runs on'
printf '\003' >&8
stopped_twice() { [ "$(tr -d '\r' <"$scratch/screen" | grep -c SIGINT)" -ge 2 ]; }
await stopped_twice
echo quit >&8
ended() { ! kill -0 "$session" 2>/dev/null; }
await ended
ok $? 'quit ends the session'
none_left() { ! pgrep -f " $mark" >/dev/null; }
await none_left
ok $? '... and the guest'
try uml/console /dev/null/nothing
tried 1 'a terminal that is not there'
done_testing
