# SPDX-License-Identifier: GPL-2.0-only
"""Put a task to sleep where it stands, and let the others run.

At a stop, the running task's registers are replaced: it runs a few instructions that
lie on its own stack, which sleep a tick at a time until the deadline has passed, and
then load all registers and jump back. gdb's own `call` would do for one task, but it
writes the FP state too (refused on hosts with AMX), blocks gdb, and leaves gdb with a
half-finished call whenever another task stops meanwhile. uml-resume moves the deadline:
one word of memory, no function called, so it is safe wherever the guest has stopped.
"""
import re
import struct

import gdb

from ..model import kernel, moved, parked, tasks
from ..model.kernel import Problem, symbol
from .command import Command, when_stopped, write

SAVED = (
    "r15",
    "r14",
    "r13",
    "r12",
    "r11",
    "r10",
    "r9",
    "r8",
    "rdi",
    "rsi",
    "rbp",
    "rdx",
    "rcx",
    "rbx",
    "rax",
)
# pop to each of these
POPS = bytes.fromhex(
    "415f 415e 415d 415c 415b 415a 4159 4158 5f 5e 5d 5a 59 5b 58".replace(" ", "")
)
FOREVER = (1 << 63) - 1
SLEEP = "schedule_timeout_uninterruptible"
ROOM = 4096  # of stack, for the sleep and interrupts


# --- may it sleep here? -----------------------------------------------------------

LOCK = re.compile(
    r"\b(?:raw_)?(spin|read|write)_lock(?:_irq|_irqsave|_bh)?\s*\(|"
    r"\b(xa|folio_xa|xas)_lock(?:_irq|_irqsave|_bh)?\s*\(|\b(rcu)_read_lock\s*\(|"
    r"\b(preempt)_disable\s*\(|\blocal_(irq)_(?:save|disable)\s*\(|\b(kmap)_local_\w+\s*\(|"
    r"\b(write)_seqlock\s*\("
)
UNLOCK = re.compile(
    r"\b(?:raw_)?(spin|read|write)_unlock(?:_irq|_irqrestore|_bh)?\s*\(|"
    r"\b(xa|folio_xa|xas)_unlock(?:_irq|_irqrestore|_bh)?\s*\(|\b(rcu)_read_unlock\s*\(|"
    r"\b(preempt)_enable\s*\(|\blocal_(irq)_(?:restore|enable)\s*\(|\bk(un)map_local\s*\(|"
    r"\b(write)_sequnlock\s*\("
)
HELD = re.compile(r"__(?:must_hold|releases)\s*\(([^)]*)\)")


def lock_before(path, first, last):
    """Text of a lock that is taken and not released in lines first...last-1 of a source
    file, or ''.

    Where the kernel does not count preemption (uniprocessor, no debugging) a spinlock
    leaves no trace in the machine: only the source tells. An early `unlock; return` or
    `goto` counts as if it were not there."""
    try:
        with open(path, errors="replace") as f:
            lines = f.read().splitlines()[max(0, first - 2) : last - 1]
    except OSError:
        return ""
    held = []
    for n, line in enumerate(lines):
        code = re.sub(r"/\*.*?\*/|//.*|\".*?\"", "", line)
        found = HELD.search(code)
        if found:
            held.append(found.group(0))
        for lock in LOCK.finditer(code):
            held.append(code[lock.start() :].strip().rstrip("{ "))
        for _ in UNLOCK.finditer(code):
            # does this path leave the function? Then the lock is still held on ours
            rest = lines[n + 1 : n + 3]
            if any(
                re.match(r"\s*(return\b|goto\b|break;|continue;)", r) for r in rest[:1]
            ) and not any(l.startswith("}") for l in rest):
                continue
            if held:
                held.pop()
    return held[-1] if held else ""


def why_not(frame=None):
    """Why the running task must not sleep here; '' if it may."""
    task = tasks.current()
    if int(task["pid"]) == 0:
        return "this is the idle task, which must always be able to run"
    frame = frame or gdb.newest_frame()
    base = int(task["stack"])
    sp = int(frame.read_register("rsp"))
    size = kernel.stack_size()
    if not base <= sp < base + size:
        return (
            "the stop is not on the task's kernel stack (early boot, or a signal handler of UML's)"
        )
    if sp - ROOM < base:
        return "only %d bytes of its kernel stack are left" % (sp - base)
    if kernel.has_symbol("system_state") and int(symbol("system_state")) < 1:
        return "the guest is still booting: there is nobody to switch to"
    count = preempt_count(task)
    if count & 0x00FFFF00:
        return "it is in an interrupt or has softirqs off (preempt_count %#x)" % count
    if count & 0xFF:
        return "it holds a spinlock or has preemption off (preempt_count %#x)" % count
    try:
        if not int(gdb.parse_and_eval("(int)signals_enabled")):
            return "interrupts are off"
    except gdb.error:
        pass
    state = moved.task_state(task)
    if state:
        return "it is about to sleep already (state %#x): its wait would be lost" % state
    return spinlock_by_source(frame)


