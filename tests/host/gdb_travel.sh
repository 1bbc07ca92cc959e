#!/bin/sh
# "How did it get like this?": gdb goes back in the run. The same run is made again, so
# that what is seen there must be what was seen the first time: registers, memory, stops.
# shellcheck disable=SC2016 # the guest's shell expands these
set -u
. tests/host/gdb-lib
export LIMIT=500

setarch -R true 2>/dev/null || {
	echo '1..0 # SKIP setarch -R is refused here (seccomp of a container?): addresses differ from run to run'
	exit 0
}

traffic='
act /mnt/fuse/a open:8 store:0-3 kick sleep:1 store:1 fsync &
act /mnt/fuse/a open:8 sleep:1 truncate:9000 pwrite:5 &
act /mnt/fuse/b open:4 pwrite:0 fsync load:0 &
wait
cat /mnt/fuse/? | md5sum'

# --- a hundred places at random, forwards and then in no order, by back and forward, and by goto
in_gdb "$traffic" <<'END'
boot
goto 0
python
import hashlib, random
from fuseuml.model import fuse, kernel
from fuseuml.travel import clock
from fuseuml.travel.guest import state
def memory():
    "the array of struct page, and what FUSE keeps"
    sha = hashlib.sha1()
    at = int(kernel.symbol("mem_map"))
    # KASAN holds freed objects back, and the first run had one of 16 bytes more
    if not kernel.has_function("kasan_quarantine_put"):
        sha.update(kernel.memory(at, 65536 * kernel.type_of("struct page").sizeof))
    for fc in fuse.connections():
        for fi in fuse.inodes(fc):
            sha.update(kernel.memory(int(fi.address), fi.type.sizeof))
    return sha.hexdigest()
def place():
    return state.now, memory()
random.seed(13)
gdb.execute("goto 1")
first = {}
steps = {}
def to(tick):
    gdb.execute("goto %d" % tick)
    gdb.execute("stepi %d" % steps[tick], to_string=True)
for tick in sorted(random.sample(range(1, 50000), 100)):
    steps[tick] = random.randrange(8)
    to(tick)
    first[tick] = place()
order = list(first)
random.shuffle(order)
wrong = 0
for n, tick in enumerate(order):
    then, digest = first[tick]
    places = state.places.index(then) - state.at if n < 50 else 0
    if places:
        gdb.execute("%s %d" % ("forward" if places > 0 else "back", abs(places)))
    else:
        to(tick)
    now, again = place()
    if now.tick != then.tick or now.pc != then.pc or not then.is_here() or again != digest:
        wrong += 1
        print("differs at", tick, digest == again, {k: (hex(v), hex(now.registers[k])) for k, v in then.registers.items() if now.registers[k] != v})
print("places=%d wrong=%d" % (len(order), wrong))
end
END
tried 0 'a hundred places'
is "$(told places)" '100 wrong=0' 'registers and memory as the first time'
no_traceback

[ "$VARIANT" != before ] || {
	skip 'there and back, and with changes' 'what is gone back over is page writeback, which this kernel has not'
	done_testing
}

# --- line by line there and back; stops of breakpoints and watchpoints
in_gdb "$traffic" <<'END'
break fuse_do_setattr if attr->ia_size == 9000
boot
delete
python
from fuseuml.travel.guest import state
def quiet(command):
    return gdb.execute(command, to_string=True)
def walk(there, back, count):
    places = [state.now]
    for _ in range(count):
        quiet(there)
        # reverse-stepi takes the call of the counter for one instruction
        while quiet("info symbol $pc").startswith(("__sanitizer_cov_trace_pc", "ticks_", "edges_")):
            quiet("stepi")
        if not places[-1].same(state.now):
            places.append(state.now)
    wrong = 0
    for place in reversed(places[:-1]):
        quiet(back)
        wrong += not place.is_here()
    print("%s=%d wrong=%d" % (back, len(places), wrong))
