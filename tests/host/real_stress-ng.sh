#!/bin/sh
# stress-ng's stressors of files and mappings on the mount, with its own verifying.
# Fixed numbers of operations, so that a run is as long as the last one.
set -u
kernel=build/${NAME:-${VARIANT:-patched}}/linux
command -v stress-ng >/dev/null || {
	echo '1..0 # SKIP stress-ng is not installed'
	exit 0
}

# shellcheck disable=SC2016 # the guest's shell expands these
out=$(./uml/run --kernel "$kernel" --mem 512M --host-root -- sh -c '
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
' 2>&1)
status=$?

n=0
result() { # status that is 0 for ok, description, stressor
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		printf '%s\n' "$out" | grep -e "$3" | sed 's/^/# /'
	fi
}
good() { # stressor: it did its operations, nothing failed, no file is left
	printf '%s\n' "$out" | grep -q "^$1: .*successful run completed" &&
		! printf '%s\n' "$out" | grep -q "^$1: \(fail\|error\|.*finished prematurely\)" &&
		printf '%s\n' "$out" | grep -q -x "left by $1: "
}

echo 1..5
result $status 'the guest is well' .
for stressor in hdd mmap msync fault; do
	case ${VARIANT:-patched}/$stressor in
	before*/mmap | before*/msync | before*/fault)
		# it says so and does nothing, which it calls a success
		printf '%s\n' "$out" | grep -q "^$stressor: .*\(gave up trying to mmap\|No such device\)"
		result $? "$stressor: the mapping is refused" "$stressor"
		continue
		;;
	esac
	good $stressor
	result $? "$stressor: verified" "$stressor"
done
