#!/bin/sh
# A phase of the build is one line: its name and its time. Minutes of a blank screen make
# people press ctrl-C, so one that takes long shows that it lives; and what shows it must
# not outlive the phase.
set -u
. tests/host/lib
log=$scratch/phase.log

try uml/phase quick something "$log" echo said
tried 0 'a quick phase'
is "$(sed 's/ *[0-9.]* s$//' "$scratch/err")" '  quick    something' '... is one line'
is "$(cat "$log")" said '... what it says is in its log'
try uml/phase slow something "$log" sleep 3
is "$(wc -l <"$scratch/err")" 2 'a slow one has a line more'
like "$scratch/err" "^  slow +something +\.\.\. +\($log\)\$" '... which names the log'
like "$scratch/err" '^  slow +something +[3-9][0-9.]* s$' '... and the last one has the time'
try uml/phase bad something "$log" sh -c 'echo why; exit 7'
tried 7 'the status is that of the command'
like "$scratch/err" '^ +\| why$' '... the tail of the log is shown'

# script: a terminal
try script -qec "uml/phase slow something '$log' sleep 4" /dev/null
tried 0 'on a terminal'
tr '\r' '\n' <"$scratch/out" >"$scratch/lines"
like "$scratch/lines" '^  slow +something +[23] s$' '... the seconds are counted'
is "$(wc -l <"$scratch/out")" 1 '... on one line'
grep '^  slow' "$scratch/lines" | tail -n 1 >"$scratch/last"
like "$scratch/last" ' [0-9]+\.[0-9] s$' '... and the time is what stays'

# killed, on a terminal that stays
script -qec "uml/phase killed something '$log' sleep 60; sleep 60" /dev/null >/dev/null 2>&1 &
script=$!
# shellcheck disable=SC2317 # called by await
begun() { phase=$(pgrep -f "^/bin/sh uml/phase killed something $log") && clocks; }
# shellcheck disable=SC2317
clocks() { pgrep -f "syscall 157.* $phase killed " >/dev/null; }
await begun
ok $? 'a phase has a clock'
sleeper=$(pgrep -P "$phase" -x sleep)
kill -9 "$phase"
# shellcheck disable=SC2317
gone() { ! clocks; }
await gone
ok $? '... that ends with it when it is killed'
kill "$sleeper" $script 2>/dev/null
done_testing
