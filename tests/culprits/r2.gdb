# R2: close(2) fails, and POSIX locks stay
#
# Symptom: the run is over; close said EIO, and the server was sent no FLUSH. So: the last
# ->flush, what it returned, one step back into it; and where the error came from.
#
# guest
#	gate fail EIO write >/dev/null
#	act /mnt/fuse/f open:1 store:0 close
#	true
boot
break fuse_flush
reverse-continue
finish
reverse-step
culprit
last-change inode->i_mapping->wb_err
