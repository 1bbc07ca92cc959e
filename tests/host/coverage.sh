#!/bin/sh
# "All tests pass, and the line that was wrong had never run": what guests run of the kernel
# is kept, by test; lines, branches and pages are made of it; and SINCE picks the tests that run
# what has changed.
# shellcheck disable=SC2016 # the guest's shell expands these
set -u
. tests/host/lib
unset FUSE_UML_COVERAGE SINCE

case $NAME in
patched) ;;
*)
	echo '1..0 # SKIP looks for lines of the patched kernel'
	exit 0
	;;
esac
command -v genhtml >/dev/null || {
	echo '1..0 # SKIP lcov is not installed'
	exit 0
}
name=${scratch##*/}
kept=build/$name/coverage
src=build/patched/src obj=build/patched/obj
mkdir -p "$kept/tests"
before=$(git -C "$src" rev-parse before)
traffic='act /mnt/fuse/a open:2 store:0-1 fsync'
run --coverage "$kept/tests/plain" --trace "$scratch/trace" -- sh -c "$traffic"
tried 0 'a guest whose blocks are kept'
run --coverage "$kept/tests/fails" -- sh -c "gate fail EINTR write; $traffic; true"
tried 0 'one with a WRITE that fails'
cp "$kept/tests/plain" "$scratch/first"
run --coverage "$kept/tests/plain" -- sh -c "$traffic"
cmp -s "$kept/tests/plain" "$scratch/first"
ok $? 'the same once more adds nothing'

# each tick of a trace is a block that was kept
cat >"$scratch/blocks" <<-'END'
	python
	import array, sys
	words, ticks = array.array("Q"), array.array("I")
	words.frombytes(open(sys.argv[1] if len(sys.argv) > 1 else "first", "rb").read())
	ticks.frombytes(open("trace", "rb").read())
	blocks = {w & 0xffffffff for w in words[2:]}
	traced = set(ticks[0::2])
	print("traced=%d missing=%d" % (len(traced), len(traced - blocks)))
	end
END
try sh -c 'cd "$1" && gdb -q -nx -batch -x blocks' sh "$scratch"
like "$scratch/out" '^traced=[0-9]{3,} missing=0$' "each block that ticked was kept: $(grep traced "$scratch/out")"

try tests/coverage "$name" "$src" "$obj" "$kernel" "$before"
tried 0 'coverage of the two'
like "$scratch/out" '^tests: 2$' '... both count'
like "$scratch/out" '^the change: lines [0-9]+ of [0-9]+ ' "... $(grep '^the change' "$scratch/out")"
[ -s "$kept/html/index.html" ] && [ -s "$kept/html/fs/fuse/file.c.gcov.html" ]
ok $? '... and pages'
line=$(grep -n -F 'if (error == -EINTR' "$src/fs/fuse/file.c" | cut -d: -f1)
hits() { # line of file.c: was it run by the two?
	awk -F '[:,]' -v line="$1" '
		/^TN:/ { test = $2 }
		/^SF:/ { file = /\/file\.c$/ }
		/^DA:/ && file && $2 == line { seen[test] = $3 }
		END { print seen["tests_plain"] seen["tests_fails"] }' "$kept/coverage.info"
}
is "$(hits "$line") $(hits $((line + 1)))" '11 01' 'a condition was met by one of them, the line behind it run by the other'
branches=$(awk -F '[:,]' -v line="$line" '
	/^TN:/ { test = $2 }
	/^SF:/ { file = /\/file\.c$/ }
	/^BRDA:/ && file && $2 == line { seen[test] = seen[test] $5 }
	END { print seen["tests_plain"] " " seen["tests_fails"] }' "$kept/coverage.info")
[ "${branches% *}" != "${branches#* }" ]
ok $? "the outcomes of its condition differ: $branches"
lcov --rc check_data_consistency=0 --summary "$kept/coverage.info" >"$scratch/lcov" 2>&1
ok $? 'lcov reads it'
grep -q "$(printf '^tests/fails\tfs/fuse/file.c\t')" "$kept/touched"
ok $? 'what a test runs is kept for SINCE'

# of another kernel
cp "$kept/tests/plain" "$kept/tests/other"
printf '12345678' | dd of="$kept/tests/other" conv=notrunc 2>/dev/null
try tests/coverage "$name" "$src" "$obj" "$kernel" "$before"
like "$scratch/out" "^another kernel's: tests/other" 'a test that ran on another kernel does not count'
run --coverage "$kept/tests/other" -- true
tried 0 'its file is begun anew'
[ "$(head -c 8 "$kept/tests/other")" != 12345678 ]
ok $? '... by the next run'

# what has changed: a tree, and what is known of it
git init -q "$scratch/tree"
tree() {
	git -C "$scratch/tree" -c user.name=x -c user.email=x@localhost "$@"
}
mkdir -p "$scratch/tree/fs/fuse" "$scratch/known"
file=$scratch/tree/fs/fuse/file.c
seq -f 'line %g;' 100 >"$file"
tree add . && tree commit -qm one
tree rev-parse 'HEAD^{tree}' >"$scratch/known/tree"
{
	echo "SF:$(realpath "$scratch/tree")/fs/fuse/file.c"
	printf '%s\n' FN:10,one FN:50,two
	seq -f 'DA:%g,1' 10 30
	seq -f 'DA:%g,1' 50 70
} >"$scratch/known/coverage.info"
printf '%s\t%s\t%s\n' tests/a fs/fuse/file.c 10-20 tests/b fs/fuse/file.c 50-60,65 tests/c - '' >"$scratch/known/touched"
since() {
	try tests/choose --since "${1-HEAD}" "$scratch/tree" "$scratch/known" tests/a tests/b tests/c
	picked=$(sed 's|tests/||' "$scratch/out" | tr '\n' ' ')
}
since
is "$status $picked" '0 ' 'nothing has changed: no test'
sed -i '15s/line/other/' "$file"
since
is "$picked" 'a ' 'a line that one test runs'
sed -i '65s/line/other/' "$file"
since
is "$picked" 'a b ' '... and one of another test'
tree commit -qam two
since
is "$picked" '' 'since the commit of it: none'
since HEAD~1
is "$picked" 'a b ' 'since the one before'
tree checkout -q .
sed -i '40s/line/other/' "$file"
since
is "$picked" 'a b ' 'a line outside of functions: all tests of the file'
tree checkout -q .
sed -i '67s/.*/&\nnew/' "$file"
since
is "$picked" 'b ' 'a line that is new: the function that it is in'
tree checkout -q .
mkdir "$scratch/tree/include"
echo >"$scratch/tree/include/new.h"
tree add . && since HEAD
is "$picked" 'a b c ' 'a header that is not in the coverage: all'
like "$scratch/err" 'include/new.h is not in the coverage' '... which is said'
printf '%s\n' '#' >>"$scratch/known/touched"
sed -i '/tests.c/d' "$scratch/known/touched"
tree rm -q --cached include/new.h && rm -r "$scratch/tree/include"
since
is "$picked" 'c ' 'a test that has not run yet is among them'

# bad input
since no-such
tried 1 'a commit that is none'
like "$scratch/err" 'SINCE=no-such: no commit' '... says so'
try tests/choose --since HEAD "$src" "$scratch" tests/a
tried 1 'without coverage'
like "$scratch/err" 'make test, make coverage' '... says what to do'
try tests/coverage no-such-kernel "$src" "$obj" "$kernel"
tried 2 'a kernel on which no test has run'
like "$scratch/err" 'make test' '... says what to do'
run --coverage "$scratch/none/file" -- true
tried 125 'a file that cannot be made'
done_testing
