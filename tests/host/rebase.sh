#!/bin/sh
# The patches are for one 6.12; the stable tree goes on. make rebase puts them on a later one:
# where the lines moved git merges, where they changed it is for a human, and nobody's tree is
# written to. Here with trees and patches of a few lines.
set -u
. tests/host/lib
repo=$scratch/repo.git patches=$scratch/patches onto=$scratch/onto out=$scratch/out.d
mkdir -p "$patches/common" "$patches/set" "$scratch/home"
export HOME="$scratch/home" GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=nobody GIT_AUTHOR_EMAIL=nobody@localhost
export GIT_COMMITTER_NAME=nobody GIT_COMMITTER_EMAIL=nobody@localhost
# the user's own configuration changes nothing
printf '[commit]\n\tgpgSign = true\n[core]\n\tautocrlf = true\n' >"$HOME/.gitconfig"
plain() {
	git -c commit.gpgSign=false -c core.autocrlf=false "$@"
}

# What the patches were made for, three of them, and one that some trees need
git init -q -b debian "$scratch/work"
cd "$scratch/work" || exit
mkdir -p fs/fuse arch/um
touch Kbuild
seq 40 >fs/fuse/file.c
seq 40 >arch/um/offsets.c
plain add . && plain commit -q -m 'linux-source-6.12 6.12.1-1'
plain checkout -q -b top
sed -i '20s/$/ wide/' arch/um/offsets.c
plain commit -q -a -m 'um: make room'
plain format-patch -q -1 -N -o "$patches/common"
for n in 1 2 3; do
	sed -i "$((n * 10))s/\$/ patch $n/" fs/fuse/file.c
	plain commit -q -a -m "fuse: change $n"
done
plain format-patch -q -3 -N -o "$patches/set"
plain clone -q --bare -b debian . "$repo"
cd "$OLDPWD" || exit
printf 'test: common set\n' >"$patches/variants"

rebase() { # onto
	try uml/kernel/rebase test "$patches" "$repo" "$1" "$out"
}
later() { # sed's script for fs/fuse/file.c: a later tree, of which git shares nothing
	rm -rf "$onto" "$out"
	mkdir -p "$onto"
	plain -C "$repo" archive debian | tar -x -C "$onto"
	sed -i "$1" "$onto/fs/fuse/file.c"
	plain init -q -b main "$onto"
	plain -C "$onto" add .
	plain -C "$onto" commit -q -m 'Linux 6.12.2'
}
state() {
	(cd "$onto" && find . -type f -exec cksum {} + | sort && find . -type d | sort)
}
commits() {
	git -C "$out/onto-test" log --reverse --format=%s onto..HEAD | tr '\n' ' '
}
stays() { # what
	state | diff "$scratch/before" - >"$scratch/diff"
	ok $? "$1" || remark "$scratch/diff"
}

# a line came in before each of them, and one near the first has changed
later '1s/^/new\n/; 8s/$/ fixed/'
state >"$scratch/before"
rebase "$onto"
tried 0 'a later tree'
is "$(commits)" 'um: make room fuse: change 1 fuse: change 2 fuse: change 3 ' '... has the whole series, in order'
is "$(git -C "$out/onto-test" log -1 --format='%an, %cn')" 'nobody, FUSE UML sandbox' '... with its authors'
is "$(grep -c patch "$out/onto-test/fs/fuse/file.c") $(grep -c fixed "$out/onto-test/fs/fuse/file.c")" '3 1' '... and its own change'
like "$scratch/out" "4 patches of 'test' on [0-9a-f]+, Linux 6.12.2: make test KSRC=.*/onto-test" '... and how to go on is said'
like "$scratch/out" '3-way merge' '... git tells where it had to merge'
stays 'the tree given is as it was, each file of its .git too'
rebase "$onto"
tried 0 'again: what came of the last time is made anew'
echo more >>"$out/onto-test/fs/fuse/file.c"
rebase "$onto"
tried 2 '... but not when somebody has worked in it'
like "$scratch/err" 'holds work of its own' '... so said'
is "$(tail -n 1 "$out/onto-test/fs/fuse/file.c")" more '... the work is there'

