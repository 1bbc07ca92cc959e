# SPDX-License-Identifier: GPL-2.0-only
"""Backwards is forwards, up to the last stop before here: a first run finds that stop, a
second one ends there."""
import gdb

from ..model import kernel, tasks
from ..model.kernel import Problem
from . import clock, guest
from .clock import Position
from .guest import go, ours, state

ENOUGH = 32  # stops in a row; then most of the way that is left is left out
LINES = 3000
INSTRUCTIONS = 20000


class Hit:
    def __init__(self, position, numbers, index):
        self.position, self.numbers = position, numbers
        self.index = index  # among the stops of its tick


# --- the last stop of a breakpoint ---------------------------------------------------


def _pass(end, first, enable):
    """Run again, the breakpoints on from tick `first` (None: from the start of the kernel);
    (hits, the tick from which on all of them are there)."""
    guest.start_over(from_boot=first is None)
    guest._watched(True)
    if end is not None:
        guest.disarm_at(end)
    if first is None:
        if not guest.to_memory(end):
            guest.reach(end)
            return [], None
    elif not guest.to_tick(first):
        raise guest.diverged("tick %d was not reached" % first)
    enable(True)
    hits, complete, row = [], first, 0
    here = guest._Arrive(end) if end is not None else None
    try:
        while True:
            if end is not None:
                guest.due(end.tick + 1)
            stopped = go()
            if stopped is None:
                if end is not None:
                    raise guest.diverged("it ended before")
                return hits, complete
            if end is not None:
                if end.is_here():
                    guest.reach(end)
                    return hits, complete
                if ours.tick in stopped and clock.ticks() > end.tick:
                    raise guest.diverged("tick %d went by" % end.tick)
            if not stopped:
                if end is None:
                    return hits, complete
                raise guest.diverged("it stood still at tick %d" % clock.ticks())
            position = Position()
            same = sum(1 for hit in hits if hit.position.tick == position.tick and position.tick)
            index = same if position.tick else len(hits)
            hits.append(Hit(position, [b.number for b in stopped if b.is_valid()], index))
            row += 1
            left = (end.tick if end is not None else 0) - position.tick
            if row >= ENOUGH and left > 256:
                enable(False)
                complete, row = position.tick + left * 7 // 8, 0
                if not guest.to_tick(complete):
                    raise guest.diverged("tick %d was not reached" % complete)
                enable(True)
    finally:
        enable(False)
        guest.due(None)
        if here is not None and here.is_valid():
            here.delete()


def last_hit(end, enable, wanted=None):
    """The last stop before `end`, a Position (None: the end of the run); or None. The guest
    then stands at `end`. wanted(hits) picks another than the last."""
    first = None
    hits, complete = _pass(end, first, enable)
    while True:
        chosen = (wanted or (lambda h: h[-1]))(hits) if hits else None
        if chosen is not None and (complete is None or chosen.position.tick >= complete):
            return chosen
        if complete is None or chosen is None and not hits:
            return None
        # what was left out is behind the last hit that is known before it
        before = [h for h in hits if h.position.tick < complete]
        if not before:
            return chosen
        first = before[-1].position.tick
        if first == 0:
            first = None
        hits, again = _pass(end, first, enable)
        hits = [h for h in hits if h.position.tick < complete] or before[-1:]
        complete = again if again and again < complete else first
        if complete == first:
            return (wanted or (lambda h: h[-1]))(hits)


def repeat(hit, enable):
    """Run again up to a hit; the stop itself is gdb's, who tells of it."""
    guest.with_call(hit.position)
    guest.start_over(from_boot=hit.position.tick == 0)
    guest._watched(True)
    guest.disarm_at(hit.position)
    if not hit.position.tick:
        guest.to_memory(None)
    elif not guest.to_tick(hit.position.tick):
        raise guest.diverged("tick %d was not reached" % hit.position.tick)
    enable(True)
    for _ in range(hit.index):
        if not go():
            raise guest.diverged("a breakpoint was not hit")
    guest._watched(False)


# --- the line before ------------------------------------------------------------------


class Level:
    """A function's activation, by its place on the stack."""

    def __init__(self, frame):
        while frame.type() == gdb.INLINE_FRAME:
            frame = frame.older()
        self.frame = frame
        older = frame.older()
        self.cfa = clock.register("rsp", older) if older is not None else 0
        self.function, self.entry, self.first = None, None, None
        block = gdb.block_for_pc(frame.pc() - (1 if frame.level() else 0))
        while block is not None and (block.function is None or _inlined(block)):
            block = block.superblock
        if block is not None:
            self.function, self.entry = block.function.name, block.start
            self.first = _first_line(self.function, block)

    def caller(self):
        older = self.frame.older()
        return Level(older) if older is not None else None


_first = {}


