#!/bin/sh
# More CPUs than one: what nothing that lets tasks run in turn can show. It costs virtual time,
# and with it everything that is exact, so who asks for both is told. With make test SMP=2
# KERNEL=7.3 random operations run on two CPUs here, and every byte is checked.
# shellcheck disable=SC2016 # the guest's shell expands these
set -u
. tests/host/lib

refused() { # options, words, what
	# shellcheck disable=SC2086 # words
	run $1 -- true
	tried 125 "$3"
	like "$scratch/err" "$2" '... so said'
}
refused '--smp two' '--smp two: not a number of CPUs' 'a number of CPUs that is none'
case $NAME in
*-smp*) ;;
*)
	refused '--smp 2' '--smp 2: .*/linux is for one CPU: make linux SMP=2 KERNEL=7.3' 'two CPUs for a kernel that is for one'
	skip 'two CPUs' 'this kernel is for one: make test SMP=2 KERNEL=7.3'
	done_testing
	;;
esac

refused '--smp 99' 'has at most 8 CPUs' 'more CPUs than the kernel can have'
refused '--virtual-time' 'several CPUs have the host.s time' 'virtual time'
refused '--ticks' '--smp and --ticks: with several CPUs no two runs have the same ticks' 'ticks'
refused "--coverage $scratch/edges" '--smp and --coverage' 'coverage'
refused '--smp 1' 'this kernel has no virtual time: --wall-clock' 'virtual time with one CPU of such a kernel'

run -- sh -c 'nproc; grep -c ^processor /proc/cpuinfo; stat -f -c %T /mnt/fuse'
tried 0 "$SMP CPUs"
is "$(sed -n 1,2p "$scratch/out" | tr '\n' ' ')" "$SMP $SMP " '... are there'

# two that only compute, for a second of the host's clock: each has a CPU to itself
run -- sh -c 'for n in 1 2; do timeout 1 sh -c "while :; do :; done" & done; wait
	awk "/^cpu[0-9]/ && \$2 + \$4 >= 50 { n++ } END { print n + 0 }" /proc/stat'
tried 0 'two that compute'
is "$(tail -n 1 "$scratch/out")" 2 '... have a CPU each'

run -- sh -c 'for n in 1 2; do
		fsx -q -S $n -N 2000 -o 8K -l 64K --ops read,write,truncate --server /srv/fuse/$n /mnt/fuse/$n &
		all="${all-} $!"
	done
	for one in $all; do wait $one || exit; done'
tried 0 'fsx twice, without mappings'
is "$(grep -c ' ok$' "$scratch/out")" 2 '... every byte is right' || remark "$scratch/out"

# flush_tlb_page() ends when the other CPU cannot store any more to what it took away
cc -static -O2 -o "$scratch/smp_user" tests/host/smp_user.c || exit 1
run --add "$scratch/smp_user" -- /tests/smp_user store /mnt/fuse/f /srv/fuse/f 300
tried 0 'stores to a page that another CPU makes clean'
run --add "$scratch/smp_user" -- /tests/smp_user read /mnt/fuse/f /srv/fuse/f 3000
tried 0 'read(2) into it'
run --add "$scratch/smp_user" -- /tests/smp_user futex /mnt/fuse/f /srv/fuse/f 300000
tried 0 'a word that a futex operation adds to, and another CPU'
# Stock's faults come about here within seconds: where somebody else opens the file, or stores to
# the page, what write(2) is writing is lost (R12, R10). So either no write(2), or neither of
# these. And no mapeof (A19)
run -- sh -c 'fsx -q -N 1000 --procs 3 -o 8K -l 64K --ops -mapeof,-write,-writemap --server /srv/fuse/x /mnt/fuse/x &&
	fsx -q -N 1000 --procs 3 -o 8K -l 64K --ops -mapeof,-reopen,-mapwrite,-readmap --server /srv/fuse/z /mnt/fuse/z &&
	shared-mapping -q -N 1500 -s 4M --procs 4 --server /srv/fuse/y /mnt/fuse/y'
tried 0 'fsx, with stores and with write(2), and shared-mapping'
is "$(grep -c ' ok$' "$scratch/out")" 3 '... every byte is right' || remark "$scratch/out"
done_testing
