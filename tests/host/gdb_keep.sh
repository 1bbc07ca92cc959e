#!/bin/sh
# A hang that was kept is opened by somebody else, days later: it must show what it showed,
# and what is not it must be refused in a line.
set -u
. tests/host/gdb-lib
unset CMD KEEP CORE CURE STACKS FIRST
[ "$VARIANT" != before ] || {
	echo '1..0 # SKIP no page writeback in this kernel'
	exit 0
}
[ "$mem" = 256M ] || {
	echo '1..0 # SKIP the core of a guest with KASAN is too large'
	exit 0
}
command -v zstd >/dev/null || {
	echo '1..0 # SKIP no zstd to compress the core'
	exit 0
}

kept=$scratch/kept
try env CURE=no KEEP="$kept" MEM=96M CMD='gate hold write; act /mnt/fuse/a open:8 store:0 fsync' uml/gdb/why "$kernel" "$image"
tried 124 'a hang, kept'
sentence=$(grep '^The server withholds' "$scratch/out")
missing=
for file in verdict.txt graph.dot report.html console.txt requests.txt command.txt hashes.txt core.zst stacks.txt; do
	[ -s "$kept/$file" ] || missing="$missing $file"
done
is "${missing:-none}" none 'verdict, graph, page, console, requests, command, hashes, core, stacks: what is missing'
like "$kept/command.txt" '^gate hold write; act' 'the command is there'
command -v dot >/dev/null && {
	like "$kept/report.html" '<svg' '... and the picture, in the page'
	unlike "$kept/report.html" 'src="|href="http' '... which needs nothing else'
}
open() {
	try uml/gdb/open "$1" "${2:-$kernel}"
}
open "$kept"
tried 0 'it opens'
is "$(grep '^The server withholds' "$scratch/out")" "$sentence" '... and says the same, from the core'
no_traceback
try env CURE=no KEEP="$kept" CMD=true uml/gdb/why "$kernel" "$image"
tried 2 'a folder that is there is not written over'

refused() { # folder, what is said
	open "$1" "${3-}"
	tried 2 "refused: $2"
	like "$scratch/err" "$2" '... said so'
	[ "$(grep -c . "$scratch/err")" -eq 1 ]
	ok $? '... in one line' || remark "$scratch/err"
}
refused /nonexistent 'no such folder'
refused "$scratch" 'not what was kept of a guest'
cp "$kernel" "$scratch/other" && echo >>"$scratch/other"
refused "$kept" 'is of another kernel' "$scratch/other"
cp -r "$kept" "$scratch/damaged"
head -c 100000 "$kept/core.zst" >"$scratch/damaged/core.zst"
refused "$scratch/damaged" 'core.zst is damaged'
echo 'no core' | zstd -q -f -o "$scratch/damaged/core.zst"
refused "$scratch/damaged" 'holds no core'
rm "$scratch/damaged/core.zst"
refused "$scratch/damaged" 'kept without the guest.s memory'
try tests/repro nonsense
tried 2 'a bug that is none'
like "$scratch/err" "no bug 'nonsense': .*m2" '... is named, with those there are'
try env PID=1 uml/gdb/why "$kernel" "$image"
tried 2 'a process that is no guest'
no_traceback
done_testing
