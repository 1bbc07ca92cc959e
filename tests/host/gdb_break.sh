#!/bin/sh
# "Where does my page become a WRITE?" A newcomer does not know the twelve names, and
# half of them exist in one kernel version only. Each group of fuse-break must stop in
# this kernel, in order, for the file that was asked for and no other; fuse-follow must
# show each step of one request, from the queue to the reply.
set -u
. tests/host/gdb-lib

store=store
[ "$VARIANT" != before ] || store=pwrite
work() {
	echo "act /mnt/fuse/$1 open:8 $store:0 fsync truncate:100; "
}
in_gdb true <<'END'
fuse-break
fuse-break nonsense
END
# an error in a script ends gdb's reading of it, with its status
tried 1 'an unknown group is an error'
like "$scratch/err" "fuse-break: no group 'nonsense': one of dirty, fsync, launder" '... that names the groups'
like "$scratch/out" '^request +requests, from being made' 'without arguments the groups are listed'

[ "$VARIANT" = before ] || {
	in_gdb "$(work b)$(work a)" <<'END'
fuse-break writepage file=/mnt/fuse/a
fuse-break mkwrite file=/mnt/fuse/a
fuse-break fsync file=/mnt/fuse/a
fuse-break truncate file=/mnt/fuse/a
boot
python
import gdb
for stop in range(60):
    if not gdb.selected_inferior().pid:
        break
    from fuseuml.commands import breaks
    from fuseuml.model import fuse
    inode, nodeid = breaks.inode_here()
    wanted = fuse.find_inode("/mnt/fuse/a")
    print("stop %s %s" % (gdb.selected_frame().name(), "right" if inode in (None, int(wanted["inode"].address)) else "WRONG"))
    gdb.execute("continue")
end
END
	tried 0 'groups for one file'
	no_traceback
	sed -n 's/^stop \([a-z_0-9]*\) .*/\1/p' "$scratch/out" >"$scratch/stops"
	unlike "$scratch/out" '^stop .* WRONG' 'no stop for the other file'
	# what must come, in this order (names differ between kernels)
	tr '\n' ' ' <"$scratch/stops" >"$scratch/line"
	like "$scratch/line" 'fuse_page_mkwrite .*fuse_fsync .*fuse_(write_folio|writepages_fill|writepages) .*fuse_send_writepage .*fuse_writepage_end .*fuse_fsync_common .*fuse_do_setattr .*fuse_set_nowrite .*release_nowrite' \
		"store, fsync, truncate: $(cat "$scratch/line")"
	like "$scratch/out" '^fuse_send_writepage: the WRITE goes to the request queue.*\[act \(pid [0-9]+\)\]' 'each stop says what it shows'
}

in_gdb "$(work a)" <<'END'
break fuse_fsync
boot
delete
fuse-follow next
continue
continue
continue
continue
continue
continue
END
tried 0 'fuse-follow'
no_traceback
grep -E '^unique [0-9]+: |: it is queued' "$scratch/out" >"$scratch/steps"
tr '\n' ' ' <"$scratch/steps" >"$scratch/line"
like "$scratch/line" 'it is queued .*a server thread takes it .*the server has it .*the reply is here .*it is over' \
	'every step of a request, in order'
is "$(sed -n 's/.*unique \([0-9]*\).*/\1/p' "$scratch/steps" | sort -u | wc -l)" 1 '... of one request'
like "$scratch/out" 'error 0; nothing more to follow' '... to its end'

# `watch fi->writectr` finds fi in a register: in software it would never end
[ "$VARIANT" = before ] || {
	in_gdb "$(work a)" <<'END'
break fuse_set_nowrite
boot
next
next
watch fi->writectr
watch $rax
info watchpoints
delete 1
delete 4
continue
END
	tried 0 'watch'
	like "$scratch/out" '^3 watches its memory at 0x[0-9a-f]+ instead, as .watch -l fi->writectr. does' \
		'what a register leads to is watched in memory'
	like "$scratch/out" '^3 +hw watchpoint .*-location fi->writectr' '... by hardware'
	like "$scratch/out" '^4 +watchpoint .*rax' '... and what has no memory as ever, with a word'
	like "$scratch/out" '^New value = -2147483648' '... and it stops at the change'
}

in_gdb 'stat -f /mnt/fuse' <<'END'
break fuse_statfs
boot
fuse-follow 2
END
tried 1 'a request that is over'
like "$scratch/err" 'fuse-follow: unique 2 is answered already; the newest is [0-9]+' '... said so'
done_testing
