#!/bin/sh
# A request that misbehaves has two ends. The server runs inside the guest, out of a
# host debugger's sight; gdbserver in the guest, over a serial line, brings it into view
# while another gdb holds the kernel. The request's unique is the same on both sides.
set -u
. tests/host/gdb-lib
command -v gdbserver >/dev/null || {
	echo '1..0 # SKIP gdbserver is not installed'
	exit 0
}

debug_server() {
	# (from elsewhere, where its sources are found all the same)
	try env BREAK="$1" CMD="$2" MEM=$mem sh -c 'cd / && exec "$@"' sh "$PWD/uml/gdb/debug-server" "$kernel" "$image"
}
debug_server fs_write 'echo hi >/mnt/fuse/x'
tried 0 'a stop in the server'
like "$scratch/out" '^#0 +fs_write \(.*data=0x[0-9a-f]+ "hi\\n", size=3, off=0' 'backtrace with arguments'
like "$scratch/out" '^[0-9]+	.*file_get\(' '... the line of the source'
like "$scratch/out" '^unique [0-9]+ opcode 16 nodeid [0-9]+$' 'the request, by unique'
debug_server fs_write true
tried 1 'never there: status 1'
like "$scratch/err" 'fs_write was never reached' '... said so'
cat "$scratch/out" "$scratch/err" >"$scratch/all"
like "$scratch/all" '\(process [0-9]+\) exited normally' '... and the server has ended as ever'
unlike "$scratch/all" 'Remote communication error|Error detected' '... with the line still there'
debug_server no_such_function true
tried 2 'no such function: status 2'
like "$scratch/err" 'BREAK=no_such_function: the server has no such function' '... named'
# make ... | head: dash has no EXIT trap when SIGPIPE ends it
mkfifo "$scratch/pipe"
BREAK=fs_write CMD='echo hi >/mnt/fuse/x' MEM=$mem uml/gdb/debug-server "$kernel" "$image" >"$scratch/pipe" 2>&1 </dev/null &
launcher=$!
head -n 1 <"$scratch/pipe" >/dev/null
wait $launcher 2>/dev/null
# shellcheck disable=SC2009 # the launcher's own arguments
ps -eo args | grep -e "^$kernel .*ssl0=pts" >"$scratch/left"
fails=$?
ok $((fails != 1)) 'its reader goes: no guest is left'
debug_server '' true
tried 2 'neither BREAK nor a terminal: status 2'

# Both at once: the kernel's gdb finds what the server was stopped with, by unique
debug_server fs_write 'echo hi >/mnt/fuse/x' >/dev/null 2>&1
unique=$(sed -n 's/^unique \([0-9]*\) .*/\1/p' "$scratch/out")
in_gdb 'gate hold write >/dev/null; (echo hi >/mnt/fuse/x) & gate wait write >/dev/null; stat -f /mnt/fuse' <<'END'
break fuse_statfs
boot
fuse-requests
END
like "$scratch/out" "^[0-9]+ +${unique:-none} +WRITE" "the kernel's gdb shows the same request under the same unique ($unique)"

# Somebody else's server, by its own symbols
make -s build/bin/plain-server >"$scratch/make" 2>&1 || {
	cat "$scratch/make"
	exit 1
}
export SERVER='A=1 /tests/plain-server /srv/fuse {} -f' RUN="--add $PWD/build/bin/plain-server"
debug_server fs_write 'echo hi >/mnt/fuse/x'
tried 0 'a server of the user, with the gate in its process'
like "$scratch/out" '^#0 +fs_write \(.*data=0x[0-9a-f]+ "hi\\n", size=3, off=0' '... backtrace with arguments'
like "$scratch/out" '^unique [0-9]+ opcode 16 nodeid [0-9]+$' '... the request, by unique, as the gate has it'
try env BREAK=fuse_dev_do_write CMD='echo hi >/mnt/fuse/x' MEM=$mem uml/gdb/debug "$kernel" "$image"
tried 0 '... and the kernel, with this server'
like "$scratch/out" 'fuse_dev_do_write' '... stops'
export SERVER='/tests/no-such-server {}' RUN=
debug_server fs_write true
tried 2 'a server that is not there'
like "$scratch/err" 'no server with symbols at .*no-such-server' '... is named'
done_testing
