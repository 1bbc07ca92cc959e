#!/bin/sh
# act is what tours, documents and tests touch files with. A verb that it misunderstands in
# silence would make them tell something that did not happen.
set -u
. tests/host/lib

# in one guest: each line of the script is one call, its status and what it said
cat >"$scratch/script" <<'EOF2'
act() { command act "$@" >/tmp/out 2>&1; echo "$? $(head -n 1 /tmp/out)"; }
cd /mnt/fuse
act f open:4 pwrite:0-3 fsync close
act f open:4 pwrite:1-2 pwrite:9 truncate:5000 drop
act f open:1 punch:0 kick sleep:1
act f
act f open
act f open:1 kick:1
act f open:x
act f open:1-
act f open:1 pwrite:3-1
act f open:1 shift:0
act f open:1 fsinc
act f fsync
act /no/such/file open:1
EOF2
run --add "$scratch/script" -- sh /tests/script
tried 0 'act in a guest'
line() { # number, what it must be, what
	sed -n "$1p" "$scratch/out" >"$scratch/line"
	like "$scratch/line" "^$2" "$3"
}
line 1 '0 $' 'verbs in order'
line 2 '0 $' '... behind the end, too'
line 3 '0 $' '... and those without a mapping'
line 4 '2 usage: act FILE VERB' 'no verb'
line 5 '2 act: open: a number is missing' 'a number is missing'
line 6 '2 act: kick:1: takes no number' 'a number too many'
line 7 '2 act: open:x: not a number' 'not a number'
line 8 '2 act: open:1-: not a number' '... nor half a range'
line 9 '2 act: pwrite:3-1: no such pages' 'a range that ends before it begins'
line 10 '1 act: shift:0: Invalid argument' 'no page before the first one'
line 11 '2 act: fsinc: no such verb' 'no such verb'
line 12 '1 act: fsync: Bad file descriptor' 'fsync comes before open'
line 13 '1 act: open:1: No such file or directory' 'no such file'

# through a mapping
run -- sh -c 'cd /mnt/fuse; act f open:2 store:0 flags:3; act f open:2 store:7; echo $?; act f open:2 fill:1; tail -c 1 /srv/fuse/f; act g open:3 fill:0-1 shift:1-2; tr -d "\0" </srv/fuse/g | tail -c 8192 | tr -s ab'
if [ "$VARIANT" = before ]; then
	like "$scratch/err" '^act: store:0: No such device$' 'store without a mapping'
else
	if has '!-'; then
		skip 'flags of a page that was stored to, and of one that was not touched' 'UML of 6.1 has no flags for the last pages of its memory'
	else
		like "$scratch/out" '^D-$' 'flags of a page that was stored to, and of one that was not touched'
	fi
	like "$scratch/err" '^act: store:7: Numerical result out of range$' 'a store past the mapping'
	has 'ba'
	ok $? 'fill reaches the last byte; shift copies page by page, as write(2) does'
fi
run -- act --help
tried 0 'act --help'
for verb in open store fill load pwrite shift punch kick fsync msync truncate drop sleep flags close; do
	grep -q "^  $verb" "$scratch/out" || echo "$verb"
done >"$scratch/missing"
[ ! -s "$scratch/missing" ]
ok $? '... names each verb' || remark "$scratch/missing"
done_testing
