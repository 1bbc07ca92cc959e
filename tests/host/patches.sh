#!/bin/sh
# A variant's source is a git tree with one commit per patch, in which people work. What
# goes wrong in such setups: a patch that no longer applies leaves a tree with half of
# the series; a rebuild resets the tree, and a day's work is gone; ctrl-C at the wrong
# moment, and from then on git refuses everything.
set -u
. tests/host/lib
repo=$scratch/repo.git patches=$scratch/patches src=$scratch/test/src
mkdir -p "$scratch/all" "$scratch/patches/set" "$scratch/test" "$scratch/home" "$scratch/bin"
export HOME="$scratch/home" GIT_CONFIG_NOSYSTEM=1

# A repository as uml/kernel/source makes it, and patches 1 to 4; the fourth needs the third
git init -q -b debian "$scratch/work"
cd "$scratch/work" || exit
export GIT_AUTHOR_NAME=nobody GIT_AUTHOR_EMAIL=nobody@localhost
export GIT_COMMITTER_NAME=nobody GIT_COMMITTER_EMAIL=nobody@localhost
mkdir -p fs/fuse
seq 20 >fs/fuse/file.c
seq 20 >fs/fuse/dir.c
echo 'fs/fuse/*.c filter=slow' >.gitattributes
git add . && git commit -q -m 'linux-source-9.9 9.9.1-1'
git branch -q top
git checkout -q top
for n in 1 2 3; do
	sed -i "$((n * 5))s/\$/ patch $n/" fs/fuse/file.c
	git commit -q -a -m "fuse: change $n"
