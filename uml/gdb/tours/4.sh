# What the guest does in part 4 of the tour: truncate a file with dirty pages; 100 s later
# somebody looks why that has not ended
exec >/dev/null
act /mnt/fuse/f open:4 store:0-3 truncate:8192 &
sleep 100
stat -f /mnt/fuse
