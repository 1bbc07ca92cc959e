# R5: a file grows, and what was stored behind its old end is data at the server
#
# Symptom: bytes at the server where zeros should be. So: the last WRITE of this page, why it
# was so long, and who made the file so long before the page was cleared.
#
# guest
#	head -c 4096 /dev/zero | tr "\0" o >/srv/fuse/f
#	as grow /mnt/fuse/f open:1 sleep:1 truncate:1024 sleep:2 truncate:4096 &
#	as store /mnt/fuse/f open:1 sleep:2 fill:0 sleep:3 kick fsync &
#	wait
#	[ -z "$(tail -c +1025 /srv/fuse/f | tr -d "\0")" ] || stat -f /mnt/fuse >/dev/null
#
# How the run gets there: the page is cleared late
break truncate_pagecache_range if $_streq(((struct task_struct *)cpu_tasks[0].task)->comm, "grow")
boot
delete
uml-park -f 500
continue
break fuse_statfs
continue

# The symptom; from here on back
fuse-life 2:0
goto $tick("goes to the request queue")
print wpa->ia.write.in.size
last-change wpa->inode->i_size
culprit written
