#!/bin/sh
# A developer starts a loop of guests, presses ctrl-C, closes the terminal, or has the
# CI's runner killed. What used to stay behind: UML processes at 100 % CPU that nobody
# waits for, gigabytes of memory files in /dev/shm, sockets of a umid that the next
# guest then refuses to use. Nothing may be left, however the launcher ends.
# shellcheck disable=SC2016,SC2317 # the guest's shell expands it; await calls it
set -u
. tests/host/lib
own_top
runs=$top/build/run

# The processes of this test's guests: the command lines have the mark
mark=MARK=${scratch##*-}
export mark runs
processes() {
	perl -e 'for (glob "/proc/[0-9]*") {
		open F, "$_/cmdline" or next;
		$text = <F> // "";
		print substr($_, 6), "\n" if index($text, $ENV{mark}) >= 0;
	}'
}
none_left() {
	[ -z "$(ls -A "$runs" 2>/dev/null)" ] && [ -z "$(processes)" ] && [ -z "$(memory)" ]
}
# Folders of memory; the files in them have no name, and are seen at the processes that hold them
memory() {
	for pid in $pids; do ls -d "/dev/shm/fuse-uml-$pid"-*; done 2>/dev/null
}
pids=''
keeper() { # of a launcher
	cat "/proc/$1/task/$1/children"
}
clean() { # what
	await none_left
	ok $? "$1: no process and no file is left" || {
		for pid in $(processes); do tr '\0' ' ' <"/proc/$pid/cmdline" | cut -c 1-150; done | sed 's/^/#   /'
		find "$runs" -mindepth 1 -maxdepth 1 | sed 's/^/#   /'
	}
}
at_end() {
	for pid in $(processes); do kill -9 "$pid" 2>/dev/null; done
}
# A guest in the background. What the one before it said is gone before it is there: taken
# for its own word, it lets a signal come before the launcher does, and the shell loses it
launch() { # number, options, --, command
	n=$1
	shift
	: >"$scratch/out.$n"
	set -- "$top/uml/run" --kernel "$kernel" --initrd "$image" --mem $mem --append "$mark" "$@"
	[ -z "$own" ] || set -- perl -e "$own_group" "$@"
	"$@" >"$scratch/out.$n" 2>"$scratch/err.$n" </dev/null &
	eval "pid_$n=$!"
	pids="$pids $!"
}
own=''
# ... that says when it is up, and stays
start() { # number, options
	launch "$@" -- sh -c 'echo up; while :; do sleep 1000; done'
}
all_up() {
	for n in $guests; do
		grep -q up "$scratch/out.$n" || return 1
	done
}
# (the shell's own report of killed jobs goes to its stderr)
exec 2>"$scratch/stderr"

# 8 at once
for n in 1 2 3 4 5 6 7 8; do
	launch $n --timeout 100 -- sh -c "echo $n >/mnt/fuse/f; cat /srv/fuse/f"
done
got=''
for n in 1 2 3 4 5 6 7 8; do
	eval "wait \$pid_$n"
	got="$got $?/$(cat "$scratch/out.$n" "$scratch/err.$n")"
done
is "$got" ' 0/1 0/2 0/3 0/4 0/5 0/6 0/7 0/8' '8 at once'
clean '8 at once'

