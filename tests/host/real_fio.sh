#!/bin/sh
# fio writes and verifies checksums on the mount, by each engine: system calls, a
# shared mapping, Linux AIO, io_uring. Then each file has to be the same at the server.
#
# By the host's clock: fio measures the clock before it starts, which takes ten
# seconds where each look at the clock moves it by a microsecond.
set -u
kernel=build/${NAME:-${VARIANT:-patched}}/linux
command -v fio >/dev/null || {
	echo '1..0 # SKIP fio is not installed'
	exit 0
}
engines='psync mmap libaio io_uring'

# shellcheck disable=SC2016,SC2086 # the guest's shell expands these; words are words
out=$(./uml/run --kernel "$kernel" --mem 512M --wall-clock --host-root -- sh -c '
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
' sh $engines 2>&1)

n=0
result() { # status that is 0 for ok, description, engine
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		printf '%s\n' "$out" | sed -n "/^fio: .*$3\|$3/p" | cut -c 1-200 | sed 's/^/# /'
	fi
}
has() {
	printf '%s\n' "$out" | grep -q -x -e "$1"
}

echo 1..4
for engine in $engines; do
	case ${VARIANT:-patched}/$engine in
	before*/mmap)
		! has "status $engine 0" && printf '%s\n' "$out" | grep -q 'No such device'
		result $? 'the mapping is refused' mmap
		continue
		;;
	esac
	if printf '%s\n' "$out" |
		grep -q -i "engine $engine not loadable\|$engine.*Function not implemented"; then
		n=$((n + 1))
		echo "ok $n - $engine # SKIP neither fio nor the guest has it"
		continue
	fi
	has "status $engine 0" && has "same $engine"
	result $? "$engine: checksums are right, the server has the same" "$engine"
done
