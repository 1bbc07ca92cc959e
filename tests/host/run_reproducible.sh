#!/bin/sh
# A race that shows once in fifty runs and never again under the debugger: the usual end
# of a day with writeback. Here, the same kernel, image and command run the same way
# each time, byte for byte, on a busy host as well, so that what was seen once can be
# looked at again. Whatever lets the host's time, addresses, names or random numbers in breaks it.
# shellcheck disable=SC2016,SC2317 # the guest's shell expands it; the trap calls it
set -u
. tests/host/lib
own_top

setarch -R true 2>/dev/null || {
	echo '1..0 # SKIP setarch -R is refused here (seccomp of a container?): addresses differ from run to run'
	exit 0
}

traffic='
for job in 1 2 3; do
	(
		i=0
		while [ $i -lt 4 ]; do
			echo "$job $i $(cat /proc/uptime)" >>/mnt/fuse/log$job
			dd if=/bin/gate of=/mnt/fuse/data$job bs=3000 count=3 skip=$i seek=$((i * 2)) conv=notrunc 2>/dev/null
			cat /mnt/fuse/data* | md5sum >>/mnt/fuse/sums
			mv /mnt/fuse/data$job /mnt/fuse/moved$job; mv /mnt/fuse/moved$job /mnt/fuse/data$job
			i=$((i + 1))
		done
	) &
done
wait
sync
cat /mnt/fuse/sums /mnt/fuse/log*
ls -lni /srv/fuse
od -t x1 -N 16 /dev/urandom; cat /proc/sys/kernel/random/boot_id
cat /proc/vmstat /proc/interrupts /proc/self/maps
gate log
dmesg | tail -n 5
'
busy=''
at_end() {
	# shellcheck disable=SC2086 # a list
	[ -z "$busy" ] || kill $busy
	busy=''
}

for i in 1 2 3 4 5 6 7 8 9 10; do
	# quiet at first, then each core busy
	if [ $i -eq 4 ]; then
		for _ in $(seq "$(nproc)"); do
			# (given up after a minute and a half, should this test be killed)
			timeout 90 nice sh -c 'while :; do :; done' &
			busy="$busy $!"
		done
	fi
	# ... and quiet again
	[ $i -ne 8 ] || at_end
	run --log "$scratch/log.$i" -- sh -c "$traffic"
	[ $i -gt 1 ] || {
		tried 0 'traffic on the mount'
		like "$scratch/out" ' WRITE ' '... which the server has seen'
		is "$(grep -c '  -' "$scratch/out")" 12 '... all of it'
	}
	mv "$scratch/out" "$scratch/out.$i"
	cmp "$scratch/out.1" "$scratch/out.$i" >"$scratch/diff" && cmp "$scratch/log.1" "$scratch/log.$i" >>"$scratch/diff"
	ok $? "run $i has the output and the console of run 1" || {
		remark "$scratch/diff"
		diff "$scratch/out.1" "$scratch/out.$i" | head -n 5 | sed 's/^/#   /'
		diff "$scratch/log.1" "$scratch/log.$i" | head -n 5 | sed 's/^/#   /'
	}
done

# The test can see a difference
run --log "$scratch/log.0" --wall-clock -- sh -c "$traffic"
! cmp -s "$scratch/out.1" "$scratch/out"
ok $? 'by the host'\''s clock they differ'
done_testing
