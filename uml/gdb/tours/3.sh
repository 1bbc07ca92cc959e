# What the guest does in part 3 of the tour: dirty more than 1 %, then raise the limit
exec >/dev/null
bdi=/sys/class/bdi/0:$(stat -c %d /mnt/fuse)
# a bdi that has never completed a WRITE has no share of the threshold at all
act /mnt/fuse/warm open:512 store:0-511 fsync
gate hold write
act /mnt/fuse/c open:2048 store:0-1999 fsync &
sleep 2
echo 100 >"$bdi/max_ratio"
sleep 2
# it may wait for the WRITE of the page it was throttled on: answer what is held by now
gate release write 1000
sleep 20
gate release
wait
