#!/bin/sh
# A guest hangs, and gdb shows one stack: that of the idle task. In UML all tasks are
# one host process, and those that sleep are nowhere gdb looks by itself. uml-ps and
# uml-bt must find each of them, say where it sleeps and for what, and leave the guest
# able to run on. The guest tells what it sees itself, by /proc.
# shellcheck disable=SC2016 # the guest's shell expands these
set -u
. tests/host/gdb-lib
[ "$VARIANT" != before ] || {
	echo '1..0 # SKIP no page writeback in this kernel'
	exit 0
}

in_gdb '
gate hold write >/dev/null
act /mnt/fuse/a open:8 sleep:3 pwrite:7 & c=$!
sleep 1
act /mnt/fuse/a open:8 store:0-2 kick fsync & a=$!
act /mnt/fuse/b open:8 sleep:1 store:1 kick store:1 & b=$!
gate wait write 2 >/dev/null
sleep 3
echo a=$a; echo b=$b; echo c=$c
for p in $a $b $c; do sed "s/^\[<0>\] /stack $p /; s/+.*//" /proc/$p/stack; done
echo tasks= /proc/[0-9]*/task/[0-9]*
stat -f /mnt/fuse >/dev/null
gate release >/dev/null
wait
echo after=$?
' <<'END'
break fuse_statfs
boot
echo <ps\n
uml-ps
echo >\n
echo <all\n
uml-ps all
echo >\n
echo <blocked\n
uml-bt blocked
echo >\n
echo <full\n
python uml_blocked = [t for t in __import__("fuseuml.model.tasks").model.tasks.tasks() if __import__("fuseuml.model.tasks").model.tasks.blocked(t)]
python uml_fsync = [t for t in uml_blocked if "fuse_fsync" in __import__("fuseuml.model.tasks").model.tasks.functions(t)][0]
python gdb.execute("uml-bt -full %d" % int(uml_fsync["pid"]))
echo >\n
echo <select\n
python gdb.execute("uml-task %d" % int(uml_fsync["pid"]))
python gdb.execute("print %s->i_sb->s_magic" % ("inode" if __import__("fuseuml.model.moved").model.moved.makes_copies() else "mapping->host"))
up
info locals
uml-task 0
frame
echo >\n
echo <registers\n
python
import gdb
names = "rbx rsp rbp r12 r13 r14 r15 rip".split()
told = set()
for t in uml_blocked:
    gdb.execute("uml-task %d" % int(t["pid"]), to_string=True)
    gdb.execute("frame 1", to_string=True)
    saved = [int(t["thread"]["switch_buf"][0]["__" + n]) for n in names]
    seen = [int(gdb.parse_and_eval("(unsigned long) $" + n)) for n in names]
    print("frame 1 of", int(t["pid"]), "same" if saved == seen else "%s, not %s" % (seen, saved))
    told |= {(a, b) for a in range(8) for b in range(a) if saved[a] != saved[b]}
gdb.execute("uml-task 0", to_string=True)
print("pairs that differ in some task:", len(told))
end
echo >\n
echo <bt-all\n
python import time; uml_start = time.process_time()
uml-bt all
python print("seconds=%.2f" % (time.process_time() - uml_start))
echo >\n
delete
continue
END
tried 0 'the guest ends well after all that'
a=$(told a) b=$(told b) c=$(told c)
is "$(told after)" 0 '... and its tasks went on'
section ps
if [ "$copies" = yes ]; then
	sleeps='fuse_set_nowrite +WRITEs of nodeid [0-9]+ \(/a\) to end: 1 in flight'
	store='(fuse_page_mkwrite|fuse_wait_on_[a-z_]*) +the WRITE of page 1'
	frame='fuse_set_nowrite \(inode=' local='fi'
else
	sleeps='__filemap_fdatawait_range +the end of writeback of page 0 of nodeid [0-9]+ \(/a\)'
	store='fuse_page_mkwrite +the end of writeback of page 1'
	frame='fuse_fsync \(file=' local=folio
fi
like "$scratch/section" "^$a +$a +act +D\* .*$sleeps" \
	'fsync: where it sleeps, and for which WRITEs'
like "$scratch/section" "^$b +$b +act +D\* .*$store of nodeid [0-9]+ \(/b\)" \
	'a store to a page in flight'
like "$scratch/section" "^$c +$c +act +D.* the inode lock of nodeid [0-9]+ \(/a\), held by act \(pid $a\)" \
	'the third waits for the inode lock, which the first holds'
like "$scratch/section" 'fuse-server +S .*a request to serve' "the server's threads wait for requests"
section all
missing=
for task in $(told tasks); do
	grep -q "^${task##*/} " "$scratch/section" || missing="$missing $task"
done
is "${missing:-none}" none 'uml-ps all: every task that the guest lists'
like "$scratch/section" '^0 +0 +swapper' '... and the idle one'
section blocked
like "$scratch/section" "#[0-9]+ +0x[0-9a-f]+ in ${frame}0x[0-9a-f]+[,)].* at fs/fuse/[a-z]+\.c:[0-9]+" \
	'backtraces with arguments and lines'
for pid in "$a" "$b" "$c"; do
	# (sys_... are other names of __se_sys_...; the way into the scheduler is left out)
	sed -n "s/^stack $pid //p" "$scratch/out" | sed 's/\.[a-z0-9.]*$//' |
		grep -v -x -e '__switch_to' -e '_*schedule' -e 'sys_.*' >"$scratch/own"
	sed -n "/(pid $pid,/,/^\$/p" "$scratch/section" >"$scratch/theirs"
	missing=
	while read -r function; do
		grep -q -E "(in |^ *#[0-9]+ +)$function \(" "$scratch/theirs" || missing="$missing $function"
	done <"$scratch/own"
	is "$(grep -c . "$scratch/own" | sed 's/^[1-9].*/some/') missing:$missing" 'some missing:' \
		"pid $pid: what /proc/PID/stack shows is there"
done
section full
like "$scratch/section" "^ +$local = 0x" 'with -full, the locals'
section select
like "$scratch/section" '^\$1 = 1702057286' 'uml-task: expressions are evaluated in its frame'
like "$scratch/section" '#0 +fuse_statfs' '... and 0 goes back'
section registers
is "$(grep -c '^frame 1 of [0-9]* same$' "$scratch/section")" 3 'each frame has the registers that the task was switched away with'
like "$scratch/section" ': 2[0-8]$' '... which are not all equal'
section bt-all
awk '{ exit !(substr($0, 9) + 0 <= 2) }' <<-END
	$(grep '^seconds=' "$scratch/section")
END
ok $? "all backtraces in 2 s of CPU time at most: $(grep '^seconds=' "$scratch/section")"
no_traceback
done_testing
