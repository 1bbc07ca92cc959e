#!/bin/sh
# Not everybody's checkout is ~/src/fuse-uml, with the shell in it: called from elsewhere,
# in a folder that has an umlaut, or a blank, which kbuild refuses after minutes; in one
# that must stay as it is. And a test run that is told to end leaves nothing running.
# shellcheck disable=SC2016,SC2317 # the guest's shell expands it; await calls it
set -u
. tests/host/lib
here=$(pwd)
export DEPS=no
verb() { # make's arguments, for the kernel that is tested
	# shellcheck disable=SC2086 # words
	try make --no-print-directory $tested "$@"
}
loop='for i in 1 2; do echo $i; done'

cd / || exit
verb -C "$here" run CMD="$loop"
tried 0 'make -C, from elsewhere'
is "$(tr '\n' ' ' <"$scratch/out")" '1 2 ' '... what was asked for'
try "$here/uml/run" --kernel "$kernel" -- echo hi
is "$status $(cat "$scratch/out")" '0 hi' '... uml/run, too'
ln -s "$here/uml/run" "$scratch/fuse-run"
try "$scratch/fuse-run" --kernel "$kernel" -- echo hi
is "$status $(cat "$scratch/out")" '0 hi' '... by a link to it'
cd "$here" || exit

# Checkouts of other names; what is built already stands in for what would be built
checkout() { # name
	mkdir "$scratch/$1"
	cp -a Makefile uml fs-image kernel-patches tests "$scratch/$1/"
}
# a build folder of its own, with links to the kernels: programs that another path makes
# due are made there, and not under the feet of the tests beside this one
lend() { # folder
	mkdir "$1/build"
	for entry in "$here"/build/*; do
		case ${entry##*/} in
		bin | run | log | rootfs.cpio* | test-*) ;;
		*) ln -s "$entry" "$1/build/" ;;
		esac
	done
	cp -a "$here/build/bin" "$here/build/rootfs.cpio" "$1/build/"
}
checkout 'größer-日本'
lend "$scratch/größer-日本"
verb -C "$scratch/größer-日本" run CMD="$loop"
tried 0 'a path that is not ASCII'
is "$(tr '\n' ' ' <"$scratch/out")" '1 2 ' '... what was asked for'
try env BREAK=fuse_statfs CMD='stat -f /mnt/fuse' "$scratch/größer-日本/uml/gdb/debug" "$kernel" "$image"
tried 0 '... and gdb'
like "$scratch/out" '^stopped in fuse_statfs' '... stops there'

for name in 'a blank' 'a:colon'; do
	checkout "$name"
	verb -C "$scratch/$name" run CMD=true
	tried 2 "a path with ${name% *} in it"
	like "$scratch/err" "a blank or a colon.*$name.* make O=<folder>" '... is refused, with the way out'
	is "$(ls -A "$scratch/$name")" "$(printf 'Makefile\nfs-image\nkernel-patches\ntests\numl')" '... and nothing made'
done

# O=
mkdir "$scratch/o"
lend "$scratch/o"
: >"$scratch/now"
verb -C "$scratch/a blank" O="$scratch/o" run CMD="$loop"
tried 0 'O=, another folder, does it'
is "$(tr '\n' ' ' <"$scratch/out")" '1 2 ' '... what was asked for'
verb -C "$scratch/a blank" O="$scratch/o" gdb BREAK=fuse_statfs CMD='stat -f /mnt/fuse'
tried 0 '... gdb, too'
hang='gate drop getattr; stat /mnt/fuse'
told='^The server withholds a reply: GETATTR .*the gate has dropped it'
verb -C "$scratch/a blank" O="$scratch/o" why CURE=no CMD="$hang"
like "$scratch/out" "$told" '... make why, with a command'
"$scratch/o/uml/run" --kernel "$kernel" --mem $mem --wall-clock -- sh -c "$hang" >"$scratch/guest" 2>&1 &
guest=$!
hung() { grep -q 'Run /init' "$scratch"/o/build/run/*/console; } # that of no other guest
await hung 2>/dev/null
verb -C "$scratch/a blank" O="$scratch/o" why
for _ in 1 2 3 4 5 6 7 8 9; do
	grep -q "$told" "$scratch/out" || verb -C "$scratch/a blank" O="$scratch/o" why
done
like "$scratch/out" "$told" '... of the guest that runs there'
kill $guest
wait $guest
try "$scratch/o/uml/run" --compare '' --kernel "$kernel" --mem $mem -- true
like "$scratch/out" '^the two runs are the same' '... uml/run --compare'
is "$(find "$scratch/a blank" -newer "$scratch/now")" '' '... and the checkout has nothing new'
mkdir "$scratch/from-nothing"
verb -C "$scratch/a blank" O="$scratch/from-nothing" image
tried 0 'make image O='
[ -f "$scratch/from-nothing/build/rootfs.cpio" ]
ok $? '... makes it there'
is "$(find "$scratch/a blank" -newer "$scratch/now")" '' '... and nothing in the checkout'

# A test run that is told to end
own_top
mkdir "$top/build/$NAME"
ln -s "$kernel" "$top/build/$NAME/linux"
cp "$image" "$top/build/rootfs.cpio"
mark=left-behind-${scratch##*-}
cat >"$top/tests/host/hangs.sh" <<-EOF
	. tests/host/lib
	setsid sh -c 'exec sleep 1000 $mark' 2>/dev/null &
	setsid perl -e 'sleep 1000' $mark &
	run --wall-clock --append mark=$mark -- sleep 1000
EOF
# (what make test does once all is built)
{
	echo 'all:'
	grep 'SUPERVISE.*tests/suite' Makefile tests/*.mk | sed 's/.*\$(SUPERVISE)/	@exec env NAME=$(NAME) build\/bin\/supervise/; s/tests\/suite.*/tests\/suite 1 1 0 tests\/host\/hangs.sh/'
} >"$top/recipe"
running() { pgrep -f "$mark" >/dev/null; }
up() { grep -q 'Run /init' "$top"/build/run/*/console; }
over() { ! running && [ -z "$(ls -d "$top"/build/test-* "$top"/build/run/* 2>/dev/null)" ]; }
for signal in TERM INT KILL; do
	# a process group of its own, as on a terminal; KILL: of make's process alone
	(cd "$top" && exec perl -e "$own_group" make -f recipe NAME="$NAME") >"$scratch/out" 2>&1 &
	group=$!
	await up 2>/dev/null
	ok $? "a test run, SIG$signal" || remark "$scratch/out"
	case $signal in
	KILL) kill -KILL "$group" ;;
	*) kill "-$signal" "-$group" ;;
	esac
	wait "$group" 2>/dev/null
	await over
	ok $? '... leaves no process and no file' || {
		pgrep -a -f "$mark" | cut -c 1-150 | sed 's/^/#   /' >&2
		find "$top/build" -maxdepth 2 -newer "$scratch/now" | sed 's/^/#   /' >&2
	}
done
done_testing
