#!/bin/sh
# The exit status of uml/run is what scripts, CI and `git bisect run` act on. A hung
# kernel that counts as a failed command, a warning that counts as success, a mistyped
# option that counts as a bad commit: each of these has sent somebody bisecting the
# wrong thing. And what the command prints is the command's alone: byte for byte,
# stdout and stderr apart.
# shellcheck disable=SC2016,SC2317 # the guest's shell expands it; await calls it
set -u
. tests/host/lib
own_top

run -- sh -c 'exit 7'
tried 7 'the command'\''s status is the status'
is "$(cat "$scratch/out" "$scratch/err")" '' '... and nothing else is said'
run -- true
tried 0 'success'
run -- sh -c 'exit 200'
tried 200 'a status above 128 that is no signal'
run -- no-such-command
tried 127 'no such command'
like "$scratch/err" '^no-such-command: ' '... says which'
run -- sh -c 'kill -TERM $$'
tried 143 '128 + signal'
run -- sh -c 'kill -SEGV $$'
tried 139 'a crash of the command is not one of the kernel'
for own in 124 125 126; do
	run -- sh -c "exit $own"
	tried 123 "the command's own $own is given as 123"
	like "$scratch/err" "ended with $own.*123" '... and said'
done
run -- /etc/passwd
tried 123 'a command that cannot be executed (126) as well'
run -- sh -c 'sleep 100000 & exit 3'
tried 3 'what the command leaves running is not waited for'
run -- reboot -f
tried 125 'a guest that reboots has ended'
like "$scratch/err" 'the guest ended before the command did' '... before its command'
run -- sleep 36000
tried 0 'ten hours of sleep take no time'

