# SPDX-License-Identifier: GPL-2.0-only
"""when, goto, back, forward, and gdb's reverse- commands, by running again."""
import gdb

from ..commands.command import Command, Tick, write
from ..model import fuse, kernel, parked, tasks
from ..model.kernel import Problem
from . import backwards, clock, guest
from .guest import state


def task_text():
    return tasks.who(tasks.current())


def request_here():
    """The request that the frames are about, by a variable of theirs; '' where there is none."""
    frame = gdb.newest_frame()
    for _ in range(8):
        if frame is None:
            return ""
        try:
            block = frame.block()
        except RuntimeError:
            return ""
        while block is not None:
            for symbol in block:
                if symbol.name == "req" and (symbol.is_variable or symbol.is_argument):
                    try:
                        value = symbol.value(frame)
                        if value.is_optimized_out or not int(value):
                            continue
                        req = kernel.at(int(value), "struct fuse_req")
                        head = req["in"]["h"]
                        unique, opcode = int(head["unique"]), int(head["opcode"])
                        if unique and opcode in kernel.enum("fuse_opcode").values():
                            return "%s unique %d" % (fuse.opcode_name(opcode), unique)
                    except (gdb.error, gdb.MemoryError, Problem):
                        continue
            if block.function is not None:
                break
            block = block.superblock
        frame = frame.older()
    return ""


def when_text():
    now = clock.time()
    parts = ["tick %d" % clock.ticks()]
    if now is not None:
        parts.append("%.6f s" % (now / 1e9))
    parts.append(task_text())
    request = request_here()
    if request:
        parts.append(request)
    return ", ".join(parts)


def show():
    """The guest stands somewhere else now."""
    gdb.execute("frame")
    write("[%s]" % when_text())


def come():
    """As gdb's stop would: the place is seen, and told."""
    gdb.newest_frame().select()
    guest.seen()
    show()


class Travel(Command):
    needs = None
    past_now = False  # does it run again up to where the guest stands now?
    where = gdb.COMMAND_RUNNING

    def begin(self):
        """May we, and from where? A Position, or None when the guest has ended."""
        if not guest.alive() and not state.ended:
            raise Problem("no guest has run yet: `boot` first")
        guest.reproducible()
        guest.commit()
        tasks.select(0) if guest.alive() else None
        if guest.alive() and state.now is None:
            raise Problem("where the guest stands is not known")
        return state.now if guest.alive() else None

    def back_to(self, position):
        """After a mistake: where we were."""
        if position is None:
            return
        if not guest.alive() or not position.is_here():
            guest.run_to(position)
        gdb.newest_frame().select()

    def travel(self, where):
        """where(users, now) runs the guest; a Problem brings it back to where it was."""
        now = self.begin()
        if self.past_now and now is not None:
            guest.with_call(now)
        with guest.quietly() as users:
            try:
                where(users, now)
            except (Problem, gdb.error):
                users.enable(False)
                try:
                    self.back_to(now)
                except (Problem, gdb.error):
                    pass
                raise


class When(Command):
    """Tell where in the run the guest stands.
    Usage: when

    Tick, virtual time, task, request. Ticks count the basic blocks of fs/fuse,
    fs/fs-writeback.c and the mm files under study that tasks run, from the start of the
    guest's command; they are the same in every run of the same command. `goto TICK` goes
    there."""

    name = "when"

    def run(self, args):
        if args:
            self.usage()
        if not kernel.has_symbol("ticks"):
            raise Problem("this kernel has no ticks: make linux builds one that has")
        write(when_text())


