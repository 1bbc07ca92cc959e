# SPDX-License-Identifier: GPL-2.0-only
"""Run a race window: tasks held at exact places until another has come as far as it should.
For uml/gdb/window, which explains the file."""
import os
import re
import shlex
import sys

import gdb

from ..commands import park
from ..commands.command import write
from ..model import kernel, moved, parked, tasks
from ..model.kernel import Problem, has_function
from . import session

PATIENCE = 60  # seconds of the guest's clock in which something of the window must come


def place(function, text, where):
    """What to give to break: a function (the first of a|b|c that the kernel has), or the one
    line in it that has this text."""
    name = next((f for f in function.split("|") if has_function(f)), None)
    if name is None:
        raise Problem("%s: this kernel has no function %s" % (where, function))
    if not text:
        return name
    found = gdb.lookup_global_symbol(name) or gdb.lookup_static_symbol(name)
    if found is None:
        raise Problem("%s: %s is inlined everywhere: its lines cannot be told" % (where, name))
    file = found.symtab.fullname()
    lines = []
    try:
        with open(file, errors="replace") as f:
            for n, line in enumerate(f, 1):
                if n > found.line and line.startswith("}"):
                    break
                if n >= found.line and text in line:
                    lines.append(n)
    except OSError as e:
        raise Problem("%s: %s: %s" % (where, file, e.strerror))
    if len(lines) != 1:
        raise Problem("%s: '%s' is on %d lines of %s()" % (where, text, len(lines), name))
    return "%s:%d" % (file, lines[0])


class Step:
    """hold TASK at PLACE for N ticks | until CONDITION; reach TASK at PLACE."""

    def __init__(self, line, where):
        self.line, self.where = line, where
        self.reached = self.over = False
        self.pid = self.ticks = self.until = None
        words = shlex.split(line)
        self.force = words[-1] == "force"
        words = words[: len(words) - self.force]
        try:
            self.verb, self.task = words[0], words[1]
            at, rest = self._place(words[2:])
            self.at = at
            if self.verb == "hold":
                self._condition(rest)
            elif self.verb != "reach" or rest:
                raise IndexError
        except (IndexError, ValueError):
            raise Problem("%s: not understood: %s (see uml/gdb/window --help)" % (where, line))

    def _place(self, words):
        if words[0] != "at":
            raise IndexError
        text, rest = None, words[2:]
        if rest and rest[0] not in ("for", "until"):
            text, rest = rest[0], rest[1:]
        return (words[1], text), rest

    def _condition(self, words):
        if words[0] == "for" and words[2] == "ticks":
            self.ticks = int(words[1])
        elif words[0] == "until" and words[2] == "at":
            self.until = ("at", words[1], words[3], words[4] if len(words) > 4 else None)
        elif words[0] == "until" and words[2] == "sleeps":
            if len(words) > 3 and words[3] != "in":
                raise IndexError
            self.until = ("sleeps", words[1], words[4] if len(words) > 4 else None, None)
        elif words[0] == "until" and words[2:] == ["is", "gone"]:
            self.until = ("gone", words[1], None, None)
        else:
            raise IndexError

    def go_on(self):
        """Its condition has come about: from here it runs at the next tick."""
        self.over = True
        if self.pid in parked.by_pid:
            park.resume(self.pid)


class _At(gdb.Breakpoint):
    """A place that a task is to reach; stop() may park nobody, so it only stops."""

    def __init__(self, spec, who, step, stops):
        super().__init__(spec, internal=True)
        self.silent, self.who, self.step, self.stops = True, who, step, stops
        self.hit = False

    def stop(self):
        if self.hit or self.who not in ("any", tasks.name(tasks.current())):
            return False
        if not self.stops:
            # what another step waits for
            self.hit = True
            self.step.go_on()
            return False
        self.hit = True
        return True


