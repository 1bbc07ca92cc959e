#!/bin/sh
# stress-ng's stressors of files and mappings on the mount, with its own verifying.
# Fixed numbers of operations, so that a run is as long as the last one.
set -u
. tests/host/lib

# shellcheck disable=SC2016 # the guest's shell expands these
real stress-ng '
cd /mnt/fuse
run() {
	name=$1
	shift
	stress-ng --temp-path /mnt/fuse --verify --metrics-brief --oomable --seed 1 "$@" 2>&1 |
		sed "s/^stress-ng: /$name: /"
	echo "left by $name: $(ls -A /mnt/fuse)"
}
run hdd   --hdd 2 --hdd-bytes 1m --hdd-ops 500 --hdd-opts sync,wr-rnd,rd-rnd,fadv-dontneed
run mmap  --mmap 1 --mmap-file --mmap-bytes 256k --mmap-ops 8
run msync --msync 2 --msync-bytes 1m --msync-ops 400
run fault --fault 1 --fault-ops 400
'
good() { # stressor: it did its operations, nothing failed, no file is left
	grep -q "^$1: .*successful run completed" "$scratch/out" &&
		! grep -q "^$1: \(fail\|error\|.*finished prematurely\)" "$scratch/out" &&
		has "left by $1: "
}

tried 0 'the guest is well'
for stressor in hdd mmap msync fault; do
	case $VARIANT/$stressor in
	before/mmap | before/msync | before/fault)
		# it says so and does nothing, which it calls a success
		like "$scratch/out" "^$stressor: .*(gave up trying to mmap|No such device)" "$stressor: the mapping is refused"
		;;
	*)
		good $stressor
		ok $? "$stressor: verified" || grep "$stressor" "$scratch/out" | sed 's/^/# /' >&2
		;;
	esac
done
done_testing