def preempt_count(task):
    for expression in ("thread_info",):
        if kernel.has_member(task, expression) and kernel.has_member(
            task[expression], "preempt_count"
        ):
            return int(task[expression]["preempt_count"])
    info = kernel.at(int(task["stack"]), "struct thread_info")
    return int(info["preempt_count"])


def spinlock_by_source(frame):
    level = 0
    while frame is not None and level < 64:
        function = frame.function()
        sal = frame.find_sal()
        if function is not None and sal.symtab is not None:
            if function.name in ("handle_syscall", "userspace", "new_thread_handler"):
                break
            # the function may be inlined: its own first line is in its symbol
            lock = lock_before(sal.symtab.fullname(), function.line, sal.line)
            if lock:
                return "under a lock, by the source of %s: %s" % (function.name, lock)
        frame = frame.older()
        level += 1
    return ""


# --- parking ----------------------------------------------------------------------


def _code(at, sleep, jiffies, registers, deadline):
    """Machine code for address `at`, its data behind it; returns (bytes, entry, offset of
    the deadline)."""
    data_names = ("sleep", "jiffies", "deadline", "rsp", "rip")
    out = bytearray()
    patches = []

    def rip(opcode, name, tail=b""):
        out.extend(opcode + b"\0\0\0\0" + tail)
        patches.append((len(out) - 4 - len(tail), len(out), name))

    loop = len(out)
    out += b"\xbf\x01\x00\x00\x00"  # mov $1,%edi
    rip(b"\xff\x15", "sleep")  # call *sleep
    rip(b"\x48\x8b\x05", "jiffies")  # mov jiffies,%rax
    out += b"\x48\x8b\x00"  # mov (%rax),%rax
    rip(b"\x48\x3b\x05", "deadline")  # cmp deadline,%rax
    out += b"\x78" + struct.pack("b", loop - (len(out) + 2))  # js loop
    out += POPS + b"\x9d"  # pop ...; popfq
    rip(b"\x48\x8b\x25", "rsp")  # mov rsp,%rsp
    rip(b"\xff\x25", "rip")  # jmp *rip
    while len(out) % 8:
        out.append(0x90)
    base = len(out)
    values = {
        "sleep": sleep,
        "jiffies": jiffies,
        "deadline": deadline,
        "rsp": registers["rsp"],
        "rip": registers["rip"],
    }
    for where, following, name in patches:
        out[where : where + 4] = struct.pack("<i", base + 8 * data_names.index(name) - following)
    for name in data_names:
        out += struct.pack("<Q", values[name])
    return bytes(out), base + 8 * data_names.index("deadline")


def _mask(value):
    return int(value) & 0xFFFFFFFFFFFFFFFF


class _Wake(gdb.Breakpoint):
    """Where a parked task goes on."""

    def __init__(self, pid, pc):
        super().__init__("*%#x" % pc, internal=True)
        self.pid, self.silent, self.pc = pid, True, pc

    def stop(self):
        if int(tasks.current()["pid"]) != self.pid or self.pid not in parked.by_pid:
            return False
        gone = parked.by_pid.pop(self.pid, None)
        if parked.quiet:
            return False
        write("\n%s (pid %d) goes on here after uml-park" % (gone.name if gone else "?", self.pid))
        when_stopped(lambda: self.is_valid() and self.delete())
        return True


def _executable(at):
    """Whether the host lets the guest run what it writes there."""
    with open("/proc/%d/maps" % gdb.selected_inferior().pid, encoding="ascii", errors="replace") as f:
        for line in f:
            low, high = (int(end, 16) for end in line.split()[0].split("-"))
            if low <= at < high:
                return line.split()[1][2] == "x"
    return False


def _borrowed(at, length):
    """Where the code goes: `at`, on the task's own stack. The memory that UML had mapped
    first, where workers of the boot have theirs, cannot be executed: then the far end
    of the stack of the first program that can, which is the server's as a rule."""
    if _executable(at):
        return at
    length = (length + 63) & ~63
    taken = {one.start for one in parked.by_pid.values()}
    for task in sorted(tasks.tasks(), key=lambda t: int(t["pid"])):
        # (the lowest words tell the kernel of an overflow)
        there = int(task["stack"]) + 64
        if int(task["mm"]) and _executable(there):
            while there in taken:
                there += length
            return there
    raise Problem("its stack cannot be executed, and no program has one that can")


