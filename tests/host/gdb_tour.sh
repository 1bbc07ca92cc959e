#!/bin/sh
# `make tour` explains paths of the kernel at 24 stops. Explanations rot first:
# each stop also checks that what it tells is so, and this runs them all.
set -u
. tests/host/gdb-lib
case $NAME,$copies in
patched*) ;;
*,no)
	# what is otherwise there the tour tells, too
	;;
*)
	echo '1..0 # SKIP the tour tells of the patched kernel, and of those without temporary copies'
	exit 0
	;;
esac

for part in 1 2 3; do
	try uml/gdb/tour "$kernel" "$image" $part
	tried 0 "part $part"
	like "$scratch/out" "^=== part $part is over: [4-9] stops, all as told" '... every stop is as told'
	unlike "$scratch/out" 'no source|No such file' '... with source lines'
	no_traceback
done
# back in time, from a hang: of a kernel with a bug, which it takes a while to build
case $NAME in
patched*) hangs=build/bugs/patched/m2/linux why='no kernel with the bug: make tour PART=4 builds it' ;;
*) hangs='' why='of the patched kernel, with a bug' ;;
esac
if [ -x "$hangs" ]; then
	# with its source, which all bugs share
	hangs=$(tests/repro --kernel m2) || exit
	like "$hangs" "Linux version [0-9.]+-patched-m2 " 'it says which bug it has'
	try uml/gdb/tour "$hangs" "$image" 4
	tried 0 'part 4'
	like "$scratch/out" "^=== part 4 is over: 7 stops, all as told" '... every stop is as told'
	no_traceback
else
	skip 'part 4' "$why"
fi
try uml/gdb/tour "$kernel" "$image" 4
tried 1 'part 4 on a kernel without the bug'
like "$scratch/err" 'part 4: 0 tasks hang, not 1: has this kernel the bug m2' '... says so'
try uml/gdb/tour "$kernel" "$image" 5
tried 2 'there is no part 5'
like "$scratch/err" 'PART=5: there are 1, 2, 3 and 4' '... said so'
done_testing
