#!/bin/sh
# Root in the guest mounts hostfs with `-o /../..`, or a read-only share anew for writing:
# a reproducer that does so must not read somebody's keys, nor change a file. What the
# kernel, a process of the host, may open is held by the host: Landlock, and seccomp for
# what Landlock does not know.
# shellcheck disable=SC2016 # the guest's shell expands it
set -u
. tests/host/lib
[ "$(build/bin/supervise --landlock)" -gt 0 ] || {
	echo '1..0 # SKIP this host has no Landlock'
	exit 0
}
share=$scratch/share
mkdir -p "$share/sub" "$scratch/beside"
echo content >"$share/file"
echo secret >"$scratch/beside/secret"
chmod 600 "$scratch/beside/secret" "$share/file"
state() { # all that can be changed of files
	(cd "$scratch" && find share beside -exec stat -c '%n %f %u %g %s %Y %h' {} + | LC_ALL=C sort && cat share/file beside/secret)
}
state >"$scratch/before"
untouched() {
	state >"$scratch/after"
	cmp -s "$scratch/before" "$scratch/after"
	ok $? "$1" || diff "$scratch/before" "$scratch/after" | sed 's/^/#   /' >&2
}

# What root can try below a hostfs mount, for a file and a folder
tries='
tries() {
	cat $1/$2; ls $1/$3
	echo changed >$1/$2; echo more >>$1/$2; truncate -s 1 $1/$2
	chmod 777 $1/$2 $1/$3; chown 1:1 $1/$2; touch -d 2001-01-01 $1/$2 $1/$3
	echo new >$1/$3/new; mkdir $1/$3/dir; ln -s x $1/$3/link; ln $1/$2 $1/$3/hard; mknod $1/$3/fifo p
	mv $1/$2 $1/$3/moved; rm $1/$2; rmdir $1/$3
}
mkdir /tmp/m
'
run --share "$share" -- sh -c "$tries"'mount -o remount,rw /mnt/share; tries /mnt/share file sub 2>/dev/null'
untouched 'a read-only share, remounted for writing'
is "$(cat "$scratch/out")" content '... is read, and stays as it was'

below=$(echo "$share" | sed 's|[^/]*|..|g; s|^\.\.||')
for way in "$below/$scratch/beside" /../beside /.. "$below"; do
	case $way in
	*beside) file=secret dir=. ;;
	/..) file=beside/secret dir=beside ;;
	*) file=${scratch#/}/beside/secret dir=${scratch#/}/beside ;;
	esac
	run --share "$share" -- sh -c "$tries mount -t hostfs none /tmp/m -o $way && tries /tmp/m $file $dir"
	untouched "a share, left by -o $(echo "$way" | sed "s|$scratch|...|")"
	is "$(cat "$scratch/out")" '' '... nothing is read'
	like "$scratch/err" "can't create /tmp/m/.*: Permission denied" '... though all was tried'
done
run --share "$share:rw" -- sh -c "$tries mount -t hostfs none /tmp/m -o /.. && tries /tmp/m beside/secret beside"
untouched 'a writable share, left'
is "$(cat "$scratch/out")" '' '... nothing is read'
like "$scratch/err" "can't create /tmp/m/.*: Permission denied" '... though all was tried'
run --share "$share:rw" -- sh -c 'cd /mnt/share && echo new >new && chmod 640 new && mkdir d && mv new d/moved && truncate -s 2 d/moved && touch -d "2001-01-01 00:00:00" d/moved && rm file && stat -c "%a %s %Y" d/moved'
is "$status $(cat "$scratch/out")" '0 640 2 978307200' '... inside, all can be done'
is "$(stat -c '%a %s %Y' "$share/d/moved")" '640 2 978307200' '... and arrives'
rm -r "$share/d"
echo content >"$share/file"
chmod 600 "$share/file"
state >"$scratch/before"

run --host-root -- sh -c "$tries mount -o remount,rw /host; tries /host/$scratch beside/secret beside 2>/dev/null"
untouched 'the host as root, remounted for writing'
is "$(tr '\n' ' ' <"$scratch/out")" 'secret secret ' '... is read'
run --host-root --share "$share:rw" -- sh -c "$tries mount -o remount,rw /host; tries /host/$scratch beside/secret beside 2>/dev/null"
untouched '... with a writable share, too'

# Without either, no path leads out; a folder /nonexistent was enough once
run -- sh -c "$tries"'for way in / /.. /../.. /../../etc /../../../../etc; do mount -t hostfs none /tmp/m -o $way && ls /tmp/m; done'
is "$(cat "$scratch/out")" '' 'without --share, hostfs shows nothing'
like "$scratch/err" 'mount' '... and cannot be mounted'

# Beside what it was started with, the kernel can open nothing; gdb, outside, looks into it
cat >"$scratch/script" <<-'EOF'
	handle SIGSEGV SIGALRM SIGVTALRM SIGIO SIGUSR1 SIGUSR2 SIGWINCH SIGCHLD nostop noprint pass
	tbreak fuse_statfs
	run
	printf "errno of /etc/passwd: %d\n", open_file("/etc/passwd", 1, 0, 0)
	printf "errno of its own image: %d\n", open_file("initrd", 1, 0, 0) > 0
	kill
EOF
run --wrap "gdb -q -nx -batch -x $scratch/script --args" -- stat -f /mnt/fuse
like "$scratch/out" '^errno of /etc/passwd: -13$' 'under gdb, too, the kernel may not open the host'\''s files'
like "$scratch/out" '^errno of its own image: 1$' '... but its own'

# A host without: the launcher's question is answered for it
if command -v strace >/dev/null; then
	try strace -o /dev/null -e inject=landlock_create_ruleset:error=EOPNOTSUPP uml/run --kernel "$kernel" \
		--initrd "$image" --mem $mem --share "$share" -- cat /mnt/share/file
	is "$status $(cat "$scratch/out")" '0 content' 'without Landlock, --share works'
	is "$(grep -c 'this host has no Landlock: root in the guest can reach beyond' "$scratch/err")" 1 '... and what it lacks is said once'
else
	skip 'a host without Landlock' 'no strace to make one'
fi
done_testing
