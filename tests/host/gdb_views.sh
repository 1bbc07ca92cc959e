#!/bin/sh
# The kernel tells user space three numbers about FUSE writeback: "waiting", and two in
# /proc/vmstat. Which pages of which file, in which request, queued or sent, is seen by
# nobody. The commands read it from the kernel's own structures; here each is held
# against what the guest reports of itself: fusectl, debugfs, vmstat, kpageflags, and
# the server's list of what it holds.
# shellcheck disable=SC2016 # the guest's shell expands these
set -u
. tests/host/gdb-lib
[ "$VARIANT" != before ] || {
	echo '1..0 # SKIP no page writeback in this kernel'
	exit 0
}

in_gdb '
act /mnt/fuse/w open:64 store:0-63 fsync
gate hold write >/dev/null
# 0-2 and 5 are copied and sent, 8 is stored to afterwards
act /mnt/fuse/a open:16 store:0-2 store:5 kick sleep:1 store:8 flags:16 sleep:9 &
sleep 2
set -- /sys/fs/fuse/connections/*
echo conn=${1##*/}
echo waiting=$(cat $1/waiting)
sed "s/^/vmstat_/; s/ /=/" /proc/vmstat
bdi=0:$(stat -c %d /mnt/fuse)
echo bdi=$bdi
sed "s/: */=/; s/ kB.*//; s/^/bdi_/" /sys/kernel/debug/bdi/$bdi/stats
echo max_ratio=$(cat /sys/class/bdi/$bdi/max_ratio) strict=$(cat /sys/class/bdi/$bdi/strict_limit)
gate held | sed "s/^/held /"
echo inode=$(stat -c %i /mnt/fuse/a)
stat -f /mnt/fuse >/dev/null
gate release >/dev/null
act /mnt/fuse/many open:4096 load:0-4095 sleep:1 store:7 sleep:9 &
sleep 2
stat -f /mnt/fuse >/dev/null
wait
' <<'END'
break fuse_statfs
tbreak fuse_send_writepage
boot
echo <expression\n
python import time; uml_start = time.process_time()
fuse-inode wpa->inode
python print("expression_seconds=%.2f" % (time.process_time() - uml_start))
echo >\n
continue
echo <conns\n
fuse-conns
echo >\n
echo <requests\n
fuse-requests
echo >\n
echo <inodes\n
fuse-inodes
echo >\n
echo <inode\n
fuse-inode /mnt/fuse/a
echo >\n
echo <pages\n
fuse-pages a
echo >\n
echo <bdi\n
bdi
echo >\n
echo <dirty\n
dirty
echo >\n
echo <print\n
python fi = __import__("fuseuml.model.fuse").model.fuse.find_inode("/a")
python gdb.set_convenience_variable("fi", fi.address)
print *$fi
print $fi->inode
print *$fi->inode.i_sb->s_bdi
print *$fi->inode.i_mapping
print *(struct fuse_conn *)fuse_conn_list.next->prev
python wp = __import__("fuseuml.model.fuse").model.fuse.writepages(fi)[0]
python gdb.set_convenience_variable("wpa", wp.wpa.address)
print *$wpa
python gdb.set_convenience_variable("req", list(__import__("fuseuml.model.fuse").model.fuse.requests(__import__("fuseuml.model.fuse").model.fuse.find_conn()))[0].req.address)
print *$req
python p = __import__("fuseuml.model.pages").model.pages.of_inode(fi)[0][8]
python gdb.set_convenience_variable("folio", gdb.Value(p.folio).cast(gdb.lookup_type("struct folio").pointer()))
print *$folio
echo >\n
continue
echo <many\n
python import time; uml_start = time.process_time()
fuse-pages /many
python print("pages_seconds=%.2f" % (time.process_time() - uml_start)); uml_start = time.process_time()
fuse-inode /many
python print("inode_seconds=%.2f" % (time.process_time() - uml_start))
echo >\n
END
tried 0 'every command ran'
no_traceback

# gdb 13 by itself reads half the debug information for these few letters: 4 s
section expression
like "$scratch/section" '^nodeid [0-9]+ \(/w\): ' 'fuse-inode takes wpa->inode'
awk -F= '/_seconds=/ && $2 > 1 { bad = 1 } END { exit bad }' "$scratch/section"
ok $? "... in a second: $(grep _seconds= "$scratch/section")"

# connection, requests
section conns
conn=$(told conn)
like "$scratch/section" "^connection $conn on /mnt/fuse:" 'fuse-conns: its number and mountpoint'
like "$scratch/section" "waiting $(told waiting);" "... waiting as in fusectl ($(told waiting))"
section requests
grep '^held ' "$scratch/out" | grep WRITE >"$scratch/held"
# each WRITE that the server holds, by unique; and no other one
sed -n 's/.*WRITE.* unique[= ]\([0-9]*\).*/\1/p; s/^held \([0-9][0-9]*\) *WRITE.*/\1/p' "$scratch/held" | sort >"$scratch/uniques"
# (the guest's own lines may come in between)
awk '$1 != "held" && $3 == "WRITE" { print $2 }' "$scratch/section" | sort >"$scratch/shown"
is "$(cat "$scratch/shown")" "$(cat "$scratch/uniques")" 'fuse-requests: the WRITEs that the server holds, by unique'
[ -s "$scratch/shown" ]
ok $? '... some'
like "$scratch/section" 'WRITE +[0-9]+ +offset 20480 size 4096 .*sent, held by the gate, rule 1 .*nobody: page writeback' '... offset, size, state, nobody waits'
unlike "$scratch/section" 'pending' '... all are sent'

