#!/bin/sh
# Why a mount hangs, told in one sentence: for each class of deadlock a guest that is in it.
# What was there before showed the victims: a list of blocked tasks that left out the one
# who held the lock, as it slept interruptibly, and WRITEs that "nobody" waited for.
# shellcheck disable=SC2016 # the guest's shell and gdb expand these
set -u
. tests/host/gdb-lib
unset CMD KEEP CORE CURE STACKS FIRST SERVER
[ "$VARIANT" != before ] || {
	echo '1..0 # SKIP no page writeback in this kernel'
	exit 0
}
[ "$mem" = 256M ] || {
	echo '1..0 # SKIP with KASAN the same verdicts take minutes'
	exit 0
}
cc -static -O1 -o "$scratch/why_user" tests/host/why_user.c || exit 1

why() { # command [options of uml/run]
	try env CMD="PATH=\$PATH:/tests; $1" RUN="--add $scratch/why_user ${2-}" uml/gdb/why "$kernel" "$image"
}
verdict() { # class, what the sentence says, of what
	like "$scratch/out" "^  class: $1;" "$3: $1" || return
	like "$scratch/out" "$2" "... $(grep -E -m 1 "$2" "$scratch/out" | cut -c 1-150)"
	no_traceback
}
# (wall-clock: a busy host makes a minute of a second)
export CURE=no LIMIT=300

# A wrong edge, put in on purpose: at the next hang, once it has been told, each of these kinds
# leads in turn to somebody who has nothing to do with it. If the verdict were the same, the
# one above would not have shown that this kind is right.
mislead() { # words of an edge...
	wrong=$(printf '%s\n' "$@")
	: >"$scratch/first"
	also_mislead
}
also_mislead() {
	cat >>"$scratch/first" <<-EOF
		python
		from fuseuml.commands import why
		from fuseuml.model import verdict, waitfor
		show, link = why.show, waitfor.Graph.link
		def show_all(*args, **options):
		    show(*args, **options)
		    for edge in """$wrong""".splitlines():
		        def wrong(self, node, target, how, where=""):
		            if how == edge:
		                target = self.leaf("idle", "a task that has nothing to do with it", False)
		            link(self, node, target, how, where)
		        waitfor.Graph.link = wrong
		        first = verdict.now()[1][0]
		        if first.path:
		            print("'%s' misled: %s;" % (edge, first.kind))
		    waitfor.Graph.link = link
		why.show = show_all
		end
	EOF
	export FIRST="$scratch/first"
}
misled() { # the class that is right
	unset FIRST
	while read -r edge <&3; do
		grep -F -e "'$edge' misled: " "$scratch/out" >"$scratch/misled"
		like "$scratch/misled" . "a wrong edge '$edge': a verdict"
		unlike "$scratch/misled" " $1;" '... which is another'
	done 3<<-EOF
		$wrong
	EOF
}

hold='gate hold write; act /mnt/fuse/a open:8 store:0 fsync'
if [ "$copies" = yes ]; then
	mislead 'that is, of' 'which is' 'is held by'
else
	mislead 'kept up by' 'is held by'
fi
why "$hold"
tried 124 'a hang is status 124'
verdict withheld '^The server withholds a reply: WRITE unique [0-9]+ nodeid 2 offset 0 size 4096 is held by the gate, by its rule 1\. act \(pid [0-9]+\) waits because of it\.$' \
	'a server that withholds'
step='WRITEs of nodeid 2 \(/a\) to end: 1 in flight +\[fuse_set_nowrite\(\) fs/fuse/'$nowrite
[ "$copies" = yes ] || step='the end of writeback of page 0 of nodeid 2 \(/a\) +\[__filemap_fdatawait_range\(\) mm/filemap.c'
like "$scratch/out" "waits for +$step:[0-9]+\\]" \
	'... each step of the chain, with function and line'
misled withheld

mislead 'waits for the reply to'
why 'gate drop getattr; stat /mnt/fuse'
verdict withheld '^The server withholds a reply: GETATTR .*: the gate has dropped it, by its rule 1\.' 'a request that was dropped'
misled withheld

why 'why_user keep $(pidof fuse-server) & sleep 1; kill -9 $(pidof fuse-server); sleep 1; stat /mnt/fuse/a'
verdict nobody 'unread by the server of connection [0-9]+, why_user \(pid [0-9]+\), which is nobody: no task reads its device' \
	'a server that is dead, its device still open'

