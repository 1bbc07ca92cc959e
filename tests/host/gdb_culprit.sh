#!/bin/sh
# From the symptom to the line that is wrong, with nothing but gdb's way back: R2, a close
# that fails, and M2, a truncate that hangs. The kernels are those of make repro.
set -u
. tests/host/gdb-lib
export LIMIT=400

kernel_with() { # a bug of kernel-patches/bugs
	kernel=build/bugs/patched/$1/linux
	[ -x "$kernel" ] || {
		skip "$2" "no kernel with it: make repro BUG=$1"
		return 1
	}
	kernel=$(realpath "$kernel")
}

# close says EIO. What did ->flush do last? The error is returned before FLUSH is sent
if kernel_with r2 'a close that fails'; then
	in_gdb 'gate fail EIO write; act /mnt/fuse/f open:1 store:0 close; exit 0' <<-'END'
		boot
		break fuse_flush
		reverse-continue
		finish
		reverse-step
		python
		frame = gdb.newest_frame()
		sal = frame.find_sal()
		print("returns from=%s" % frame.name())
		print("line=%d" % sal.line)
		end
		fuse-life pid=37
		last-change inode->i_mapping->wb_err
	END
	tried 0 'R2: back from the end of the run'
	is "$(told 'returns from')" fuse_flush 'one step back from the return is in fuse_flush'
	unlike "$scratch/out" 'FLUSH' '... which did not send FLUSH'
	like "$scratch/out" 'wb_err: 0 -> ' 'the error is traced to its reply'
	like "$scratch/out" '^\[tick .* fuse-server .*WRITE unique' '... of a WRITE'
	no_traceback
fi

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