# inode, pages
section inodes
like "$scratch/section" '^'"$conn"' +[0-9]+ +0x[0-9a-f]+ +file +65536 +16 +1 +4 .*/a$' 'fuse-inodes: 16 pages, 1 dirty, 4 copies'
section inode
like "$scratch/section" '^  size 65536' 'fuse-inode: size'
like "$scratch/section" 'WRITEs queued: 0' '... nothing queued'
like "$scratch/section" 'open files that can write its pages: 1' '... one writer'
section pages
if [ "$copies" = yes ]; then
	like "$scratch/section" '^       0 TTT\.\.T\.\.D\.\.\.\.\.\.\.$' 'fuse-pages: copies of 0-2 and 5 in flight, 8 dirty'
else
	like "$scratch/section" '^       0 WWW\.\.W\.\.D\.\.\.\.\.\.\.$' 'fuse-pages: 0-2 and 5 under writeback, 8 dirty'
fi
# by kpageflags: a page with a copy in flight is a clean one
flags=$(grep -m 1 '^[-.DLW?!]\{16\}$' "$scratch/out")
shown=$(sed -n 's/^ *0 \([-.A-Z?]*\)$/\1/p' "$scratch/section" | tr T .)
# (UML of 6.1 has no flags of the last pages of its memory)
told=$(awk -v shown="$shown" -v flags="$flags" 'BEGIN {
	for (n = 1; n <= 16; n++)
		printf "%s", substr(flags, n, 1) == "!" ? "!" : substr(shown, n, 1)
}')
is "$told" "$(echo "$flags" | tr - .)" '... as /proc/kpageflags has it'
unlike "$scratch/out" '^!{16}$' '... of some pages, at least'

# bdi, dirty: debugfs counts in kB
section bdi
pages() { echo $(($(told "$1") / 4)); }
like "$scratch/section" "^bdi $(told bdi), FUSE connection $conn on /mnt/fuse" 'bdi: its name and mount'
like "$scratch/section" "pages: dirty $(pages bdi_BdiReclaimable), under writeback $(pages bdi_BdiWriteback)[ ;]" '... dirty and writeback as in debugfs'
like "$scratch/section" "dirtied $(pages bdi_BdiDirtied), written $(pages bdi_BdiWritten)" '... dirtied and written'
if [ "$copies" = yes ]; then
	like "$scratch/section" '\(4 are temporary copies\)' '... 4 temporary copies'
else
	unlike "$scratch/section" 'temporary' '... no temporary copies'
fi
like "$scratch/section" 'max_ratio 1 %, strict limit on' '... ratios'
strict=1
grep -q ' bdi_set_strict_limit$' "build/$NAME/obj/System.map" || strict= # 6.1 has no such knob
is "$(sed -n 's/^max_ratio=//p' "$scratch/out")" "1 strict=$strict" '... as in sysfs'
near() { # within 2 %: memory moves between the guest's look and ours
	awk -v a="$1" -v b="$2" 'BEGIN { d = a > b ? a - b : b - a; exit !(d <= 2 + b / 50) }'
}
near "$(sed -n 's/.*its threshold \([0-9]*\) pages.*/\1/p' "$scratch/section")" "$(pages bdi_BdiDirtyThresh)"
ok $? "... its threshold ($(pages bdi_BdiDirtyThresh))"
near "$(sed -n 's/.*of the global \([0-9]*\) .*/\1/p' "$scratch/section")" "$(pages bdi_DirtyThresh)"
ok $? "... the global one ($(pages bdi_DirtyThresh))"
near "$(sed -n 's/.*(background \([0-9]*\)).*/\1/p' "$scratch/section")" "$(pages bdi_BackgroundThresh)"
ok $? "... the background one ($(pages bdi_BackgroundThresh))"
section dirty
temp=$(told vmstat_nr_writeback_temp)
like "$scratch/section" "dirty $(told vmstat_nr_dirty), under writeback $(told vmstat_nr_writeback), temporary copies ${temp:--}; dirtied $(told vmstat_nr_dirtied), written $(told vmstat_nr_written)\$" \
	'dirty: the counts of /proc/vmstat'
in_flight=vmstat_nr_writeback
[ "$copies" = no ] || in_flight=vmstat_nr_writeback_temp
is "$(told $in_flight)" 4 '... 4 pages in flight'
like "$scratch/section" "^$(told bdi) +1 +4 +[0-9]+ +1 +yes" "... and the bdi's line"

# pretty-printers
section print
like "$scratch/section" 'FUSE nodeid [0-9]+ \(/a\) = \{' 'print *fi: what it is'
like "$scratch/section" 'pages_in_flight = 0-2 5' '... pages in flight'
like "$scratch/section" 'WRITE of page writeback, FUSE nodeid [0-9]+ \(/a\) = \{' 'print *wpa'
like "$scratch/section" 'WRITE unique [0-9]+ nodeid [0-9]+ offset [0-9]+ size [0-9]+ = \{' 'print *req'
like "$scratch/section" 'flags = (ISREPLY )?BACKGROUND WAITING SENT' '... flags by name'
like "$scratch/section" 'FUSE nodeid [0-9]+ \(/a\) page 8 at' 'print *folio'
like "$scratch/section" 'flags = .*uptodate dirty' '... flags by name'

# 4096 pages
section many
like "$scratch/section" '4096 pages cached, size 16777216' 'fuse-pages: 4096 pages'
like "$scratch/section" 'D dirty: 1: 7$' '... one dirty'
awk -F= '/_seconds=/ && $2 > 1 { bad = 1 } END { exit bad }' "$scratch/section"
ok $? "... in a second: $(grep _seconds= "$scratch/section" | tr '\n' ' ')"
done_testing
