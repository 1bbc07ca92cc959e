#!/bin/sh
# A reviewer pastes the page of `make try` under a patch. What it says must be what the two
# kernels did, whatever of it got worse must be named, and a series that cannot be tried must
# leave everything as it was, with a word about why.
# shellcheck disable=SC2016 # in patches
set -u
. tests/host/lib
case $NAME in
patched) ;;
*)
	echo '1..0 # SKIP tried on the default kernel'
	exit 0
	;;
esac
gcc -O1 -Wall -Wextra -o "$scratch/judge" tests/judge/*.c || exit 1

# two kernels that nobody has to build
side() { # a or b
	mkdir -p "$scratch/$1/results/truncate" "$scratch/$1/results/fsync"
	cd "$scratch/$1" || exit
}
tap() { # name, status; stdin: its lines
	{ cat; echo "# status: $2"; } >"results/$1.tap"
}
(
	side a
	printf '# outcome: waits\n# requests: WRITE 4 (16384 bytes), READ 1\n' | tap truncate/same 0
	printf '# outcome: stays empty\n# requests: WRITE 4 (16384 bytes), READ 1\n' | tap truncate/data 0
	printf '# outcome: no hang\n' | tap truncate/hang 0
	printf '# outcome: ok\n' | tap fsync/breaks 0
	printf '# tests/guest/fsync/mended.c:9: x: expected 1, got 2: f()\n' | tap fsync/mended 1
	printf 'ok 1\n' | tap fsync/words 0
	echo 'grow: 40 runs in 2.0 s (20/s), 0 failed, 0 different' >explored
	echo 'copy: 40 runs in 2.0 s (20/s), 2 failed, 1 different' >>explored
)
(
	side b
	printf '# outcome: waits\n# requests: WRITE 4 (16384 bytes), READ 1\n' | tap truncate/same 0
	printf '# requests: WRITE 6 (24576 bytes), FSYNC 1\n# tests/guest/truncate/data.c:7: x: expected 0, got 16384: server_size("f")\n' | tap truncate/data 1
	printf '# tests/guest/truncate/hang.c:9: x: expected 0, got -62: f()\n# tests/guest/truncate/hang.c:9: x: it hangs: D fuse_set_nowrite\n' | tap truncate/hang 126
	printf '# uml/run: the kernel reported: WARNING: fs/fuse/file.c:1\n' | tap fsync/breaks 126
	printf '# outcome: mended\n' | tap fsync/mended 0
	printf '# outcome: <other> & words\n' | tap fsync/words 0
	printf 'run 3, seed 3: FAIL: f, page 3: a\ngrow: 40 runs in 2.0 s (20/s), 1 failed, 1 different\n' >explored
	echo 'copy: 40 runs in 2.0 s (20/s), 2 failed, 1 different' >>explored
)
printf '%s\n' 'mapped writes 95 16436' 'mapped pages_per_write 172.5 1.0' 'mapped ticks 1000 1010' 'files READ - 5' \
	'files cpu_seconds 1.0 1.2' 'mapped busy_cpu_seconds 1.0 9.0' >"$scratch/speed"
printf '%s\n' 'commit fuse: first' 'good builds' 'commit fuse: second' 'bad does not build' '  file.c:3: error: x' >"$scratch/commits"
printf 'fs/fuse/file.c:12\tline\tgoto out;\t-\nfs/fuse/file.c:13\tbranch 0\tif (x)\t-\n' >"$scratch/nobody"
judge() {
	try "$scratch/judge" --title 'a series' --names one,two --speed "$scratch/speed" --text "$scratch/page.txt" --html "$scratch/page.html" "$@"
}
judge --commits "$scratch/commits" --nobody "$scratch/nobody" "$scratch/a" "$scratch/b"
tried 1 'a series that makes things worse: status 1'
page=$scratch/page.txt
cmp -s "$page" "$scratch/out"
ok $? '... the page is on stdout, too'
tr '\n' ' ' <"$page" | tr -s ' ' >"$scratch/flat"
like "$scratch/flat" 'tests that fail: 3, .*other orders of the tasks: 1, figures of speed that are worse: 2, lines that no test ran: 1' 'the second line counts what is worse'
like "$page" '^! truncate/data +passes -> fails' 'a test that fails now'
like "$page" 'data.c:7: x: expected 0, got 16384' '... and why'
like "$page" '^! truncate/hang +passes -> hangs' 'one that hangs'
like "$page" 'it hangs: D fuse_set_nowrite' '... and where'
like "$page" '^! fsync/breaks +passes -> breaks the kernel' 'one that breaks the kernel'
like "$page" '^\+ fsync/mended +fails -> passes' 'one that is mended'
like "$page" '<other> & words' 'one that tells otherwise'
unlike "$page" 'truncate/same' 'what is the same is not shown'
like "$page" '\(1 are as before\)' '... but counted'
like "$scratch/flat" 'truncate/data WRITE 4 -> 6 \(16384 -> 24576 bytes\); FSYNC 0 -> 1; READ 1 -> 0' 'requests that changed'
like "$page" '^! grow +0 of 40 fail -> 1 of 40' 'an order of tasks that fails'
like "$page" 'seed 3: f, page 3: a' '... with its seed'
unlike "$page" '^. copy' '... not one that failed before'
like "$page" '^! mapped, writes +95 -> 16436 \(x 173' 'more WRITEs'
like "$page" '^! mapped, pages_per_write' '... of fewer pages'
unlike "$page" 'mapped, ticks' 'one part in a hundred is not slower'
unlike "$page" 'files, cpu_seconds' '... nor 20 % of CPU time, which vary'
like "$page" '^  mapped, busy_cpu_seconds' 'CPU time on a busy host is no verdict'
like "$page" '^  files, READ +not possible -> 5' 'what only one of them can do'
like "$page" '^! 2. fuse: second +does not build' 'a commit that does not build'
like "$page" '^  fs/fuse/file.c:12 +goto out;' 'a line that nobody ran'
unlike "$page" 'file.c:13' '... conditions are not lines'
like "$scratch/page.html" '&lt;other&gt; &amp; words' 'HTML: the words are escaped'
is "$(grep -c '<tr class="worse">' "$scratch/page.html")" "$(grep -c '^! ' "$page")" '... and the same things are worse'
: >"$scratch/speed"
judge "$scratch/a" "$scratch/a"
tried 0 'a kernel and itself: status 0'
like "$page" '^one -> two: nothing got worse' '... which is said'
judge "$scratch/a" "$scratch/nothing"
tried 2 'nothing was measured: status 2'
judge --html /dev/full/x "$scratch/a" "$scratch/a"
tried 2 'a page that cannot be written: status 2'

# ---- series that cannot be tried: a tree of two files is enough ----
mkdir -p "$scratch/src" "$scratch/kernel"
cd "$scratch/src" || exit
seq 20 >file.c
git init -q . && git add . && git -c user.name=n -c user.email=n@localhost commit -q -m base
cp file.c "$scratch/file.c"
sed -i s/7/seven/ file.c
git -c user.name=n -c user.email=n@localhost commit -q -a -m 'one: two'
git format-patch -q -1 -o "$scratch"
git reset -q --hard HEAD~1
cd - >/dev/null || exit
cp "$kernel" "$scratch/kernel/linux"
patch=$scratch/0001-one-two.patch
before=$(git -C "$scratch/src" rev-parse HEAD)
asked() { # MBOX, SRC
	try tests/judge/try "judge-$$" "${2:-$scratch/src}" "$scratch/kernel/linux" - 0 "$1"
	rm -rf "build/try/judge-$$"
}
refused() { # ERE, what
	tried 2 "$2: status 2"
	like "$scratch/err" "$1" '... and a word about it'
}
asked ''
refused 'MBOX= is missing' 'no MBOX'
asked "$scratch/nowhere"
refused 'no such file, and no message-id' 'a file that is not there'
: >"$scratch/empty"
asked "$scratch/empty"
refused 'empty' 'an empty file'
sed '/^---$/,$d; s/PATCH/PATCH 0\/1/' "$patch" >"$scratch/cover"
asked "$scratch/cover"
refused 'no patch in' 'the cover letter alone'
sed 's/^Subject: /Subject: Re: /' "$patch" >"$scratch/answer"
asked "$scratch/answer"
refused 'no patch in' 'an answer that quotes one'
echo 'int x;' >"$scratch/program.c"
asked "$scratch/program.c"
refused 'no patch in|cannot read' 'no mail at all'
sed 's/^ 6$/ six/' "$patch" >"$scratch/other"
{ cat "$scratch/other"; echo 'base-commit: 0123456789abcdef'; } >"$scratch/other2"
asked "$scratch/other2"
refused 'patch 1 of 1 does not apply to .*: one: two' 'a series for another tree'
like "$scratch/err" 'file.c:[0-9]*' '... and where'
like "$scratch/err" 'made for commit 0123456789abcdef' '... and what it says that it is for'
is "$(git -C "$scratch/src" rev-parse HEAD) $(git -C "$scratch/src" status --porcelain)" "$before " '... the tree is as it was'
echo edit >>"$scratch/src/file.c"
asked "$patch"
refused 'edits without a commit' 'a tree with edits'
git -C "$scratch/src" checkout -q .
mkdir "$scratch/plain"
asked "$patch" "$scratch/plain"
refused 'is no git tree' 'a tree without git'
mkdir "$scratch/bin"
for program in git sed grep tr; do ln -s "$(command -v $program)" "$scratch/bin/"; done
printf '#!/bin/sh\necho "Filesystem\n12M"\n' >"$scratch/bin/df"
chmod +x "$scratch/bin/df"
PATH=$scratch/bin:$PATH
asked "$patch"
refused '12 MB are free' 'a full disk'
PATH=${PATH#*:}
# all programs but b4
mkdir "$scratch/few"
ln -s /usr/bin/* "$scratch/few/"
rm -f "$scratch/few/b4"
# shellcheck disable=SC2123
had=$PATH PATH=$scratch/few
asked 20240819182417.504672-1-somebody@example.com
refused 'b4 is needed: apt install b4' 'a message-id without b4'
PATH=$had
# one that stands for lore
mv "$scratch/bin/df" "$scratch/df"
printf '#!/bin/sh\necho "cannot resolve lore.kernel.org" >&2; exit 1\n' >"$scratch/bin/b4"
chmod +x "$scratch/bin/b4"
PATH=$scratch/bin:$PATH
asked 20240819182417.504672-1-somebody@example.com
refused 'b4 cannot fetch .* Is the network there' 'a message-id without a network'
like "$scratch/err" 'cannot resolve lore' '... with what b4 said'
printf '#!/bin/sh\ncp %s "$3/series.mbx"\n' "$scratch/other2" >"$scratch/bin/b4"
asked https://lore.kernel.org/r/20240819182417.504672-1-somebody@example.com
refused 'patch 1 of 1 does not apply to .*: one: two' 'a link, which b4 fetches'
PATH=${PATH#*:}
try make --no-print-directory try DEPS=no MBOX="$patch" BASE=nonsense
tried 2 'a BASE that is none'
like "$scratch/err" "BASE='nonsense': no variant" '... is named'
mkdir "$scratch/built"
: >"$scratch/built/Kbuild"
mkdir -p "$scratch/built/arch/um" "$scratch/built/fs/fuse"
: >"$scratch/built/.config"
try make --no-print-directory try DEPS=no MBOX="$patch" BASE="$scratch/built"
tried 2 'a tree that was built in place'
like "$scratch/err" 'has been built in place' '... is refused as for KSRC='

# ---- bisect ----
cd "$scratch/src" || exit
for n in 1 2 3; do
	echo $n >>file.c
	git -c user.name=n -c user.email=n@localhost commit -q -a -m "more $n"
done
cd - >/dev/null || exit
bisect() {
	try tests/judge/bisect "judge-$$" "$scratch/src" "$scratch/kernel/linux" "$@"
	rm -rf "build/bisect/judge-$$"
}
bisect '' HEAD x
refused 'GOOD= is missing' 'bisect without GOOD'
bisect nonsense HEAD x
refused "no commit 'nonsense'" 'a GOOD that is none'
bisect HEAD HEAD~1 x
refused 'GOOD=HEAD is not before BAD=HEAD~1' 'GOOD and BAD the wrong way round'
try make --no-print-directory bisect DEPS=no
tried 2 'bisect without a test'
like "$scratch/err" "T=<tests> or CMD=" '... says what is missing'
try tests/judge/compare 0 patched nonsense
tried 2 'compare with what is no kernel'
like "$scratch/err" "'nonsense' is no variant" '... names it'
[ ! -e "build/try/judge-$$" ] && [ ! -e "build/bisect/judge-$$" ]
ok $? 'nothing is left behind'
done_testing
