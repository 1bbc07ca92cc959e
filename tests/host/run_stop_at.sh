#!/bin/sh
# "Where in the run is that, and can I see it there?": uml/run tells how many ticks a command had, ends
# at one that it is told, keeps the guest as it is there, and says when a second run may
# differ.
set -u
. tests/host/lib

setarch -R true 2>/dev/null || {
	echo '1..0 # SKIP setarch -R is refused here (seccomp of a container?): addresses differ from run to run'
	exit 0
}
store='act /mnt/fuse/a open:2 store:0 fsync'
# no page can become dirty there
[ "$VARIANT" != before ] || store='act /mnt/fuse/a open:2 pwrite:0 fsync'
# shellcheck disable=SC2086 # words
run --ticks -- $store
tried 0 'a command whose ticks are told'
count=$(sed -n 's/^uml\/run: ticks: \([0-9]*\)$/\1/p' "$scratch/err")
[ "${count:-0}" -gt 10000 ]
ok $? "... $count"
# shellcheck disable=SC2086 # words
run --ticks -- $store
is "$(cat "$scratch/err")" "uml/run: ticks: $count" '... and the same again, with no other word'
run --ticks -- sh -c "$store; exit 7"
tried 7 'the status is the command'"'"'s'

tick=$((count / 2))
# shellcheck disable=SC2086 # words
run --stop-at $tick --keep "$scratch/kept" $no_core -- $store
tried 0 'a run that ends at a tick'
like "$scratch/err" "^uml/run: stopped at tick $tick: [a-z-]+\[[0-9]+\] in [a-z_]+ " "... says where: $(sed -n 's/.*stopped at //p' "$scratch/err")"
if command -v zstd >/dev/null; then
	is "$(cat "$scratch/kept/tick.txt")" $tick '... and is kept there'
else
	skip 'kept' 'no zstd'
fi

# bad input, and what cannot be
# shellcheck disable=SC2086 # words
run --stop-at 99999999 -- $store
tried 125 'a tick behind the end'
like "$scratch/err" "no such tick, the command's last one: ticks: $count" '... which is told'
for bad in 0 -1 nonsense; do
	run --stop-at $bad -- true
	tried 125 "--stop-at $bad"
	like "$scratch/err" "--stop-at $bad: not a tick, of which the first is 1" '... says what it wants'
done
run --stop-at 5 --wrap time -- true
tried 125 '--stop-at and --wrap'
run --wall-clock --ticks -- true
like "$scratch/err" "^uml/run: --ticks: a second run may have other ticks, by the host's clock$" 'a run that is not the same each time: the clock'
run --host-root --share "$scratch" --ticks -- true
like "$scratch/err" 'may have other ticks, by --share, --host-root$' '... and files of the host'
mkdir "$scratch/bin"
printf '#!/bin/sh\nexit 1\n' >"$scratch/bin/setarch"
chmod +x "$scratch/bin/setarch"
try env PATH="$scratch/bin:$PATH" uml/run --kernel "$kernel" --initrd "$image" --ticks -- true
like "$scratch/err" 'may have other ticks, by addresses \(setarch -R is refused here\)$' '... and a host that keeps its addresses random'
run --host-root -- true
is "$(cat "$scratch/err")" '' 'who does not ask for ticks is told nothing'

# What is random, and what a fresh program finds in its registers, is the same each time. The clock
# of the CPU (rdtsc) and its random numbers (rdrand) cannot be kept from a program. What it says of
# itself (cpuid) is the same, but for which CPU it is
gcc -O1 -static -o "$scratch/fresh" tests/host/fresh.c || exit
for _ in 1 2 3; do
	run --add "$scratch/fresh" -- sh -c "$store; /tests/fresh registers | md5sum; head -c 64 /dev/urandom | md5sum; cat /proc/sys/kernel/random/boot_id"
	cat "$scratch/out" >>"$scratch/same"
	run --add "$scratch/fresh" -- /tests/fresh clock
	cat "$scratch/out" >>"$scratch/clock"
	run --add "$scratch/fresh" -- /tests/fresh random
	cat "$scratch/out" >>"$scratch/random"
	run --add "$scratch/fresh" -- sh -c '/tests/fresh cpuid | md5sum'
	cat "$scratch/out" >>"$scratch/cpuid"
done
is "$(wc -l <"$scratch/same") $(sort -u "$scratch/same" | wc -l)" '9 3' 'registers of a fresh program, urandom, the boot id: the same three times'
is "$(sort -u "$scratch/clock" | wc -l)" 3 'rdtsc is not, as the documents say'
if [ -s "$scratch/random" ]; then
	is "$(sort -u "$scratch/random" | wc -l)" 3 '... nor is rdrand'
else
	skip 'rdrand' 'this CPU has none'
fi
is "$(wc -l <"$scratch/cpuid") $(sort -u "$scratch/cpuid" | wc -l)" '3 1' 'cpuid is, but for the number of the CPU'
done_testing
