#!/bin/sh
# A change is right on its own, but some order now ends as it never did on the kernel before:
# make explore AGAINST= has to tell which end, how often, and the seed.
# shellcheck disable=SC2154 # of tests/host/lib
set -u
. tests/host/lib
can_explore
setarch -R true 2>/dev/null || {
	echo '1..0 # SKIP setarch -R is refused here (seccomp of a container?): addresses differ from run to run'
	exit 0
}
[ -n "$(find "build/$NAME/places" -newer "$kernel" 2>/dev/null)" ] || tests/explore/places "$kernel" "build/$NAME/places"
program=$PWD/build/$NAME/tests/explore/last_writer
own_top bin/explore bin/supervise
for name in one two; do
	mkdir -p "$top/build/$name"
	cp "$kernel" "build/$NAME/places" "$top/build/$name/"
done
cp build/rootfs.cpio "$top/build/"
cd "$top" || exit 1
try tests/explore/against one two 1-60 "$program"
tried 0 'a kernel against itself'
like "$scratch/out" '^last_writer: ([2-9]) ends on one, \1 on two$' '... has the same ends'
try tests/explore/against one tmpfs 1-60 "$program"
tried 0 '... against a tmpfs'
like "$scratch/out" '^last_writer: ([2-9]) ends on one, \1 on tmpfs$' '... has the same ends there'
try build/bin/explore --kernel build/one/linux --places build/one/places --out build/explore --stop 0 --quick --seeds 1-1 "$program"
on_fuse=$(sed -n 's/^a run: \([0-9]*\) ticks.*/\1/p' "$scratch/out")
try build/bin/explore --kernel build/one/linux --places build/one/places --out build/explore --stop 0 --quick --seeds 1-1 --tmpfs "$program"
on_tmpfs=$(sed -n 's/^a run: \([0-9]*\) ticks.*/\1/p' "$scratch/out")
[ $((${on_tmpfs:-1000000} * 2)) -lt "${on_fuse:-0}" ]
ok $? "... without FUSE: ${on_fuse:-no} ticks, ${on_tmpfs:-no} there"
try tests/explore/against one tmpfs 1-1 random notify
tried 0 'programs that cannot be compared'
has 'random: not compared: each seed is another program'
ok $? '... because of their seed'
has 'notify: not on tmpfs: it unmounts or notifies'
ok $? '... or because of what they do'

# Whatever it explores: these ends
mv build/bin/explore build/explorer
cat >build/bin/explore <<'END'
#!/bin/sh
case $2 in
build/one/linux) ends='1 ok 11,2 ok 22,3 FAIL:gone -' ;;
*) ends='1 ok 11,2 ok 11,3 FAIL:hangs -,4 FAIL:hangs -' ;;
esac
{ echo '# head' && echo "$ends" | tr ', ' '\n\t' | awk -v OFS='\t' '{ print $1, 7, $2, $3 }'; } >build/explore/against/last_writer-portfolio.runs
[ -z "${NOT_TRIED-}" ] || exit 2
exit 1
END
chmod +x build/bin/explore
try tests/explore/against one two 1-4 "$program" "$program"
tried 1 'ends that only one of two kernels comes to'
is "$(grep -c -x 'last_writer: 3 ends on one, 2 on two' "$scratch/out")" 2 '... are counted, of each program'
has '  only on two, 2 times, first with seed 3: FAIL:hangs'
ok $? '... a failure is told, how often, and the first seed'
has '  only on one, 1 times, first with seed 3: FAIL:gone'
ok $? '... also one that is gone'
has '  only on one, 1 times, first with seed 2: files 22'
ok $? '... and files that end otherwise'
unlike "$scratch/out" 'files 11' '... an end that both have is not'
try env NOT_TRIED=1 tests/explore/against one two 1-4 "$program"
tried 2 'what could not be explored is no result'
try tests/explore/against one two 1-4
tried 2 'no program'
done_testing