def _first_line(function, block):
    """Where `step` and `break` stop in a function: behind its prologue."""
    if block.start not in _first:
        where = gdb.Breakpoint(function, internal=True)
        try:
            inside = [l.address for l in where.locations if block.start <= l.address < block.end]
        except AttributeError:  # before gdb 13
            inside = []
        finally:
            where.delete()
        _first[block.start] = inside[0] if inside else block.start
    return _first[block.start]


class Stop:
    """Where gdb's `step` or `next` stopped."""

    def __init__(self):
        self.position = Position()
        self.task = int(tasks.current().address)


class Here:
    """What is to be known of the place to go back from, while the guest still stands there."""

    def __init__(self, position):
        self.position = position
        self.task = int(tasks.current().address)
        frame = gdb.newest_frame()
        self.inline = frame.type() == gdb.INLINE_FRAME
        self.level = Level(frame)
        self.caller = self.level.caller()
        # (pc, sp) of the call of this function, and of its caller's first instruction
        self.call = self.begin = None
        if self.caller is not None and self.caller.entry is not None:
            call = _call_before(self.caller.frame, self.caller.frame.pc())
            if call:
                self.call = call, self.level.cfa
            self.begin = self.caller.entry, self.caller.cfa - 8


_trace = []  # Stops in a row up to a Position, of the course of this number
_trace_of = None


def _remember(stops, end):
    global _trace_of
    _trace[:] = stops
    _trace_of = state.course, end


def _known(end, task):
    if _trace_of is None or _trace_of[0] != state.course:
        return None
    stops = [s for s in _trace if s.task == task]
    for n, stop in enumerate(stops):
        if stop.position.same(end):
            earlier = [s for s in stops[:n] if not s.position.same(end)]
            return earlier[-1].position if earlier else None
    return None