why 'gate reenter stat a getattr times=1; stat /mnt/fuse/a' "--server-options --threads=1"
grep -q 'unknown option --server-options' "$scratch/out" "$scratch/err" &&
	why 'umount /mnt/fuse; fuse-server --threads 1 /mnt/fuse; gate reenter stat a getattr times=1; stat /mnt/fuse/a'
verdict server '^Deadlock through the server: fuse-server \(pid ([0-9]+)\) waits for the reply to GETATTR .*unread by the server.*itself\.$' \
	'one thread, waiting for itself'

mislead "was read by the server's thread"
why 'gate reenter stat a getattr; stat /mnt/fuse/a'
verdict server '^Deadlock through the server: fuse-server .* waits for the reply to GETATTR' 'a server that stats its own mount'
misled server

why 'echo hello >/srv/fuse/b; gate reenter write b truncate; act /mnt/fuse/b open:1 truncate:1'
verdict server '^Deadlock through the server: fuse-server .* waits for the inode lock of nodeid 2 \(/b\), held by act .* reply to SETATTR' \
	'... that writes to it'

why 'gate reenter fsync b write times=1; act /mnt/fuse/b open:1 store:0 fsync'
cycle='inode lock of nodeid 2 \(/b\), held by act .* WRITEs of nodeid 2 .* WRITE unique'
[ "$copies" = yes ] || cycle='end of writeback of page 0 of nodeid 2 \(/b\), kept up by WRITE unique'
verdict server "^Deadlock through the server: fuse-server .* $cycle" \
	'... that calls fsync there'

why 'umount /mnt/fuse; fuse-server -o keep_cache /mnt/fuse; head -c 8192 /dev/zero >/srv/fuse/b; gate reenter map b read times=1; cat /mnt/fuse/b'
verdict server '^Deadlock through the server: fuse-server .* lock of page 0 of nodeid 2 \(/b\), kept up by READ' '... that faults on a mapping of it'
like "$scratch/out" 'page 0 of nodeid 2 \(/b\) +\[.*mm/filemap.c' '... in a page fault'

mislead 'kept up by'
why 'echo hello >/srv/fuse/b; gate notify inval_inode read; cat /mnt/fuse/b'
verdict server '^Deadlock through the server: fuse-server .* lock of page 0 of nodeid 2 \(/b\), kept up by READ' 'a notification from inside a handler'
like "$scratch/out" '\[invalidate_inode_pages2_range\(\) mm/truncate.c' '... which waits there'
misled server

for kind in posix flock; do
	mislead 'asks for'
	why "why_user $kind /mnt/fuse/1 /mnt/fuse/2 & why_user $kind /mnt/fuse/2 /mnt/fuse/1 & wait"
	verdict server "^Deadlock through the server: why_user .* waits for the reply to SETLKW .*, which asks for the (POSIX lock|flock) of nodeid [0-9]+ \\(/2\\).*, held by why_user .* again\.\$" \
		"two tasks and two locks at the server, by $kind"
	misled server
done
why 'why_user closed /mnt/fuse/1 & sleep 1; gate hold create; why_user posix /mnt/fuse/1 /mnt/fuse/2 & sleep 2
	why_user posix /mnt/fuse/1 /mnt/fuse/3'
verdict withheld '^The server withholds a reply: CREATE .*why_user \(pid [0-9]+\) and why_user \(pid [0-9]+\) wait' 'a lock whose holder hangs'
unlike "$scratch/out" '^also' '... and not the one who has had it'

for ring in "'1 2' '2 1'" "'1 2' '2 3' '3 1'"; do
	mislead 'held by'
	why "for n in $ring; do set -- \$n; why_user flock /tmp/\$1 /tmp/\$2 & done; wait"
	n=$(echo "$ring" | wc -w)
	verdict kernel "^Deadlock in the kernel, $((n / 2)) tasks wait for each other: .* again\.\$" "$((n / 2)) tasks in a ring"
	misled kernel
done

# A lock that is none of FUSE's. Who waits for it tells which, where the kernel keeps that
# (task->blocker); elsewhere his stack does
behind="echo data >/srv/fuse/b; gate hold read; why_user from /mnt/fuse/b /tmp/t & sleep 1; echo x >>/tmp/t"
both='^The server withholds a reply: READ .* is held by the gate, by its rule 1\. sh \(pid [0-9]+\) and why_user \(pid [0-9]+\) wait because of it\.$'
why "$behind"
verdict withheld "$both" 'a lock of another file system, whose holder waits for the server'
like "$scratch/out" 'waits for +the inode lock of inode [0-9]+ of tmpfs' '... which is named'
cat >"$scratch/first" <<-'EOF'
	python
	from fuseuml.model import waitfor
	number = waitfor.Place.number
	waitfor.Place.number = lambda self, *names: None if {"sem", "lock"} & set(names) else number(self, *names)
	waitfor.Graph._lock_by_waiter = lambda self, place: 0
	end
