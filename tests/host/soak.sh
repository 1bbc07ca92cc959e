#!/bin/sh
# An hour of random operations that were none: a wrong list of seeds, and "0 operations, ok".
# shellcheck disable=SC2154 # of tests/host/lib
set -u
. tests/host/lib
# With no seeds given, those of the script: make explore has others
VARIANT=patched DEBUG='' make -n soak >"$scratch/out" 2>&1
has 'tests/soak patched *'
ok $? 'make soak leaves the seeds to it'
VARIANT=patched DEBUG='' make -n soak SEEDS=3-4 >"$scratch/out" 2>&1
has 'tests/soak patched 3-4'
ok $? '... but for SEEDS='

own_top bin/supervise
cd "$top" || exit 1
cat >uml/run <<'END'
#!/bin/sh
case $* in
*"-S 2 "*) echo 'fsx: differs' && exit 9 ;;
esac
printf 'fsx: 30 operations of one, ok\nshared-mapping: 12 operations, ok\n'
END
try tests/soak some 3-5
tried 0 'three runs that are good'
has 'soak: some: 126 operations, ok'
ok $? '... with the sum of their operations'
is "$(grep -c -E '^soak: some: seed [345]: 42 operations, ok' "$scratch/out")" 3 '... each with its own'
try tests/soak some 1-3
tried 1 'one that fails'
has 'soak: some: seed 2: status 9'
ok $? '... is named'
has 'fsx: differs'
ok $? '... with what it said'
has 'soak: some: 2 of 3 runs, FAILED'
ok $? '... and there is no sum'
for seeds in 1-500x 0-3 3-2 3- -; do
	try tests/soak some "$seeds"
	tried 1 "seeds $seeds"
	like "$scratch/err" "SEEDS=$seeds: not FIRST-LAST, from 1" '... are told'
done
done_testing
