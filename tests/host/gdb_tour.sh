#!/bin/sh
# `make tour` explains three paths of the kernel at 17 stops. Explanations rot first:
# each stop also checks that what it tells is so, and this runs them all.
set -u
. tests/host/gdb-lib
case $NAME in
patched*) ;;
*)
	echo '1..0 # SKIP the tour tells of the patched kernel'
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
try uml/gdb/tour "$kernel" "$image" 4
tried 2 'there is no part 4'
like "$scratch/err" 'PART=4: there are 1, 2 and 3' '... said so'
done_testing
