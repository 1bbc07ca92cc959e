# R3: a server that invalidates a page from inside its WRITE handler never comes back
#
# Symptom: tasks hang; one waits for the lock of a page. So: who has locked it, and where
# does he stand now?
#
# guest
#	gate hold write >/dev/null
#	gate notify inval_inode write times=1 >/dev/null
#	act /mnt/fuse/f open:1 store:0 kick store:0 &
#	sleep 1; gate release >/dev/null; sleep 100
#	stat -f /mnt/fuse >/dev/null
break fuse_statfs
boot

# The symptom; from here on back
uml-ps blocked
python
from fuseuml.model import kernel, tasks
for task in tasks.tasks():
    if tasks.blocked(task) and any("invalidate_inode_pages2" in f for f in tasks.functions(task)):
        gdb.execute("uml-task %d" % int(task["pid"]))
gdb.execute("frame function invalidate_inode_pages2_range")
flags = int(gdb.parse_and_eval("&folio->flags"))
said = gdb.execute("history *(unsigned long *)%#x" % flags, to_string=True)
print(said)
locks = [l for l in said.splitlines()[1:] if l[:1].isdigit()]
# PG_locked is bit 0: old and new are the last two numbers before the place
import re
for line in said.splitlines():
    found = re.match(r"(\d+) +(.*) \(pid (\d+)\).*?(\d+) +(\d+) +(\S+ \S+:\d+.*)$", line)
    if found and int(found[5]) & 1 and not int(found[4]) & 1:
        holder, where = int(found[3]), found[6]
print("locked by pid %d in %s" % (holder, where))
gdb.execute("uml-task %d" % holder)
# where does the function that locked it stand now?
gdb.execute("frame function " + where.split(" < ")[-1].split()[0])
end
culprit
