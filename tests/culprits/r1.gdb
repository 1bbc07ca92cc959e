# R1: what a truncation cut off is at the server again
#
# Symptom: bytes behind the end to which the file was cut, and which nobody has written since.
# So: the last WRITE that carried this page; who said how long it was; what of that was decided
# before the size changed.
#
# guest
#	head -c 32768 /dev/zero | tr "\0" o >/srv/fuse/f
#	as cut /mnt/fuse/f open:8 sleep:2 truncate:12388 pwrite:256 &
#	as collect /mnt/fuse/f open:8 sleep:1 store:3 kick &
#	wait; sync; sleep 1
#	[ -z "$(tail -c +12389 /srv/fuse/f | head -c 3996 | tr -d "\0")" ] || stat -f /mnt/fuse >/dev/null
#
# How the run gets there: writeback waits for memory while the file is cut, and again before it sends
break fuse_writepage_alloc if $_streq(((struct task_struct *)cpu_tasks[0].task)->comm, "collect")
boot
delete
uml-park -f 300
continue
break fuse_send_batch if $_streq(((struct task_struct *)cpu_tasks[0].task)->comm, "collect")
continue
delete
uml-park -f 500
continue
break fuse_statfs
continue

# The symptom; from here on back
fuse-life 2:3
goto $tick("goes to the request queue")
print wpa->ia.write.in.size
last-change wpa->ia.write.in.size
print inode->i_size
# 4096 bytes, of a file that ends before them. Where in this function was it computed? From its call on, line by line
reverse-finish
step
python
def size():
    value = gdb.newest_frame().read_var("size")
    return None if value.is_optimized_out else int(value)
added, lines = int(gdb.parse_and_eval("$1")), 0
while size() != added and lines < 40:
    gdb.execute("next", to_string=True)
    lines += 1
end
culprit written
print inode->i_size