class _Until:
    """Run up to `end`, with stops on the way."""

    def __init__(self, end):
        self.end = end
        self.here = guest._Arrive(end)
        guest.due(end.tick + 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        guest.due(None)
        if self.here.is_valid():
            self.here.delete()

    def go(self, command="continue"):
        """True at the end."""
        self.stopped = go(command)
        if self.stopped is None:
            raise guest.diverged("it ended before")
        if self.end.is_here():
            return True
        if clock.ticks() > self.end.tick:
            raise guest.diverged("tick %d went by" % self.end.tick)
        return False


def _silent(pc, sp):
    """A breakpoint at pc, for the frame with this stack pointer there."""
    where = gdb.Breakpoint("*%#x" % pc, internal=True)
    where.silent = True
    where.condition = "$rsp == %#x" % sp
    return where


def _at(pc, sp):
    return pc is not None and clock.register("rip") == pc and clock.register("rsp") == sp


def _in(levels):
    """The innermost of these activations that the running task is in, as (pc, sp) where it
    goes on in it; None when in none."""
    frame = gdb.newest_frame()
    for _ in range(24):
        if frame is None:
            return None
        if frame.type() != gdb.INLINE_FRAME:
            older = frame.older()
            if older is None:
                return None
            cfa = clock.register("rsp", older)
            for level in levels:
                if cfa == level.cfa and level.entry <= frame.pc() and frame.function() is not None:
                    block = gdb.block_for_pc(frame.pc() - 1)
                    while block is not None and (block.function is None or _inlined(block)):
                        block = block.superblock
                    if block is not None and block.start == level.entry:
                        return frame.pc(), clock.register("rsp", frame)
        frame = frame.older()
    return None


def _lines(me, window, over):
    """The Stops that `next` makes in this function and its caller before `me`, [] when both
    began before the window."""
    end = me.position
    levels = [l for l in (me.level, me.caller) if l is not None and l.entry is not None]
    first = max(0, end.tick - window)
    guest.start_over(from_boot=end.tick == 0)
    guest._watched(True)
    guest.disarm_at(end)
    if first and not guest.to_tick(first):
        raise guest.diverged("tick %d was not reached" % first)
    inside = _in(levels) if first and int(tasks.current().address) == me.task else None
    with _Until(end) as run:
        ways_in = []
        try:
            if inside:
                back = _silent(*inside)
                done = run.go()
                back.delete()
                if done:
                    return []
            ways_in = [_silent(*way) for way in (me.call, me.begin) if way]
            if over and me.level.first:
                # `break` stops there, `step` may not
                ways_in.append(gdb.Breakpoint("*%#x" % me.level.first, internal=True))
                ways_in[-1].silent = True
            if not inside and run.go():
                return []
            stops = []
            while len(stops) < LINES:
                command = "next"
                if me.call and _at(*me.call):
                    # gdb knows where in a function a step into it stops
                    command = "step"
                elif me.begin and _at(*me.begin):
                    where = _silent(me.caller.first, clock.register("rsp"))
                    where.condition = None
                    done = me.begin[0] != me.caller.first and run.go()
                    where.delete()
                    if done:
                        return stops
                    stops.append(Stop())
                else:
                    stops.append(Stop())
                if run.go(command):
                    guest.reach(end)
                    # the first one may be in the middle of a line
                    return stops[1:] if inside else stops
            raise Problem("more than %d lines before here" % LINES)
        finally:
            for one in ways_in:
                one.delete()


def _steps(start, me):
    """The Stops of `step` from a position, or a tick, to `me`."""
    end = me.position
    if isinstance(start, int):
        guest.start_over()
        guest._watched(True)
        guest.disarm_at(end)
        if not guest.to_tick(start):
            raise guest.diverged("tick %d was not reached" % start)
        guest.out_of_tick()
    else:
        guest.run_to(start)
        guest._watched(True)
    stops = []
    with _Until(end) as run:
        while len(stops) < LINES:
            stops.append(Stop())
            if run.go("step"):
                return stops
    return []


def _line_starts(pc, function):
    """Where the line of pc, in the function that begins at `function`, starts."""
    sal = gdb.find_pc_line(pc)
    if not sal.symtab or not sal.line:
        return []
    block = gdb.block_for_pc(function)
    while block is not None and (block.function is None or _inlined(block)):
        block = block.superblock
    if block is None:
        return []
    return [
        entry.pc for entry in sal.symtab.linetable().line(sal.line) or () if block.start <= entry.pc < block.end
    ]


NEAR_TICKS = (3, 16)
NEAR_STEPS = 160


def _near(me, ticks):
    """The Stops of `step` from shortly before `me`, in one run; [] when they are not known."""
    end = me.position
    guest.start_over()
    guest._watched(True)
    guest.disarm_at(end)
    first = max(1, end.tick - ticks)
    while True:
        if not guest.to_tick(first):
            raise guest.diverged("tick %d was not reached" % first)
        if int(tasks.current().address) == me.task or first + 1 >= end.tick:
            break
        first += 1
    levels = [l for l in (me.level, me.caller) if l is not None and l.entry is not None]
    inside = int(tasks.current().address) == me.task and _in(levels)
    guest.out_of_tick()
    with _Until(end) as run:
        ways = []
        try:
            if not inside:
                # the line that calls this function: from user mode, say, which has no ticks
                if me.call is None or me.caller is None or me.caller.entry is None:
                    return []
                ways = [_silent(pc, me.call[1]) for pc in _line_starts(me.call[0], me.caller.entry)]
                if not ways or run.go():
                    return []
            while True:
                stops = []
                while len(stops) < NEAR_STEPS:
                    stops.append(Stop())
                    if run.go("step"):
                        # the first one may be in the middle of a line
                        return stops[1:] if inside else stops
                if inside or run.go():
                    return []
        finally:
            for one in ways:
                one.delete()


WINDOWS = (16, 512, 16384)
FEW, MANY = 8, 64  # ticks


def line_before(me, over):
    """The Position of the line before. over: not in what was called."""
    end = me.position
    if me.level.entry is None:
        raise Problem("there is no source line here: reverse-stepi goes by instructions")
    if not over:
        known = _known(end, me.task)
        if known:
            return known
        for ticks in NEAR_TICKS if end.tick > 1 else ():
            steps = _near(me, ticks)
            stops = [s for s in steps if s.task == me.task and not s.position.same(end)]
            if stops:
                _remember(steps, end)
                return stops[-1].position
    line = None
    for window in WINDOWS:
        stops = [s for s in _lines(me, window, over) if s.task == me.task and not s.position.same(end)]
        if stops:
            line = stops[-1].position
            break
        if window >= end.tick:
            break
    if line is None:
        start = _last_at(end, me.level.entry, me.level.cfa - 8)
        if start is None:
            raise Problem("where this function began is not known")
        line = start.position
    if over and not me.inline or not _calls(line.pc, end.pc):
        return line
    # what was called may have run for long: its end is what matters
    far = not over and end.tick - line.tick > MANY
    for start in (end.tick - FEW, end.tick - MANY, line) if far else (line,):
        steps = _steps(start, me)
        # (the first one of a tick may be in the middle of a line)
        steps = [s for s in (steps[1:] if far else steps) if s.task == me.task]
        if steps:
            break
    if not over:
        _remember(steps, end)
        steps = [s for s in steps if not s.position.same(end)]
    else:
        steps = [s for s in steps if s.position.sp == end.sp and not s.position.same(end)]
    return steps[-1].position if steps else line


def _calls(start, end):
    """May something have been called between these two places, inlined or not?"""
    block = gdb.block_for_pc(start)
    if block is None or not (block.start <= end < block.end and end > start and end - start < 256):
        return True
    for one in gdb.selected_inferior().architecture().disassemble(start, end - 1):
        # (the counter is called by a register, too, whose value is not known from here)
        if one["asm"].startswith("call") and COUNTER not in one["asm"]:
            return True
        if gdb.block_for_pc(one["addr"]) != block:
            return True
    return False


def _inlined(block):
    """(a function's own block has the static block above it)"""
    above = block.superblock
    while above is not None and not above.is_static:
        if above.function is not None:
            return True
        above = above.superblock
    return False


NEAR = 2048  # ticks


def _last_at(end, pc, sp):
    """The last time before `end` that pc was reached with this stack pointer."""
    where = gdb.Breakpoint("*%#x" % pc, internal=True)
    where.silent, where.enabled = True, False
    where.condition = "$rsp == %#x" % sp

    def enable(on):
        where.enabled = on

    try:
        if end.tick > NEAR:
            hits, _ = _pass(end, end.tick - NEAR, enable)
            if hits:
                return hits[-1]
        return last_hit(end, enable)
    finally:
        where.delete()


def call_site(frame, end):
    """The Position of the call that made this frame."""
    level = Level(frame)
    older = level.frame.older()
    if older is None or older.function() is None:
        raise Problem("this is the outermost function")
    call = _call_before(older, older.pc())
    if call is None:
        raise Problem("%s was not called, it was jumped to" % frame.name())
    hit = _last_at(end, call, level.cfa)
    if hit is None:
        raise Problem("the call of %s was not found" % frame.name())
    return hit.position


def _call_before(frame, back):
    """The address of the call instruction that returns to `back`."""
    block = frame.block()
    while block.function is None or _inlined(block):
        block = block.superblock
    start = block.start if block.start < back <= block.end else back - 64
    for one in frame.architecture().disassemble(start, back - 1):
        if one["addr"] + one["length"] == back and one["asm"].startswith("call"):
            return one["addr"]
    return None


_decoded = {}


def _call_at(pc):
    """Bytes of the call instruction at pc, or 0."""
    if pc not in _decoded:
        one = gdb.selected_inferior().architecture().disassemble(pc)[0]
        _decoded[pc] = one["length"] if one["asm"].startswith("call") else 0
    return _decoded[pc]


def instruction_before(me, stack):
    """The Position of the instruction before. stack(address): a word of the stack there."""
    end = me.position

    def last_tick():
        guest.start_over()
        guest.disarm_at(end)
        if not guest.to_tick(end.tick - 1):
            raise guest.diverged("tick %d was not reached" % (end.tick - 1))
        guest.out_of_tick()

    def function_start():
        hit = _last_at(end, me.level.entry, me.level.cfa - 8) if me.level.entry else None
        if hit is None:
            return False
        guest.run_to(hit.position)

    ways = [(last_tick, True)] if end.tick > 1 else []
    ways.append((function_start, True))
    ways += [(last_tick, False)] if end.tick > 1 else [(function_start, False)]
    for start, skip in ways:
        if start() is False:
            continue
        guest._watched(True)
        with _Until(end) as run:
            found = _walk(run, stack, skip)
        if found is not None:
            return found
    raise Problem("more than %d instructions since the last tick" % INSTRUCTIONS)


def _walk(run, stack, skip):
    """By single instructions up to run.end; the last Position before it, None when it is not
    known. skip: run through calls that run.end is not in."""
    end = run.end
    for _ in range(INSTRUCTIONS):
        last = Position()
        length = _call_at(last.pc)
        if length:
            back = last.pc + length
            counts = _target(last, back) == counter()
            inside = last.sp > end.sp and stack(last.sp - 8) == back
            returns_here = back == end.pc and last.sp == end.sp
            if counts or skip and not inside and not returns_here:
                where = gdb.Breakpoint("*%#x" % back, internal=True)
                where.silent = True
                where.condition = "$rsp == %#x" % last.sp
                done = run.go()
                where.delete()
                if done:
                    # for a block to count itself is one step
                    return last if counts else None
                continue
        if run.go("stepi"):
            return last
    return None


NUMBERS = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split()
COUNTER = "__sanitizer_cov_trace_pc"


def counter():
    return int(gdb.parse_and_eval("(unsigned long)&" + COUNTER))


def _target(last, back):
    """Where the call at a Position goes, direct or by a register; else None."""
    code = bytes(kernel.memory(last.pc, back - last.pc))
    if len(code) == 5 and code[0] == 0xE8:
        return (back + int.from_bytes(code[1:], "little", signed=True)) & clock.ALL
    upper = code[:1] == b"\x41"
    if code[upper:-1] == b"\xff" and code[-1] & 0xF8 == 0xD0:
        return last.registers[NUMBERS[(code[-1] & 7) + 8 * upper]]
    return None