# kill -9 of each launcher
guests='1 2 3 4 5 6 7 8'
for n in $guests; do start "$n" --wall-clock; done
await all_up
ok $? '8 guests are up'
is "$(find "$runs" -mindepth 1 -maxdepth 1 | wc -l)" 8 '... in a folder each'
# a CPU for one guest; those that find none free may use all of ours
cpus() { sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "$@"; }
for pid in "$runs"/*/pid; do cpus "/proc/$(cat "$pid")/status"; done >"$scratch/cpus"
is "$(grep -v -x "$(cpus /proc/self/status)" "$scratch/cpus" | sort | uniq -d)" '' '... no two kept to one CPU'
is "$(wc -l <"$scratch/cpus")" 8 '... of all eight'
for n in $guests; do eval "kill -9 \$pid_$n"; done
wait
clean 'kill -9 of the launchers'

# A guest that computes for ever, in virtual time
guests=1
launch 1 -- sh -c 'echo up; while :; do :; done'
await all_up
kill -9 "$pid_1"
wait "$pid_1"
clean 'kill -9 of the launcher of a busy guest'

# The signals that ask
own=1
for signal in TERM:143 HUP:129 INT:130; do
	# a job in the background ignores SIGINT; perl gives it back
	start 1 --wall-clock
	await all_up
	kill "-${signal%:*}" "$pid_1"
	wait "$pid_1"
	is $? "${signal#*:}" "SIG${signal%:*}: status ${signal#*:}"
	clean "SIG${signal%:*}"
done

# ctrl-C on a terminal goes to the whole process group
start 1 --wall-clock
await all_up
kill -INT "-$pid_1"
wait "$pid_1"
is $? 130 'ctrl-C: status 130'
clean 'ctrl-C'
own=''

# kill -9 of the guest itself: the launcher says so
start 1 --wall-clock
await all_up
kill -9 "$(cat "$runs"/*/pid)"
wait "$pid_1"
is $? 125 'kill -9 of the guest: 125'
like "$scratch/err.1" 'guest ended before the command' '... and a message'
clean 'kill -9 of the guest'

# ... and its processes end with it, before anybody has cleaned up: one that its kernel
# does not trace any longer would run on, on the host
launch 1 -- sh -c 'echo up; while :; do :; done'
await all_up
guest=$(cat "$runs"/*/pid)
keeper=$(keeper "$pid_1")
# shellcheck disable=SC2086 # a list of one
kill -STOP $pid_1 $keeper
kill -9 "$guest"
no_guest() { ! pgrep -f "linux .*mem=$mem .*$mark" | grep -v -x -e "$pid_1" -e "${keeper% }" >"$scratch/alive"; }
if grep -r -q -s PR_SET_PDEATHSIG "build/$NAME/obj/source/arch/um"; then
	await no_guest
	ok $? 'without their kernel, the processes of a guest end' || remark "$scratch/alive"
else
	skip 'without their kernel, the processes of a guest end' 'this kernel does not ask for that (prctl): the launcher has to end them'
fi
# shellcheck disable=SC2086
kill -CONT $pid_1 $keeper
wait "$pid_1"
is $? 125 '... and the launcher says so'
clean 'kill -9 of a busy guest'

# kill -9 of the keeper: the launcher ends the rest
start 1 --wall-clock --timeout 0
await all_up
# shellcheck disable=SC2046 # a list of one
kill -9 $(keeper "$pid_1")
wait "$pid_1"
is $? 125 'kill -9 of the keeper: 125'
like "$scratch/err.1" 'was killed .signal 9., and the guest with it' '... and a message'
clean '... and nothing else'

# kill -9 of both: the guest ends, the next run removes the folder
start 1 --wall-clock
await all_up
guest=$(cat "$runs"/*/pid)
# shellcheck disable=SC2046 # a list of one
kill -9 $(keeper "$pid_1") "$pid_1"
wait "$pid_1"
reaped() { ! kill -0 "$guest"; }
await reaped
ok $? 'kill -9 of the launcher and the keeper: the guest ends'
is "$(memory)" '' '... its memory is freed'
"$top/uml/run" --kernel "$kernel" --initrd "$image" --mem $mem --append "$mark" -- true
clean '... and another run removes the folder'

# The launcher killed at any moment of the start
for ms in 0 1 2 3 4 5 6 7 8 9 10 12 14 16 18 20 30 40 50 60 80 100 120 150 200; do
	start 1 --wall-clock
	sleep "0.$(printf %03d $ms)"
	kill -9 "$pid_1"
	wait "$pid_1"
done
clean 'kill -9 at 25 moments of the start'

# Killed while it waits for its script on stdin
mkfifo "$scratch/stdin"
exec 3<>"$scratch/stdin"
"$top/uml/run" --kernel "$kernel" --initrd "$image" --append "$mark" <&3 >"$scratch/out.1" &
pid_1=$!
has_pid() { [ -n "$(cat "$runs"/*/pid)" ]; }
await has_pid
kill -9 "$pid_1"
wait "$pid_1"
gone() { [ -z "$(ls -A "$runs")" ]; }
await gone
ok $? 'kill -9 while it reads its script: no file is left, though stdin has not ended'
exec 3>&-
clean '... and no process when it has'
done_testing
