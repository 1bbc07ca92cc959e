#!/bin/sh
# fsx is believed when it says that a file is right, and its log when it says that one is
# not. So: it notices one wrong byte, cuts the run down to what matters, and the log fails
# again in the same way. Here the wrong bytes are those of another file, given as the
# server's.
set -u
. tests/host/lib

# shellcheck disable=SC2016 # the guest's
run -- sh -c '
	cd /tmp
	printf x | tee /srv/fuse/other >/srv/fuse/other.min
	fsx -N 300 -S 5 --server /srv/fuse/other -P /tmp /mnt/fuse/f >out 2>&1
	echo "status $?"
	cat out
	fsx --no-minimize -q --replay f.fsxmin --server /srv/fuse/other /mnt/fuse/f >again 2>&1
	echo "again $?"
	sed "s/^/again: /" again
	grep -c "^[a-z]" f.fsxmin'
tried 0 'fsx with a server that has another file'
like "$scratch/out" '^status 1$' '... has status 1'
like "$scratch/out" '^fsx: DIFFERENCE at operation [0-9]+' '... says at which operation'
like "$scratch/out" '^fsx: minimal replay: [0-9]+ of [0-9]+ operations' '... cuts the run down'
like "$scratch/out" '^fsx: again: fsx --replay /tmp/f.fsxmin .*--server' '... says how to do it again'
like "$scratch/out" '^again 1$' 'which fails again'
like "$scratch/out" '^again: fsx: DIFFERENCE at operation [0-9]+' '... in the same way'

# the same seed, the same operations; another seed, others
# shellcheck disable=SC2016
run -- sh -c 'cd /tmp
	for seed in 1 1 2; do fsx -v -N 200 -S $seed /mnt/fuse/f | grep -v seed | md5sum; done'
like "$scratch/out" '^[0-9a-f]{32}' 'three runs'
is "$(sed -n 1p "$scratch/out")" "$(sed -n 2p "$scratch/out")" '... a seed is a run'
[ "$(sed -n 1p "$scratch/out")" != "$(sed -n 3p "$scratch/out")" ]
ok $? '... another seed another one'

# what is typed wrongly
# shellcheck disable=SC2016
run --no-fuse -- sh -c 'cd /tmp
	try() { "$@" >out 2>&1; echo "$? $(head -n 1 out)"; }
	try fsx
	try fsx a b
	try fsx -N many f
	try fsx -N 0 f
	try fsx --ops read,wirte f
	try fsx -q --ops read f
	try fsx --procs 99 f
	try fsx --replay none f
	try fsx --log-dir /none f
	try fsx --colour f
	try shared-mapping -b 100 f
	try shared-mapping -s 5X f
	try shared-mapping
	fsx --help | grep -c "^  [a-z]* .* [a-z]"
	shared-mapping --help | tail -n 1'
line() {
	sed -n "$1p" "$scratch/out" >"$scratch/line"
	like "$scratch/line" "^$2" "$3"
}
line 1 '2 fsx: which FILE\?' 'no file'
line 2 "2 fsx: one FILE, please: 'b' is another" 'two'
line 3 "2 fsx: -N: 'many' is not a number" 'not a number'
line 4 '2 fsx: -N: 0 is not within 1' 'a number out of range'
line 5 "2 fsx: --ops: no operation 'wirte'" 'no such operation'
line 6 '2 fsx: the file would stay empty' 'operations that lead to nothing'
line 7 '2 fsx: --procs: 99 is not within' 'too many processes'
line 8 '2 fsx: --replay: none: No such file' 'no such log'
line 9 '2 fsx: --log-dir: /none: No such file' 'no such folder'
line 10 "2 .*fsx: unrecognized option '--colour'" 'no such option'
line 11 '2 shared-mapping: -b: 100 is not a power of two' 'shared-mapping: a bad block'
line 12 "2 shared-mapping: -s: '5X' is not a number" '... a bad size'
line 13 '2 shared-mapping: which FILE\?' '... no file'
line 15 '  truncate ' '--help ends with the operations'
done_testing