walk("next", "reverse-next", 8)
quiet("next")  # from where `break` stops, which `step` does not
walk("step", "reverse-step", 16)
walk("stepi", "reverse-stepi", 8)
quiet("break fuse_set_nowrite")
quiet("continue")
quiet("delete")
inside, caller = state.now, gdb.newest_frame().older().pc()
quiet("reverse-finish")
print("finish=%d" % (gdb.newest_frame().name() == "fuse_do_setattr" and gdb.newest_frame().pc() < caller <= gdb.newest_frame().pc() + 8))
quiet("stepi")
quiet("rsi")

# three stops of two breakpoints, one with a condition
quiet("goto 0")
quiet("break fuse_send_one if req->in.h.opcode == 4")
quiet("break fuse_flush_writepages")
stops = []
def running():
    return gdb.selected_inferior().pid
while True:
    quiet("continue")
    if not running():
        break
    stops.append(state.now)
wrong, left = 0, list(stops)
for n in range(len(stops)):
    count = 1 + n % 3
    if len(left) < count:
        break
    quiet("reverse-continue %d" % count)
    left, place = left[:-count], left[-count]
    wrong += not place.is_here()
print("stops=%d wrong=%d" % (len(stops), wrong))

quiet("delete")
# the same of a watchpoint: old and new value, as the first time
quiet("goto 0")
quiet("break fuse_set_nowrite")
quiet("continue")
where = int(gdb.parse_and_eval("(unsigned long)&((struct fuse_inode *)((char *)inode - (unsigned long)&((struct fuse_inode *)0)->inode))->writectr"))
quiet("delete")
quiet("watch *(int *)%#x" % where)
values = []
stops = []
while True:
    quiet("continue")
    if not running():
        break
    stops.append(state.now)
    values.append(int(gdb.parse_and_eval("*(int *)%#x" % where)))
wrong = 0
for place, value in zip(reversed(stops), reversed(values)):
    quiet("reverse-continue")
    wrong += not place.is_here() or int(gdb.parse_and_eval("*(int *)%#x" % where)) != value
print("writes=%d wrong=%d" % (len(stops), wrong))
end
END
tried 0 'there and back'
for way in reverse-next reverse-step reverse-stepi; do
	like "$scratch/out" "^$way=([5-9]|[1-9][0-9]) wrong=0\$" "$way undoes each step: $(told $way)"
done
is "$(told finish)" 1 'reverse-finish goes to the call'
like "$scratch/out" '^stops=([5-9]|[1-9][0-9]) wrong=0$' "reverse-continue, two breakpoints, a condition: $(told stops)"
like "$scratch/out" '^writes=([5-9]|[1-9][0-9]) wrong=0$' "reverse-continue, a watchpoint: $(told writes)"
no_traceback

# --- what the user changed is part of the past; what was printed is not printed again
in_gdb '
echo begin
act /mnt/fuse/a open:8 store:0-3 kick sleep:1 store:1 fsync &
act /mnt/fuse/b open:8 sleep:1 truncate:9000 pwrite:5 &
wait
echo end' <<'END'
break fuse_set_nowrite
boot
python
from fuseuml.travel.guest import state
def refused(command):
    before = state.now
    try:
        gdb.execute(command)
    except gdb.error as e:
        print("refused=%s: %s" % (command, e))
    print("stayed=%d" % before.is_here())
def value(text):
    return int(gdb.parse_and_eval(text))
task = gdb.execute("when", to_string=True)
gdb.execute("uml-park 50")
gdb.execute("continue")
print("other=%d" % (gdb.execute("when", to_string=True).split("pid")[1] != task.split("pid")[1]))
gdb.execute("delete")
gdb.execute("break fuse_do_setattr if attr->ia_size == 9000")
gdb.execute("goto 1")
while gdb.newest_frame().name() != "fuse_do_setattr":
    gdb.execute("continue")  # to where the parked one goes on, too
gdb.execute("set var attr->ia_size = 5000")
gdb.execute("delete")
gdb.execute("break __fuse_release_nowrite if inode->i_size == 5000")
gdb.execute("continue")
there = state.now
gdb.execute("goto 0")
while gdb.newest_frame().name() != "__fuse_release_nowrite":
    gdb.execute("continue")
