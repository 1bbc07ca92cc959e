#!/bin/sh
# From the symptom to the line that is wrong, with nothing but gdb's way back: the scripts of
# tests/culprits, and M2, a truncate that hangs. The kernels are those of make repro.
set -u
. tests/host/gdb-lib
export LIMIT=600

kernel_with() { # a bug of kernel-patches/bugs
	case $NAME in
	patched*) ;;
	*)
		skip "$2" 'the bugs are put into the patched kernel, and tried with that'
		return 1
		;;
	esac
	kernel=build/bugs/patched/$1/linux
	[ -x "$kernel" ] || {
		skip "$2" "no kernel with it: make repro BUG=$1"
		return 1
	}
	# lines are compared: of the series and the patch as they are now
	case $(cat "${kernel%/*}/of") in
	"$(git -C build/patched/src rev-parse HEAD) $(sha256sum <"$(echo kernel-patches/bugs/"$1"-*.patch)")"*) ;;
	*)
		skip "$2" "the kernel with it is of an older source: make repro BUG=$1"
		return 1
		;;
	esac
	kernel=$(realpath "$kernel")
}

# Lines of a bug, as its kernel's source has them: those that its patch changes, and the next
hunks() { # bug
	mkdir -p "$scratch/$1/fs/fuse"
	for file in file.c dir.c; do
		git -C build/patched/src show "patched:fs/fuse/$file" >"$scratch/$1/fs/fuse/$file"
	done
	cp -a "$scratch/$1" "$scratch/$1.bug"
	(cd "$scratch/$1.bug" && patch -s -p1) <"$(echo kernel-patches/bugs/"$1"-*.patch)" >/dev/null
	(cd "$scratch" && diff -U1 -r "$1" "$1.bug") | sed 's#^\([-+]*\) [^/ ]*/#\1 x/#' | tests/changed-lines
}

# R1: data that was cut off comes back. R2: close fails. R3: a hang. R4: a hole has old data.
# R5: a file grows over old bytes. Each from its symptom
for bug in r1 r2 r3 r4 r5; do
	kernel_with $bug "$bug: from the symptom to the line" || continue
	try tests/culprit $bug "$kernel"
	tried 0 "$bug: $(sed -n '1s/^# [^:]*: //p' tests/culprits/$bug.gdb)"
	sed -n 's/^culprit=\([^:]*\):\([0-9]*\) .*/\1 \2/p' "$scratch/out" | sort -u >"$scratch/found"
	hunks $bug | sort -u >"$scratch/lines"
	[ -s "$scratch/found" ] && [ -n "$(comm -12 "$scratch/found" "$scratch/lines")" ]
	ok $? "... is traced to the line: $(comm -12 "$scratch/found" "$scratch/lines" | head -n 1)" || remark "$scratch/out"
	no_traceback
done
# without the bug there is no symptom to start from; R5 is mainline's own
kernel=$(realpath "build/$NAME/linux")
try tests/culprit r5 "$kernel"
if [ "$clears" = no ]; then
	skip 'r5 in mainline' 'this kernel never clears what was stored past the end: there is no order to go back to'
elif [ "$VARIANT" = stock ]; then
	like "$scratch/out" '^culprit=fs/fuse/dir.c:[0-9]* fuse_do_setattr' 'r5 in mainline is traced to the same function'
else
	unlike "$scratch/out" '^culprit=' 'a kernel without the bug: no symptom, no culprit'
fi
try tests/culprit r9
tried 1 'a bug that has no script'
like "$scratch/err" 'no tests/culprits/r9.gdb' '... says which there are'

# truncate hangs. What has the task done, in order?
if kernel_with m2 'a truncate that hangs'; then
	in_gdb 'act /mnt/fuse/f open:4 store:0-3 truncate:8192 & sleep 100; stat -f /mnt/fuse >/dev/null' <<-'END'
		break fuse_statfs
		boot
		python
		from fuseuml.model import tasks
		pid = [int(t["pid"]) for t in tasks.tasks() if tasks.blocked(t) and not tasks.is_kernel_thread(t)]
		print("blocked=%d" % len(pid))
		story = gdb.execute("fuse-life pid=%d" % pid[0], to_string=True)
		order = [story.rfind(" %s:" % f) for f in
		         ("fuse_set_nowrite", "invalidate_inode_pages2", "fuse_launder_folio", "fuse_send_batch")]
		print("order=%d" % (order == sorted(order) and order[0] > 0))
		print("released=%d" % (story.rfind(" __fuse_release_nowrite:") > order[0]))
		line = [l for l in story.splitlines() if " invalidate_inode_pages2:" in l][-1]
		gdb.execute("goto " + line.split()[0])
		print("there=%d" % any("fuse_do_setattr" in l for l in gdb.execute("bt", to_string=True).splitlines()))
		end
	END
	tried 0 'M2: back from the hang'
	is "$(told blocked) $(told order) $(told released)" '1 1 0' 'pages are thrown away, and laundered, while the block stands'
	is "$(told there)" 1 '... and its tick leads to the block that does it'
	no_traceback
fi
done_testing
