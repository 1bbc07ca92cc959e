#!/bin/sh
# Containers, CI runners and cron start things in odd surroundings: few descriptors, no
# /proc, closed outputs, another user's checkout, no environment. Each either works, or is
# 125 with a line that says why; a launcher's failure that looked like the command's has
# sent somebody bisecting. And nothing stays behind.
# shellcheck disable=SC2016,SC2317 # the guest's shell expands it; await calls it
set -u
. tests/host/lib
own_top
unset FUSE_UML_COVERAGE # which not everybody here may write
launch="$top/uml/run --kernel $kernel --initrd $image --mem $mem"
limited() { # what, limit, what the message has to have
	try sh -c "$2; exec $launch -- echo hi"
	tried 125 "$1"
	like "$scratch/err" "$3" '... says why'
}

# too little of something
limited '12 descriptors' 'ulimit -n 12' 'uml/run: .*Too many open files'
limited '16 descriptors' 'ulimit -n 16' 'uml/run: the guest ended before the command did'
try sh -c "ulimit -n 64; exec $launch -- echo hi"
is "$status $(cat "$scratch/out")" '0 hi' '64 descriptors are enough'
limited '200 MB of address space' 'ulimit -v 200000' 'uml/run: the guest ended before the command did'
limited 'files of 512 kB at most' 'ulimit -f 1000' 'uml/run: '
if [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null && command -v prlimit >/dev/null; then
	chmod 755 "$scratch"
	try prlimit --nproc=1 setpriv --reuid 12345 --clear-groups sh -c "exec $launch -- true"
	[ "$status" -eq 125 ] && grep -q 'cannot fork' "$scratch/err"
	ok $? 'no process more: 125, and said' || remark "$scratch/err"
	try setpriv --reuid 12345 --clear-groups --no-new-privs sh -c "cd / && exec $launch -- echo hi"
	is "$status $(cat "$scratch/out")" '0 hi' 'another user, in a tree that is not his'
	try setpriv --bounding-set -all --inh-caps -all --no-new-privs sh -c "exec $launch -- echo hi"
	is "$status $(cat "$scratch/out")" '0 hi' 'root without capabilities'
else
	skip 'other users' 'only root can become one, with setpriv and prlimit'
fi
if unshare -m true 2>/dev/null; then
	try unshare -m sh -c "umount -l /proc; exec $launch -- echo hi"
	is "$status $(cat "$scratch/out" "$scratch/err")" '0 hi' 'no /proc'
	try unshare -p -f sh -c "exec $launch -- echo hi"
	is "$status $(cat "$scratch/out" "$scratch/err")" '0 hi' "another pid namespace's /proc"
	try unshare -m sh -c "mount -t tmpfs -o noexec,size=1g tmpfs /dev/shm && exec $launch -- echo hi"
	is "$status $(cat "$scratch/out" "$scratch/err")" '0 hi' '/dev/shm mounted noexec'
	# (what is below /tmp is not seen there, so the checkout is shown at /mnt)
	here=$(pwd -P)
	elsewhere=$(echo "$launch" | sed "s|$here|/mnt|g")
	try unshare -m sh -c "mount --rbind '$here' /mnt && mount -t tmpfs -o size=10m tmpfs /dev/shm && mount -t tmpfs -o size=10m tmpfs /tmp && cd /tmp && exec $elsewhere -- echo hi"
	tried 125 'nowhere room for the memory'
	like "$scratch/err" 'no folder with [0-9]* MB free for the guest'\''s memory' '... says so'
else
	skip 'other mounts' 'unshare -m is refused here'
fi
try env -i "$top/uml/run" --kernel "$kernel" --initrd "$image" --mem $mem -- echo hi
is "$status $(cat "$scratch/out")" '0 hi' 'no environment'
try setsid -w nohup "$top/uml/run" --kernel "$kernel" --initrd "$image" --mem $mem -- echo hi
is "$status $(cat "$scratch/out")" '0 hi' 'nohup, in a session of its own'

# gdb has 20 s of CPU time for the log
mkdir "$scratch/busy"
printf '#!/bin/sh\nsleep 21\nexec "%s" "$@"\n' "$(command -v gdb)" >"$scratch/busy/gdb"
chmod +x "$scratch/busy/gdb"
try sh -c "PATH='$scratch/busy:$PATH'; exec $launch --timeout 1 --log '$scratch/log' -- sh -c 'while :; do :; done'"
tried 124 'so busy that gdb comes late'
like "$scratch/log" '^sh .pid [0-9]+, tgid [0-9]+. running$' '... the task that runs is in the log'

# outputs that take nothing
sh -c "exec $launch -- echo hi >&-" 2>"$scratch/err"
is "$?" 141 'stdout closed: 141'
is "$(cat "$scratch/err")" 'uml/run: stdout: Bad file descriptor' '... and said once'
sh -c "exec $launch -- true >&-" 2>"$scratch/err"
is "$? $(cat "$scratch/err")" '0 ' '... not when there is nothing to print'
sh -c "exec $launch -- echo hi >/dev/full" 2>"$scratch/err"
is "$? $(cat "$scratch/err")" '141 uml/run: stdout: No space left on device' '/dev/full: 141, and said'
sh -c "exec $launch -- echo hi 2>&- <&-" >"$scratch/out"
is "$? $(cat "$scratch/out")" '0 hi' 'stdin and stderr closed'
sh -c "exec $launch -- sh -c 'echo hi >&2' 2>&-"
is "$?" 141 '... which is told where it is needed'

# limits
run --timeout 0 -- true
tried 0 '--timeout 0'
run --timeout 99999999999 -- true
tried 0 'a timeout of millennia'
for limit in -1 1.5 1s ''; do
	run --timeout "$limit" -- true
	tried 125 "--timeout '$limit'"
	like "$scratch/err" "timeout $limit: not a number of seconds" '... is named'
done
for size in -5M 64T 1.5G 99999999G; do
	run --mem "$size" -- true
	tried 125 "--mem $size"
done

# ways for a guest to end
for how in 'poweroff -f' 'halt -f' 'reboot -f'; do
	run -- sh -c "$how; sleep 100"
	tried 125 "$how"
	like "$scratch/err" 'the guest ended before the command did' '... says so'
done
run -- sh -c 'kill -9 1; exit 3'
tried 3 'kill -9 1 is without effect'
run -- sh -c 'kill -9 $$'
tried 137 'kill -9 of itself'
run -- sh -c 'exec 3</dev/null; ulimit -n 20; seq 100000 | tail -n 1'
is "$(cat "$scratch/out")" 100000 'limits inside are the guest'\''s'

gone() { [ -z "$(ls -A "$top/build/run")" ] && [ -z "$(ls -d "${TMPDIR:-/tmp}"/fuse-uml-run-* 2>/dev/null)" ]; }
await gone
ok $? 'nothing is left' || find "$top/build/run" "${TMPDIR:-/tmp}" -maxdepth 1 | sed 's/^/#   /' >&2
done_testing
