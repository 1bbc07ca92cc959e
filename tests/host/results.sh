#!/bin/sh
# A farm reads JUnit XML or JSON, not a terminal. In it must be what failed, with the line to
# type that repeats it; and what never ran must not look as if it had passed. A person
# instead wants to stand where it failed, and look around.
# shellcheck disable=SC2016,SC2317 # perl's variables, the guest's; called by their names
set -u
. tests/host/lib
LIMIT=400
real=$(realpath "build/$NAME")
repo=$(realpath "$(git -C "build/$NAME/src" rev-parse --git-common-dir)")
case $NAME in
ksrc-* | *-debug)
	echo '1..0 # SKIP tried on the variants, without DEBUG'
	exit 0
	;;
esac
# what is made is not made again
own_top ./bin ./rootfs.cpio "$NAME/tests/lib"
cd "$top" || exit
mkdir -p "build/$NAME"
ln -s "$real/linux" "$real/src" "$real/obj" "build/$NAME/"
cp -a "$real/.configured" "build/$NAME/"
ln -s "$repo" build/
m() {
	# shellcheck disable=SC2086 # words
	try make --no-print-directory DEPS=no $tested "$@"
}

rm -rf tests/guest/[!l]* tests/host/[!l]*
mkdir -p tests/guest/example
cat >tests/guest/example/fails.c <<'EOF2'
// SPDX-License-Identifier: GPL-2.0-only
/*
 * Z1: an example.
 */
#include "scenario.h"

SCENARIO(bad)
{
	OPEN(u, "f", O_RDWR | O_CREAT);
	GATE("hold write");
	EXPECT_EQ(1, 2);
	EXPECT_EQ(3, 4);
}

SCENARIO(good)
{
	outcome("works & <does>");
}

TEST_HARNESS_MAIN
EOF2
sed '/SCENARIO(bad)/,/^}/d' tests/guest/example/fails.c >tests/guest/example/passes.c
printf '%s\n' '#!/bin/sh' 'echo "ok 1 - a door # SKIP no key"' 'echo 1..1' >tests/host/skips.sh
printf '%s\n' '#!/bin/sh' 'echo "ok 1 - begun"' 'echo why >&2' 'exit 3' >tests/host/stops.sh

m test RESULTS=r JOBS=1
tried 2 'tests that fail'
xml=r/junit.xml
count() { grep -c "$@"; }
is "$(count '<testsuite ' $xml)" 4 'JUnit XML has each file'
is "$(count '<testcase ' $xml)" 5 '... and each test that ran'
is "$(count '<failure ' $xml)" 1 '... what failed'
like $xml 'message="Dubious, test returned 3' '... what ended with a status'
sed -n '/<failure /,/<.failure>/p' $xml >"$scratch/failure"
like "$scratch/failure" "^# again: make test T=example/fails( |\$)" '... how to repeat it'
like "$scratch/failure" '^# under gdb: make gdb T=example/fails ' '... how to see it in gdb'
like "$scratch/failure" 'fails.c:11: bad: expected 1, got 2' '... and what was wrong'
like $xml '^# why' 'what a test of the tools has said is there'
like $xml ' time="[0-9.]+[1-9]' '... and what it took'
command -v python3 >/dev/null && {
	python3 -c 'import sys, xml.etree.ElementTree as e; e.parse(sys.argv[1])' $xml 2>"$scratch/err"
	ok $? 'it is XML' || remark "$scratch/err"
}
json() { # expression of perl, of the record of the first file with that name
	perl -MJSON::PP -e 'local $/; open F, "<", "r/results.json"; $all = decode_json(<F>);
		($_) = grep { $_->{file} =~ $ARGV[0] } @{ $all->{files} }; print eval $ARGV[1]' "$1" "$2"
}
is "$(json . '$all->{failed}')" 2 'JSON: two files failed'
is "$(json fails '$_->{result}')" fail '... this one'
is "$(json fails '$_->{tests}[0]{name} . $_->{tests}[0]{result}')" fuse.badfail '... by this test'
is "$(json fails '$_->{again}[0]' | cut -d' ' -f1-3)" 'make test T=example/fails' '... which this repeats'
is "$(json passes '$_->{result} . $_->{status}')" pass0 'one passed'
is "$(json passes '$_->{outcome}[0]')" 'works & <does>' '... and said what it saw'
is "$(json skips '$_->{tests}[0]{result} . $_->{tests}[0]{why}')" 'skipno key' 'one was skipped, and why'
is "$(json stops '$_->{result} . $_->{status}')" fail3 'one gave a status, after tests that passed'

