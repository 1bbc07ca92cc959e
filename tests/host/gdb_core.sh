#!/bin/sh
# What a bug report can carry: a core of a hung guest, its memory included. Every
# command that only looks must work in it, days later, on another machine; those that
# need a live guest must say so.
set -u
. tests/host/gdb-lib
[ "$VARIANT" != before ] || {
	echo '1..0 # SKIP no page writeback in this kernel'
	exit 0
}
[ "$mem" = 256M ] || {
	echo '1..0 # SKIP the core of a guest with KASAN is too large'
	exit 0
}
mem=96M

in_gdb 'gate hold write >/dev/null; act /mnt/fuse/a open:8 store:0-2 kick fsync & gate wait write >/dev/null; sleep 1
	stat -f /mnt/fuse' <<END
break fuse_statfs
boot
echo <live\n
uml-ps
fuse-requests
fuse-pages a
bdi
dirty
uml-bt blocked
echo >\n
gcore $scratch/core
END
tried 0 'a core is written'
section live
cp "$scratch/section" "$scratch/live"

try gdb -q -nx -batch "$kernel" "$scratch/core" -x uml/gdb/fuse-uml.py -ex 'echo <core\n' -ex uml-ps -ex fuse-requests \
	-ex 'fuse-pages a' -ex bdi -ex dirty -ex 'uml-bt blocked' -ex 'echo >\n' -ex 'uml-task 1' -ex fuse-conns -ex 'fuse-inode a'
tried 0 'all that only looks works in it'
section core
is "$(cat "$scratch/section")" "$(cat "$scratch/live")" '... and shows what it showed in the guest'
in='fuse_set_nowrite \(inode'
[ "$copies" = yes ] || in='fuse_fsync \(file'
like "$scratch/section" "$in=0x[0-9a-f]+[,)].* at " '... stacks of sleeping tasks, too'
no_traceback
for command in uml-park 'fuse-follow 2'; do
	try gdb -q -nx -batch "$kernel" "$scratch/core" -x uml/gdb/fuse-uml.py -ex "$command"
	tried 1 "$command is refused"
	like "$scratch/err" "^${command%% *}: a core cannot run on: this needs a live guest" '... with the reason'
done
done_testing
