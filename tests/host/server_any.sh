#!/bin/sh
# A server that knows nothing of gates, with the gate in front: in its own process by
# LD_PRELOAD (a dynamic one) and behind a socket (a static one). Whoever had a FUSE server of
# his own could not bring it here before.
# shellcheck disable=SC2016 # the guest's shell expands what is in single quotes
set -u
. tests/host/lib
make -s build/bin/plain-server build/bin/plain-server-static >"$scratch/make" 2>&1 || {
	cat "$scratch/make"
	echo 'Bail out! the servers do not compile'
	exit 1
}

server() { # command, the guest's script; $more: options
	# shellcheck disable=SC2086 # words
	run --host-root --timeout 30 ${more-} --add build/bin/plain-server --add build/bin/plain-server-static \
		--server "$1" -- sh -c "$2"
}

# What a user does who has a hang
hang='cd /mnt/fuse; echo a >a
gate hold write file=b
(echo x >b) & (act /mnt/fuse/b open:1 sleep:1 fsync) &
gate wait write; gate held
sleep 5; cat /srv/fuse/b | wc -c
gate release; wait; head -c 1 b; gate held
gate fail ENOSPC write times=1; echo y >c || echo failed; gate remove all
gate delay 7 setattr times=1; s=$(date +%s); act /mnt/fuse/c open:1 truncate:1
echo took $(($(date +%s) - s)); gate remove all
gate send inval_inode file=a; gate wait notified all
gate reenter stat a open times=1; cat a; gate wait notified open
gate twice getattr times=1; gate drop fsync times=1; (act /mnt/fuse/a open:1 fsync) & gate wait seen fsync; sleep 1; gate held
gate count seen write >/dev/null && fsx -q -N 500'
# stores past the end of a file come back on some kernels: eof/stale_bytes_past_eof
[ "$clears" = yes ] || hang="$hang --ops -mapeof"
hang="$hang /mnt/fuse/f"
for program in plain-server plain-server-static; do
	for options in '' '-f -s -d' '-f -o clone_fd'; do
		server "/tests/$program /srv/fuse {} $options" "$hang"
		tried 0 "$program $options"
		like "$scratch/out" '^held +WRITE .* file=b ' '... its WRITE is held, and said to be'
		like "$scratch/out" '^x0$' '... and goes on'
		like "$scratch/out" '^failed$' '... a WRITE fails'
		like "$scratch/out" '^took [78]$' '... a SETATTR is delayed'
		like "$scratch/out" '^dropped +FSYNC' '... an FSYNC is dropped'
		like "$scratch/out" '^fsx: .* ok$' '... fsx'
	done
done

# One that mounts by itself, without libfuse and fusermount3
server '/tests/plain-server self:/srv/fuse {} -f' "$hang"
tried 0 'one that mounts by itself'
like "$scratch/out" '^held +WRITE .* file=b ' '... has the gate in front of it'
server '/tests/plain-server self:/srv/fuse {} -f' 'umount /mnt/fuse; gate ping; echo gate $?; grep -c /mnt/fuse /proc/mounts'
like "$scratch/out" '^gate 3$' '... which ends with the mount'
server '/tests/plain-server self:/srv/fuse /tmp -f # {}' true
tried 125 '... elsewhere'
like "$scratch/err" '^uml/run: init: the server mounts /tmp, not /mnt/fuse' '... says so'

# Where a request is that no rule keeps: the server itself is stuck, in a file system below
# it that does not answer. It has one thread, so what comes next is in its queue.
for program in plain-server plain-server-static; do
	run --host-root --timeout 30 --add build/bin/plain-server --add build/bin/plain-server-static \
		--server '/tests/plain-server-static /srv/fuse {} -f' --server "/tests/$program /mnt/fuse {} -f -s" -- \
		sh -c 'echo data >/srv/fuse/slow; gate hold open
		second="gate --control /run/fuse-gate2.sock"
		(cat /mnt/fuse2/slow) & gate wait open; (stat /mnt/fuse2/other) & sleep 1
		$second held; echo server is $(pidof '$program' | cut -d " " -f 1) $(pidof '$program'); gate release; wait'
	tried 0 "$program is stuck below"
	if [ $program = plain-server-static ] && ! grep -q '__tracepoint_sock_recv_length$' "build/$NAME/obj/System.map"; then
		skip '... which thread has it' 'this kernel does not tell who received a message (sock_recv_length, 6.3)'
	else
		like "$scratch/out" '^server +OPEN .* file=slow .* thread=[0-9]+ sleeps in .*request_wait_answer' '... which thread has it, and where that sleeps'
	fi
	if [ $program = plain-server ]; then
		like "$scratch/out" '^kernel  1 more in its queue' '... the next one is still with the kernel'
	else
		like "$scratch/out" "name=other .*in the server's queue" "... the next one is in the server's queue"
	fi
