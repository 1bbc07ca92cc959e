#!/bin/sh
# An exploration on many machines: a host goes away, and its seeds are never run; a host is
# not like the others, and nobody notices.
# shellcheck disable=SC2154,SC2317 # of tests/host/lib; await calls it
set -u
. tests/host/lib
can_explore
command -v parallel >/dev/null || {
	echo '1..0 # SKIP no GNU parallel here (apt install parallel; make explore FARM= does)'
	exit 0
}
setarch -R true 2>/dev/null || {
	echo '1..0 # SKIP setarch -R is refused here (seccomp of a container?): addresses differ from run to run'
	exit 0
}
[ -n "$(find "build/$NAME/places" -newer "$kernel" 2>/dev/null)" ] || tests/explore/places "$kernel" "build/$NAME/places"
own_top bin/explore bin/supervise
mkdir -p "$top/build/$NAME/tests/explore"
cp build/rootfs.cpio "$top/build/"
cp "$kernel" "build/$NAME/places" "$top/build/$NAME/"
cp "build/$NAME/tests/explore/last_writer" "$top/build/$NAME/tests/explore/"
cd "$top" || exit 1
out=build/explore/farm
farm() {
	try env UNIT=5 HOW=pct "$@"
}

# By ssh, to this machine: a server of our own, with keys of its own
hosts=:
if command -v sshd >/dev/null && command -v ssh-keygen >/dev/null; then
	mkdir -p ssh && chmod 700 ssh
	ssh-keygen -q -t ed25519 -N '' -f ssh/host && ssh-keygen -q -t ed25519 -N '' -f ssh/user && cp ssh/user.pub ssh/keys
	[ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd
	for port in 22614 32614 42614; do
		"$(command -v sshd)" -D -e -f /dev/null -p $port -h "$PWD/ssh/host" -o "AuthorizedKeysFile=$PWD/ssh/keys" -o StrictModes=no \
			-o UsePAM=no -o PermitRootLogin=yes -o "PidFile=$PWD/ssh/pid" -o ListenAddress=127.0.0.1 2>ssh/log &
		sshd=$!
		listens() { grep -q '^Server listening' ssh/log || ! kill -0 "$sshd" 2>/dev/null; }
		await listens
		kill -0 "$sshd" 2>/dev/null && break
	done
	at_end() { kill "$sshd" 2>/dev/null; }
	SSH="ssh -p $port -i $PWD/ssh/user -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
	if $SSH 127.0.0.1 true 2>ssh/refused; then
		hosts=ssh/hosts
		echo '2/127.0.0.1' >$hosts
		export SSH
	fi
fi
[ $hosts != : ] || skip 'units by ssh' 'no sshd that one can log in to'

farm tests/explore/farm $hosts 20 last_writer
tried 1 "four units, by ${hosts#ssh/}"
like "$scratch/out" '^4 units, 20 runs, [0-9]+ failed$' '... their sum'
is "$(wc -l <$out/second)" 1 '... one is run twice'
sort $out/first >"$scratch/all"
cut -d ' ' -f 5 "$scratch/all" | tr '\n' ' ' >"$scratch/seeds"
is "$(cat "$scratch/seeds")" '1-5 11-15 16-20 6-10 ' '... each seed once'

# One host went away in the middle: its units have no answer
sed -i '$d' $out/first.log && sed -i '$d' $out/first
farm env RESUME=1 tests/explore/farm $hosts 20 last_writer
tried 1 'RESUME=1'
sort $out/first | cmp - "$scratch/all"
ok $? '... runs the unit that is left, and has the same answers'
farm env RESUME=1 tests/explore/farm $hosts 25 last_writer
tried 2 'RESUME=1 of other units'
like "$scratch/err" 'not the units of the last time' '... is told'

# A host on which the same unit has another answer
mkdir -p other/tests/explore
cat >other/tests/explore/unit <<'EOF'
#!/bin/sh
echo "kernel image $1 portfolio $2 5 0 hash$(ls again 2>/dev/null)"
touch again
EOF
chmod +x other/tests/explore/unit
farm env AT="$PWD/other" tests/explore/farm : 5 last_writer
tried 2 'a unit whose second answer is another one'
like "$scratch/err" '^ALARM: kernel image last_writer portfolio 1-5: 5 0 hash, and then 5 0 hashagain' '... is an alarm'
# ... and one that cannot be run
farm env AT="$PWD/nowhere" tests/explore/farm : 5 last_writer
tried 2 'a host without the checkout'
farm tests/explore/farm /nowhere 20 last_writer
tried 2 'a list of hosts that is not there'
done_testing
