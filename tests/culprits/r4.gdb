# R4: a hole is punched, and the old data is back in it
#
# Symptom: bytes in the hole at the server. So: the last WRITE of this page, what made the page
# dirty before it, and where the fault that said "may it get dirty?" let go of it.
#
# guest
#	head -c 4096 /dev/zero | tr "\0" o >/srv/fuse/f
#	as punch /mnt/fuse/f open:1 load:0 sleep:2 punch:0 &
#	as store /mnt/fuse/f open:1 load:0 sleep:1 store:0 kick &
#	gate hold fallocate after >/dev/null
#	sleep 7; gate release >/dev/null
#	wait; sync; sleep 1
#	[ -z "$(tail -c +2 /srv/fuse/f | tr -d "\0")" ] || stat -f /mnt/fuse >/dev/null
#
# How the run gets there: the fault is held between its two halves
break fuse_page_mkwrite if $_streq(((struct task_struct *)cpu_tasks[0].task)->comm, "store")
boot
delete
break folio_mark_dirty if $_streq(((struct task_struct *)cpu_tasks[0].task)->comm, "store")
continue
delete
uml-park -f 300
continue
break fuse_statfs
continue

# The symptom; from here on back
fuse-life 2:0
goto $tick("gets dirty")
# not by page_mkwrite, as it was the time before. How did that one let go of the page?
goto $tick("may it get dirty?")
finish
reverse-step
culprit
reverse-next
culprit
reverse-next
culprit
reverse-next
culprit
