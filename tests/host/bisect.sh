#!/bin/sh
# `make bisect` on a tree of the user's own: six commits, of which one does not compile and one
# brings an old deadlock back. It must name that one, whatever way the test fails, with the
# statuses that git bisect run takes; and when there is nothing to be found, say so.
set -u
. tests/host/lib
case $NAME in
patched) ;;
*)
	echo '1..0 # SKIP tried on the default kernel'
	exit 0
	;;
esac
# Not in $scratch: a tree's build folder is named by its path
tree=build/host-bisect/linux
name=$(make -s --no-print-directory which KSRC=$tree DEPS=no)
name=${name#build/} name=${name%/linux}
at_end() {
	rm -rf build/host-bisect build/bisect/"$name" build/"$name"
}
at_end
mkdir -p ${tree%/*}
git clone -q --shared build/patched/src $tree || exit 1
in_tree() {
	git -C $tree -c user.name=n -c user.email=n@localhost "$@" || exit 1
}
commit() { # what, sed script for fs/fuse/control.c
	sed -i "$2" $tree/fs/fuse/control.c
	in_tree commit -q -a -m "$1"
}
commit 'a word' '1i /* one */'
commit 'another word' '1s/one/two/'
commit 'a mistake' '1s/.*/int three = + ;/'
commit 'mended' '1s/.*/\/* three *\//'
in_tree am -q "$(realpath kernel-patches/bugs/m2-*.patch)"
commit 'the last word' '1s/three/four/'
fault=$(in_tree log -1 --format=%h HEAD~1)

# the first one builds a kernel
LIMIT=600
bisect() {
	try make --no-print-directory bisect DEPS=no KSRC=$tree GOOD=HEAD~6 BAD=HEAD "$@"
	cat "$scratch/out" "$scratch/err" >"$scratch/all"
}
found() { # what
	tried 0 "$1"
	like "$scratch/all" "^first bad commit: $fault fuse: drop cached pages" '... names the commit'
	like "$scratch/all" '^  [0-9a-f]+ a mistake .* s  skip: fs/fuse/control.c:1' '... skips one that does not compile, and says where'
	is "$(sed -n 's/^  \([0-9a-f]*\) .*[0-9] s  [gbs].*/\1/p' "$scratch/all" | sort | uniq -d)" '' '... tries none twice'
}
bisect T=with_a_dirty_page
found 'a scenario that breaks the kernel'
like "$scratch/all" '^  [0-9a-f]+ the last word .* s  bad: the kernel breaks' '... says how'
hangs=$(sed -n 's/^Run: //p' kernel-patches/bugs/m2-*.patch)
bisect CMD="$hangs"
found 'a command that hangs'
like "$scratch/all" '^  [0-9a-f]+ the last word .* s  bad: hangs' '... says how'
bisect CMD=true
tried 2 'nothing to be found: status 2'
like "$scratch/all" 'BAD=HEAD passes' '... and why'
bisect CMD=false
tried 2 'a test that always fails'
like "$scratch/all" 'GOOD=HEAD~6 fails, too' '... is said to'
is "$(git -C $tree status --porcelain -uno) $(git -C $tree symbolic-ref -q --short HEAD)" " patched" 'the tree is as it was'

# ---- one commit, as git bisect run calls it ----
step() { # commit, CMD, status, what
	git -C "build/bisect/$name/src" checkout -q -f "$(in_tree rev-parse "$1")"
	try env CMD="$2" tests/judge/bisect --step "build/bisect/$name" "$name"
	tried "$3" "$4"
}
step HEAD~6 true 0 'a commit that passes: 0'
step HEAD~6 'exit 7' 7 'one that fails: its status'
step HEAD~3 true 125 'one that does not compile: 125'
step HEAD "$hangs" 124 'one that hangs: 124'
done_testing
