# SPDX-License-Identifier: GPL-2.0-only
"""The guest, run again. In virtual time equal runs are equal, to the last register, so that
the way back to a moment is to start anew and stop there. What the user changed (values,
registers, uml-park) is done again on the way, at its own moment."""
import contextlib
import os
import signal
import struct
import subprocess

import gdb

from ..commands import park
from ..commands.command import write
from ..model import kernel, parked
from ..model.kernel import Problem, has_symbol
from . import clock
from .clock import Position
from .output import Output

PATIENCE = 2  # seconds in which a guest that stands still is one that hangs


def execute(command):
    gdb.execute(command, to_string=True)


def at(function):
    """A breakpoint's place. Names are looked up anew in each run, which takes its time."""
    return "*%#x" % int(gdb.parse_and_eval("(unsigned long)&" + function))


# --- may we? ----------------------------------------------------------------------


class _State:
    """Of this session's guest."""

    def __init__(self):
        self.arguments = None  # of the kernel's command line, as the first run had them
        self.busy = False  # it is us who run the guest now
        self.now = None  # the Position of the last stop that the user saw
        self.ended = False
        self.last = None  # the tick at which the command ended
        self.changes = []  # Changes in the order of the run
        self.pending = None  # the one being made at this stop
        self.dropped = []  # breakpoints to be taken away at the next stop
        self.places, self.at = [], -1  # for back and forward
        self.frontier = self.frontier_armed = None  # how far the user has seen its output
        self.all_shown = False
        self.pid = 0
        self.reruns = 0
        self.course = 0  # another past since


state = _State()


def reproducible():
    """A Problem where running again would not lead to the same place."""
    if not kernel.has_symbol("ticks"):
        raise Problem("this kernel has no ticks: going back needs one that make linux built")
    if kernel.is_core():
        raise Problem(
            "a core is one moment: going back needs the run itself, make gdb CMD='...',"
            " or make open AGAIN=1 where the guest was kept"
        )
    if os.environ.get("FUSE_UML") not in ("start", "tour"):
        raise Problem(
            "this guest was started elsewhere, and what it was told since is not known:"
            " start it here, make gdb CMD='...' BREAK=..., to go back in it"
        )
    if os.path.exists("pty"):
        raise Problem(
            "this guest is typed at by hand, which cannot be repeated:"
            " give it its commands by make gdb CMD='...'"
        )
    if state.arguments is None or "time-travel=" not in state.arguments:
        raise Problem("this guest runs by the host's clock: leave --wall-clock out to go back")


class Diverged(Problem):
    pass


def diverged(why):
    words = (state.arguments or "").split()
    names = [
        name
        for word_, name in (("SHARE=", "--share"), ("HOST_ROOT=", "--host-root"))
        if any(w.startswith(word_) for w in words)
    ]
    return Diverged(
        "running again did not lead to the same place (%s)%s"
        % (why, ": files of the host (%s) are not the same each time" % ", ".join(names) if names else "")
    )


# --- running ----------------------------------------------------------------------


class _Silent(gdb.Breakpoint):
    """A breakpoint of ours, off until it is wanted."""

    def __init__(self, where):
        super().__init__(where, internal=True)
        self.silent = True
        self.enabled = False


class _Edge(gdb.Breakpoint):
    """The guest's command starts, or has ended."""

    def __init__(self):
        super().__init__(at("ticks_set_on"), internal=True)
        self.silent, self.start, self.end = True, False, False

    def stop(self):
        if clock.counting():
            state.last = clock.ticks()
            return self.end
        return self.start


class _Arrive(gdb.Breakpoint):
    """A position is reached. Off until its tick is: others pass there, and often."""

    asleep = []

    def __init__(self, position, then=None):
        super().__init__("*%#x" % position.pc, internal=True)
        self.silent, self.position, self.then = True, position, then
        self.sleep()

    def sleep(self):
        self.enabled = clock.ticks() >= self.position.tick
        if not self.enabled:
            self.asleep.append(self)

    @classmethod
    def next(cls):
        """The tick at which the first of them is to be on."""
        cls.asleep[:] = [one for one in cls.asleep if one.is_valid()]
        return min((one.position.tick for one in cls.asleep), default=clock.ALL)

    @classmethod
    def wake(cls, tick=clock.ALL):
        cls.next()
        for one in [one for one in cls.asleep if one.position.tick <= tick]:
            one.enabled = True
            cls.asleep.remove(one)

    def stop(self):
        if not self.position.is_here():
            return False
        if self.then is None:
            return True
        self.then()
        return False