again=$(json fails '$_->{again}[0]')
# shellcheck disable=SC2086 # words
try env DEPS=no $again
tried 2 'the command of the failure repeats it'
like "$scratch/out" '^summary: .* files=1 tests=2 failed-files=1 ' '... and nothing else'

# what did not run
rm -rf r "build/$NAME/results/example/passes.tap"
try tests/results "$NAME" r tests/guest/example/passes.c
is "$(json passes '$_->{result} . $_->{status}')" fail125 'what was not run has not passed'
like $xml 'message="not ok 1 - was not run"' '... in XML neither'
mkdir -p half/junit.xml.new
try tests/results "$NAME" half tests/guest/example/passes.c
[ "$status" -ne 0 ]
ok $? 'where it cannot be written the status tells'

# until it fails
printf '%s\n' '#!/bin/sh' "echo x >>$scratch/runs" "[ \$(wc -l <$scratch/runs) -lt 4 ] && echo 'ok 1' || echo 'not ok 1'" 'echo 1..1' >tests/host/fourth.sh
m test T=fourth UNTIL_FAIL=1
tried 2 'UNTIL_FAIL=1 ends when it fails'
like "$scratch/out" '^summary: .* runs=4 .* result=FAIL' '... in the fourth run, here'

# where it fails
if command -v script >/dev/null; then
	mkfifo "$scratch/keys"
	: >"$scratch/screen"
	shown() { tr -d '\r' <"$scratch/screen" | grep -q -E "$1"; }
	script -q -f -c "make --no-print-directory DEPS=no $tested test T=Z1 SHELL_ON_FAIL=1" "$scratch/screen" \
		<"$scratch/keys" >/dev/null 2>&1 &
	exec 8>"$scratch/keys"
	at_end() { exec 8>&-; }
	await shown 'stopped here: '
	ok $? 'SHELL_ON_FAIL=1: it stops' || remark "$scratch/screen"
	await shown '~ # '
	echo 'cat /proc/$PPID/comm; date +%s; sleep 1; date +%s; cat /proc/uptime' >&8
	await shown '^fails$'
	ok $? '... in a shell within the test' || remark "$scratch/screen"
	await shown '^[1-9][0-9]*\.[0-9]+ [0-9.]+$'
	ok $? '... whose clock goes' || remark "$scratch/screen"
	tr -d '\r' <"$scratch/screen" | sed -n '/stopped here/,$p' | grep -q '^[1-9][0-9][0-9][0-9]*\.[0-9]* '
	is $? 1 '... but does not fly'
	later() { tr -d '\r' <"$scratch/screen" | sed -n '/stopped here/,$p' | grep -q "$1"; }
	later 'bad: expected 3, got 4'
	is $? 1 '... before what comes next in it'
	# a long stay, for which that clock has to go faster
	echo 'for p in $(pidof fails); do [ "$(cut -d" " -f41 /proc/$p/stat)" != 5 ] || kill $p; done; sleep 700; echo awa""ke; exit' >&8
	await later '^awake'
	ok $? '... after as long a stay as one likes' || remark "$scratch/screen"
	await later 'bad: expected 3, got 4'
	ok $? '... which comes when the shell ends' || remark "$scratch/screen"
	echo exit >&8
	await later 'make: .* Error'
	ok $? '... and then the end' || remark "$scratch/screen"
	later 'Test terminated by timeout'
	is $? 1 '... not by the limit for a test'
	exec 8>&-
else
	skip 'SHELL_ON_FAIL=1: it stops' 'no script(1) to make a terminal'
fi
try uml/run --kernel "$kernel" --initrd "$image" --terminal -- true
tried 125 'uml/run --terminal without one'
like "$scratch/err" '^uml/run: --terminal: ' '... says so'
done_testing
