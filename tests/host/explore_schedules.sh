#!/bin/sh
# Orders that once failed, kept in tests/explore/schedules: each on the kernel under test,
# whose ticks are others, at the same places.
# shellcheck disable=SC2154 # of tests/host/lib
set -u
. tests/host/lib
can_explore
[ "$VARIANT" != before ] || {
	echo '1..0 # SKIP no page can become dirty on this kernel'
	exit 0
}
setarch -R true 2>/dev/null || {
	echo '1..0 # SKIP setarch -R is refused here (seccomp of a container?): addresses differ from run to run'
	exit 0
}
case $(cat "build/$NAME/obj/include/config/kernel.release") in
[0-5].* | 6.[0-5].*)
	echo '1..0 # SKIP before 6.6 (CFS) another task goes first where none is told to wait'
	exit 0
	;;
esac
tests/explore/places "$kernel" "$scratch/places"
for file in tests/explore/schedules/*.schedule; do
	fails=0
	! grep -q "^# fails on .*$VARIANT" "$file" || fails=1
	try build/bin/explore --kernel "$kernel" --image "$image" --places "$scratch/places" --out "$scratch" --replay "$file" \
		"build/$NAME/tests/$(sed -n 's/^# program //p' "$file")"
	tried $fails "${file##*/}"
	if [ $fails -eq 1 ]; then
		has "$(sed -n '1s/^# //p' "$file")"
		ok $? '... as it was'
	else
		like "$scratch/out" '^nothing fails' '... does not fail'
	fi
	places() { sed -n 's/^\([0-9]*\):.*# \(.* waits in [^,]*\),.*/\1 \2/p' "$1" | sort; }
	is "$(places "$scratch/out")" "$(places "$file")" '... with each wait where it was'
done
done_testing
