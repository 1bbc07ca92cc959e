#!/bin/sh
# The guest's programs and the tests themselves are made by rules of a few lines, which go by
# "newer", too: server.c put back by mv keeps its old time, and the guest goes on running
# what was tried out before; a header that is gone is missed by nobody.
set -u
. tests/host/lib
own_top
mkdir -p "$top/build/patched/src/tools/testing/selftests"
cp "build/$NAME/obj/source/tools/testing/selftests"/kselftest*.h "$top/build/patched/src/tools/testing/selftests/"
cd "$top" || exit
find . -type f -exec touch -d '5 minutes ago' {} +
harness=build/patched/src/tools/testing/selftests/kselftest_harness.h
test=tests/guest/truncate/waits_for_held_write.c

made() {
	try make --no-print-directory -o config -o linux image test-programs T=truncate/waits_for_held_write VARIANT=patched DEBUG= DEPS=no
}
# a program holds the mark of its source
mark() { # file, word
	printf '\nstatic const char %s[] __attribute__((used)) = "mark-%s";\n' "mark_$2" "$2" >>"$1"
}
holds() { # program, words or nothing
	is "$(grep -o -a 'mark-[a-z]*' "$1" | sort -u | tr '\n' ' ')" "$2" "$3"
}

made
tried 0 'all programs'
made
is "$(cat "$scratch/out" "$scratch/err")" '' '... then nothing is due'
test_program=build/patched/tests/truncate/waits_for_held_write
for pair in fs-image/init.c:build/bin/init fs-image/fuse-server.c:build/bin/fuse-server \
	fs-image/gate/client.c:build/bin/gate $test:$test_program tests/lib/sandbox.c:$test_program; do
	source=${pair%:*} program=${pair#*:}
	cp -p "$source" "$scratch/orig"
	mark "$source" edit
	made
	holds "$program" 'mark-edit ' "an edit of $source"
	cp -p "$scratch/orig" "$source"
	made
	holds "$program" '' '... that is reverted, with the old time'
done
mark fs-image/init.c old
touch -d 2001-01-01 fs-image/init.c
made
holds build/bin/init 'mark-old ' 'an edit after the clock was set back'
mark $harness harness
made
holds $test_program 'mark-harness ' "an edit of the kernel's harness"
mark fs-image/gate/gate.h gate
made
holds build/bin/gate 'mark-gate ' 'a header: the gate'
holds $test_program 'mark-gate mark-harness ' '... and the test'
grep -q -a mark-gate build/rootfs.cpio
ok $? '... and the image'
rm build/bin/act $test_program
made
[ -x build/bin/act ] && [ -x $test_program ]
ok $? 'programs that are gone are made again'
mv fs-image/gate/gate.h "$scratch/gate.h"
made
[ "$status" -ne 0 ] && grep -q 'gate\.h' "$scratch/err"
ok $? 'a header that is gone is missed' || remark "$scratch/err"
done_testing
