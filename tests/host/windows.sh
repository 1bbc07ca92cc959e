#!/bin/sh
# Race windows, from the files in tests/windows: each holds tasks at exact places while others
# go on, and says what must be so afterwards. An order that never came about has shown
# nothing: then the file fails.
set -u
. tests/host/gdb-lib
if [ "$VARIANT" = before ]; then
	echo '1..0 # SKIP no page can become dirty on this kernel'
	exit 0
fi

for file in tests/windows/*.window; do
	title=$(sed -n '1s/^# //p' "$file")
	on=$(sed -n 's/^# On: //p' "$file")
	[ "${on:-$VARIANT}" = "$VARIANT" ] || {
		skip "$title" "of $on only"
		continue
	}
	case ${file##*/},$clears in
	r5-*,no)
		skip "$title" 'this kernel never clears them: no order is needed (eof/stale_bytes_past_eof)'
		continue
		;;
	esac
	needs=$(sed -n 's/^# Needs: //p' "$file")
	[ -z "$needs" ] || nm "$kernel" | grep -q " $needs\$" || {
		skip "$title" "this kernel has no $needs()"
		continue
	}
	try uml/gdb/window "$kernel" "$image" "$file" --mem $mem
	tried 0 "$title"
done

# What must not pass for a window that holds
window() {
	printf '# test\nguest\n\tas one /mnt/fuse/f open:1 pwrite:0 fsync\n\techo end=$?\n%s\n' "$1" >"$scratch/window"
	try uml/gdb/window "$kernel" "$image" "$scratch/window" --mem $mem
}
window 'reach one at fuse_fsync'
tried 0 'a place that is reached'
window 'reach nobody at fuse_fsync'
tried 1 'a place that no task of this name comes to'
like "$scratch/err" 'window:5: place not reached: reach nobody at fuse_fsync' '... is named'
window 'reach one at fuse_fsync
reach one at fuse_file_write_iter'
tried 1 'places in the wrong order'
window 'hold one at fuse_fsync until one at fuse_flush'
tried 1 'what cannot come'
like "$scratch/err" "window:5: what it waits for did not come in 60 s of the guest's clock: hold one at fuse_fsync" '... is told'
printf '# test\nguest\n\twhile :; do :; done\n' >"$scratch/window"
try uml/gdb/window "$kernel" "$image" "$scratch/window" --mem $mem --timeout 3
tried 1 'a guest that computes for ever'
like "$scratch/err" '^uml/run: no end after 3 s' '... ends at the limit, and that is told'
window 'hold one at fuse_fsync until other is gone
expect end=1'
tried 1 'an expectation that does not hold'
like "$scratch/err" 'expected end=1, got end=0' '... is named, with what came'
window 'hold one at fuse_fsync until one at no_such_function'
tried 1 'a function that the kernel has not'
like "$scratch/err" 'window:5: this kernel has no function no_such_function' '... is named'
window 'reach one at fuse_fsync "no such text"'
tried 1 'text that no line has'
like "$scratch/err" "'no such text' is on 0 lines of fuse_fsync" '... is named'
window 'hold one'
tried 1 'half a line'
like "$scratch/err" 'not understood: hold one' '... is named'
window 'holt one at fuse_fsync for 3 ticks'
tried 2 'a word that is none'
like "$scratch/err" '5:holt one' '... is named'
no_traceback
done_testing
