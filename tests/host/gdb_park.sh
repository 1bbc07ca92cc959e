#!/bin/sh
# Races are windows of a few instructions. uml-park holds a task in its window for as
# long as one likes, while the others run. It is only worth something if the task then
# goes on as if nothing had been: same registers, same stack, same result; and if it
# refuses where a sleep would break the kernel.
# shellcheck disable=SC2016 # the guest's shell expands these
set -u
. tests/host/gdb-lib

in_gdb '
act /mnt/fuse/a open:4 pwrite:0 fsync sleep:1 fsync & one=$!
sleep 0.1
act /mnt/fuse/b open:4 pwrite:0 fsync & two=$!
sleep 5
stat -f /mnt/fuse >/dev/null
wait $one; echo one=$?
wait $two; echo two=$?
' <<'END'
break fuse_fsync
boot
python
import gdb
from fuseuml.model import kernel, parked, tasks
REGISTERS = ("rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip eflags").split()
def registers():
    return [int(gdb.newest_frame().read_register(r)) for r in REGISTERS]
def stack():
    sp = int(gdb.newest_frame().read_register("rsp"))
    return bytes(kernel.memory(sp, 256))
def pid():
    return int(tasks.current()["pid"])
first, saved, words = pid(), registers(), stack()
begin = kernel.jiffies()
gdb.execute("uml-park 200")
gdb.execute("continue")
second, saved2, words2 = pid(), registers(), stack()
print("second=%d" % (second not in (first, 0)))
print("in=%s" % tasks.blocked_in(tasks.find(first)))
gdb.execute("uml-ps blocked")
gdb.execute("uml-bt %d" % first)
gdb.execute("uml-park")
servers = [t for t in tasks.tasks() if tasks.name(t) == "fuse-server"]
print("server=%s" % ("fuse_dev_do_read" in map(tasks.blocked_in, servers)))
gdb.execute("uml-ps blocked")
gdb.execute("continue")
print("ticks=%d" % (kernel.jiffies() - begin))
print("back=%d" % (pid() == first))
print("same=%d" % (registers() == saved and stack() == words))
gdb.execute("delete")
gdb.execute("break fuse_statfs")
gdb.execute("continue")
print("still=%d" % (second in parked.by_pid))
gdb.execute("uml-resume %d" % second)
gdb.execute("continue")
print("back2=%d same2=%d" % (pid() == second, registers() == saved2 and stack() == words2))
gdb.execute("continue")
end
END
tried 0 'two tasks parked, one by ticks, one until uml-resume'
no_traceback
is "$(told second)" 1 'while the first is parked, the second comes to the same place'
is "$(told in)" fuse_fsync '... uml-ps shows where the first is'
is "$(told server)" True '... and where others are, too, after uml-park and before continue'
like "$scratch/out" 'parked in fuse_fsync by uml-park' '... and why it sleeps'
like "$scratch/out" '#[0-9]+ .* in fuse_fsync \(file=0x[0-9a-f]+' '... uml-bt goes through the parking place'
like "$scratch/out" 'in handle_syscall' '... to the end'
ticks=$(told ticks)
[ "$ticks" -ge 200 ] && [ "$ticks" -le 202 ]
ok $? "it sleeps for the ticks asked for: $ticks"
is "$(told back)" 1 'the guest stops where it goes on'
is "$(told same)" 1 '... all registers and its stack as they were'
is "$(told still)" 1 'without TICKS it stays'
like "$scratch/out" '^back2=1 same2=1' '... until uml-resume, and is as it was'
is "$(told one) $(told two)" '0 0' 'both tasks end well'

# Where it must not
refused() { # breakpoint, reason, what
	in_gdb 'sleep 1; act /mnt/fuse/a open:4 pwrite:0 fsync' <<-END
		$1
		boot
		uml-park 10
	END
	[ "${status:?}" -eq 1 ] && grep -q -E "uml-park: not here: .*($2)" "$scratch/err"
	ok $? "refused $3: $(sed -n 's/.*not here: //p' "$scratch/err" | head -n 1)" || remark "$scratch/err"
}
refused 'break arch_cpu_idle' 'idle task' 'in the idle task'
refused 'break handle_irq_event_percpu' 'interrupt|idle' 'in an interrupt'
refused 'break fuse_dev_wake_and_unlock' 'lock' 'under a spinlock (fiq->lock)'
refused 'break start_kernel' 'boot|idle|interrupts' 'while booting'
in_gdb true <<'END'
boot
uml-park 0
END
tried 1 'without a guest'
done_testing