done
sed -i '15s/$/ again/' fs/fuse/file.c
git commit -q -a -m 'fuse: change 4'
sed -i '1s/$/ too/; 15s/$/ and again/' fs/fuse/file.c
git commit -q -a -m 'fuse: change 5'
git format-patch -q -N --zero-commit --no-signature --abbrev=12 -o "$scratch/all" debian
# one for two files
git checkout -q -b both debian
sed -i '18s/$/ both/' fs/fuse/*.c
git commit -q -a -m 'fuse: change 6'
git format-patch -q -1 -N --zero-commit --no-signature --abbrev=12 -o "$scratch/two"
git clone -q --bare -b debian . "$repo"
git --git-dir="$repo" config core.autocrlf false
cd "$OLDPWD" || exit
printf '# a comment\n\ntest: set\n' >"$patches/variants"
write_series() { # numbers of patches
	rm -f "$patches"/set/*
	for n; do
		cp "$scratch/all/000$n"* "$patches/set/"
	done
}
is_current() {
	uml/kernel/tree --is-current test "$patches" "$src"
}
tree() {
	try env PATH="$scratch/bin:$PATH" uml/kernel/tree "$repo" test "$patches" "$src"
}
commits() {
	git -C "$src" log --reverse --format=%s debian..HEAD | sed 's/fuse: change //' | tr '\n' ' '
}
clean() {
	[ -z "$(git -C "$src" status --porcelain)" ] && [ ! -e "$src.new" ]
	ok $? '... nothing is left half-made' || git -C "$src" status --porcelain | sed 's/^/#   /' >&2
}
# the user's own git configuration changes nothing
cat >"$HOME/.gitconfig" <<-EOF
	[commit]
		gpgSign = true
	[core]
		autocrlf = true
		hooksPath = $HOME/hooks
	[filter "slow"]
		smudge = $scratch/bin/smudge
EOF
mkdir "$HOME/hooks"
printf '#!/bin/sh\nexit 1\n' | tee "$HOME/hooks/applypatch-msg" >"$HOME/hooks/post-checkout"
chmod +x "$HOME/hooks"/*
printf '#!/bin/sh\nexec cat\n' >"$scratch/bin/smudge"
chmod +x "$scratch/bin/smudge"

write_series 1 2
tree
tried 0 'two patches'
is "$(commits)" '1 2 ' '... are two commits'
clean
is "$(git -C "$src" log -1 --format='%ad %cd')" "$(git -C "$scratch/work" log -1 --format='%ad %ad' top~3)" \
	'... of the date of the patch, so that the hash is the same everywhere'
is_current
ok $? '... and current'
touch -d 2001-01-01 "$src/fs/fuse/dir.c" "$src/fs/fuse/file.c"
tree
is "$(find "$src/fs/fuse" -name '*.c' -newermt 2002-01-01)" '' 'the same again touches nothing'

# a changed series
write_series 1 2 3
! is_current
ok $? 'a longer series is not current'
tree
tried 0 '... and applied'
is "$(commits)" '1 2 3 ' '... as a whole'
is "$(find "$src/fs/fuse" -name '*.c' -newermt 2002-01-01)" "$src/fs/fuse/file.c" '... only what patches touch is written'
write_series 1 3
tree
is "$(commits)" '1 3 ' 'a shorter one'
sed -i 's/^Subject: .*change 3/&, better/' "$scratch"/all/0003*
write_series 1 3
tree
is "$(commits)" '1 3, better ' 'a changed patch'

# a patch that does not apply
write_series 1 2 4
tree
tried 1 'a patch that does not apply'
like "$scratch/err" 'set/0004-fuse-change-4.patch does not apply to linux-source-9.9' '... is named'
like "$scratch/err" 'patch failed: fs/fuse/file.c:' '... with the file and line'
is "$(commits)" '1 3, better ' '... and the tree is the old one'
clean
echo 'int x;' >>"$src/fs/fuse/dir.c"
git -C "$src" -c commit.gpgSign=false -c core.hooksPath=/dev/null commit -q -a -m own
ok $? '... that can be worked in'
git -C "$src" reset -q --hard HEAD~
write_series
tree
tried 1 'a folder without patches'
like "$scratch/err" "no patches in $patches/set, of which 'test' is made" '... is named'
try uml/kernel/tree "$repo" tset "$patches" "$src"
tried 1 'a variant that is none'
like "$scratch/err" "no variant 'tset' in .*: test" '... is named, with those that are'
is "$(commits)" '1 3, better ' '... and the tree is the old one'

# one variant on top of another
mkdir "$patches/base" "$scratch/both"
cp "$scratch/all"/000[12]* "$patches/base/"
write_series 3
printf 'base: base\nboth: base set\n' >>"$patches/variants"
try uml/kernel/tree "$repo" both "$patches" "$scratch/both/src"
tried 0 'two folders of patches'
is "$(git -C "$scratch/both/src" log --format=%s base..both)" 'fuse: change 3, better' '... git log of the one that stands on the other'

# own work
write_series 1 3
echo edit >>"$src/fs/fuse/dir.c"
tree
tried 0 'an edit, and the series has not changed'
write_series 1 2
tree
tried 1 'an edit, and the series has changed: refused'
like "$scratch/err" "$src holds work of its own" '... with the reason'
like "$scratch/err" 'make patches VARIANT=test.*git -C .* reset --hard' '... and the ways out'
is "$(tail -n 1 "$src/fs/fuse/dir.c")" edit '... the edit is there'
git -C "$src" -c commit.gpgSign=false -c core.hooksPath=/dev/null commit -q -a -m own
tree
tried 1 'a commit: the same'
is "$(commits)" '1 3, better own ' '... the commit is there'
eval "$(sed -n "s/.*drop it with '\(.*\)'.*/\1/p" "$scratch/err")" >/dev/null
tree
tried 0 'the way out that was named works'
is "$(commits)" '1 2 ' '... and the new series is applied'
echo new >"$src/fs/fuse/own.c"
write_series 1 2 3
tree
is "$(cat "$src/fs/fuse/own.c")" new 'a new file of the user stays through a changed series'
rm "$src/fs/fuse/own.c"

