#!/bin/sh
# `make gdb` as a person meets it: on a terminal, by the host's clock, on a busy host.
# The README's first command ended at "Nothing runs yet." there. `next` ended in the timer's
# handler, where a function was inlined. After two minutes in front of a hang, quitting gave
# the boot log and status 126.
# shellcheck disable=SC2016,SC2317 # the guest's shell expands these; at_end is the library's
set -u
. tests/host/gdb-lib
[ "$VARIANT" != before ] || {
	echo '1..0 # SKIP no page writeback in this kernel'
	exit 0
}
command -v script >/dev/null || {
	echo '1..0 # SKIP no script(1) to make a terminal'
	exit 0
}

load='' session=''
at_end() {
	exec 8>&-
	# shellcheck disable=SC2086 # pids
	kill $session $load 2>/dev/null
}
shown() { tr -d '\r' <"$scratch/screen" | grep -q -E "$1"; }
ended() { ! kill -0 "$session" 2>/dev/null; }
type() { # keys, what then comes
	echo "$1" >&8
	await shown "$2"
}
# A command line on a terminal of its own; what is typed comes from a pipe
terminal() {
	rm -f "$scratch/keys"
	mkfifo "$scratch/keys"
	: >"$scratch/screen"
	(
		TERM=dumb script -q -e -f -c "$1" "$scratch/screen" <"$scratch/keys" >/dev/null 2>&1
		echo $? >"$scratch/status"
	) &
	session=$!
	exec 8>"$scratch/keys"
}

# What the README says first
command=$(sed -n 's|^ *\(\$ \)\{0,1\}\(make gdb BREAK=.*\)|\2|p' README.md | head -n 1)
terminal "$command DEPS=no $tested"
await shown '^Breakpoint 1, fuse_[a-z_]* \('
ok $? "stops by itself: $command" || remark "$scratch/screen"
type 'bt 2' '^#1 '
ok $? '... with a prompt'
type next '^[0-9]+	'
ok $? '... and can be stepped from there'
type quit 'exit|quit'
await ended
is "$(cat "$scratch/status")" 0 '... and left with status 0'

# A loop in the shell, $ and all, arrives as it was typed
terminal "CMD='for i in one two; do echo got-\$i; done; stat -f /mnt/fuse; sleep 1' MEM=200M BREAK=fuse_statfs RUN='--append HELLO' uml/gdb/debug '$kernel' '$image'"
await shown '^Breakpoint 1, fuse_statfs'
ok $? 'a loop as CMD' || remark "$scratch/screen"
shown '^got-two'
ok $? '... with its $'
type 'python print("mem=%dM" % (int(gdb.parse_and_eval("physmem_size")) >> 20), gdb.parse_and_eval("(char *)saved_command_line").string())' \
	'^mem=200M .*HELLO'
ok $? 'MEM and RUN are honoured'
type quit 'exit|quit'
await ended

# A hang, looked at for long enough that the kernel reports it
terminal "CMD='PATH=\$PATH:/tests; echo 1 >/proc/sys/kernel/hung_task_timeout_secs; gate hold write; act /mnt/fuse/a open:1 store:0 fsync & sleep 5; stat -f /mnt/fuse' \
	MEM=$mem BREAK=fuse_statfs uml/gdb/debug '$kernel' '$image'"
await shown '^Breakpoint 1, fuse_statfs'
type '!grep -c "blocked for more than" console' '^[1-9][0-9]*$'
ok $? 'the kernel has reported a hung task'
type quit 'exit|quit'
await ended
is "$(cat "$scratch/status")" 0 '... quitting is no error'
! shown 'uml/run:|Linux version'
ok $? '... and prints no boot log' || remark "$scratch/screen"

# By the host's clock, and with more to do than it has CPUs
for _ in 1 2 3 4; do
	nice sh -c 'while :; do :; done' &
	load="$load $!"
done
for how in next step; do
	cat >"$scratch/script" <<-EOF
		break fuse_page_mkwrite
		boot
		python
		wrong = 0
		for n in range(1, 201):
		    gdb.execute("$how", to_string=True)
		    wrong += gdb.newest_frame().name() in ("hard_handler", "sig_handler", "timer_alarm_handler")
		    if n % 40 == 0:
		        gdb.execute("continue", to_string=True)
		print("wrong=%d" % wrong)
		end
	EOF
	try env SCRIPT="$scratch/script" RUN=--wall-clock MEM=$mem \
		CMD='PATH=$PATH:/tests; while :; do act /mnt/fuse/a open:8 store:0-7 fsync; done' uml/gdb/debug "$kernel" "$image"
	is "$(told wrong)" 0 "200 times $how, never into the timer's handler"
done
# shellcheck disable=SC2086 # pids
kill $load
load=
done_testing
