#!/bin/sh
# `make gdb BREAK=... CMD=...` without a terminal: what bug reports and CI paste. It has
# to say where the guest stopped, with arguments and locals, and its status has to tell
# "stopped there" from "never got there": a breakpoint in a function that the compiler
# had dropped once passed for "this path is not taken".
set -u
. tests/host/gdb-lib

debug() {
	try env BREAK="$1" CMD="PATH=\$PATH:/tests; $2" RUN="--mem $mem --append $mark" uml/gdb/debug "$kernel" "$image"
}
# This test's guests: others use the same kernel at the same time
mark=MARK=${scratch##*-}
# shellcheck disable=SC2317 # await calls it
none_left() {
	! pgrep -f " $mark" >/dev/null
}

debug fuse_fsync 'act /mnt/fuse/a open:2 pwrite:0 fsync'
tried 0 'a stop gives status 0'
like "$scratch/out" '^#0 +fuse_fsync \(file=0x[0-9a-f]+.* at fs/fuse/file.c:[0-9]+' 'the backtrace, with arguments and lines'
like "$scratch/out" 'in handle_syscall ' '... down to the system call'
like "$scratch/out" 'static int fuse_fsync' 'the source'
like "$scratch/out" '^end = 9223372036854775807' 'the arguments'
like "$scratch/out" '^inode = 0x[0-9a-f]+' 'the locals, once they are set'
like "$scratch/out" 'stopped in fuse_fsync, task act \(pid [0-9]+\)' 'the task'

debug fuse_fsync 'true'
tried 1 'never there: status 1'
like "$scratch/err" '^uml/gdb/debug: fuse_fsync was never reached' '... said in a line'

debug fuse_no_such_function 'true'
tried 2 'no such function: status 2'
like "$scratch/err" 'BREAK=fuse_no_such_function: this kernel has no such function' '... named'
[ "$(grep -c . "$scratch/err")" -eq 1 ]
ok $? '... in one line'

debug '' 'true'
tried 2 'no BREAK and no terminal: status 2'
try env PID=999999999 uml/gdb/debug "$kernel" "$image"
tried 2 'attaching to nothing: status 2'
try env SCRIPT=/nonexistent uml/gdb/debug "$kernel" "$image"
tried 2 'a script that is not there: status 2'
try uml/gdb/debug /nonexistent "$image"
tried 2 'no kernel: status 2'

# Ctrl-C: gdb stops the guest and goes on with its script
cat >"$scratch/script" <<'END'
python import threading, os, signal; threading.Timer(1.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
boot
uml-ps
echo still here\n
END
try env SCRIPT="$scratch/script" CMD='while :; do :; done' RUN="--mem $mem --append $mark" uml/gdb/debug "$kernel" "$image"
like "$scratch/out" 'still here' 'SIGINT to gdb stops a guest that spins, and it lives'

# What was started ends with gdb; nothing else does
uml/run --kernel "$kernel" --initrd "$image" --mem $mem --wall-clock -- sleep 1000 >/dev/null 2>&1 </dev/null &
bystander=$!
for cycle in 1 2 3 4 5; do
	debug fuse_statfs 'stat -f /mnt/fuse'
	[ "${status:?}" -eq 0 ] || break
done
is "$cycle $status" '5 0' 'starting, breaking, quitting, 5 times over'
await none_left
ok $? '... leaves no process'
kill "$bystander"
ok $? '... and a guest of somebody else lives'
done_testing