class _Ours:
    """Our breakpoints, made when they are first needed."""

    def __init__(self):
        self.edge = self.tick = self.begin = self.memory = None

    def make(self):
        if self.edge is None:
            self.edge = _Edge()
            self.tick = _Silent(at("ticks_stop"))
            self.begin = _Silent(at("start_kernel"))
            self.memory = _Silent(at("rest_init"))


ours = _Ours()
output = None


class Users:
    """The user's breakpoints: off while we run the guest, unless they are what is looked for."""

    def __init__(self):
        self.all = [b for b in gdb.breakpoints() if b.number > 0 and b.is_valid() and b.enabled]
        self.commands = {}
        self.numbers = {b.number for b in self.all}

    def enable(self, on):
        for b in self.all:
            if b.is_valid() and b.enabled != on:
                b.enabled = on

    def mute(self, on):
        """Their commands are not run."""
        if on:
            for b in self.all:
                if b.is_valid() and b.commands:
                    self.commands[b.number] = b.commands
                    b.commands = None
        else:
            for b in self.all:
                if b.is_valid() and b.number in self.commands:
                    b.commands = self.commands.pop(b.number)


def notifications(on):
    """gdb tells of stops, or not; returns what it did before."""
    try:
        was = not gdb.parameter("suppress-cli-notifications")
        execute("set suppress-cli-notifications " + ("off" if on else "on"))
    except (RuntimeError, gdb.error):
        return None  # before gdb 13
    return was


@contextlib.contextmanager
def quietly():
    """We run the guest: the user's breakpoints are off, nothing is told."""
    ours.make()
    users = Users()
    loud = notifications(False)
    state.busy = parked.quiet = True
    try:
        users.mute(True)
        users.enable(False)
        yield users
    finally:
        _watched(False)
        ours.begin.enabled = ours.memory.enabled = False
        due(None)
        _Arrive.wake()
        if alive():
            if gdb.solib_name(gdb.newest_frame().pc()):
                execute("sharedlibrary")
        users.enable(True)
        users.mute(False)
        if loud is not None:
            notifications(loud)
        state.busy = parked.quiet = False


_due = clock.ALL


def due(tick):
    """From here on the guest stops at this tick, in ticks_stop(); None: at none."""
    global _due
    _due = clock.ALL if tick is None else tick
    _arm(_due)


def _arm(tick):
    ours.tick.enabled = tick != clock.ALL
    if alive():
        gdb.selected_inferior().write_memory(
            int(gdb.parse_and_eval("(unsigned long)&ticks_due_at")), struct.pack("<Q", tick)
        )


_last_stop = None


def go(command="continue"):
    """Run on; the breakpoints that stopped it, [] for a signal, None when the guest ended."""
    global _last_stop
    while True:
        _last_stop = None
        if command != "continue":
            _Arrive.wake()
        wakes = _Arrive.next()
        _arm(min(wakes, _due))
        execute(command)
        if not alive():
            return None
        stopped = _last_stop.breakpoints if isinstance(_last_stop, gdb.BreakpointEvent) else []
        if wakes >= _due or ours.tick not in stopped:
            return stopped
        clock.stopped_at_tick()
        _Arrive.wake(wakes)


def go_aloud():
    """The last part of the way is gdb's, who tells of the stop."""
    _Arrive.wake()
    gdb.execute("continue")


def alive():
    return gdb.selected_inferior().pid != 0


# A guest that waits for nothing that could come is stopped by SIGINT, as Ctrl-C would. It may
# sleep, or go from one of the kernel's own timers to the next: then the kernel computes for
# seconds, and no program does
WATCH = r"""
pid=$1 last= before= since=0
while sleep %d && [ -d /proc/$pid ]; do
	programs=$(for child in $(cat /proc/$pid/task/$pid/children); do cut -d' ' -f 3,14,15 /proc/$child/stat; done)
	set -- $(cut -d' ' -f 3,14,15 /proc/$pid/stat)
	now="$* $programs" computed=$(($2 + $3))
	case $now in
	S*) ! [ "$now" = "$last" ] || { kill -INT $pid; exit; } ;;
	esac
	[ "$programs" = "$before" ] || since=$computed
	[ $((computed - since)) -lt 300 ] || { kill -INT $pid; exit; }
	last=$now before=$programs
done 2>/dev/null
""" % PATIENCE


def kill():
    """End the guest, with all its processes."""
    pid = gdb.selected_inferior().pid
    if pid:
        with contextlib.suppress(OSError):
            os.killpg(os.getpgid(pid), signal.SIGKILL)
        execute("kill")
    parked.by_pid.clear()


_watch = None


