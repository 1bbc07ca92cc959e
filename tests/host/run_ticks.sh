#!/bin/sh
# "It stopped at the breakpoint, I stepped once too far": the way back to a moment of a run
# is its number. Ticks number the basic blocks of fs/fuse and of the mm files under study
# that a task runs, the same in each run of the same inputs, on a busy host too, and under
# gdb; the kernel stops at the tick that it is told.
# shellcheck disable=SC2016,SC2317 # the guest's shell expands it; the trap calls it
set -u
. tests/host/lib

setarch -R true 2>/dev/null || {
	echo '1..0 # SKIP setarch -R is refused here (seccomp of a container?): addresses differ from run to run'
	exit 0
}

# three users at a time, so that several of the server's threads have something to do
traffic='
for job in 1 2 3; do
	act /mnt/fuse/$job open:6 store:0-5 kick store:0-3 truncate:5000 load:0 fsync store:1 close &
done
wait
cat /mnt/fuse/[123] | md5sum'
busy=''
at_end() {
	# shellcheck disable=SC2086 # a list
	[ -z "$busy" ] || kill $busy
}
ticks() { # of a log
	sed -n 's/^\[[ 0-9.]*\] ticks: \([0-9]*\)$/\1/p' "$1"
}

run --log "$scratch/log" -- sh -c "$traffic"
tried 0 'traffic'
count=$(ticks "$scratch/log")
[ "${count:-0}" -gt 10000 ]
ok $? "... has its ticks told: $count"
for _ in $(seq "$(nproc)"); do
	# (given up after a minute and a half, should this test be killed)
	timeout 90 nice sh -c 'while :; do :; done' &
	busy="$busy $!"
done
differ=''
for _ in $(seq 20); do
	run --log "$scratch/log" -- sh -c "$traffic"
	[ "$(ticks "$scratch/log")" = "$count" ] || differ="$differ $(ticks "$scratch/log")"
done
is "$differ" '' 'the same number 20 times, on a busy host'
run --log "$scratch/log" -- sh -c "$traffic; act /mnt/fuse/4 open:1 store:0"
[ "$(ticks "$scratch/log")" -gt "$count" ]
ok $? 'one that does more has more'

# Under gdb, with stops
cat >"$scratch/script" <<-'EOS'
	set pagination off
	handle SIGSEGV SIGALRM SIGVTALRM SIGIO SIGUSR1 SIGUSR2 SIGWINCH SIGCHLD nostop noprint pass
	tbreak fuse_flush
	run
	printf "flush at %lu\n", ticks
	tbreak ticks_stop
	set var ticks_due_at = ticks + 1000
	continue
	printf "stop at %lu\n", ticks
	continue
EOS
# (the console is gdb's)
run --wrap "setarch -R gdb -q -nx -batch -x $scratch/script --args" -- sh -c "$traffic"
is "$(ticks "$scratch/out")" "$count" 'the same number under gdb, which stopped twice'
flush=$(sed -n 's/^flush at //p' "$scratch/out")
is "$(sed -n 's/^stop at //p' "$scratch/out")" $((${flush:-0} + 1000)) '... the second time 1000 ticks after the first'

# Without gdb, at a tick of one's choice
tick=$((count / 2))
run --append "ticks.stop=$tick" -- sh -c "$traffic"
tried 125 'a run that is to stop at a tick does not end by itself'
like "$scratch/err" "ticks: $tick, stop: [a-z-]+\[[0-9]+\] in [a-z_]+ \(.*:[0-9]+" '... and says where it was'
sed -n 's/.*\(ticks: .*stop: .*\)/\1/p' "$scratch/err" >"$scratch/place"
run --append "ticks.stop=$tick" -- sh -c "$traffic"
is "$(sed -n 's/.*\(ticks: .*stop: .*\)/\1/p' "$scratch/err")" "$(cat "$scratch/place")" '... the same place each time'
run --log "$scratch/log" --append "ticks.stop=$((count + 1000000))" -- sh -c "$traffic"
is "$status $(ticks "$scratch/log")" "0 $count" 'a stop behind the end is none'
done_testing
