#!/bin/sh
# "It works there and not here": where do the two runs part? uml/run --compare says the
# first tick that differs, and what each side does there.
# shellcheck disable=SC2016 # the guest's shell expands these
set -u
. tests/host/lib

setarch -R true 2>/dev/null || {
	echo '1..0 # SKIP setarch -R is refused here (seccomp of a container?): addresses differ from run to run'
	exit 0
}
compare() { # the other side's options, options and command
	with=$1
	shift
	try uml/run --compare "$with" --kernel "$kernel" --initrd "$image" --mem $mem "$@"
}

compare '' -- act /mnt/fuse/a open:2 store:0 fsync
tried 0 'two equal runs'
like "$scratch/out" '^the two runs are the same: [0-9]+ ticks$' "... are: $(tail -n 1 "$scratch/out")"

# another option of the server: OPEN's reply is read, and acted upon, in another way
compare "--server-options '-o direct_io'" -- act /mnt/fuse/a open:2 pwrite:0 fsync
tried 1 'a server with direct I/O'
like "$scratch/out" '^they part at tick [0-9]+ ' "... is seen: $(grep '^they part' "$scratch/out")"
at=$(sed -n 's/^they part at tick \([0-9]*\) .*/\1/p' "$scratch/out")
like "$scratch/out" "^ *${at:-none}  pid [0-9]+ [a-z_0-9]+ [a-z_-]+\\.[ch]:[0-9]+ +\\| pid [0-9]+ [a-z_0-9]+ [a-z_-]+\\.[ch]:" '... with both sides at that tick'
like "$scratch/out" "^ *$((${at:-1} - 1))  (pid .*[^ ]) +\\1\$" '... and the same before it'

# another kernel: line by line, as the blocks lie elsewhere
cp "$kernel" "$scratch/linux"
compare "--kernel $scratch/linux" -- act /mnt/fuse/a open:2 store:0 fsync
tried 0 'a kernel with the same source'
like "$scratch/out" '^the two runs are the same' '... runs the same lines'

# the tick is where it says: what a run did up to there is the same in both traces
run --trace "$scratch/trace" -- act /mnt/fuse/a open:2 pwrite:0 fsync
[ "$(stat -c %s "$scratch/trace")" -gt $((8 * ${at:-0})) ]
ok $? 'a trace has 8 bytes for each tick'
run --trace "$scratch/none/trace" -- true
tried 125 'a trace that cannot be written'
like "$scratch/err" 'trace: No such file' '... says why'

# bad input
compare '--no-such-option' -- true
tried 2 'an option that uml/run does not know'
like "$scratch/err" 'B left no ticks' '... says which of the two'
compare '' --compare '' -- true
tried 2 'two comparisons'
try uml/run --mem 300M --compare '' -- true
tried 125 '--compare after another option'
like "$scratch/err" 'comes first' '... says so'
done_testing
