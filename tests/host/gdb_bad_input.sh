#!/bin/sh
# A debugger that answers a typing mistake with thirty lines of Python, or takes the
# guest with it, is not used twice. Each mistake gets one line that names it.
set -u
. tests/host/gdb-lib

# command | what the line must say
cat >"$scratch/bad" <<'END'
uml-bt 99999|no task with pid 99999
uml-bt nonsense|'nonsense' is no pid
uml-ps nonsense|see `help uml-ps`
uml-task 99999|no task with pid 99999
fuse-conns 7|see `help fuse-conns`
fuse-requests 9999|no connection 9999; there are: [0-9]
fuse-inodes 9999|no connection 9999
fuse-inode|which inode\?
fuse-inode 424242|424242 is no inode of a FUSE filesystem
fuse-inode /no/such/file|no inode '/no/such/file' in memory
fuse-inode 0x12345678|is no inode of a FUSE filesystem
fuse-inode init_task.mm|is no inode
fuse-inode &init_task|is no inode
fuse-pages 1|is no regular file
fuse-pages 0|is no inode
bdi nonsense|no bdi 'nonsense'; there are: 
dirty 3|see `help dirty`
fuse-break nonsense|no group 'nonsense'
fuse-break fsync pid=x|'x' is no pid
fuse-break fsync colour=red|only file=PATH, nodeid=N and pid=N
fuse-follow|see `help fuse-follow`
fuse-follow x|'x' is no unique
fuse-follow 100001|uniques are even
uml-park x|'x' is no number of ticks
uml-park -3|ticks are counted from 1
uml-resume|nothing is parked
uml-resume 77|pid 77 is not parked
boot|the guest is running already
boot now|see `help boot`
END
{
	echo 'python import gdb'
	echo 'python
def bad(number, command):
    try:
        gdb.execute(command)
        print("bad %d:" % number)
    except gdb.error as e:
        print("bad %d: %s" % (number, e))
end'
	# before the guest runs
	echo 'python
for n, c in enumerate("uml-ps,uml-bt,uml-task 1,fuse-conns,fuse-requests,fuse-inodes,fuse-inode 1,fuse-pages 1,bdi,dirty,fuse-follow 2,uml-park,uml-resume".split(","), 100):
    bad(n, c)
end'
	echo 'break fuse_statfs'
	echo boot
	n=0
	while IFS='|' read -r command want; do
		n=$((n + 1))
		echo "python bad($n, \"\"\"$command\"\"\")"
	done <"$scratch/bad"
	echo 'delete'
	echo 'continue'
} >"$scratch/input"
in_gdb 'touch /mnt/fuse/x; stat -f /mnt/fuse >/dev/null; echo alive=$?' <"$scratch/input"
tried 0 'gdb ends well'
is "$(told alive)" 0 'the guest lives through all of it'
no_traceback
n=0
while IFS='|' read -r command want; do
	n=$((n + 1))
	grep "^bad $n:" "$scratch/out" >"$scratch/line"
	like "$scratch/line" "$want" "$command: $(sed 's/^bad [0-9]*: //' "$scratch/line" | cut -c 1-90)"
done <"$scratch/bad"
is "$(grep -c '^bad 1[01][0-9]: [a-z-]*: no guest: start one with' "$scratch/out")" 13 'each command before boot says that there is no guest'
# the lines of errors are lines: nothing follows one that does not begin as it should
is "$(sed -n '/^bad 1:/,/^bad 29:/p' "$scratch/out" | grep -c -v '^bad \|^Breakpoint\|^$')" 0 'one line each'

# each command has help
{
	for command in boot uml-ps uml-bt uml-task uml-park uml-resume uml-lx fuse-conns fuse-requests \
		fuse-inodes fuse-inode fuse-pages fuse-break fuse-follow fuse-help bdi dirty; do
		echo "help $command"
	done
	echo fuse-help
} >"$scratch/input"
in_gdb true <"$scratch/input"
tried 0 'help for each command'
is "$(grep -c '^Usage: ' "$scratch/out")" 17 '... with its usage'
done_testing