# taken back: a commit and its patch, each with git
write_series 1 2
tree
sed -i '5s/$/ own/' "$src/fs/fuse/dir.c"
git -C "$src" -c commit.gpgSign=false -c core.hooksPath=/dev/null commit -q -a -m 'fuse: change 5'
try uml/kernel/patches test "$src" "$patches"
tried 0 'make patches'
like "$scratch/out" '^3 patches in' '... writes all of the folder'
is_current
ok $? '... and the tree is current'
git -C "$src" reset -q --hard HEAD~
touch -d 2001-01-01 "$src/fs/fuse/dir.c" "$src/fs/fuse/file.c"
rm "$patches"/set/0003*
! is_current
ok $? 'the commit is reset, its patch removed: not current'
tree
tried 0 '... but that is no work of its own'
is "$(commits)" '1 2 ' '... the commits are those of the patches'
is "$(find "$src/fs/fuse" -name '*.c' -newermt 2002-01-01)" '' '... and nothing is written'
is_current
ok $? '... from then on it is current'
git -C "$src" reset -q --hard HEAD~
write_series 1 2 3
tree
tried 0 'a commit is reset and the patches are others: nothing that would be lost'
is "$(commits)" '1 2 3, better ' '... and they are applied'

# cut off at each step: git is stopped where a step begins, or just after it
mkfifo "$scratch/never"
real=$(command -v git)
cut_off() { # words of git's arguments, before or after, which time
	rm -f "$scratch/there"
	cat >"$scratch/bin/git" <<-EOF
		#!/bin/sh
		case "\$*" in
		*" $1 "*) echo >>"$scratch/count" ;;
		*) exec "$real" "\$@" ;;
		esac
		[ "\$(wc -l <"$scratch/count")" -eq $3 ] || exec "$real" "\$@"
		[ $2 = before ] || "$real" "\$@"
		echo here >"$scratch/there"
		read -r _ <"$scratch/never"
	EOF
	chmod +x "$scratch/bin/git"
	: >"$scratch/count"
	perl -e "$own_group" env PATH="$scratch/bin:$PATH" uml/kernel/tree "$repo" test "$patches" "$src" >"$scratch/out" 2>&1 &
	pid=$!
	await test -e "$scratch/there"
	ok $? "... git is stopped there"
	kill "-${4:-9}" -$pid
	wait $pid 2>/dev/null
	rm "$scratch/bin/git"
}
again() { # what
	tree
	tried 0 "$1: the next run"
	is "$(commits)" '1 2 3 ' '... makes the whole series'
	clean
}
sed -i 's/, better//' "$scratch"/all/0003*
for step in '"worktree add" before 1' '"worktree add" after 1' '"am -q" before 1' '"am -q" after 1' \
	'"worktree move" before 1' '"worktree move" after 1'; do
	rm -rf "$src" "$scratch/test/.series"
	write_series 1 2 3
	eval "cut_off $step"
	! is_current
	ok $? "kill -9, $step: not taken for whole"
	again '...'
done
# in the middle of the checkout, which takes seconds with a whole kernel, and of a patch:
# git is stopped where it writes a file
cut_in() { # which time, signal
	rm -f "$scratch/there"
	: >"$scratch/count"
	cat >"$scratch/bin/smudge" <<-EOF
		#!/bin/sh
		echo >>"$scratch/count"
		[ "\$(wc -l <"$scratch/count")" -ne $1 ] || { echo here >"$scratch/there"; read -r _ <"$scratch/never"; }
		exec cat
	EOF
	perl -e "$own_group" uml/kernel/tree "$repo" test "$patches" "$src" >"$scratch/out" 2>&1 &
	pid=$!
	await test -e "$scratch/there"
	ok $? "... git is stopped there"
	kill "-${2:-9}" -$pid
	wait $pid 2>/dev/null
	printf '#!/bin/sh\nexec cat\n' >"$scratch/bin/smudge"
}
for time in 1 2 3 4; do
	rm -rf "$src" "$scratch/test/.series"
	cut_in $time
	again "kill -9 at file $time of two, or of a patch"
done
for time in 1 2 3 4; do
	write_series 1 2
	tree
	write_series 1 2 3
	cut_in $time
	! is_current
	ok $? "a changed series is cut off at file $time: not taken for whole"
	again '...'
done