class Goto(Travel):
    """Go to a tick, before or after this one.
    Usage: goto TICK | +N | -N

    The guest is run again up to there, if it lies before; breakpoints do not stop it on the
    way. 0 is where the guest's command starts. TICK may be an expression: $tick("is copied") is the
    tick of the last line with these words that history or fuse-life told. See `when`."""

    name = "goto"
    expression = True

    def run(self, args):
        if len(args) != 1:
            self.usage()
        word = args[0]
        self.begin()
        relative = word[0] in "+-"
        number = kernel.number(word[1:] if relative else word, "tick")
        if relative:
            if not guest.alive():
                raise Problem("the guest has ended: goto TICK, without + or -")
            number = clock.ticks() + (number if word[0] == "+" else -number)
        if number < 0:
            raise Problem("there is no tick %d: 0 is the start of the guest's command" % number)
        self.travel(lambda users, now: self.go(number, now))
        come()

    def go(self, number, now):
        forward = now is not None and now.tick < number
        guest._watched(False)
        if forward:
            guest._watched(True)
        else:
            guest.with_call(_Tick(number))
            guest.start_over()
            guest._watched(True)
        if number == 0:
            return
        if guest.to_tick(number):
            guest.out_of_tick()
            return
        if state.last is not None:
            raise Problem(
                "tick %d is beyond the end: the guest's command ended at tick %d"
                % (number, state.last)
            )
        if not guest.alive():
            raise Problem("tick %d is beyond the end of the guest" % number)
        raise Problem(
            "tick %d is not reached: the guest stands still at tick %d, all its tasks wait"
            % (number, clock.ticks())
        )


def start_at(tick):
    """The first thing in a session: to a tick. What the guest prints up to there is printed."""
    guest.reproducible()
    state.ended = True
    gdb.execute("goto %d" % tick)
    state.all_shown = False
    guest.output.forget(0)
    guest.pass_on()


class _Tick:
    def __init__(self, tick):
        self.tick, self.time = tick, None

    def before(self, _other):
        return False


class Back(Travel):
    """Go back to the place where the guest stood before.
    Usage: back [N]

    The places are those at which it stopped for you, by breakpoints, steps, goto and the
    reverse- commands. `forward` goes the other way."""

    name = "back"
    step = -1
    none = "no place was seen before this one"

    def run(self, args):
        if len(args) > 1:
            self.usage()
        count = kernel.number(args[0], "number of places") if args else 1
        if count < 1:
            raise Problem("'%s': places are counted from 1" % args[0])
        now = self.begin()
        at = state.at + self.step * count
        if now is None and self.step < 0:
            at += 1
        if not 0 <= at < len(state.places):
            raise Problem(self.none)
        place = state.places[at]
        self.travel(lambda users, now: guest.run_to(place))
        state.at = at
        come()


class Forward(Back):
    """Go to the place that `back` came from.
    Usage: forward [N]"""

    name = "forward"
    step = 1
    none = "no place was seen after this one"


class ReverseContinue(Travel):
    """Go back to the last stop of a breakpoint or watchpoint before here.
    Usage: reverse-continue [N]    (rc)     N: the Nth last one

    Runs the guest again, twice: to find the stop, and to come to it. Conditions count, and
    ignore counts. It is the stop that `continue` would make on the way: a watchpoint stops
    behind the write, and tells old and new value. Without one, it goes to the start of the
    guest's command."""

    name = "reverse-continue"
    past_now = True

    def run(self, args):
        if len(args) > 1:
            self.usage()
        count = kernel.number(args[0], "number of stops") if args else 1
        if count < 1:
            raise Problem("'%s': stops are counted from 1" % args[0])
        found = []
        self.travel(lambda users, now: found.append(self.go(users, now, count)))
        if found[0] is None:
            write(
                "\nNo stop before here: this is where %s starts."
                % ("the guest's command" if kernel_runs() else "the kernel")
            )
            come()
            return
        come_after_stop()

    def go(self, users, now, count):
        watch = [b for b in users.all if b.type == gdb.BP_HARDWARE_WATCHPOINT]
        if len(watch) > WATCHPOINTS:
            raise Problem(
                "%d watchpoints, and the CPU has %d: `disable` some" % (len(watch), WATCHPOINTS)
            )
        ignore = {b.number: b.ignore_count for b in users.all}
        for b in users.all:
            b.ignore_count = 0
        temporary = [b for b in users.all if b.temporary]
        clones = []
        for b in temporary:
            users.all.remove(b)
            clone = gdb.Breakpoint(b.location, internal=True)
            clone.silent, clone.condition, clone.enabled = True, b.condition, False
            clones.append(clone)
        users.all += clones

        def wanted(hits):
            left, skip = count, dict(ignore)
            for hit in reversed(hits):
                passed = [n for n in hit.numbers if skip.get(n, 0) > 0]
                if passed and len(passed) == len(hit.numbers):
                    for n in passed:
                        skip[n] -= 1
                    continue
                left -= 1
                if not left:
                    return hit
            return None

        # where a parked task goes on is a stop
        parked.quiet = False
        try:
            if not users.all:
                hit = None
            else:
                hit = backwards.last_hit(now, users.enable, wanted)
            if hit is None:
                guest.start_over(from_boot=now is not None and now.tick == 0)
                return None
            backwards.repeat(hit, users.enable)
        finally:
            for clone in clones:
                users.all.remove(clone)
                clone.delete()
            users.all += temporary
        # the stop itself is gdb's
        for b in temporary:
            b.enabled = True
        users.mute(False)
        notify = guest.notifications(True)
        state.pid = gdb.selected_inferior().pid
        guest.go_aloud()
        if notify is not None:
            guest.notifications(notify)
        if not guest.alive() or not hit.position.is_here():
            raise guest.diverged("the breakpoint was not hit again")
        for b in users.all:
            if b.is_valid() and ignore.get(b.number):
                b.ignore_count = max(0, ignore[b.number])
        return hit