def park(ticks=None, force=False, stop_on_wake=True):
    """Let the running task sleep here for so many ticks, None: until resume(). It sleeps
    when the guest continues."""
    reason = why_not()
    hard = reason and "by the source" not in reason
    if reason and (hard or not force):
        raise Problem(
            "not here: " + reason + ("" if hard else " (uml-park -f, if you know better)")
        )
    tasks.select(0)
    frame = gdb.newest_frame()
    task = tasks.current()
    registers = {r: _mask(frame.read_register(r)) for r in SAVED + ("rsp", "rip")}
    flags = _mask(frame.read_register("eflags"))
    sleep = int(gdb.parse_and_eval("(unsigned long)&%s" % SLEEP))
    jiffies_at = int(gdb.parse_and_eval("(unsigned long)&jiffies_64"))
    deadline = FOREVER if ticks is None else kernel.jiffies() + ticks
    length = len(_code(0, 0, 0, registers, 0)[0])
    at = (registers["rsp"] - 256 - length) & ~15
    code, where = _code(at, sleep, jiffies_at, registers, deadline)
    frame_words = [registers[r] for r in SAVED] + [flags]
    sp = at - 8 * len(frame_words)
    sp_aligned = sp & ~15
    # rsp must be a multiple of 16 at the call, and point at the saved registers
    if sp != sp_aligned:
        at -= 8
        at &= ~15
        sp = at - 8 * len(frame_words)
        if sp & 15:
            raise Problem("the stack cannot be aligned")
    inferior = gdb.selected_inferior()
    at = _borrowed(at, length)
    inferior.write_memory(at, code)
    inferior.write_memory(sp, struct.pack("<%dQ" % len(frame_words), *frame_words))
    pid = int(task["pid"])
    parked.by_pid[pid] = parked.Parked(
        pid, tasks.name(task), at, at + len(code), at + where, registers, frame.name()
    )
    if stop_on_wake:
        parked.by_pid[pid].wake = _Wake(pid, registers["rip"])
    for register, value in (("rsp", sp), ("rip", at)):
        _set_register(register, value)
    for listener in parked.listeners:
        listener()
    return parked.by_pid[pid]


def _set_register(register, value):
    # with the stack pointer gone, what was selected may be inlined in what is no frame
    gdb.newest_frame().select()
    try:
        gdb.execute("set $%s = %#x" % (register, value), to_string=True)
    except gdb.error:
        # gdb 13 cannot write the extended state of CPUs with AMX, after it wrote the rest
        if _mask(gdb.newest_frame().read_register(register)) != value:
            raise


def resume(pid=None):
    """Let a parked task (without pid: all) go on at the next tick; returns who."""
    if pid is not None and pid not in parked.by_pid:
        raise Problem(
            "pid %d is not parked%s"
            % (pid, "; parked: " + ", ".join(map(str, parked.by_pid)) if parked.by_pid else ": nothing is")
        )
    chosen = list(parked.by_pid.values()) if pid is None else [parked.by_pid[pid]]
    for one in chosen:
        gdb.selected_inferior().write_memory(one.deadline, struct.pack("<Q", 0))
    return chosen


class UmlPark(Command):
    """Put the task that runs to sleep right here, and let the others run on.
    Usage: uml-park [-f] [TICKS]

    Then `continue`: the task sleeps (state D, "parked" in uml-ps), all others go on. After
    TICKS of the guest's clock, or uml-resume, it goes on exactly here, and the guest stops.
    A tick is 1/HZ s (`uml-park 100`: a second at HZ=100). Several tasks can be parked.

    This opens race windows by hand: stop one side in its window, let the other side run.
    Refused where sleeping would break the kernel: under a spinlock or RCU, with interrupts
    off, in an interrupt, in the idle task. A plain uniprocessor kernel keeps no trace of
    spinlocks: there the source lines of each function on the stack are read, which can be
    wrong; -f goes on all the same. A kernel with DEBUG=1 counts them."""

    name = "uml-park"
    where = gdb.COMMAND_RUNNING
    needs = "live"

    def run(self, args):
        force = "-f" in args
        args = [a for a in args if a != "-f"]
        if len(args) > 1:
            self.usage()
        ticks = kernel.number(args[0], "number of ticks") if args else None
        if ticks is not None and not 0 < ticks < 1 << 40:
            raise Problem("'%s': ticks are counted from 1" % args[0])
        one = park(ticks, force)
        write(
            "%s (pid %d) will sleep in %s %s: continue"
            % (
                one.name,
                one.pid,
                one.function,
                "for %d ticks" % ticks if ticks else "until uml-resume",
            )
        )


class UmlResume(Command):
    """Let a parked task go on at the next tick.
    Usage: uml-resume [PID]      without PID: all that are parked"""

    name = "uml-resume"
    where = gdb.COMMAND_RUNNING
    needs = "live"

    def run(self, args):
        if len(args) > 1:
            self.usage()
        chosen = resume(kernel.number(args[0], "pid") if args else None)
        if not chosen:
            raise Problem("nothing is parked")
        for one in chosen:
            write(
                "%s (pid %d) goes on in %s at the next tick: continue"
                % (one.name, one.pid, one.function)
            )
