#!/bin/sh
# "It hung last night, on another machine. Where was this WRITE queued?" A guest that was kept has
# all that its run was told; make open AGAIN=1 makes the run again, up to where it was kept,
# and goes back from there.
set -u
. tests/host/gdb-lib
unset AGAIN

command -v zstd >/dev/null || {
	echo '1..0 # SKIP no zstd to keep a guest with'
	exit 0
}
setarch -R true 2>/dev/null || {
	echo '1..0 # SKIP setarch -R is refused here (seccomp of a container?): addresses differ from run to run'
	exit 0
}
[ "$VARIANT" != before ] || {
	echo '1..0 # SKIP no page writeback in this kernel'
	exit 0
}
[ -z "$no_core" ] || {
	echo '1..0 # SKIP the core of a guest with KASAN is too large'
	exit 0
}
kept=$scratch/kept
echo 'a file that the run was given' >"$scratch/given"
echo 'cat /tests/given; gate hold write >/dev/null; act /mnt/fuse/a open:2 store:0 fsync' >"$scratch/stdin"
timeout 200 uml/run --kernel "$kernel" --initrd "$image" --mem $mem --keep "$kept" --add "$scratch/given" \
	-- sh -s <"$scratch/stdin" >"$scratch/out" 2>"$scratch/err"
status=$?
tried 124 'a run that hangs, its command from stdin, and is kept'
tick=$(cat "$kept/tick.txt")

cat >"$scratch/script" <<-'END'
	python
	from fuseuml.travel import clock
	print("tick=%d" % clock.ticks())
	end
	uml-ps blocked
	fuse-life 2:0
	goto $tick("goes to the request queue")
	python
	print("in=%s" % gdb.newest_frame().name())
	end
	goto 99999999
END
again() {
	try env AGAIN=1 SCRIPT="$scratch/script" uml/gdb/open "$@"
}
waits=fuse_set_nowrite
[ "$copies" = yes ] || waits=__filemap_fdatawait_range
again "$kept" "$kernel"
is "$(told tick)" "$tick" 'the run is made again, up to the tick at which it was kept'
like "$scratch/out" '^a file that the run was given$' '... with its files and what it read'
like "$scratch/out" '^[0-9]+ +[0-9]+ +act +D.* '"$waits " 'act hangs there, as it did'
is "$(told in)" fuse_send_writepage 'and back to where its WRITE was queued'
like "$scratch/err" 'goto: tick 99999999 is not reached: the guest stands still at tick [0-9]+, all its tasks wait' 'a tick that a guest that hangs never comes to'
no_traceback

# bad input
printf 'goto 5\n' >"$scratch/script"
# shellcheck disable=SC2016 # sh expands it
try sh -c 'zstd -q -d "$1/core.zst" -o "$2/core" && gdb -q -nx -batch -ix uml/gdb/early.py "$3" "$2/core" -x uml/gdb/fuse-uml.py -x "$2/script"' sh "$kept" "$scratch" "$kernel"
like "$scratch/err" 'goto: a core is one moment: .* make open AGAIN=1' 'goto on the core says what to do instead'
rm "$kept/image.zst"
again "$kept" "$kernel"
tried 2 'kept without what the run was told'
like "$scratch/err" 'AGAIN: .* was kept without' '... is said'
rm "$kept/tick.txt"
again "$kept" "$kernel"
tried 2 'kept of a run by the host clock'
like "$scratch/err" "AGAIN: .* the host's clock" '... is said'
done_testing