print("again=%d" % there.is_here())
gdb.execute("reverse-next")
gdb.execute("continue")
print("again2=%d" % there.is_here())
gdb.execute("reverse-continue")
gdb.execute("goto %d" % there.tick)
print("size=%d" % value("((struct inode *)%d)->i_size" % there.registers["rdi"]))
# a call by hand
gdb.execute("goto %d" % (there.tick - 100))
gdb.execute("delete")
gdb.execute("print fuse_len_args(0, 0)")
gdb.execute("goto +50")
refused("reverse-continue")
refused("reverse-next")
refused("goto -10")
gdb.execute("goto %d" % (there.tick - 200))
refused("goto 99999999")
refused("goto -99999999")
refused("goto nonsense")
refused("goto")
refused("back 1000")
refused("reverse-step 0")
refused("reverse-finish 1")
for n in range(5):
    gdb.execute("watch *(long *)%#x" % (there.registers["rdi"] + 8 * n))
refused("reverse-continue")
gdb.execute("delete")
gdb.execute("continue")
gdb.execute("break fuse_fsync")
gdb.execute("reverse-continue")
print("from the end=%s" % gdb.newest_frame().name())
end
END
tried 0 'with changes'
is "$(told other)" 1 'uml-park lets another task come first'
is "$(told again) $(told again2)" '1 1' '... and the value that was set, also when all is run again'
is "$(told size)" 5000 'the value is there'
is "$(grep -c '^begin' "$scratch/out") $(grep -c '^end' "$scratch/out")" '1 1' 'what the guest prints comes out once'
refused() { # command, reason
	like "$scratch/out" "^refused=$1.*: $2" "$1: $(sed -n "s/^refused=$1.*: //p" "$scratch/out" | head -n 1)"
}
refused reverse-continue 'you called a function of the kernel by hand at tick [0-9]+, which cannot be repeated'
refused reverse-next 'you called'
refused 'goto -10' 'you called'
refused 'goto 99999999' 'tick 99999999 is beyond the end: the guest.s command ended at tick [0-9]+'
refused 'goto -99999999' 'there is no tick -'
refused 'goto nonsense' '.nonsense. is no tick'
refused 'goto' 'wrong arguments'
refused 'back 1000' 'no place was seen'
refused 'reverse-step 0' 'counted from 1'
refused 'reverse-finish 1' 'wrong arguments'
refused reverse-continue '5 watchpoints, and the CPU has 4'
unlike "$scratch/out" '^stayed=0' 'after each, the guest stands where it stood'
is "$(told 'from the end')" fuse_fsync 'back from the end of the run'
no_traceback

# --- where it cannot be
refuse() { # why, gdb's arguments
	why=$1
	shift
	try gdb -q -nx -batch -ix uml/gdb/early.py "$@" -x uml/gdb/fuse-uml.py -ex 'goto 5'
	like "$scratch/err" "goto: $why" "refused: $(sed -n 's/.*goto: //p' "$scratch/err")"
}
refuse 'no guest has run yet' "$kernel"
# one that was started elsewhere
uml/run --kernel "$kernel" --initrd "$image" --mem $mem --wall-clock -- sleep 100 >/dev/null 2>&1 </dev/null &
guest=$!
# shellcheck disable=SC2317 # called by the trap of tests/host/lib
at_end() { kill "$guest" 2>/dev/null; }
# shellcheck disable=SC2317 # called by await
started() { [ -s "$(echo build/run/"$guest"-*/guest/pid)" ]; }
if await started; then
	try env FUSE_UML=attach gdb -q -nx -batch -ix uml/gdb/early.py "$kernel" -p "$(cat build/run/$guest-*/guest/pid)" \
		-x uml/gdb/fuse-uml.py -ex 'goto 5' -ex detach
	like "$scratch/err" 'goto: this guest was started elsewhere, .*make gdb CMD=' \
		"a session that attached: $(sed -n 's/.*goto: //p' "$scratch/err" | cut -c 1-60)..."
else
	ok 1 'a guest to attach to'
fi
kill $guest
wait $guest
done_testing