EOF
export FIRST="$scratch/first"
why "$behind"
unset FIRST
if grep -qx CONFIG_DETECT_HUNG_TASK_BLOCKER=y "build/$NAME/obj/.config"; then
	verdict withheld "$both" '... where no stack tells of the lock, the task does'
else
	like "$scratch/out" '^also: Not all is known: sh \(pid [0-9]+\) waits for unknown: it sleeps in ' \
		'... where no stack tells of the lock, and the task neither, that is said'
fi

why 'for b in /sys/class/bdi/0:*; do echo 0 >$b/strict_limit; echo 100 >$b/max_ratio; done
	head -c 262144 /dev/zero >/srv/fuse/b; gate hold write; v=; for n in $(seq 0 2 34); do v="$v store:$n"; done
	act /mnt/fuse/a open:80 $v kick sleep:1 & sleep 3; cat /mnt/fuse/b >/dev/null'
verdict slots '^All background slots are taken: cat \(pid [0-9]+\) waits for a free slot: connection [0-9]+ has 1[0-9] of 12' \
	'no background slot for a bystander'

why 'gate hold write; act /mnt/fuse/a open:1500 store:0-1499' '--mem 160M'
verdict throttled '^Throttled: act .* waits for fewer dirty pages .* kept up by WRITE unique' 'a writer that is throttled'

if [ "$VARIANT,$copies" = stock,yes ]; then
	why 'umount /mnt/fuse; fuse-server -o writeback_cache /mnt/fuse; act /mnt/fuse/f open:1
		act /mnt/fuse/f open:1 sleep:2 pwrite:0 sleep:99 & sleep 1; gate hold setattr; sleep 3; sync'
	verdict withheld '^The server withholds a reply: SETATTR .*sync \(pid [0-9]+\) wait because of it' 'sync(2) behind a SETATTR of the writeback cache'
	like "$scratch/out" 'waits for +the flusher of bdi' '... by way of the flusher'
elif [ "$VARIANT" = stock ]; then
	skip 'sync(2) behind a SETATTR of the writeback cache' 'sync(2) waits for no FUSE file system on this kernel'
fi
if [ "$VARIANT" = stock ]; then
	why 'mkdir /srv/lower /srv/fuse/lower
		fuse-server --source /srv/lower --control /run/lower.sock -o writeback_cache --gate "hold write" /srv/fuse/lower
		act /mnt/fuse/lower/f open:600 store:0-599 fsync'
	verdict throttled '^Throttled: act .* which was read by the server.s thread fuse-server .*, which waits for fewer dirty pages' \
		'a server that is throttled on a lower file system'
else
	skip 'sync(2) behind a SETATTR of the writeback cache' 'this kernel has no writeback cache'
	skip 'a server that is throttled on a lower file system' 'this kernel has no writeback cache'
fi

why 'mkdir /run/fr; mount -t cgroup -o freezer freezer /run/fr; mkdir /run/fr/s; echo $(pidof fuse-server) >/run/fr/s/cgroup.procs
	echo FROZEN >/run/fr/s/freezer.state; stat /mnt/fuse/a'
verdict frozen '^Frozen: fuse-server \(pid [0-9]+\) is frozen.* stat \(pid [0-9]+\) waits because of it' 'a frozen server'

why 'kill -STOP $(pidof fuse-server); stat /mnt/fuse/a'
verdict stopped '^Stopped: fuse-server \(pid [0-9]+\) is stopped by a signal' 'a stopped server'

# A server that is no part of the gate's process: its threads are found by their end of the socket
make -s build/bin/plain-server-static >"$scratch/make" 2>&1 || {
	cat "$scratch/make"
	exit 1
}
export SERVER='/tests/plain-server-static /srv/fuse {} -f -s'
why 'kill -STOP $(pidof plain-server-static); stat /mnt/fuse/a' '--add build/bin/plain-server-static'
verdict stopped "^Stopped: plain-server-st \(pid [0-9]+\) is stopped by a signal" "a stopped server behind the gate's socket"
like "$scratch/out" "is with +the server of connection [0-9]+, behind the gate's socket, plain-server-st" '... which is said to be there'
why 'mkdir /srv/real /srv/fuse/low; fuse-server --control /run/lower.sock --source /srv/real --gate "hold lookup" /srv/fuse/low
	stat /mnt/fuse/low/x' '--add build/bin/plain-server-static'