def kernel_runs():
    return gdb.newest_frame().name() != "start_kernel"


def come_after_stop():
    gdb.newest_frame().select()
    guest.seen()
    write("[%s]" % when_text())


WATCHPOINTS = 4


class _Reverse(Travel):
    past_now = True

    def run(self, args):
        if len(args) > 1:
            self.usage()
        count = kernel.number(args[0], "number") if args else 1
        if count < 1:
            raise Problem("'%s': counted from 1" % args[0])
        for n in range(count):
            self.travel(lambda users, now: self.step(now))
            gdb.newest_frame().select()
            guest.seen()
        show()

    def here(self, now):
        if now is None:
            raise Problem("the guest has ended: reverse-continue, back or goto TICK first")
        return backwards.Here(now)


class ReverseStep(_Reverse):
    """Go back to the start of the line before, into functions that it called.
    Usage: reverse-step [N]    (rs)

    That is the last place before here at which `step` would have stopped, in this task."""

    name = "reverse-step"
    over = False

    def step(self, now):
        guest.run_to(backwards.line_before(self.here(now), self.over))


class ReverseNext(ReverseStep):
    """Go back to the start of the line before, in this function or the one that called it.
    Usage: reverse-next [N]    (rn)"""

    name = "reverse-next"
    over = True


class ReverseFinish(_Reverse):
    """Go back to the call of the selected function.
    Usage: reverse-finish"""

    name = "reverse-finish"

    def run(self, args):
        if args:
            self.usage()
        self.level = gdb.selected_frame().level() if guest.alive() else 0
        super().run([])

    def step(self, now):
        self.here(now)
        frame = gdb.newest_frame()
        for _ in range(self.level):
            frame = frame.older()
        guest.run_to(backwards.call_site(frame, now))


class ReverseStepi(_Reverse):
    """Go back by one instruction.
    Usage: reverse-stepi [N]    (rsi)

    The call by which a basic block counts its tick is one instruction."""

    name = "reverse-stepi"

    def step(self, now):
        me = self.here(now)
        size = kernel.stack_size()
        top = (now.sp + size) & ~(size - 1)
        saved = bytes(kernel.memory(now.sp & ~7, top - (now.sp & ~7)))

        def stack(address):
            at = address - (now.sp & ~7)
            return int.from_bytes(saved[at : at + 8], "little") if 0 <= at < len(saved) else None

        guest.run_to(backwards.instruction_before(me, stack))


ALL = (When, Goto, Back, Forward, ReverseContinue, ReverseStep, ReverseNext, ReverseFinish, ReverseStepi)


def start():
    Tick()
    for command in ALL:  # gdb's own short forms (rc, rs, rn, rsi) come along
        command()
