# SPDX-License-Identifier: GPL-2.0-only
"""Tasks of the guest: which there are, where each one sleeps, its stack.

UML runs all of them in one process, so gdb sees one stack, that of the task that runs.
The registers of the others lie in task->thread.switch_buf. An unwinder of ours makes
gdb believe that frame 0 was called from there. No register is written: it works in a
core, and there is nothing to put back.
"""
import re

import gdb
from gdb.unwinder import Unwinder, register_unwinder

from . import kernel, moved, parked
from .kernel import Problem, at, each, symbol, text

# The way into the scheduler: true of each sleeper, tells nothing
SCHEDULER = {
    "switch_threads",
    "__switch_to",
    "context_switch",
    "__schedule",
    "schedule",
    "__schedule_loop",
    "kernel_longjmp",
    "kernel_setjmp",
    "arch_switch_to",
}
# Ways to sleep: the caller is what one wants to know
WAITS = re.compile(
    r"^_*(schedule\w*|io_schedule\w*|mutex_lock\w*|rwsem_\w+|down_(read|write)\w*|"
    r"folio_wait_bit\w*|folio_lock\w*|folio_wait_writeback\w*|wait_on_bit\w*|"
    r"out_of_line_wait_on_bit\w*|bit_wait\w*|do_wait_for_common|"
    r"wait_for_common\w*|wait_for_completion\w*|inode_lock\w*|do_nanosleep|"
    r"schedule_hrtimeout\w*|poll_schedule_timeout\w*)$"
)
REGISTERS = {
    "rbx": "__rbx",
    "rsp": "__rsp",
    "rbp": "__rbp",
    "r12": "__r12",
    "r13": "__r13",
    "r14": "__r14",
    "r15": "__r15",
    "rip": "__rip",
}


# --- which tasks there are --------------------------------------------------------


def tasks():
    """All tasks of the guest, threads included, by pid; the idle task comes first."""
    init = symbol("init_task")
    yield init
    for leader in each(init["tasks"], "struct task_struct", "tasks"):
        yield from each(leader["signal"]["thread_head"], "struct task_struct", "thread_node")


def find(pid):
    for task in tasks():
        if int(task["pid"]) == pid:
            return task
    raise Problem("no task with pid %d in the guest (see uml-ps)" % pid)


def current():
    """The task that runs, or was running when the guest stopped."""
    cpu = moved.running_task(symbol("cpu_tasks")[0])
    if not int(cpu):
        return symbol("init_task")
    return at(cpu, "struct task_struct")


def same(a, b):
    return int(a.address) == int(b.address)


def name(task):
    return text(task["comm"])


def who(task):
    return "%s (pid %d)" % (name(task), int(task["pid"]))


def state(task):
    """The letter that ps shows."""
    exit_state = int(task["exit_state"])
    if exit_state:
        return "Z" if exit_state & 0x20 else "X"
    bits = moved.task_state(task)
    if bits & 0xFFFF == 0:
        return "R"
    if bits & 0x402 == 0x402:
        return "I"
    for bit, letter in ((1, "S"), (2, "D"), (4, "T"), (8, "t"), (0x40, "P")):
        if bits & bit:
            return letter
    return "?"


def frozen(task):
    """By the freezer: it sleeps on where it was, or in the freezer's own function."""
    bits = moved.task_state(task)
    return bool(bits & 0x8000)


def killable(task):
    """Does a fatal signal end its sleep?"""
    bits = moved.task_state(task)
    return bool(bits & 0x101)


def blocked(task):
    """Asleep, and not to be woken by any signal or only by a fatal one."""
    return state(task) == "D"


def is_kernel_thread(task):
    return bool(int(task["flags"]) & 0x00200000)


def asleep_for(task):
    """Seconds of the guest's clock since it ran last; None where that is not known."""
    try:
        last = int(task["se"]["exec_start"])
        now = int(symbol("runqueues")["clock_task"])
    except (gdb.error, Problem):
        return None
    return max(0, now - last) / 1e9


# --- unwinding --------------------------------------------------------------------


class _Frame:
    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