def _watched(on):
    global _watch
    if _watch is not None:
        _watch.kill()
        _watch.wait()
        _watch = None
    if on:
        _watch = subprocess.Popen(
            ["/bin/sh", "-c", WATCH, "sh", str(gdb.selected_inferior().pid)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def start_over(from_boot=False):
    """Run the guest again, up to where its command starts, or where the kernel does."""
    global output
    if output is None:
        output = Output()
    if not state.reruns:
        # whoever has seen the end has seen all
        state.frontier, state.all_shown = state.now, state.ended
        output.forget()
    kill()
    state.reruns += 1
    ours.make()
    ours.edge.start, ours.begin.enabled = not from_boot, from_boot
    if os.path.exists("guest/pid"):
        os.unlink("guest/pid")
    output.clear()
    # (what was awake would stop the boot, and often)
    for change in state.changes:
        change.disarm()
    if state.frontier_armed is not None:
        state.frontier_armed.enabled = False
    execute("set args %s >console 2>&1 %s" % (state.arguments, output.redirections()))
    # the host's C library is read where the guest is left in it: see quietly()
    execute("set auto-solib-add off")
    try:
        stopped = go("run")
    finally:
        execute("set auto-solib-add on")
    ours.edge.start = ours.begin.enabled = False
    if not stopped:
        raise diverged("it ended before its command started")
    state.ended = False
    state.pid = gdb.selected_inferior().pid
    for change in state.changes:
        change.arm()
    if state.frontier is None or output.known():
        return
    if state.frontier_armed is None:
        state.frontier_armed = _Arrive(state.frontier, _frontier_passed)
    else:
        state.frontier_armed.sleep()


def to_memory(end):
    """From the start of the kernel to where its memory can be read and watched; False when
    `end` comes first."""
    here = _Arrive(end) if end is not None else None
    ours.memory.enabled = True
    try:
        if not go():
            raise diverged("it ended while it booted")
        return end is None or not end.is_here()
    finally:
        ours.memory.enabled = False
        if here is not None:
            here.delete()


def to_command():
    """On to where the guest's command starts."""
    ours.edge.start = True
    try:
        while True:
            stopped = go()
            if not stopped:
                raise diverged("it ended before its command started")
            if ours.edge in stopped:
                return
    finally:
        ours.edge.start = False


def to_tick(tick):
    """On to a tick, into ticks_stop(); False when the command ends before (state.last), or
    stands still."""
    if tick <= clock.ticks():
        return True
    due(tick)
    ours.edge.end = True
    state.last = None
    try:
        while True:
            stopped = go()
            if not stopped or state.last is not None:
                return False
            if ours.tick in stopped:
                clock.stopped_at_tick()
                return True
    finally:
        ours.edge.end = False
        due(None)


def out_of_tick():
    """From ticks_stop() to the block itself."""
    frame = gdb.newest_frame()
    if frame.name() != "ticks_stop":
        return
    where = _Silent("*%#x" % int(frame.read_var("pc")))
    where.enabled = True
    go()
    where.delete()


def arrive(target, stopper=None):
    """On to a position, from a place before it. stopper(breakpoints) hears of other stops."""
    if target.is_here():
        return
    here = _Arrive(target)
    try:
        due(target.tick + 1)
        while True:
            stopped = go()
            if stopped is None:
                raise diverged("it ended before")
            if target.is_here():
                return
            if ours.tick in stopped and clock.ticks() > target.tick:
                raise diverged("tick %d went by" % target.tick)
            if not stopped:
                raise diverged("it stood still at tick %d" % clock.ticks())
            if stopper:
                stopper(stopped)
    finally:
        due(None)
        if here.is_valid():
            here.delete()


def run_to(target):
    """Run again, up to a position."""
    with_call(target)
    _watched(False)
    start_over(from_boot=target.tick == 0)
    _watched(True)
    try:
        disarm_at(target)
        if target.tick and not to_tick(target.tick):
            raise diverged("tick %d was not reached" % target.tick)
        arrive(target)
        reach(target)
    finally:
        _watched(False)


def disarm_at(target):
    for change in state.changes:
        if change.position.same(target):
            change.disarm()


def reach(target):
    """Arrived: what the user changed here is changed."""
    for change in state.changes:
        if change.position.same(target):
            change.do()


# --- what the user changed ---------------------------------------------------------


class Change:
    """Memory and registers that the user set at a stop. uml-park is nothing else."""

    def __init__(self, position):
        self.position = position
        self.memory, self.registers, self.parked = [], {}, []
        self.call = None
        self.armed = None

    def do(self):
        inferior = gdb.selected_inferior()
        for address, content in self.memory:
            inferior.write_memory(address, content)
        for name, value in self.registers.items():
            park._set_register(name, value)
        for one in self.parked:
            parked.by_pid[one.pid] = one

    def arm(self):
        self.disarm()
        for one in self.parked:
            # before ours: a task that is parked here does not wake here
            if one.wake is not None and not one.wake.is_valid():
                one.wake = park._Wake(one.pid, one.registers["rip"])
        if self.call is None:
            self.armed = _Arrive(self.position, self.do)

    def disarm(self):
        if self.armed is not None and self.armed.is_valid():
            self.armed.delete()
        self.armed = None

    def __str__(self):
        if self.call:
            return "a function called by hand"
        if self.parked:
            return "uml-park of pid %s" % ", ".join(str(one.pid) for one in self.parked)
        return "values that you set"


def _changing():
    if state.busy or state.now is None or not alive():
        return None
    if state.pending is None:
        state.pending = Change(state.now)
        state.pending.had = set(parked.by_pid)
    return state.pending


def _memory_changed(event):
    change = _changing()
    if change:
        content = bytes(kernel.memory(event.address, event.length))
        change.memory.append((int(event.address), content))


def _register_changed(_event=None):
    change = _changing()
    if not change:
        return
    for name, old in change.position.registers.items():
        value = clock.register(name)
        if name != "eflags" and (value != old or name in change.registers):
            change.registers[name] = value
    change.parked = [one for pid, one in parked.by_pid.items() if pid not in change.had]


def _called(event):
    change = _changing()
    if change and isinstance(event, gdb.InferiorCallPreEvent):
        change.call = int(event.address)


def commit(_event=None):
    """The guest runs on: what was changed at this stop is part of the run."""
    change = state.pending
    if state.busy or change is None:
        return
    state.pending = None
    for other in [c for c in state.changes if change.position.before(c.position)]:
        state.changes.remove(other)
        state.dropped.append(other)
        write(
            "(the run takes a new course here; forgotten: %s at tick %d)"
            % (other, other.position.tick)
        )
    del state.places[state.at + 1 :]
    state.changes.append(change)
    state.course += 1


def with_call(target):
    """A call cannot be repeated: positions behind it cannot be reached again."""
    for change in list(state.changes):
        if change.call is None:
            continue
        if target.tick > change.position.tick or change.position.before(target):
            raise Problem(
                "you called a function of the kernel by hand at tick %d, which cannot be repeated:"
                " goto %d is before it" % (change.position.tick, change.position.tick)
            )
        state.changes.remove(change)
        write("(the call by hand at tick %d will not be repeated)" % change.position.tick)


# --- the session -------------------------------------------------------------------


def _frontier_passed():
    if not output.known():
        output.seen()


def pass_on():
    """Output that the user has not seen yet."""
    if state.reruns and not state.all_shown and output.known():
        output.pass_on()


def _stopped(event):
    global _last_stop
    _last_stop = event
    if state.busy:
        return
    if gdb.selected_inferior().pid != state.pid:
        # the user's own `run`: another course, perhaps
        forget()
        state.pid = gdb.selected_inferior().pid
    seen()


def seen():
    """The user sees the guest stand here."""
    while state.dropped:
        state.dropped.pop().disarm()
    state.pending = None
    try:
        state.now = Position()
    except (gdb.error, gdb.MemoryError, Problem):
        state.now = None
        return
    if state.at >= 0 and state.places[state.at].same(state.now):
        state.now = state.places[state.at]
    else:
        del state.places[state.at + 1 :]
        state.places.append(state.now)
        state.at = len(state.places) - 1
    pass_on()


def forget():
    arguments, course = state.arguments, state.course
    for change in state.changes:
        change.disarm()
    state.__init__()
    state.arguments, state.course = arguments, course + 1


def _exited(_event):
    state.ended = True
    if not state.busy:
        state.pending = None
        pass_on()


def prepare(arguments):
    """The session is about to run a guest with these arguments."""
    state.arguments = arguments
    if has_symbol("ticks"):
        ours.make()


def _leaving(_event):
    _watched(False)
    if output is not None:
        output.end()


def start():
    gdb.events.gdb_exiting.connect(_leaving)
    gdb.events.stop.connect(_stopped)
    gdb.events.exited.connect(_exited)
    gdb.events.cont.connect(commit)
    gdb.events.memory_changed.connect(_memory_changed)
    gdb.events.register_changed.connect(_register_changed)
    gdb.events.inferior_call.connect(_called)
    parked.listeners.append(_register_changed)
    # `step` does not go into it
    execute("skip function __sanitizer_cov_trace_pc")
