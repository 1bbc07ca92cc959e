#!/bin/sh
# A test that hangs used to cost ten minutes, until the limit; in virtual time it is known
# much earlier that nothing will happen any more. What sleeps, polls or computes for long
# must not be taken for that.
# shellcheck disable=SC2016 # the guest's shell expands it
set -u
. tests/host/lib

hangs() { # what, command, what the report has to have
	start=$(date +%s)
	run --log "$scratch/log" -- sh -c "$2"
	tried 124 "$1"
	like "$scratch/err" "^uml/run: hang: for 60 s of the guest's clock no program has run, and none will$" '... is a hang'
	like "$scratch/log" "$3" '... with who waits for whom'
	# nor does a kernel thread run, by the clock that goes on while nobody computes
	like "$scratch/log" '^init .pid 32[0-9]+, tgid [0-9]+. running$' '... as it was then'
	[ $(($(date +%s) - start)) -lt 60 ]
	ok $? '... at once, by the host'\''s clock'
}
hangs 'a WRITE that is never answered' 'gate hold write; exec dd if=/dev/zero of=/mnt/fuse/f oflag=direct bs=4k count=1' \
	'WRITE .* is held by the gate'
if [ "$VARIANT" = before ]; then
	skip 'a store that waits for it' 'this kernel has no page writeback'
else
	hangs 'a store that waits for it' 'gate hold write; act /mnt/fuse/f open:1 store:0 kick; exec act /mnt/fuse/f open:1 store:0 fsync' \
		'^ *act .pid'
fi
hangs 'a pipe that nobody writes to' 'mkfifo /tmp/f; exec cat /tmp/f' '^[0-9]+ .* cat '
hangs 'a command that has stopped' 'kill -STOP $$' '^[0-9]+ .* sh +T'

goes_on() { # status, what, command
	run --log "$scratch/log" -- sh -c "$3"
	tried "$1" "$2"
	unlike "$scratch/err" 'hang' '... is no hang'
}
goes_on 5 'an hour of sleep' 'sleep 3600; exit 5'
goes_on 5 '... of somebody who will come to help' 'gate hold write; (sleep 100; gate release) & dd if=/dev/zero of=/mnt/fuse/f oflag=direct bs=4k count=1; exit 5'
goes_on 5 '... in the server' 'gate delay 100 write; dd if=/dev/zero of=/mnt/fuse/f oflag=direct bs=4k count=1; exit 5'
goes_on 5 'who polls' 'i=0; while [ $i -lt 60 ]; do sleep 10; i=$((i + 1)); done; exit 5'
goes_on 143 'a limit that is to come' 'mkfifo /tmp/f; exec timeout 200 cat /tmp/f'
# A time limit that only the kernel's own timers know: that it runs shows at its switches
gcc -static -x c -o "$scratch/receive" - <<-'EOF'
	#include <sys/socket.h>
	#include <sys/time.h>

	int main(void)
	{
		struct timeval limit = { .tv_sec = 7 };
		char byte;
		int ends[2];

		socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
		setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		for (int i = 0; i < 30; i++)
			recv(ends[0], &byte, 1, 0);
		return 5;
	}
EOF
run --add "$scratch/receive" -- /tests/receive
tried 5 'who waits for data with a limit, again and again'
unlike "$scratch/err" 'hang' '... is no hang'

run --timeout 2 -- sh -c 'while :; do :; done'
tried 124 'who computes'
like "$scratch/err" 'no end after 2 s of wall-clock time' '... is no hang, but past the limit'
run --hang 0 --timeout 2 -- sh -c 'mkfifo /tmp/f; exec cat /tmp/f'
tried 124 '--hang 0'
like "$scratch/err" 'no end after 2 s of wall-clock time' '... looks for none'
run --hang soon -- true
tried 125 '--hang that is no number'
# (of equal runs, each further one would show nothing)
false=0
for n in 1 2 3 4 5 6 7 8; do
	run -- sh -c "for i in $(seq -s ' ' $n); do act /mnt/fuse/\$i open:4 store:0-3 fsync close & done; wait; sync; sleep $((50 + n * 20)); cat /mnt/fuse/* | wc -c"
	[ "$status" -eq 0 ] || false=$((false + 1))
done
is $false 0 'ordinary runs'
done_testing
