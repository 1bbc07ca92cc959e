# What the guest does in part 1 of the tour: store, start writeback, fsync
exec >/dev/null
gate hold write
act /mnt/fuse/a open:8 store:0-2 store:5 kick sleep:1 fsync &
gate wait write 1
sleep 2
gate release
wait
