#!/bin/sh
# An exploration of hours on a terminal: how far is it? Ctrl-C, and all is lost.
# shellcheck disable=SC2154,SC2317 # of tests/host/lib; await calls it
set -u
. tests/host/lib
can_explore
command -v script >/dev/null || {
	echo '1..0 # SKIP no script(1) to make a terminal'
	exit 0
}
setarch -R true 2>/dev/null || {
	echo '1..0 # SKIP setarch -R is refused here (seccomp of a container?): addresses differ from run to run'
	exit 0
}
program=build/$NAME/tests/explore/last_writer screen=$scratch/screen runs=$scratch/found/last_writer-portfolio.runs
explore="build/bin/explore --kernel $kernel --image $image --places $scratch/places --out $scratch/found --stop 0 --quick"
tests/explore/places "$kernel" "$scratch/places"
shown() { tr '\r' '\n' <"$screen" | grep -q -E "$1"; }

: >"$screen"
mkfifo "$scratch/keys"
# exec: a shell in between that script(1) keeps (dash, where SHELL is not set) dies of Ctrl-C
timeout 120 script -q -f -e -c "exec $explore --batch 5 --seeds 1-5000 $program" "$screen" <"$scratch/keys" >/dev/null 2>&1 &
session=$!
exec 8>"$scratch/keys"
await shown '^[0-9]+ runs, [0-9.]+/s, [0-9]+ failed, [0-9]+ different; [0-9]+ pairs of places, [0-9]+ new in the last tenth'
ok $? 'a terminal shows how far it is' || remark "$screen"
printf '\003' >&8
wait $session
tried_status=$?
exec 8>&-
[ $tried_status -le 1 ]
ok $? 'Ctrl-C ends it when the guests under way have ended' || remark "$screen"
done=$(tr '\r' '\n' <"$screen" | sed -n 's/.*last_writer: \([0-9]*\) runs in .*; interrupted.*/\1/p')
[ "${done:-0}" -gt 0 ] && [ "$done" -lt 5000 ]
ok $? "... and says that it was interrupted, after ${done:-no} runs" || remark "$screen"
is "$(grep -c -v '^#' "$runs")" "$done" '... all of which are kept'

more=$((done + 20)) had=$(awk -v more=$((done + 20)) '!/^#/ && $1 <= more' "$runs" | wc -l)
# shellcheck disable=SC2086 # words
try $explore --batch 5 --resume --seeds "1-$more" "$program"
like "$scratch/out" ": $((more - had)) runs in" 'RESUME=1 makes those that are left'
is "$(awk -v more=$more '!/^#/ && $1 <= more { print $1 }' "$runs" | sort -un | wc -l)" "$more" '... and each one is there'
# no terminal: no such lines
unlike "$scratch/out" 'runs, [0-9.]+/s,' 'a file gets the end only'
done_testing