# no end
run --timeout 2 --log "$scratch/log" -- sh -c 'while :; do :; done'
tried 124 'a busy loop under --timeout'
like "$scratch/err" 'no end after 2 s' '... is said'
like "$scratch/log" '^sh .pid [0-9]+, tgid [0-9]+. running$' '... with the task that runs in the log'
like "$scratch/log" ' at (kernel|mm|fs|arch|init)/.*\.c:[0-9]' '... its stack by file:line'
times >"$scratch/before"
run --timeout 2 --log "$scratch/log" -- sh -c 'dd if=/dev/zero of=/mnt/fuse/f bs=4k count=1; gate hold write; exec dd if=/dev/zero of=/mnt/fuse/f oflag=direct bs=4k count=1'
times >"$scratch/after" # of what has been waited for, by this shell itself
took=$(awk -F '[ ms]+' 'FNR == 2 { spent[FILENAME] = ($1 * 60 + $2 + $3 * 60 + $4) * 1000 }
	END { printf "%d", spent[ARGV[2]] - spent[ARGV[1]] }' "$scratch/before" "$scratch/after")
tried 124 'a hang'
sed -n '/what the tasks wait for/,$p' "$scratch/log" >"$scratch/report"
like "$scratch/report" 'WRITE .* is held by the gate, by its rule 1' '... is told'
[ "$(grep -n -m 1 'dd (pid' "$scratch/report" | cut -d : -f 1)" -lt 8 ]
ok $? '... at once' || remark "$scratch/report"
unlike "$scratch/report" 'kthreadd|kworker|ksoftirqd' '... without idle kernel threads'
[ "$took" -gt 0 ] && [ "$took" -lt 3000 ]
ok $? "... in 3 s of CPU time at most: $took ms"

# the kernel's own trouble
run --log "$scratch/log" -- sh -c 'echo gone ahead; echo c >/proc/sysrq-trigger'
tried 126 'a panic'
like "$scratch/err" 'the kernel reported: Kernel panic .*sysrq triggered crash' '... is named'
like "$scratch/log" 'sysrq_handle_crash \(.*drivers/tty/sysrq\.c:[0-9]+' '... with a trace that has file:line'
like "$scratch/out" '^gone ahead$' '... and what was printed before is not lost'
# no kernel function that warns on demand is always built in, so the line is written
# into the log; the next ones show that it has to be a line of the log
run -- sh -c 'echo "WARNING: CPU: 0 PID: 1 at mm/none.c:1 none+0x1/0x2" >/dev/kmsg'
tried 126 'a WARNING in the log, although the command succeeded'
like "$scratch/err" 'the kernel reported: WARNING: CPU: 0 PID: 1 at mm/none.c:1' '... is named'
run -- sh -c 'echo "INFO: task sync:42 blocked for more than 120 seconds." >/dev/kmsg; exit 5'
tried 126 'a hung task goes before the command'\''s status'
run -- sh -c 'echo "WARNING: CPU: 0 PID: 1"; echo "BUG: printed" >&2'
tried 0 'a WARNING that the command prints is no report of the kernel'
run -- sh -c 'echo "the word WARNING: in a line" >/dev/kmsg'
tried 0 'nor is one in the middle of a line'

# not tried at all
refused() { # what, what the message has to name; then the arguments
	what=$1 name=$2
	shift 2
	run "$@"
	tried 125 "$what" && like "$scratch/err" "$name" '... is named'
}
refused 'unknown option' '--bogus' --bogus -- true
refused 'option without its value' '--mem needs a value' --mem
refused 'forgotten --' "'true' is no option" true
refused 'missing kernel' 'no kernel at /no/kernel' --kernel /no/kernel -- true
refused 'kernel that is none' 'no kernel at' --kernel Makefile -- true
refused 'unknown variant' 'build/none/linux.*make linux VARIANT=none' --kernel '' --variant none -- true
refused 'missing image' 'no root image at /no/image' --initrd /no/image -- true
refused '--mem that is no size' '--mem 1M1' --mem 1M1 -- true
refused '--mem that is no number' '--mem lots' --mem lots -- true
refused 'too little memory' 'Too few physical memory' --mem 1M -- true
refused '--timeout that is no number' '--timeout soon' --timeout soon -- true
refused '--add of a missing file' '--add /no/file' --add /no/file -- true
refused '--log that cannot be written' '--log /no/folder/log' --log /no/folder/log -- true
mkdir -p "$scratch/add/bin"
printf '#!/bin/sh\nexit 3\n' >"$scratch/add/bin/fuse-server"
chmod +x "$scratch/add/bin/fuse-server"
(cd "$scratch/add" && find . | cpio --quiet -o -H newc) | cat "$image" - >"$scratch/broken.cpio"
refused 'a server that does not start' 'fuse-server did not start' --initrd "$scratch/broken.cpio" -- true
run --initrd "$scratch/broken.cpio" --no-fuse -- sh -c '! grep /mnt/fuse /proc/mounts'
tried 0 '... and need not with --no-fuse'

# what is printed
run -- sh -c 'seq 300000; echo end >&2; exit 9'
tried 9 '2 MB of output'
is "$(cksum <"$scratch/out")" "$(seq 300000 | cksum)" '... arrive whole'
run -- sh -c 'i=0; while [ $i -lt 256 ]; do printf "\\$(printf %03o $i)"; i=$((i + 1)); done'
is "$(od -An -v -tu1 "$scratch/out" | tr -s ' \n' ' ')" " $(seq -s ' ' 0 255) " 'each of the 256 bytes passes unchanged'
run -- printf '%s|' a 'b  c' "d'e" 'f"g' 'h
i' '' '*' '$HOME' '\n' 'ü'
is "$(cat "$scratch/out")" "a|b  c|d'e|f\"g|h
i||*|\$HOME|\\n|ü|" 'arguments with blanks, quotes, newlines, or nothing in them'
# shellcheck disable=SC2046 # a list
run -- sh -c 'echo $#' sh $(seq 20000)
is "$(cat "$scratch/out")" 20000 '20000 arguments'
run -- sh -c 'echo out; echo err >&2'
is "$(cat "$scratch/out") $(cat "$scratch/err")" 'out err' 'stdout and stderr apart'
timeout 60 uml/run --kernel "$kernel" --mem $mem -- \
	sh -c 'for i in 1 2 3; do echo out $i; echo err $i >&2; done' >"$scratch/out" 2>&1
is "$(tr '\n' ' ' <"$scratch/out")" 'out 1 err 1 out 2 err 2 out 3 err 3 ' '... or as one stream, in order'
printf 'line=two\necho one $line\nexit 5\n' |
	timeout 60 uml/run --kernel "$kernel" --mem $mem >"$scratch/out" 2>"$scratch/err"
is "$? $(cat "$scratch/out")" '5 one two' 'without a command, stdin is the shell'\''s script'
head -c 5000000 /dev/zero | timeout 60 uml/run --kernel "$kernel" --mem $mem -- wc -c >"$scratch/out" 2>"$scratch/err"
is "$? $(cat "$scratch/out")" '0 5000000' '... with one, it is the command'\''s input'
printf 'one\ntwo\nthree\n' >"$scratch/lines"
while read -r line; do
	timeout 60 uml/run --kernel "$kernel" --mem $mem -- cat
	echo "line $line"
done <"$scratch/lines" >"$scratch/out" 2>"$scratch/err"
is "$(tr '\n' ' ' <"$scratch/out")" 'two three line one three line two line three ' '... a file, too, from where it is read, and it stays there'
mkfifo "$scratch/silent"
exec 9<>"$scratch/silent"
timeout 60 uml/run --kernel "$kernel" --mem $mem -- wc -c <"$scratch/silent" >"$scratch/out" 2>"$scratch/err"
is "$? $(cat "$scratch/out" "$scratch/err")" '0 0' '... a pipe from which nothing comes is empty'
timeout 60 uml/run --kernel "$kernel" --mem $mem --timeout 50 --wall-clock -- sh -c 'echo up; sleep 1000' <"$scratch/silent" >"$scratch/out" 2>"$scratch/err" &
pid_1=$!
up() { grep -q up "$scratch/out"; }
await up
echo late >&9
wait $pid_1
is $? 125 '... from which something comes later, it is refused'
like "$scratch/err" 'silent when the guest started: say --stdin' '... with the way out'
exec 9>&-
(
	sleep 1
	echo slow
) | timeout 60 uml/run --kernel "$kernel" --mem $mem --stdin -- cat >"$scratch/out" 2>"$scratch/err"
is "$? $(cat "$scratch/out")" '0 slow' '... --stdin waits for it'
head -c 200000000 /dev/zero | timeout 60 uml/run --kernel "$kernel" --mem $mem -- wc -c >"$scratch/out" 2>"$scratch/err"
is $? 125 'more than the guest'\''s memory holds is refused'
like "$scratch/err" 'stdin has 190 MB, too much for a guest with .* MB' '... and named'
{
	timeout 60 uml/run --kernel "$kernel" --mem $mem -- yes
	echo $? >"$scratch/status"
} | head -n 1 >"$scratch/out"
is "$(cat "$scratch/out" "$scratch/status" | tr '\n' ' ')" 'y 141 ' 'a reader that goes away ends the guest (| head)'
if command -v script >/dev/null; then
	printf 'tty\nexit 4\n' | LIMIT=60 timeout 60 \
		script -qec "uml/run --kernel $kernel --mem $mem" /dev/null >"$scratch/out" 2>&1
	is $? 4 'a shell on a terminal'
	like "$scratch/out" '^/dev/tty1' '... has one in the guest'
else
	skip 'a shell on a terminal' 'no script(1)'
fi

is "$(ls "$top/build/run")" '' 'nothing is left in build/run'
done_testing
