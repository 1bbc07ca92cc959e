#!/bin/sh
# The places of a kernel, from whatever folder it was built: somebody's own tree (KSRC=) has
# its own path in the debug information. Here "kernels" of two files, linked in no time.
# shellcheck disable=SC2154 # scratch: tests/host/lib
set -u
. tests/host/lib

files() { # tree
	mkdir -p "$1/init" "$1/fs/fuse"
	cat >"$1/init/main.c" <<'END'
void start_kernel(void) {}
void __sanitizer_cov_trace_pc(void) {}
void mutex_unlock(void) {}
int main(void) { return 0; }
END
	cat >"$1/fs/fuse/dir.c" <<'END'
void mutex_unlock(void);
int fuse_do_setattr(int n)
{
	mutex_unlock();
	return n ? 1 : 2;
}
END
}

# As UML's: calls go through registers. Files are named as kbuild does, and mapped as
# uml/kernel/kernel.mk does for trees of ours.
places() { # tree, options of gcc
	files "$1"
	tree=$1
	shift
	set -- -g -O1 -fno-pic -mcmodel=large "$@"
	mkdir -p "$scratch/obj"
	(
		cd "$scratch/obj" || exit
		gcc "$@" -c "$tree/init/main.c" &&
			gcc "$@" -fsanitize-coverage=trace-pc -c "$tree/fs/fuse/dir.c" &&
			gcc -no-pie -o linux main.o dir.o
	) || ok 1 'it links'
	try tests/explore/places "$scratch/obj/linux" "$scratch/places"
}

for name in linux linux-7.3 src/linux linux/src; do
	places "$scratch/$name"
	tried 0 "a tree of somebody's, .../$name"
	like "$scratch/places" '^[0-9a-f]+ letgo fs/fuse/dir\.c fs/fuse/dir\.c:[0-9]+ fuse_do_setattr$' \
		'... its place is one of fs/fuse, and what is let go of there is known'
done
places "$scratch/build/patched/src" "-fdebug-prefix-map=$scratch/build/patched/src=../src"
like "$scratch/places" '^[0-9a-f]+ letgo fs/fuse/dir\.c fs/fuse/dir\.c:[0-9]+ fuse_do_setattr$' 'a tree of ours'

# Two tests that need them at once
pids=''
for _ in 1 2 3 4 5 6 7 8; do
	tests/explore/places "$scratch/obj/linux" "$scratch/at-once" 2>>"$scratch/err" &
	pids="$pids $!"
done
bad=0
for pid in $pids; do wait "$pid" || bad=$((bad + 1)); done
is "$bad" 0 'made by eight at once: none fails'
cmp "$scratch/places" "$scratch/at-once"
ok $? '... and they are whole'
is "$(cd "$scratch" && ls -d at-once*)" at-once '... with nothing left beside them'
done_testing
