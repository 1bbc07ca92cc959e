#!/bin/sh
# What a developer sees of a test that fails: which scenario, where, what was expected and
# what came, and the lines to type next. FAILED=1 runs those again and no others. And what
# is typed as CMD reaches the guest's shell as it was typed.
set -u
. tests/host/lib
# a step may build the image and the supervisor, on a busy host
LIMIT=400
real=$(realpath "build/$NAME")
repo=$(realpath "$(git -C "build/$NAME/src" rev-parse --git-common-dir)")
case $NAME in
ksrc-*)
	echo '1..0 # SKIP the kernel is not one of our own variants'
	exit 0
	;;
esac
# what is made is not made again
own_top ./bin ./rootfs.cpio "$NAME/tests/lib"
cd "$top" || exit
mkdir -p "build/$NAME"
ln -s "$real/linux" "build/$NAME/"
cp -a "$real/.configured" "build/$NAME/"
ln -s "$repo" build/
case $NAME in
*-debug)
	# the source is the variant's, and its object folder lies there
	mkdir -p "build/$VARIANT"
	ln -s "${real%-debug}/src" "${real%-debug}/obj-debug" "build/$VARIANT/"
	;;
*) ln -s "$real/src" "$real/obj" "build/$NAME/" ;;
esac
m() {
	# shellcheck disable=SC2086 # words
	try make --no-print-directory DEPS=no $tested "$@"
}

mkdir tests/guest/example
cat >tests/guest/example/fails.c <<'EOF2'
// SPDX-License-Identifier: GPL-2.0-only
/*
 * Z1: an example.
 */
#include "scenario.h"

static void helper(struct user *user)
{
	EXPECT_EQ(PAGE, server_size("f"));
	DO(user, CLOSE, 99);
}

SCENARIO(numbers)
{
	OPEN(u, "f", O_RDWR | O_CREAT);
	EXPECT_TRUE(busy(u));
	EXPECT_FALSE(!busy(u));
	EXPECT_LE(7, GATE_NUMBER("count seen write"));
	EXPECT_STREQ("a", "b");
	EXPECT_DO(0, u, SIZE, 98);
	helper(u);
}

SCENARIO(held)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT);

	GATE("hold write");
	begin(u, WRITE, fd, 0, 1, 'a');
	GATE("wait write");
	EXPECT_BLOCKED(u, "fuse_page_mkwrite");
}

SCENARIO(good)
{
	outcome("works");
}

TEST_HARNESS_MAIN
EOF2
cp tests/guest/example/fails.c tests/guest/example/passes.c
sed -i '/^SCENARIO(numbers)/,/^}$/d; /^SCENARIO(held)/,/^}$/d; /^static void helper/,/^}$/d' tests/guest/example/passes.c
sed -i 's/Z1/Z2/' tests/guest/example/passes.c

m -n test T=example
tried 0 'make -n test'
[ ! -e "build/$NAME/tests/example/fails" ]
ok $? '... makes nothing'
m test T=Z2
tried 0 'one of a subject, the first'
m test T=example
tried 2 'a test that fails'
here=tests/guest/example/fails.c
like "$scratch/out" "^# $here:16: numbers: expected true, got false: busy\(u\)\$" 'file, line, scenario; what was expected comes first'
like "$scratch/out" "^# $here:17: numbers: expected false, got true: !busy\(u\)\$" '... EXPECT_FALSE'
like "$scratch/out" "^# $here:18: numbers: expected at least 7, got 0: " '... EXPECT_LE'
like "$scratch/out" "^# $here:19: numbers: expected 'a', got 'b'\$" '... EXPECT_STREQ'
like "$scratch/out" "^# $here:20: numbers: expected 0, got -9: .*SIZE, 98" '... EXPECT_DO'
like "$scratch/out" "^# $here:20: numbers: that is Bad file descriptor\$" '... an errno in words'
like "$scratch/out" "^# $here:9: numbers: expected PAGE \(4096\), got 0: server_size" '... in a function that the scenario calls'
like "$scratch/out" "^# $here:10: numbers: expected at least 0, got -9: .*CLOSE, 99" '... an action that must go well'
like "$scratch/out" "^# $here:31: held: not in fuse_page_mkwrite: S .*request_wait_answer" '... where it is instead'
unlike "$scratch/out" '\(null\)|already in use' 'an assertion that fails leaves the guest clean'
like "$scratch/out" "^# again: make test T=example/fails $tested" 'the line to run it again'
like "$scratch/out" "^# under gdb: make gdb T=example/fails $tested.* BREAK=fuse_page_mkwrite\$" 'the line to debug it'
like "$scratch/out" '^summary: .* files=2 tests=4 failed-files=1 .* result=FAIL$' 'the last line counts'
like "build/$NAME/results/example/fails.tap" '^# outcome: works$' 'the results are kept'
sed -i 's/outcome("works")/outcome("works again")/' tests/guest/example/passes.c
m -n test T=Z2
m test T=Z2
like "build/$NAME/results/example/passes.tap" '^# outcome: works again$' 'make -n takes nothing for made'

m test FAILED=1
tried 2 'FAILED=1'
like "$scratch/out" '^summary: .* files=1 tests=3 ' '... runs what failed, and nothing else'
m test FAILED=1 T=passes
tried 0 '... within what T= picks'
like "$scratch/out" '^FAILED=1: none of these tests failed' '... says when there is nothing'
cp tests/guest/example/passes.c tests/guest/example/fails.c
m test FAILED=1
tried 0 '... which passes now'
m test FAILED=1
like "$scratch/out" '^FAILED=1: none of these tests failed' '... and is not run again'

# a test of the tools
cat >tests/host/zz_fails.sh <<'EOF2'
#!/bin/sh
set -u
. tests/host/lib
# a step may build the image and the supervisor, on a busy host
LIMIT=400
ok 0 'fine'
is 1 2 'one is two'
run -- false
tried 0 'false is true'
done_testing
EOF2
m test T=zz_fails
tried 2 'a test of the tools that fails'
like "$scratch/out" 'failed check 2: one is two$' '... names the check'
like "$scratch/out" '^# +expected 2$' '... with what was expected'
like "$scratch/out" '^# +expected status 0, got 1;' '... or which status'
like "$scratch/out" '^# again: make test T=zz_fails' '... and how to run it again'

printf '  %s:\n    elapsed: %s\n' tests/host/act.sh 1.5 tests/guest/example/fails.c 10.25 tests/host/phase.sh 9 >"$scratch/state"
is "$(tests/choose --longest "$scratch/state" tests/guest/example/passes.c tests/host/act.sh tests/host/phase.sh tests/guest/example/fails.c tests/host/zz_fails.sh |
	sed 's/.*\///' | tr '\n' ' ')" 'zz_fails.sh fails.c phase.sh act.sh passes.c ' 'what took longest starts first, and what is not known before it'

# shellcheck disable=SC2016 # for the guest's shell
m run CMD='for i in 1 2; do echo "$i $((i + 1))" '"'it is'"'; done; exit 7'
is "$(cat "$scratch/out")" "1 2 it is
2 3 it is" 'what CMD has of $ and quotes arrives as typed'
is "$status" 2 '... make itself ends with 2'
like "$scratch/err" '^  guest +exit 7 ' '... and the status is shown'
done_testing
