#!/bin/sh
# git on the mount: commit, clone, repack, check. It renames and links, maps packs
# and index, and notices every byte that is not what it wrote.
set -u
. tests/host/lib

# shellcheck disable=SC2016 # the guest's shell expands these
real git '
export HOME=/tmp GIT_CONFIG_NOSYSTEM=1
git config --global user.name nobody
git config --global user.email nobody@localhost
git config --global init.defaultBranch main
git config --global gc.auto 0
git config --global core.fsync all
set -e
git init -q /mnt/fuse/one
cd /mnt/fuse/one
for commit in 1 2 3; do
	for file in 1 2 3 4 5 6 7 8 9 10 11 12; do
		seq $commit $((commit * file * 40)) >file$file
	done
	git add .
	git commit -q -m "commit $commit"
done
echo committed
git clone -q --no-local /mnt/fuse/one /mnt/fuse/two
cd /mnt/fuse/two
[ "$(git rev-parse HEAD)" = "$(git -C ../one rev-parse HEAD)" ] && echo cloned
git gc -q --prune=now
git repack -q -a -d -f --window=4
echo packed
echo 1 >/proc/sys/vm/drop_caches
git fsck --full --strict
[ -z "$(git status --porcelain)" ] && echo clean
diff -r /mnt/fuse/two /srv/fuse/two && echo same at the server
'
has committed
ok $? 'init, add, commit'
has cloned
ok $? 'clone through a pack'
has packed && has clean
ok $? 'gc, repack, fsck with cold caches'
has 'same at the server'
ok $? 'the server has the same files'
tried 0 'nothing else went wrong'
done_testing
