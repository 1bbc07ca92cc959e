#!/bin/sh
# fio writes and verifies checksums on the mount, by each engine: system calls, a
# shared mapping, Linux AIO, io_uring. Then each file has to be the same at the server.
#
# By the host's clock: fio measures the clock before it starts, which takes ten
# seconds where each look at the clock moves it by a microsecond.
set -u
. tests/host/lib
engines='psync mmap libaio io_uring'

# shellcheck disable=SC2034 # for real
clock=--wall-clock
# shellcheck disable=SC2016,SC2086 # the guest's shell expands these; words are words
real fio '
cat >/tmp/job <<JOB
[global]
directory=/mnt/fuse
size=1m
bsrange=4k-16k
rw=randwrite
randseed=1
verify=crc32c
verify_fatal=1
fsync=32
end_fsync=1
iodepth=8
thread
stonewall
JOB
# one after the other, so that one that is refused does not stop the rest
for engine; do
	{ cat /tmp/job; printf "[%s]\nioengine=%s\n" $engine $engine; } >/tmp/job.$engine
	fio --output-format=terse /tmp/job.$engine
	echo "status $engine $?"
	cmp /mnt/fuse/$engine.0.0 /srv/fuse/$engine.0.0 && echo "same $engine"
done
' $engines

for engine in $engines; do
	if [ "$VARIANT/$engine" = before/mmap ]; then
		! has "status $engine 0" && grep -q 'No such device' "$scratch/out"
		ok $? 'the mapping is refused' || remark "$scratch/out"
	elif grep -q -i "engine $engine not loadable\|$engine.*Function not implemented" "$scratch/out"; then
		skip "$engine" 'neither fio nor the guest has it'
	else
		has "status $engine 0" && has "same $engine"
		ok $? "$engine: checksums are right, the server has the same" ||
			grep "$engine" "$scratch/out" | cut -c 1-200 | sed 's/^/# /' >&2
	fi
done
tried 0 'the guest is well'
done_testing