class _Sleeper(Unwinder):
    """Frame 0's caller is the place where the selected task sleeps."""

    def __init__(self):
        super().__init__("uml-task")
        self.real = self.registers = None

    def __call__(self, pending):
        if self.registers is None and not parked.by_pid:
            return None
        pc = int(pending.read_register("rip"))
        sp = int(pending.read_register("rsp"))
        if self.registers is None or (pc, sp) != self.real:
            registers = parked.registers_at(pc)
            return None if registers is None else self.parked(pending, pc, registers)
        # the id lies just below the sleeper's stack: gdb mistrusts stacks that jump
        registers = self.registers
        info = pending.create_unwind_info(_Frame(registers["rsp"] - 16, registers["rip"]))
        for register, value in registers.items():
            info.add_saved_register(register, value)
        return info

    def parked(self, pending, pc, registers):
        """A task that uml-park put to sleep: the code on its stack has no symbols."""
        word = gdb.lookup_type("unsigned long")
        info = pending.create_unwind_info(
            _Frame(gdb.Value(registers["rsp"] - 256).cast(word), gdb.Value(pc).cast(word))
        )
        for register, value in registers.items():
            # gdb looks for a caller's line just before its pc; this one was not calling
            value += register == "rip"
            info.add_saved_register(register, gdb.Value(value).cast(word))
        return info


_unwinder = _Sleeper()
_selected = None  # the task chosen with uml-task


def start():
    register_unwinder(None, _unwinder, replace=True)
    gdb.events.cont.connect(_continued)
    gdb.events.exited.connect(_continued)


def _continued(_event):
    global _selected
    _selected = None
    _unwinder.registers = None


def _aim(task):
    """Let frame 1 be where `task` sleeps; None: back to the running task."""
    _unwinder.registers = None
    gdb.invalidate_cached_frames()
    if task is None or same(task, current()):
        return
    frame = gdb.newest_frame()
    _unwinder.real = (int(frame.read_register("rip")), int(frame.read_register("rsp")))
    saved = task["thread"]["switch_buf"][0]
    _unwinder.registers = {r: saved[m] for r, m in REGISTERS.items()}
    gdb.invalidate_cached_frames()


class looking_at:
    """with looking_at(task): gdb's frames are those of the task."""

    def __init__(self, task):
        self.task = task

    def __enter__(self):
        _aim(self.task)
        return self

    def __exit__(self, *_):
        _aim(_selected)


def frames(task):
    """(level, gdb.Frame) of a task, the newest first, the scheduler's own left out.

    Only valid inside `with looking_at(task)`.
    """
    frame = gdb.newest_frame()
    sleeping = _unwinder.registers is not None
    if sleeping:
        frame = _outer(frame).older()
    if int(task["pid"]) in parked.by_pid:
        while frame is not None and not parked.registers_at(frame.pc()):
            frame = frame.older()
    for _ in range(200):
        if frame is None:
            return
        if not (sleeping and frame.name() in SCHEDULER or parked.registers_at(frame.pc())):
            yield frame.level(), frame
        try:
            frame = frame.older()
        except gdb.error:
            return


def _outer(frame):
    """The real frame of a function that is inlined."""
    while frame.type() == gdb.INLINE_FRAME:
        frame = frame.older()
    return frame


def functions(task):
    """The names of the functions in which a task sleeps, the newest first."""
    with looking_at(task):
        try:
            return [f.name() or "%#x" % f.pc() for _, f in frames(task)]
        except gdb.error:
            return []


def blocked_in(task, stack=None):
    """The function that wanted to wait, below all the ways of waiting."""
    stack = functions(task) if stack is None else stack
    for function in stack:
        if not WAITS.match(function):
            return function
    return stack[0] if stack else "-"


def stack_of(task, full=False):
    """Backtrace text of one task: what gdb prints, without the way into the scheduler."""
    with looking_at(task):
        sleeping = _unwinder.registers is not None
        real = _outer(gdb.newest_frame()).level() if sleeping else -1
        out = gdb.execute(
            "with width 0 -- with confirm off -- backtrace" + (" -full" if full else ""),
            to_string=True,
        )
    lines, keep = [], not sleeping
    for line in kernel.short_paths(out).splitlines():
        found = re.match(r"#(\d+) +(?:0x[0-9a-f]+ in )?(\S+)", line)
        if found:
            keep = found.group(2) != "??" and not (
                sleeping and (int(found.group(1)) <= real or found.group(2) in SCHEDULER)
            )
        elif not line.startswith(" ") and "Backtrace stopped" in line:
            continue
        if keep:
            lines.append(line)
    return "\n".join(lines) + "\n" if lines else ""


def select(pid):
    """Make a task gdb's context; 0 or the running task's pid: the real one."""
    global _selected
    task = None if pid == 0 else find(pid)
    if task is not None and same(task, current()):
        task = None
    _selected = task
    _aim(task)
    if task is None:
        gdb.newest_frame().select()
        return
    chosen = None
    for _, frame in frames(task):
        if chosen is None:
            chosen = frame
        if not WAITS.match(frame.name() or ""):
            chosen = frame
            break
    if chosen is None:
        raise Problem("pid %d has no stack" % pid)
    chosen.select()


def selected():
    return _selected or current()
