#!/bin/sh
# R8: syncfs(2) of a server that is trusted to answer sends SYNCFS, after all WRITEs that
# had begun, and without waiting for later ones. Only virtiofs sets the flag for that, and
# a User-mode Linux has none; gdb sets it here. The server does not know SYNCFS: that is
# ENOSYS, once.
# shellcheck disable=SC2016 # the guest's shell expands these
set -u
. tests/host/gdb-lib

why=
case $VARIANT in
before) why='no page can become dirty on this kernel' ;;
stock) why='what it counts WRITEs with is made when a virtiofs is mounted' ;;
esac
if [ -n "$why" ]; then
	skip 'SYNCFS after the WRITEs' "$why"
	done_testing
fi
in_gdb '
syncs() { echo "$1=$(gate stats | grep -c SYNCFS)"; }
gate hold write file=f >/dev/null
act /mnt/fuse/f open:1 store:0 kick & held=$!
gate wait write >/dev/null
sync -f /mnt/fuse/f & sync=$!
sleep 1
syncs early
act /mnt/fuse/g open:1 store:0 kick fsync; echo other=$?
kill -0 $sync && echo waits=1
gate release >/dev/null
wait $sync; echo sync=$?
syncs late
wait $held
' <<'END'
break fuse_sync_fs
boot
set var ((struct fuse_mount *)sb->s_fs_info)->fc->sync_fs = 1
delete
continue
END
tried 0 'syncfs of a trusted server, with a WRITE held'
no_traceback
is "$(told waits) $(told early)" '1 0' '... it waits for that WRITE, and sends no SYNCFS before'
is "$(told other)" 0 '... others go on meanwhile'
is "$(told sync) $(told late)" '0 1' '... then SYNCFS is sent, and it returns'
done_testing
