#!/bin/sh
# R1 R4 R5: races that need one task held at an exact place inside the kernel while another
# goes on. uml-park holds it there for some ticks, which only makes the window wider. Each
# is a fault that a review found in the patched kernel; two of them are mainline's, too.
# shellcheck disable=SC2016 # the guest's shell expands these
set -u
. tests/host/gdb-lib

if [ "$VARIANT" = before ]; then
	skip 'windows of page writeback' 'no page can become dirty on this kernel'
	done_testing
fi
# where a page's WRITE is made, and where the collected ones go out
make_write=fuse_writepage_alloc send=fuse_send_batch
if [ "$VARIANT" = stock ]; then
	make_write=fuse_writepage_args_setup send=fuse_writepages_send
fi

# Bytes that are not 0 in the server's file, from an offset on: NAME FILE OFFSET LENGTH
count='count() {
	echo "$1=$(tail -c +$(($3 + 1)) /srv/fuse/$2 | head -c $4 | tr -d "\\0" | wc -c)"
}
'

# to the end, through the stops where a parked task goes on
go_on='python
while gdb.selected_inferior().pid: gdb.execute("continue")
end'

# R1: what a truncation cuts off comes back. The page that is being copied when SETATTR is
# answered got into the batch of WRITEs with the size that the file had before. For the MM
# it was written, so the truncation did not wait for it. A write(2) far behind the end made
# the file long again, and then the batch went out, not cropped.
in_gdb "$count"'
head -c 32768 /dev/zero | tr "\0" o >/srv/fuse/f
act /mnt/fuse/f open:8 sleep:2 truncate:12388 pwrite:256 & cut=$!
act /mnt/fuse/f open:8 sleep:1 store:3 kick & collect=$!
wait $cut; echo cut=$?
wait $collect; echo collect=$?
sync; sleep 1
count kept f 12288 100
count stale f 12388 20380
' <<END
break $make_write
boot
uml-park 300
delete
break $send
continue
continue
uml-park 500
delete
$go_on
END
tried 0 'R1: collector held while it copies, then before it sends'
no_traceback
is "$(told cut) $(told collect)" '0 0' '... both go on'
is "$(told kept)" 100 '... what was not cut off is there'
is "$(told stale)" 0 '... what was cut off is not'

# R4: a punched hole is filled with old data. The fault has passed page_mkwrite, but the page
# is not dirty yet: FALLOCATE finds nothing to write before it. Then the store is done and
# written back, the whole page, while the answer to FALLOCATE is on its way or right after.
in_gdb "$count"'
head -c 4096 /dev/zero | tr "\0" o >/srv/fuse/f
act /mnt/fuse/f open:1 load:0 sleep:2 punch:0 & punch=$!
act /mnt/fuse/f open:1 load:0 sleep:1 store:0 kick & store=$!
gate hold fallocate after >/dev/null
sleep 7
gate release >/dev/null
wait $punch; echo punch=$?
wait $store; echo store=$?
sync; sleep 1
count stale f 0 4096
' <<END
break fuse_page_mkwrite
boot
delete
break folio_mark_dirty
continue
uml-park -f 300
delete
$go_on
END
tried 0 'R4: store held before its page is dirty'
no_traceback
is "$(told punch) $(told store)" '0 0' '... both go on'
case $VARIANT in
stock) is "$(told stale)" 4096 '... mainline has old data in the hole' ;;
*)
	# the byte that was stored came before the hole or after it
	[ "$(told stale)" -le 1 ]
	ok $? "... nothing old is in the hole: $(told stale) bytes"
	;;
esac

# R5: the file grows, and what was stored behind its old end becomes data. SETATTR set the
# new size first and cleared the rest of the page after that; writeback in between sent it.
in_gdb "$count"'
head -c 4096 /dev/zero | tr "\0" o >/srv/fuse/f
act /mnt/fuse/f open:1 sleep:1 truncate:1024 sleep:2 truncate:4096 & grow=$!
act /mnt/fuse/f open:1 sleep:2 fill:0 sleep:3 kick fsync & store=$!
wait $grow; echo grow=$?
wait $store; echo store=$?
count data f 0 1024
count stale f 1024 3072
' <<END
break fuse_do_setattr
boot
continue
delete
break truncate_pagecache_range
$([ "$VARIANT" = stock ] || echo break fuse_extend)
continue
uml-park 500
delete
$go_on
END
tried 0 'R5: truncation held between its reply and the clearing'
no_traceback
is "$(told grow) $(told store)" '0 0' '... both go on'
is "$(told data)" 1024 '... what is data is there'
case $VARIANT in
stock) is "$(told stale)" 3072 '... mainline sends what was stored behind the end' ;;
*) is "$(told stale)" 0 '... what was stored behind the end is not' ;;
esac
done_testing