# what the tree has by itself
later '1s/^/new\n/'
sed -i 's/^20$/as wide as it gets/' "$onto/arch/um/offsets.c"
plain -C "$onto" commit -q -a -m 'um: as the host says'
rebase "$onto"
tried 0 'a tree that needs one patch less'
like "$scratch/out" 'left out, it is not for this tree: .*/common/0001-um-make-room.patch' '... is given one less'
is "$(commits)" 'fuse: change 1 fuse: change 2 fuse: change 3 ' '... the others are there'

# an edit that is in no commit
echo edit >>"$onto/fs/fuse/file.c"
rm -rf "$out"
rebase "$onto"
tried 0 'a tree with edits'
like "$scratch/err" 'edits without a commit: they are left out' '... which are left out, and that is said'
is "$(grep -c edit "$out/onto-test/fs/fuse/file.c") $(tail -n 1 "$onto/fs/fuse/file.c")" '0 edit' '... and stay where they are'

# the second one conflicts
later '20s/$/ changed otherwise/'
state >"$scratch/before"
rebase "$onto"
tried 1 'a series that does not apply'
like "$scratch/out" 'CONFLICT \(content\): Merge conflict in fs/fuse/file.c' "... in git's words"
like "$scratch/out" '^\+\+<<<<<<< HEAD' '... with both sides'
like "$scratch/err" 'patch 3 of 4 conflicts with [0-9a-f]+, Linux 6.12.2' '... which patch it is'
like "$scratch/err" 'set/0002-fuse-change-2.patch' '... by its name'
stays '... the tree given is as it was'
rebase "$onto"
tried 2 '... and again: it is in the middle'
like "$scratch/err" 'am --continue' '... said, with how to go on'
sed -i '/^<<<<<<</,/^>>>>>>>/c\20 changed otherwise, and patch 2' "$out/onto-test/fs/fuse/file.c"
plain -C "$out/onto-test" add fs/fuse/file.c
plain -C "$out/onto-test" am --continue >"$scratch/out" 2>&1
is "$(commits)" 'um: make room fuse: change 1 fuse: change 2 fuse: change 3 ' 'once that is resolved git goes on with the rest' ||
	remark "$scratch/out"

# what cannot be
refused() { # onto, words, what
	rm -rf "$out"
	rebase "$1"
	tried 2 "$3"
	like "$scratch/err" "$2" '... so said'
	[ ! -e "$out" ] || [ -z "$(ls -A "$out")" ]
	ok $? '... and nothing is left behind' || remark "$scratch/err"
}
refused '' 'ONTO= is missing' 'no tree is named'
refused "$scratch/nowhere" 'nowhere: no such folder' 'one that is not there'
mkdir "$scratch/plain" && touch "$scratch/plain/Kbuild"
refused "$scratch/plain" 'is no git tree' 'one that is no git tree'
refused "$onto/fs" 'is no git tree' 'a folder inside of one'
plain init -q "$scratch/empty"
refused "$scratch/empty" 'has no commit yet' 'a git tree without a commit'
plain -C "$scratch/empty" commit -q --allow-empty -m empty
refused "$scratch/empty" 'no kernel tree' 'one that is no kernel'
plain -C "$onto" rm -q -r fs/fuse
plain -C "$onto" commit -q -m 'no FUSE'
refused "$onto" 'has no fs/fuse' 'a kernel without FUSE'
try uml/kernel/rebase nosuch "$patches" "$repo" "$onto" "$out"
tried 2 'a variant that is none'
try make --no-print-directory rebase KERNEL=7.3 ONTO="$onto" DEPS=no
[ "$status" -ne 0 ] && grep -q 'leave out KSRC and KERNEL' "$scratch/err"
ok $? 'make rebase KERNEL=: which is not what that is for' || remark "$scratch/err"
done_testing
