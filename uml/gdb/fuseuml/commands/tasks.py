# SPDX-License-Identifier: GPL-2.0-only
"""The guest's tasks, shown and selected."""
import gdb

from ..model import kernel, tasks, verdict, waitfor
from .command import Command, table, write


class UmlPs(Command):
    """List the guest's tasks: state, where each is blocked, and what it waits for.
    Usage: uml-ps [all|blocked]

    Without an argument the idle kernel threads are left out; "blocked" are those in state D,
    and those in S that wait for a lock or for a reply. States are those of ps; D* is a D that
    a fatal signal does not end. "asleep" is in seconds of the guest's clock."""

    name = "uml-ps"

    def run(self, args):
        if args and args[0] not in ("all", "blocked") or len(args) > 1:
            self.usage()
        kind = args[0] if args else ""
        graph = waitfor.build()
        rows = []
        for task in tasks.tasks():
            letter = tasks.state(task)
            if kind == "blocked" and letter != "D" and not graph.waits(task):
                continue
            if not kind and (letter == "I" or int(task["pid"]) == 0):
                continue
            running = tasks.same(task, tasks.current())
            stack = [] if running else tasks.functions(task)
            where = "(running)" if running else tasks.blocked_in(task, stack)
            if (
                not kind
                and tasks.is_kernel_thread(task)
                and where in waitfor.IDLE
            ):
                continue
            since = tasks.asleep_for(task)
            rows.append(
                (
                    int(task["pid"]),
                    int(task["tgid"]),
                    tasks.name(task),
                    letter + ("*" if letter == "D" and not tasks.killable(task) else ""),
                    "" if running or since is None else "%.2f" % since,
                    where,
                    "" if running else verdict.reason(graph, task),
                )
            )
        table(rows, ["PID", "TGID", "COMMAND", "STATE", "ASLEEP", "IN", "WAITS FOR"])


class UmlBt(Command):
    """Backtraces of the guest's tasks, sleeping or running, with arguments.
    Usage: uml-bt [-full] [PID...|all|blocked]

    Without an argument, of the running task. -full adds the local variables. Frame
    numbers are those that `frame N` takes after `uml-task PID`."""

    name = "uml-bt"
    where = gdb.COMMAND_STACK

    def run(self, args):
        full = "-full" in args
        args = [a for a in args if a != "-full"]
        graph = waitfor.build()
        if not args:
            chosen = [tasks.selected()]
        elif args == ["all"]:
            chosen = list(tasks.tasks())
        elif args == ["blocked"]:
            chosen = [t for t in tasks.tasks() if tasks.blocked(t) or graph.waits(t)]
            if not chosen:
                write("no task is blocked")
        else:
            chosen = [tasks.find(kernel.number(a, "pid")) for a in args]
        for task in chosen:
            reason = verdict.reason(graph, task)
            write(
                "%s (pid %d, tgid %d) %s%s"
                % (
                    tasks.name(task),
                    int(task["pid"]),
                    int(task["tgid"]),
                    "running" if tasks.same(task, tasks.current()) else tasks.state(task),
                    ""
                    if not reason
                    else ", " + reason
                    if reason.startswith("parked")
                    else ", waits for " + reason,
                )
            )
            try:
                out = tasks.stack_of(task, full)
            except gdb.error as e:
                out = "(no stack: %s)\n" % e
            for line in (out or "(no stack)\n").splitlines():
                write("    " + line)
            write()


class UmlTask(Command):
    """Select a task of the guest: bt, frame, up, info locals, print then work in it.
    Usage: uml-task [PID]
           uml-task 0        back to the task that runs

    Frame 0 stays the place where the guest stopped; frame 1 and up are the task's. The
    selection ends when the guest runs on. Before `step`, `next` or `finish`: uml-task 0."""

    name = "uml-task"
    where = gdb.COMMAND_STACK

    def run(self, args):
        if len(args) > 1:
            self.usage()
        if args:
            tasks.select(kernel.number(args[0], "pid"))
        task = tasks.selected()
        write(
            "%s (pid %d) %s%s"
            % (
                tasks.name(task),
                int(task["pid"]),
                tasks.state(task),
                ", the task that runs" if tasks.same(task, tasks.current()) else "",
            )
        )
        gdb.execute("frame")
