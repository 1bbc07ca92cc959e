#!/bin/sh
# What of the host a guest sees: nothing, unless asked for. Somebody's reproducer or test
# program must not find the home folder writable below /mnt, and who shares a folder to
# read inputs from must not find them changed afterwards.
# shellcheck disable=SC2016 # the guest's shell expands it
set -u
. tests/host/lib
own_top
share=$scratch/share
mkdir -p "$share/sub" "$scratch/beside"
echo content >"$share/file"
echo secret >"$scratch/beside/secret"
ln -s ../beside/secret "$share/link"

run -- sh -c 'ls /mnt; mkdir /tmp/m; mount -t hostfs none /tmp/m; ls /tmp/m; cat /proc/mounts'
is "$(head -n 1 "$scratch/out")" fuse 'without --share there is no /mnt/share'
unlike "$scratch/out" hostfs '... and hostfs cannot be mounted by hand'

run --share "$share" -- sh -c 'cat /mnt/share/file; ls /mnt/share; ls -A /mnt/share/..'
tried 0 '--share DIR'
is "$(tr '\n' ' ' <"$scratch/out")" 'content file link sub fuse share ' '... shows the folder and nothing beside it'
run --share "$share" -- cat /mnt/share/link
tried 1 '... a symlink does not lead out of it'
run --share "$share" -- sh -c 'echo changed >/mnt/share/file; echo new >/mnt/share/new; rm /mnt/share/file; mv /mnt/share/sub /mnt/share/s'
tried 1 '... writing is refused'
is "$(cat "$share/file") $(cd "$share" && echo *)" 'content file link sub' '... and nothing has changed'

run --share "$share:rw" -- sh -c 'echo new >/mnt/share/new; echo more >>/mnt/share/file; rmdir /mnt/share/sub; sync'
tried 0 '--share DIR:rw'
is "$(cat "$share/new" "$share/file" | tr '\n' ' ')$(cd "$share" && echo *)" 'new content more file link new' \
	'... what is written arrives'
(cd "$scratch" && timeout 60 "$top/uml/run" --kernel "$kernel" --initrd "$image" --mem $mem \
	--share share --log relative.log -- cat /mnt/share/file) >"$scratch/out" 2>&1
is "$?$(tr '\n' ' ' <"$scratch/out")" '0content more ' 'names relative to the current folder'
like "$scratch/relative.log" 'Linux version' '... of the log, too'
mkdir "$scratch/a:b" "$scratch/a b"
run --share "$scratch/a:b" -- test -d /mnt/share
tried 0 'a colon in the name'
run --share "$scratch/a b" -- true
tried 125 'a name that the kernel'\''s command line cannot carry is refused'
like "$scratch/err" 'a b: the kernel' '... and named'
run --share "$scratch/missing" -- true
tried 125 'a missing folder'
like "$scratch/err" '--share .*/missing: no such folder' '... is named'
run --share "$share/file" -- true
tried 125 'a file is no folder'

# the host's programs
run --host-root -- git --version
tried 0 "--host-root runs the host's programs"
is "$(cat "$scratch/out")" "$(git --version)" '... which say what they say on the host'
run --host-root -- sh -c 'touch /usr/x /etc/x /host/x; echo $?; readlink /proc/1/exe; grep -c fuse-server /proc/mounts'
is "$(tr '\n' ' ' <"$scratch/out")" '1 /init 1 ' '... the host is read-only, init and the server are ours'
run --host-root --share "$share:rw" -- sh -c 'cat /mnt/share/file; echo both >/mnt/share/both; git --version'
tried 0 '--host-root with --share'
is "$(cat "$share/both")" both '... writes there'
run --host-root --share "$share" -- sh -c 'echo changed >/mnt/share/both'
tried 1 '... or does not'

# what else reaches the guest
run --mem 400M -- sh -c 'free -m | sed -n "s/^Mem: *\([0-9]*\).*/\1/p"'
size=$(cat "$scratch/out")
[ "$size" -gt 330 ] && [ "$size" -le 400 ]
ok $? '--mem' || remark "$scratch/out"
run --append one.word=1 --append 'two words=2' -- cat /proc/cmdline
like "$scratch/out" ' one\.word=1 two words=2( |$)' '--append, twice'
printf '#!/bin/sh\necho "ran $0 $1"\n' >"$scratch/first"
chmod +x "$scratch/first"
echo data >"$scratch/second file"
run --add "$scratch/first" --add "$scratch/second file" -- sh -c '/tests/first x; cat "/tests/second file"'
is "$(tr '\n' ' ' <"$scratch/out")" 'ran /tests/first x data ' '--add puts files into /tests'
run --no-fuse -- sh -c '! grep /mnt/fuse /proc/mounts && ! ps | grep -q [f]use-server'
tried 0 '--no-fuse'
run -- sh -c 'env | sort; pwd'
is "$(tr '\n' ' ' <"$scratch/out")" \
	'HOME=/root LANG=C.UTF-8 PATH=/bin:/sbin:/usr/bin:/usr/sbin:/usr/local/bin PWD=/root SHLVL=1 TERM=linux USER=root /root ' \
	'the environment is the same for all'

rm -rf "$top/build/run"
run --share "$share" --dry-run -- command 'with args'
tried 0 '--dry-run'
like "$scratch/out" "^setsid .*/linux mem=$mem .*hostfs=$share( |\$)" "... prints the kernel's command line"
like "$scratch/out" '^command: command with args' '... and what would run'
[ ! -e "$top/build/run" ]
ok $? '... makes nothing'
done_testing
