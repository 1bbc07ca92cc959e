#!/bin/sh
# "Who set this?" history lists each change of a field, last-change goes to the last one,
# fuse-life tells what happened to a request, a page, a task. What they say is compared
# with what a watchpoint sees in an ordinary run.
# shellcheck disable=SC2016 # the guest's shell expands these
set -u
. tests/host/gdb-lib

setarch -R true 2>/dev/null || {
	echo '1..0 # SKIP setarch -R is refused here (seccomp of a container?): addresses differ from run to run'
	exit 0
}

[ "$VARIANT" != before ] || {
	echo '1..0 # SKIP no page writeback in this kernel, and no field that counts WRITEs'
	exit 0
}
# where mainline has the same in another function, or one function less
to_be_written='
is to be written'
lines=9
copied='
is copied' copy='its copy'
[ "$VARIANT" != stock ] || to_be_written='' lines=8
[ "$copies" = yes ] || copy=it copied='
joins the WRITE that is built'

in_gdb '
for n in 1 2; do
	echo x >/mnt/fuse/old
	rm /mnt/fuse/old
done
act /mnt/fuse/a open:8 store:0-3 kick sleep:1 store:1 fsync &
act /mnt/fuse/a open:8 sleep:1 truncate:9000 pwrite:5 &
wait
stat -f /mnt/fuse >/dev/null' <<'END'
break fuse_do_setattr if attr->ia_size == 32768
boot
delete
python
from fuseuml.travel.guest import state
def value(text):
    return int(gdb.parse_and_eval(text))
inode = int(gdb.newest_frame().read_var("dentry")["d_inode"])
pid = gdb.execute("when", to_string=True).split("pid ")[1].split(")")[0]
at = "((struct fuse_inode *)((char *)%d - (unsigned long)&((struct fuse_inode *)0)->inode))" % inode
size = "((struct inode *)%d)->i_size" % inode
gdb.execute("watch -l %s->writectr" % at, to_string=True)
gdb.execute("break fuse_statfs")
changes = []
while True:
    gdb.execute("continue", to_string=True)
    if gdb.newest_frame().name() == "fuse_statfs":
        break
    changes.append((state.now.tick, value(at + "->writectr")))
gdb.execute("delete")
here = state.now
lines = gdb.execute("history %s->writectr" % at, to_string=True).splitlines()
rows = [line.split() for line in lines[1:] if line.strip()[:1].isdigit()]
# the same, in the same order
import re
seen = []
for line in lines:
    found = re.match(r"(\d+) .* (-?\d+) +(-?\d+) +\S+ \S+:\d+", line)
    if found:
        seen.append((int(found.group(1)), int(found.group(3))))
print("changes=%d same=%d there=%d" % (len(changes), seen[-len(changes):] == changes, here.is_here()))
if seen != changes:
    print(seen, changes)
    print("\n".join(lines))
print("by=%s" % {line.split("fuse_set_nowrite ")[1].split(":")[0] for line in lines if "fuse_set_nowrite " in line})
gdb.execute("last-change %s->writectr" % at)
print("last=%d" % (state.now.tick == changes[-1][0] and value(at + "->writectr") == changes[-1][1]))
gdb.execute("back")
print("back=%d" % here.is_here())
for how in "", "-all ":
    gdb.execute("echo <size%s\\n" % how.strip())
    gdb.execute("history %s%s" % (how, size))
    gdb.execute("echo >\\n")
life = gdb.execute("fuse-life /a:1", to_string=True)
unique = re.search(r"reads the WRITE, unique (\d+)", life).group(1)
other = gdb.execute("fuse-life /a:3", to_string=True)
print("read=%d answered=%d" % (other.count("reads the WRITE"), other.count("the WRITE is answered")))
for name, what in ("page", "/a:1"), ("request", unique), ("task", "pid=" + pid):
    gdb.execute("echo <%s\\n" % name)
    gdb.execute("fuse-life " + what)
    gdb.execute("echo >\\n")
print("stayed=%d" % here.is_here())
def refused(command):
    try:
        gdb.execute(command)
    except gdb.error as e:
        print("refused=%s: %s" % (command, e))
for command in (
    "history", "history nosuch", "history $rax", "history *(struct inode *)%d" % value("&init_task"),
    "history *(int *)0", "last-change init_task.pid", "fuse-life", "fuse-life 99998", "fuse-life 17",
    "fuse-life nosuch:1", "fuse-life 2:x",
):
    refused(command)
end
END
tried 0 'history'
like "$scratch/out" '^changes=([5-9]|[1-9][0-9]) same=1 there=1$' "each change, in order, and then here again: $(told changes)"
is "$(told by)" "{'$nowrite'}" 'the function that made it is named'
is "$(told last) $(told back)" '1 1' 'last-change goes there, back comes back'
section size
if [ -n "$no_core" ]; then
	skip 'freed inodes' 'KASAN keeps freed memory from being used again'
else
	like "$scratch/section" '\(2 earlier objects had this memory' 'the two freed inodes are not mixed in'
	section 'size-all'
	is "$(grep -c ' freed ' "$scratch/section")" 2 '... but can be seen'
fi
# in this order
section page
is "$(sed -n '2,$s/^[0-9]*  *[a-z-]* (pid [0-9]*)  *\(.*[a-z0-9?]\)  *[_a-z]* [a-z-]*.c:[0-9]*.*/\1/p' "$scratch/section" | sed 's/  *$//' | sed 's/unique [0-9]*/unique N/' | head -n "$lines")" \
'comes into the page cache
a store through a mapping: may it get dirty?
gets dirty
no longer dirty: it is to be written'"$to_be_written$copied"'
'"$copy"' goes to the request queue: WRITE offset 0, 4 pages
the server reads the WRITE, unique N
the WRITE is answered, error 0' 'the life of a page'
like "$scratch/out" '^read=1 answered=1$' 'a later WRITE in the same memory is not taken for that of a page'
section request
like "$scratch/section" 'is made  .*' 'the life of a request: made'
like "$scratch/section" 'fuse-server .*the server has it' '... read by a thread'
like "$scratch/section" 'it is over.*error 0' '... answered'
section task
like "$scratch/section" 'act .*fuse_set_nowrite: from here on no WRITE is sent' 'the life of a task'
is "$(told stayed)" 1 'the guest stands where it stood'
refused() { # command, reason
	grep -q -F "refused=$1: " "$scratch/out" && like "$scratch/out" "^refused=.*$2" "$1: $2"
}
refused 'history' 'wrong arguments'
refused 'history nosuch' "'nosuch' means nothing here"
refused 'history $rax' 'has no place in memory'
refused 'history *(struct inode *)' 'bytes, and the CPU watches 32' || grep -q 'the CPU watches 32' "$scratch/out"
ok $? 'a whole struct: the CPU watches 32 bytes'
refused 'history *(int *)0' 'memory that cannot be read'
refused 'last-change init_task.pid' 'did not change before here'
refused 'fuse-life' 'wrong arguments'
refused 'fuse-life 99998' 'no request got the unique 99998'
refused 'fuse-life 17' 'no request got the unique 17'
refused 'fuse-life nosuch:1' "no inode 'nosuch'"
refused 'fuse-life 2:x' "'x' is no page"
no_traceback
done_testing
