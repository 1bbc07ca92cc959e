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
like "$kept/log.txt" '^ +[0-9.]+ held +WRITE +unique=[0-9]+ node=2 off=0 size=4096 writepage' '... and the log of requests, up to the last'
like "$kept/log.txt" '^ +[0-9.]+ < +LOOKUP .*name=a .*error=ENOENT' '... with names and errors'
command -v dot >/dev/null && {
	like "$kept/report.html" '<svg' '... and the picture, in the page'
	unlike "$kept/report.html" 'src="|href="http' '... which needs nothing else'
}
open() {
	try uml/gdb/open "$1" "${2:-$kernel}"
}
# Elsewhere: this repository and linux, nothing else of this machine's
elsewhere=$(mktemp -d)
# shellcheck disable=SC2317 # called by the trap of tests/host/lib
at_end() { rm -rf "$elsewhere"; }
mkdir "$elsewhere/clone" "$elsewhere/clone/build" "$elsewhere/nothing"
cp -r uml "$elsewhere/clone/"
cp "$kernel" "$elsewhere/linux"
cp -r "$kept" "$elsewhere/kept"
if unshare -rm true 2>/dev/null; then
	# shellcheck disable=SC2016 # its shell's
	try unshare -rm sh -c 'mount --bind "$1/nothing" "$2" && cd "$1/clone" && exec uml/gdb/open ../kept ../linux' sh "$elsewhere" "$PWD"
	tried 0 'a copy elsewhere, with this tree out of sight, opens'
	is "$(grep '^The server withholds' "$scratch/out")" "$sentence" '... and says the same'
	waits="fuse_set_nowrite .* at fs/fuse/$nowrite"
	[ "$copies" = yes ] || waits='__filemap_fdatawait_range .* at mm/filemap.c'
	like "$scratch/out" "$waits:[0-9]" '... with its stacks'
	no_traceback
else
	skip 'a copy elsewhere, with this tree out of sight' 'no namespaces here'
fi

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

# Left by the launcher itself
left() { # status, what, what verdict.txt begins with, options and command
	want=$1 what=$2 says=$3
	shift 3
	rm -rf "$scratch/left"
	run --keep "$scratch/left" "$@"
	tried "$want" "$what"
	like "$scratch/err" "^uml/run: kept: $scratch/left/report.html, make open RUN=$scratch/left\$" '... is kept, and said to be'
	head -n 1 "$scratch/left/verdict.txt" >"$scratch/first"
	like "$scratch/first" "$says" '... for what it is'
	[ -s "$scratch/left/core.zst" ] && [ -s "$scratch/left/console.txt" ]
	ok $? '... with its memory and its console'
	[ "$(find "$scratch/left" -size +64M | wc -l)" -eq 0 ]
	ok $? '... which is not large'
}
hang='gate hold write; act /mnt/fuse/a open:8 store:0 fsync'
left 124 'a hang' '^The server withholds a reply: WRITE' -- sh -c "$hang"
is "$(cat "$scratch/left/command.txt")" "sh -c $hang" '... with its command'
left 126 'a panic' '^the kernel reported: Kernel panic - not syncing: sysrq triggered crash' -- sh -c "$hang & sleep 1; echo c >/proc/sysrq-trigger"
like "$scratch/left/verdict.txt" '^The server withholds a reply: WRITE' '... and what hung at that moment'
like "$scratch/left/running.txt" 'sysrq_handle_crash .* at drivers/tty/sysrq.c' '... and who ran'
open "$scratch/left"
tried 0 '... opens'
like "$scratch/out" '^the kernel reported: Kernel panic' '... and says what it was'
left 126 'a WARNING' '^the kernel reported: WARNING: like this' -- sh -c 'echo "WARNING: like this" >/dev/kmsg'
left 124 'one without an end' '^no end after 3 s' --timeout 3 --wall-clock --append explore.waits=1:99999:1 -- sleep 1000
like "$scratch/left/kernel.txt" 'explore.waits=1:99999:1' '... with the kernel'\''s words, a schedule among them'
run --keep "$scratch/left" -- true
tried 125 'a folder that is there'
like "$scratch/err" 'left: it is there already' '... is refused'
rm -rf "$scratch/left"
run --keep "$scratch/left" --no-core -- sh -c "$hang"
tried 124 '--no-core'
[ -s "$scratch/left/report.html" ] && [ ! -e "$scratch/left/core.zst" ]
ok $? '... leaves out the memory'
rm -rf "$scratch/left"
run --keep "$scratch/left" -- sh -c 'exit 3'
tried 3 'what only fails'
[ ! -e "$scratch/left" ]
ok $? '... leaves nothing'
share=$scratch/shared
mkdir "$share"
run --keep "$scratch/left" --share "$share:rw" -- sh -c 'echo x >/mnt/share/a && chmod 600 /mnt/share/a && stat -c %a /mnt/share/a && ! chmod 600 /proc/self/maps'
tried 0 'with a share, too'
has 600
ok $? '... in which modes can be changed'

# make run keeps by itself, the five newest
own_top
for n in 1 2 3 4 5 6; do
	mkdir -p "$top/build/kept/old-$n"
	touch -d "2020-01-0$n" "$top/build/kept/old-$n"
done
try env -C "$top" CMD="$hang" uml/session "$kernel" "$image"
tried 124 'make run, and a hang'
like "$scratch/err" '^uml/run: kept: build/kept/[0-9-]*/report.html, make open RUN=build/kept/' '... is kept'
is "$(find "$top/build/kept" -mindepth 1 -maxdepth 1 | wc -l)" 5 '... with four older ones'
[ -d "$top/build/kept/old-6" ] && [ ! -d "$top/build/kept/old-2" ]
ok $? '... the newest of them'
try env -C "$top" uml/gdb/open '' "$kernel"
tried 0 'make open takes the newest'
like "$scratch/out" '^The server withholds a reply: WRITE' '... and says why'
try env -C "$top" KEEP=no CMD="$hang" uml/session "$kernel" "$image"
tried 124 'KEEP=no'
unlike "$scratch/err" 'kept: ' '... keeps nothing'

try tests/repro nonsense
tried 2 'a bug that is none'
like "$scratch/err" "no bug 'nonsense': .*m2" '... is named, with those there are'
try env PID=1 uml/gdb/why "$kernel" "$image"
tried 2 'a process that is no guest'
no_traceback
done_testing
