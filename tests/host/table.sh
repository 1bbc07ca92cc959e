#!/bin/sh
# The matrix says what each kernel did, and why it does otherwise than the one before it. A
# reason that outlives its difference would go on telling of a fault that has been mended;
# a difference without a reason must not pass for none.
set -u
. tests/host/lib
[ "$NAME" = patched ] || {
	echo '1..0 # SKIP no kernel is run here: once is enough'
	exit 0
}
own_top ./none
cd "$top" || exit
rm -rf tests/guest/*
mkdir -p tests/guest/door
for id in D1 D2 D3; do
	printf '%s\n' '// SPDX' '/*' " * $id: a door that $id opens. Or not." ' */' >tests/guest/door/$id.c
done
seen() { # kernel, version, scenario, status, outcome...
	folder=build/$1 version=$2 test=$3 result=$4
	shift 4
	mkdir -p "$folder/results/door"
	[ -d "$folder/src" ] || {
		git init -q "$folder/src"
		git -C "$folder/src" -c user.name=a -c user.email=a@b commit -q --allow-empty -m "linux-source-x $version-1"
	}
	printf '  tests/guest/door/%s.c:\n    last_result: %s\n' "$test" "$result" >>"$folder/prove.state"
	printf '# outcome: %s\n' "$@" >"$folder/results/door/$test.tap"
}
seen 6.1-stock 6.1.9 D1 0 opens
seen 6.1-stock 6.1.9 D2 0 opens
seen 6.1-stock 6.1.9 D3 0 opens squeaks
seen stock 6.12.8 D1 0 'fault: shut'
seen stock 6.12.8 D2 0 shut
seen stock 6.12.8 D3 0 opens squeaks squeaks
seen patched 6.12.8 D1 0 opens
seen patched 6.12.8 D2 1 opens
seen patched 6.12.8 D3 0 ajar
echo '6.1-stock | door/D1 | abc (6.5): a lock' >tests/differences

page=tests/KERNELS.md
try tests/table --kernels 6.1 stock patched
tried 0 'three kernels'
like $page '^\| \[D1\]\(guest/door/D1\.c\) \| a door that D1 opens \| opens \| fault: shut \| abc \(6\.5\): a lock \|$' \
	'what differs, and the commit'
like $page '^\| \[D2\].* \| opens \| shut \| not known \|$' '... or that it is not known'
unlike $page '^\| \[D3\].*\|.*\|.*\|.*\| .* \|.*not known' '... nothing of what is the same'
like $page '^\| \[D3\].* \| opens; squeaks \| opens; squeaks \| ajar \|$' 'all words of each, once'
like $page '^\| \[D2\].* \| opens \| shut \| FAILED \|$' 'a test that failed'
like $page '6\.1\.9 \| 6\.12\.8 stock \| 6\.12\.8 patched' "the source's version"
is "$(grep -c '^### From' $page)" 1 "a variant is not mainline's next"
like $page '^# From kernel to kernel' 'what is written by hand stays'

cp $page before
echo '6.1-stock | door/D3 door/D9 | def: a hinge' >>tests/differences
try tests/table --kernels 6.1 stock
tried 1 'a reason for no difference'
like "$scratch/err" 'tests/differences: 6\.1-stock: no difference in door/D3' '... is named'
like "$scratch/err" 'no difference in door/D9' '... and one for no scenario'
try cmp before $page
tried 0 '... and nothing is changed'
try test ! -e $page.new
tried 0 '... nor left behind'

try tests/table --kernels 6.1 7.9
tried 1 'a kernel that was not tested'
like "$scratch/err" 'no test run on 7\.9: make test KERNEL=7\.9' '... and what to type'
try tests/table --kernels
tried 1 'no kernel at all'
done_testing
