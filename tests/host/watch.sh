#!/bin/sh
# make watch stays for a day: it must not miss a save, whatever the editor does with the file, must
# not die of a mistake in the source, and must not run twice for one save. make is a stand-in.
# shellcheck disable=SC2016,SC2317
set -u
. tests/host/lib
command -v inotifywait >/dev/null || {
	echo '1..0 # SKIP inotify-tools is not installed'
	exit 0
}
own_top
src=$top/build/toy/src
mkdir -p "$src/fs/fuse" "$src/mm" "$src/include" "$src/arch/um" "$scratch/bin" "$top/build/toy"
echo one >"$src/fs/fuse/file.c"
cat >"$scratch/bin/make" <<EOF2
#!/bin/sh
echo "\$*" >>$scratch/asked
[ ! -e $scratch/slow ] || { echo here >$scratch/there; until [ -e $scratch/go ]; do sleep 0.02; done; }
cat $scratch/says
exit \$(cat $scratch/status)
EOF2
chmod +x "$scratch/bin/make"
passes() {
	echo 0 >"$scratch/status"
	printf '%s\n' '  quick    patched   1.0 s' 'Result: PASS' 'summary: kernel=toy files=2 tests=5 failed-files=0 runs=1 seconds=1 result=pass' >"$scratch/says"
}
passes
: >"$scratch/asked"
PATH=$scratch/bin:$PATH
cd "$top" || exit
started() {
	: >"$scratch/screen"
	perl -e "$own_group" tests/watch toy build/toy/src "$@" >"$scratch/screen" 2>&1 &
	pid=$!
	await grep -q '^watching' "$scratch/screen"
	# its watches are there when it sees a file that nobody waits for
	echo 1 >tests/lib/zz
	await grep -q 'tests/lib/zz' "$scratch/screen"
	await grep -q 'made the same' "$scratch/screen"
	: >"$scratch/asked"
	: >"$scratch/screen"
}
at_end() { [ -z "${pid-}" ] || kill -9 "-$pid" 2>/dev/null; }
runs() { grep -c '^--no-print-directory test ' "$scratch/asked"; }
run_number() { [ "$(runs)" -ge "$1" ]; }
ended() { await grep -q -E 'made the same|NO VERDICT|taken back|failed; ' "$scratch/screen"; }
sees() { # what, file that is named on the screen
	await run_number 1
	ended
	like "$scratch/screen" "^toy, [0-9:]*: $2" "$1"
	is "$(runs)" 1 '... one run'
	: >"$scratch/asked"
	: >"$scratch/screen"
}
started T=truncate
echo two >build/toy/src/fs/fuse/file.c
await run_number 1
is "$(cat "$scratch/asked")" '--no-print-directory test T=truncate' 'a save: make test, with the words that were given'
sees '... names the file' fs/fuse/file.c
echo three >"$scratch/new" && mv "$scratch/new" build/toy/src/fs/fuse/file.c
sees 'an editor that writes beside and renames' fs/fuse/file.c
mv build/toy/src/fs/fuse/file.c build/toy/src/fs/fuse/file.c~
echo four >build/toy/src/fs/fuse/file.c
sees 'one that keeps a backup by renaming' fs/fuse/file.c
echo x >build/toy/src/fs/fuse/.file.c.swp
echo five >build/toy/src/mm/a.c
sees 'a new file; not the one that the editor swaps to' mm/a.c
for n in 1 2 3 4 5; do echo $n >build/toy/src/mm/$n.c; done
sees 'a checkout of several files' 'mm/1.c mm/2.c mm/3.c and more'

echo 1 >"$scratch/status"
printf '%s\n' '  build    patched   FAILED after 1.0 s' '    | /x/fs/fuse/file.c:3:5: error: mistake' '    | more' >"$scratch/says"
echo six >build/toy/src/fs/fuse/file.c
await grep -q 'NO VERDICT' "$scratch/screen"
like "$scratch/screen" 'file.c:3:5: error: mistake' 'a mistake in the source: the compiler says where'
like "$scratch/screen" 'NO VERDICT' '... and that there is no verdict'
printf '%s\n' '# tests/guest/x.c:9: y: expected 1, got 2: f()' '# again: make test T=x' '# under gdb: make gdb T=x BREAK=f' 'Result: FAIL' \
	'summary: kernel=toy files=2 tests=5 failed-files=1 runs=1 seconds=1 result=FAIL' >"$scratch/says"
: >"$scratch/screen"
echo seven >build/toy/src/fs/fuse/file.c
await grep -q 'failed; ' "$scratch/screen"
like "$scratch/screen" '^# tests/guest/x.c:9: y: expected 1, got 2' 'a test that fails: why'
like "$scratch/screen" '^# under gdb: make gdb T=x BREAK=f' '... and the line for gdb'
like "$scratch/screen" '^FAIL: 5 tests in 2 files, 1 failed' '... and the verdict'
echo 'THE VERDICT ABOVE IS TAKEN BACK: it is about another kernel' >>"$scratch/says"
: >"$scratch/screen"
echo eight >build/toy/src/fs/fuse/file.c
await grep -q '^taken back' "$scratch/screen"
ok $? 'a verdict that is taken back' || remark "$scratch/screen"

# a save while the tests run
passes
: >"$scratch/slow"
: >"$scratch/asked"
: >"$scratch/screen"
echo nine >build/toy/src/fs/fuse/file.c
await test -e "$scratch/there"
echo ten >build/toy/src/mm/a.c
rm "$scratch/slow"
: >"$scratch/go"
await run_number 2
ok $? 'a save while tests run gets a run of its own'
await grep -q ': mm/a.c' "$scratch/screen"
ok $? '... which names it'
kill -INT "-$pid"
wait "$pid"
await sh -c "! pgrep -f 'inotifywai[t].*$top'"
ok $? 'ctrl-C ends it, and what watched'
[ -z "$(find build -maxdepth 1 -name 'watch-*')" ]
ok $? '... and nothing is left behind'

# which tests
pid=
started
echo eleven >build/toy/src/fs/fuse/file.c
await run_number 1
is "$(cat "$scratch/asked")" '--no-print-directory test T=guest/*' 'nothing known: a save in the kernel runs all scenarios'
ended
: >"$scratch/asked"
: >"$scratch/screen"
echo '/* */' >>tests/guest/truncate/overtakes_a_write.c
await run_number 1
is "$(cat "$scratch/asked")" '--no-print-directory test T=tests/guest/truncate/overtakes_a_write.c' 'a save of a scenario runs that one'
ended
: >"$scratch/asked"
: >"$scratch/screen"
mkdir -p build/toy/coverage
: >build/toy/coverage/tree
echo twelve >build/toy/src/fs/fuse/file.c
await run_number 1
is "$(cat "$scratch/asked")" '--no-print-directory test SINCE=HEAD' 'coverage known: those that run what has changed'
kill -INT "-$pid"
wait "$pid"
pid=
done_testing