done

# What cannot be served says so, in a line, and never hangs
says() { # command, ERE, what
	server "$1" true
	tried 125 "$3"
	like "$scratch/err" "^uml/run: init: $2" '... says so'
}
says 'exit 3; : {}' 'the server ended with status 3 before it mounted: exit 3' 'a server that ends at once'
says 'true {}' 'the server ended without a mount: true' 'one that ends well, without a mount'
says 'kill -9 $$ # {}' 'the server was killed by signal 9' 'one that is killed'
says 'sleep 1000 # {}' 'nothing is mounted at /mnt/fuse after 30 s' 'one that never mounts'
says 'mkdir /elsewhere; /tests/plain-server /srv/fuse /elsewhere -f # {}' 'the server mounts /elsewhere, not /mnt/fuse' 'one that mounts elsewhere'
says '/tests/no-such-server {}' 'the server ended with status 127 .*--host-root, or --add' 'one that is not there'
says '/tests/plain-server-static garbage {} -f' 'the server answers garbage: 5 bytes are no message' 'one that answers garbage'
says '/tests/plain-server-static protocol {} -f' 'the server speaks version 6.0 of the FUSE protocol' 'one of an older protocol'
says '/tests/plain-server protocol {} -f' 'the server speaks version 6.0 of the FUSE protocol' '... with the gate in its process'
run --add build/bin/plain-server --server '/tests/plain-server /srv/fuse {}' -- true
tried 125 'one that needs libraries the guest has not'
run --server 'bindfs -f /srv/fuse' -- true
tried 125 'no {} in the command'
like "$scratch/err" 'no \{\}: where is it to mount' '... says so'
run --no-fuse --server 'x {}' -- true
tried 125 'both --server and --no-fuse'
run --server 'x {}' --server-options -s -- true
tried 125 'both --server and --server-options'

# It dies with a request under way
for program in plain-server plain-server-static; do
	server "/tests/$program /srv/fuse {} -f" "gate hold write; (echo x >/mnt/fuse/a || echo refused) & gate wait write
kill -9 \$(pidof $program); wait; gate ping || echo gate \$?; ls /mnt/fuse; exit 7"
	tried 7 "$program is killed with a WRITE held"
	like "$scratch/out" '^refused$' '... the writer is let go'
	like "$scratch/out" '^gate 3$' '... gate says that nobody is there'
	like "$scratch/err" '^server.log: fuse-gate: the server has ended' '... and so does what is shown when the command fails'
done

# No gate, our own options, several
more=--no-gate server '/tests/plain-server /srv/fuse {}' 'echo hi >/mnt/fuse/a; cat /srv/fuse/a; gate ping'
tried 3 '--no-gate: the server has the device itself'
like "$scratch/out" '^hi$' '... and serves'
run --server-options '-o max_write=4096 --threads 2' -- sh -c 'ls -d /proc/$(pidof fuse-server)/task/* | wc -l; dd if=/dev/zero of=/mnt/fuse/a bs=16k count=1 oflag=direct 2>/dev/null; gate count seen write'
tried 0 '--server-options'
like "$scratch/out" '^4$' '... reach our server'
run --host-root --add build/bin/plain-server --add build/bin/plain-server-static --server '/tests/plain-server /srv/fuse {}' \
	--server '/tests/plain-server-static /srv/fuse {}' -- sh -c 'echo hi >/mnt/fuse/a; cat /mnt/fuse2/a; gate --control /run/fuse-gate2.sock count seen lookup'
tried 0 'two servers, each with a gate'
like "$scratch/out" '^hi$' '... of one folder'
done_testing