verdict withheld '^The server withholds a reply: LOOKUP unique [0-9]+ nodeid 1 is held by the gate, by its rule 1. plain-server-st .*stat ' \
	'... that is stuck in a file system below'
like "$scratch/out" 'has a thread that is blocked, plain-server-st' '... by way of its thread'
unset SERVER

# Bugs put into the running kernel: a call that is left out
left_out() { # function, condition on its first argument and its caller
	cat >"$scratch/first" <<-EOF
		python
		from fuseuml.commands import park
		from fuseuml.model import fuse
		from fuseuml.session import hang
		class LeftOut(gdb.Breakpoint):
		    met = 0
		    def nth(self, n):
		        self.met += 1
		        return self.met == n
		    def stop(self):
		        frame = gdb.newest_frame()
		        argument = int(frame.read_register("rdi"))
		        caller = frame.older().name() if frame.older() else ""
		        return $2
		LeftOut("$1", internal=True).silent = True
		def leave_out():
		    frame = gdb.newest_frame()
		    sp = int(frame.read_register("rsp"))
		    back = int.from_bytes(bytes(gdb.selected_inferior().read_memory(sp, 8)), "little")
		    park._set_register("rsp", sp + 8)
		    park._set_register("rip", back)
		hang.at_stop = leave_out
		end
	EOF
	export FIRST="$scratch/first"
}
left_out __fuse_release_nowrite 'caller == "fuse_do_setattr" and self.nth(2)'
wrong='which is not sent before the end of
set, with the inode lock held, by'
also_mislead
why 'act /mnt/fuse/f open:4 store:0-3 truncate:8192'
page='the WRITE of page 0 .*'
[ "$copies" = yes ] || page='the end of writeback of page 0 .* kept up by the WRITE of page 0 .*'
verdict self '^Deadlock in the kernel, a task waits for itself: act \(pid ([0-9]+)\) waits for '"$page"' not sent before the end of FUSE_NOWRITE of nodeid 2 \(/f\), set, with the inode lock held, by act .* itself\.$' \
	'M2: pages dropped with the block of WRITEs set'
misled self

left_out __wake_up 'caller.startswith("fuse_writepage") and any(argument == int(fi["page_waitq"].address) for fc in fuse.connections() for fi in fuse.inodes(fc) if fuse.is_regular(fi))'
# (fsync waits for the page, where that is under writeback)
last=fsync
[ "$copies" = yes ] || last='kick truncate:100'
why "gate delay 1 write; act /mnt/fuse/f open:4 store:0 $last"
verdict lost '^A wakeup was lost: act \(pid [0-9]+\) waits for .*nobody will wake it: all WRITEs of nodeid 2 \(/f\) have ended' 'a wakeup that is lost'
unset FIRST

# By hand: a guest that hangs in one terminal, a newer one that does not in another
own_top
guest() { # command
	"$top/uml/run" --kernel "$kernel" --initrd "$image" --wall-clock --timeout 100 -- sh -c "$1" >/dev/null 2>&1 </dev/null &
	started="${started-} $!"
}
# shellcheck disable=SC2086,SC2317 # pids; the trap of tests/host/lib calls it
at_end() {
	kill ${started-} 2>/dev/null
	wait
}
# shellcheck disable=SC2317,SC2012 # await calls it; our own names
running() {
	[ "$(ls "$top"/build/run/*/guest/pid 2>/dev/null | wc -l)" -ge "$1" ]
}
# shellcheck disable=SC2317 # await calls it
blocked() {
	try "$top/uml/gdb/why" "$kernel" "$image"
	grep -q 'is held by' "$scratch/out"
}
guest "$hold"
await running 1
sleep 1.1 # folders are told apart by their times
guest 'sleep 1000'
await running 2
await blocked
ok $? 'make why without CMD: of two guests the one that hangs'
tried 0 '... looks at it'
verdict withheld '^The server withholds a reply: WRITE .*act \(pid [0-9]+\) waits because of it' '... by hand'
at_end
unset started

# What is no hang
why 'sleep 300; echo slept'
tried 0 'one that only sleeps ends by itself'
grep -q 'slept$' "$scratch/out"
ok $? '... with its output'
why 'exit 7'
tried 7 '... and with its status'
why 'gate delay 100 write; act /mnt/fuse/a open:1 store:0 fsync; echo done=$?'
has 'done=0'
ok $? 'a slow server is no hang' || remark "$scratch/out"
done_testing
