#!/bin/sh
# Virtual time has traps that look like kernel bugs: a guest that runs out of memory spun
# for ever, as the OOM reaper's two seconds never passed; a file written a second after
# another had the same second. (Another one stays: computing takes no time, so `timeout` in
# the guest ends what sleeps, and uml/run --timeout what does not.)
# shellcheck disable=SC2016 # the guest's shell expands it
set -u
. tests/host/lib

# The victim waits, unkillable, for a server that needs the memory it holds
small=64M
[ $mem = 256M ] || small=160M
mem=$small
LIMIT=200 run --timeout 150 -- sh -c 'exec dd if=/dev/zero of=/mnt/fuse/f bs=$(($(sed -n "s/^MemTotal: *\([0-9]*\).*/\1/p" /proc/meminfo) * 450))  count=2'
tried 137 'a guest out of memory ends, its command killed'
like "$scratch/err" 'the guest had no memory left .--mem gives it more.: Out of memory: Killed process [0-9]+ .dd' '... which is said'
run -- sh -c 'dd if=/dev/zero of=/mnt/fuse/f bs=1M count=200'
tried 1 'a server that is full'
like "$scratch/err" 'No space left on device' '... says so first'

mem=256M
[ $small = 64M ] || mem=512M
run -- sh -c 'cd /tmp; for i in 1 2 3 4 5; do touch a; sleep 1; touch b; echo $(($(stat -c %Y b) - $(stat -c %Y a))); done; sleep 0.004; for i in 1 2 3; do touch a; sleep 1; touch b; echo $(($(stat -c %Y b) - $(stat -c %Y a))); done'
is "$(tr '\n' ' ' <"$scratch/out")" '1 1 1 1 1 1 1 1 ' 'sleep 1 moves the second of a file'\''s times'
run -- timeout 10 sleep 100
tried 143 'timeout ends what sleeps'
LIMIT=60 run --timeout 2 -- timeout 10 sh -c 'while :; do :; done'
tried 124 '... uml/run --timeout what computes'
done_testing