# the files that uml/kernel/source unpacked become the first tree
unpacked() {
	rm -rf "$src" "$scratch/test/.series" "$repo/first"
	mkdir "$repo/first"
	git --git-dir="$repo" --work-tree="$repo/first" -c core.bare=false read-tree debian
	git --git-dir="$repo" --work-tree="$repo/first" -c core.bare=false checkout-index -a
	touch -d 2001-01-01 "$repo/first/fs/fuse/dir.c"
	git --git-dir="$repo" --work-tree="$repo/first" -c core.bare=false update-index -q --refresh
}
unpacked
again 'the files are there'
is "$(find "$src/fs/fuse/dir.c" -newermt 2002-01-01)" '' '... and are not written again'
[ ! -e "$repo/first" ]
ok $? '... nor kept twice'
for step in '"worktree add" after 1' '"rev-parse" before 1' '"am -q" before 1'; do
	unpacked
	eval "cut_off $step"
	again "... kill -9, $step"
done

for step in '"reset" before 1' '"reset" after 1' '"am -q" before 1' '"am -q" after 1' \
	'"am -q" after 1 INT'; do
	write_series 1 2
	tree
	write_series 1 2 3
	eval "cut_off $step"
	! is_current
	ok $? "a changed series is cut off, $step: not taken for whole"
	again '...'
done
write_series 1 2
tree
write_series 1 2 3
cut_off 'am -q' after 1
write_series 1 2
tree
is "$status $(commits)" '0 1 2 ' '... nor when the series is changed back'
write_series 1 2 3
cut_off 'am -q' after 1
: >"$(git -C "$src" rev-parse --path-format=absolute --git-path index.lock)"
again "... with git's own lock left behind"

# A patch of common is for trees that have what it takes out
mkdir "$patches/common"
cp "$scratch/all/0004"* "$patches/common/"
printf 'test: common set\n' >"$patches/variants"
write_series 1 2
tree
tried 0 'a patch of common of which this tree has not all lines'
is "$(commits)" '1 2 ' '... is left out'
like "$scratch/out" 'left out.*/common/0004' '... which is said'
cp "$scratch/all/0005"* "$patches/common/"
tree
is "$status $(commits)" '0 1 2 ' '... and so is one of which it has some'
try uml/kernel/patches test "$src" "$patches"
tried 0 'make patches does without them'
git -C "$src" -c commit.gpgSign=false -c core.hooksPath=/dev/null commit -q --amend -m 'fuse: other words'
try uml/kernel/patches test "$src" "$patches"
tree
is "$status $(commits)" '0 1 fuse: other words ' '... and what it wrote is what the tree holds'
write_series 1 2
cp "$scratch/all/0003"* "$patches/common/"
tree
is "$(commits)" '3 1 2 ' 'one whose lines it has is not'
sed 's/^ 14$/ fourteen/' "$scratch/all/0003"* >"$patches/common/0003-fuse-change-3.patch"
tree
tried 1 'one whose lines it has, and that does not apply all the same'
like "$scratch/err" 'common/0003.*does not apply' '... is an error'
rm "$patches/common"/*
sed '/^--- .*file.c/,/^diff/s/^-18$/-eighteen/' "$scratch/two"/* >"$patches/common/0006-fuse-change-6.patch"
tree
is "$status $(commits)" '0 1 2 ' 'one for two files, of which one has not all lines, is left out'
cp "$scratch/two"/* "$patches/common/0006-fuse-change-6.patch"
tree
is "$status $(commits)" '0 6 1 2 ' '... one whose lines both have is not'
sed 's/^---$/Only-with: none.c\n&/' "$scratch/two"/* >"$patches/common/0006-fuse-change-6.patch"
tree
is "$status $(commits)" '0 1 2 ' 'one that is for trees with a file that this one has not is left out'
sed "s|^---\$|Only-with: $(sed -n 's|^+++ b/||p' "$scratch/two"/* | head -n 1)\n&|" "$scratch/two"/* \
	>"$patches/common/0006-fuse-change-6.patch"
tree
is "$status $(commits)" '0 6 1 2 ' '... and with one that it has is not'
done_testing