class _Idle(gdb.Breakpoint):
    """While nobody runs, see what has come about."""

    def __init__(self, steps):
        super().__init__("arch_cpu_idle", internal=True)
        self.silent, self.steps = True, steps
        self.come = self.since = self.problem = None
        self.stacks = {}

    def stop(self):
        try:
            self._look()
        except Exception as e:  # gdb itself says nothing of it
            self.problem = e
        return self.problem is not None

    def _look(self):
        for step in self.steps:
            if step.reached and not step.over and step.until and step.until[0] != "at":
                if self._true(step.until):
                    step.go_on()
        come = [(step.reached, step.over) for step in self.steps]
        now = kernel.jiffies()
        if come != self.come:
            self.come, self.since = come, now
        # (who is held wakes at each tick: the guest is never still)
        if now - self.since > PATIENCE * kernel.hz():
            self.problem = Problem(self._missing())

    def _missing(self):
        late = "%%s in %d s of the guest's clock" % PATIENCE
        for step in self.steps:
            if not step.reached:
                return "%s: %s: %s" % (step.where, late % "place not reached", step.line)
            if step.until and not step.over:
                return "%s: %s: %s" % (step.where, late % "what it waits for did not come", step.line)
        return late % "the guest's script does not end"

    def _true(self, until):
        kind, name, function, _ = until
        those = [
            t for t in tasks.tasks() if name in ("any", tasks.name(t)) and tasks.state(t) not in "ZX"
        ]
        if kind == "gone":
            return not those
        return any(
            tasks.state(t) in "SD" and (function is None or function in self._functions(t))
            for t in those
            if int(t["pid"]) not in parked.by_pid
        )

    def _functions(self, task):
        """Who has not run since has the stack he had; to unwind all, each tick, takes seconds."""
        ran = int(task.address), int(task["nvcsw"]), int(task["nivcsw"])
        pid = int(task["pid"])
        if self.stacks.get(pid, (None,))[0] != ran:
            self.stacks[pid] = ran, tasks.functions(task)
        return self.stacks[pid][1]


def read(path):
    steps = []
    other = " on " + ("pages" if moved.makes_copies() else "copies")
    with open(path) as f:
        for n, line in enumerate(f, 1):
            line = line.strip()
            if re.match(r"(hold|reach)\s", line) and not line.endswith(other):
                line = re.sub(" on (pages|copies)$", "", line)
                steps.append(Step(line, "%s:%d" % (os.path.basename(path), n)))
    return steps


def run(steps):
    for step in steps:  # mistakes first, before anything boots
        step.spec = place(step.at[0], step.at[1], step.where)
        if step.until and step.until[0] == "at":
            step.until_spec = place(step.until[2], step.until[3], step.where)
    idle = _Idle(steps)

    def go():
        gdb.execute("continue" if gdb.selected_inferior().pid else "run", to_string=True)
        if idle.problem:
            raise idle.problem

    for step in steps:
        here = _At(step.spec, step.task, step, True)
        while not here.hit:
            go()
            if not gdb.selected_inferior().pid:
                raise Problem("%s: place not reached: %s" % (step.where, step.line))
        kernel_task = tasks.current()
        step.reached, step.pid = True, int(kernel_task["pid"])
        here.delete()
        write("# %s: %s" % (step.where, step.line))
        if step.verb == "hold":
            if step.until and step.until[0] == "at":
                _At(step.until_spec, step.until[1], step, False)
            park.park(step.ticks, step.force, stop_on_wake=False)
        else:
            step.over = True
    go()
    while gdb.selected_inferior().pid:
        go()
    for step in steps:
        if step.verb == "hold" and step.until and not step.over:
            raise Problem("%s: what it waits for never came: %s" % (step.where, step.line))


def main():
    """FUSE_UML_WINDOW: the file."""
    try:
        session.prepare()
        run(read(os.environ["FUSE_UML_WINDOW"]))
        status = 0
    except (Problem, gdb.error, OSError) as e:
        gdb.flush()
        print("uml/gdb/window: %s" % kernel.explain(e), file=sys.stderr)
        status = 1
    session.quit_with(status)
