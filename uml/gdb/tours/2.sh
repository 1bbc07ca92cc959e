# What the guest does in part 2 of the tour: truncate against a WRITE, and another writer
exec >/dev/null
gate hold write
act /mnt/fuse/b open:8 sleep:2 store:0-1 store:5 kick sleep:9 &
act /mnt/fuse/b open:8 sleep:1 store:3 kick truncate:6144 &
gate wait write 1
sleep 4
gate release
wait
