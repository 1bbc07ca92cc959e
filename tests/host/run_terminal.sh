#!/bin/sh
# A person makes the window larger, and vi in the guest goes on drawing 24 lines; types
# ahead while the guest boots, and it is lost; comes back to a terminal without echo.
# shellcheck disable=SC2016,SC2317 # the guest's shell expands it; await calls it
set -u
. tests/host/lib
command -v script >/dev/null || {
	echo '1..0 # SKIP no script(1) to make a terminal'
	exit 0
}
screen=$scratch/screen
shown() { tr -d '\r' <"$screen" | grep -q -E "$1"; }

# The session: a terminal of 30 x 90; the guest waits until it is another size
cat >"$scratch/session" <<-EOF
	stty rows 30 cols 90
	tty >$scratch/tty
	stty -g >$scratch/before
	"\$@"
	echo \$? >$scratch/status
	stty -g >$scratch/after
EOF
guest='exec sh -c "stty size; trap \"echo got WINCH\" WINCH; echo waiting; until stty size | grep -q 41.111; do sleep 0.1; done; stty size; exit 5"'
resize() {
	await shown '^waiting'
	ok $? "$1"
	stty rows 41 cols 111 -F "$(cat "$scratch/tty")"
}

: >"$screen"
echo "$guest" | timeout 60 script -q -f -e -c "sh $scratch/session uml/run --kernel $kernel --initrd $image --mem $mem" "$screen" >/dev/null 2>&1 &
session=$!
resize 'a shell on a terminal, its commands typed ahead'
wait $session
ok $? '... ends when the size has changed'
is "$(cat "$scratch/status")" 5 '... with its status'
is "$(tr -d '\r' <"$screen" | grep -x '[0-9]* [0-9]*' | tr '\n' ' ')" '30 90 41 111 ' 'the terminal has the size of the window, before and after'
shown '^got WINCH'
ok $? '... and the shell gets SIGWINCH' || remark "$screen"
is "$(cat "$scratch/after")" "$(cat "$scratch/before")" 'the terminal is as it was'

# A line typed before there is a guest, and then nothing, the end neither. In virtual time, a guest
# that was given it at once would look at it only when more is typed
: >"$screen"
mkfifo "$scratch/keys"
echo "until [ -e $scratch/typed ]; do sleep 0.05; done; exec uml/run --kernel $kernel --initrd $image --mem $mem \
	--virtual-time --terminal -- sh -c 'read -r line; echo got \$line'" >"$scratch/reader"
timeout 60 script -q -f -e -c "sh $scratch/reader" "$screen" <"$scratch/keys" >/dev/null 2>&1 &
session=$!
exec 8>"$scratch/keys"
echo early >&8
await shown '^early'
touch "$scratch/typed"
await shown '^got early'
ok $? 'what was typed before the guest was there arrives' || remark "$screen"
exec 8>&-
wait $session

# The same in a terminal that uml/console attached
uml/run --timeout 60 --kernel "$kernel" --initrd "$image" --mem $mem --pty -- sh -c 'while read -r line; do eval "$line"; done' >"$scratch/out" 2>&1 </dev/null &
run=$!
# not that of another test's guest
pty() { cat build/run/"$run"-*/pty; }
ready() { [ -n "$(pty 2>/dev/null)" ]; }
await ready
: >"$screen"
rm "$scratch/status" "$scratch/after"
(
	await shown "guest's terminal"
	printf '\035'
) | timeout 30 script -q -f -e -c "sh $scratch/session uml/console $(pty)" "$screen" >/dev/null 2>&1
is "$(cat "$scratch/status")" 0 'Ctrl-] leaves uml/console'
is "$(cat "$scratch/after")" "$(cat "$scratch/before")" '... and the terminal as it was'
kill -0 $run
ok $? '... and the guest where it is'
: >"$screen"
(
	await shown "guest's terminal"
	echo "$guest"
	await shown '^41 111'
) | timeout 60 script -q -f -e -c "sh $scratch/session uml/console $(pty)" "$screen" >/dev/null 2>&1 &
session=$!
resize 'uml/console'
wait $run
is $? 5 '... its guest ends with its status'
wait $session
is "$(tr -d '\r' <"$screen" | grep -x '[0-9]* [0-9]*' | tr '\n' ' ')" '30 90 41 111 ' '... has the size of the window, before and after'
is "$(cat "$scratch/after")" "$(cat "$scratch/before")" '... leaves the terminal as it was'
done_testing
