# SPDX-License-Identifier: GPL-2.0-only
"""The session of `make gdb`: the guest starts when the user says so.

uml/gdb/debug tells by the environment: FUSE_UML=start|attach, BREAK, GO, CMD; uml/run --stop-at and
uml/gdb/open: FUSE_UML_AT, a tick to begin at.
"""
import os
import signal
import sys

import gdb

from ..commands.command import Command, write
from ..model import kernel, tasks
from ..model.kernel import Problem
from ..travel import commands
from ..travel import guest as travel

GREETING = """\
FUSE writeback in gdb. %s
  boot                      start the guest%s
  break fuse_fsync          any function, now or later; Ctrl-C stops the guest anywhere
  fuse-break writepage      groups: writepage truncate dirty fsync mkwrite reclaim ...
  uml-ps, uml-bt blocked    the guest's tasks and their stacks; uml-task PID goes into one
  fuse-conns  fuse-requests  fuse-inodes  fuse-inode X  fuse-pages X     X: nodeid, path
  bdi, dirty                how far from being throttled
  uml-park 100              this task sleeps here, the others run on
  fuse-help                 all commands; `help fuse-pages` for one"""


class Boot(Command):
    """Start the guest, up to the first breakpoint.
    Usage: boot

    Once, in a session of `make gdb`. Its console goes to a file, see `fuse-help`."""

    name = "boot"
    needs = None
    where = gdb.COMMAND_RUNNING

    def run(self, args):
        if args:
            self.usage()
        boot()


def boot():
    inferior = gdb.selected_inferior()
    if inferior.pid:
        raise Problem(
            "the guest is running already (pid %d): `continue`, or `kill` first" % inferior.pid
        )
    if os.environ.get("FUSE_UML") != "start":
        raise Problem(
            "nothing to start here: `make gdb` prepares a guest, `attach PID` takes one that runs"
        )
    if os.path.exists("guest/pid"):
        os.unlink("guest/pid")
    gdb.execute("run")


def end_group(_event=None):
    """Kill the guest with all its processes at once: where the kernel does not give them a
    PDEATHSIG (6.1 does not) they would run on without it, on the host."""
    pid = gdb.selected_inferior().pid
    if pid:
        if on_terminal():
            # uml/run then takes what the console says for what the user came to see
            open("left", "w").close()
        try:
            os.killpg(os.getpgid(pid), signal.SIGKILL)
        except OSError:
            pass


def prepare():
    """A guest in a session of its own: Ctrl-C is for gdb, not for the guest's processes."""
    gdb.execute("set inferior-tty /dev/null")
    # (gdb 13's gdb.parameter("args") is empty)
    args = gdb.execute("show args", to_string=True).split('"', 1)[1].rsplit('"', 1)[0]
    gdb.execute("set args %s >>console 2>&1" % args)
    travel.prepare(args)


def breakpoints(names):
    for name in names:
        if not kernel.has_function(name):
            raise Problem(
                "BREAK=%s: this kernel has no such function (or it is inlined everywhere)" % name
            )
        gdb.execute("break " + name, to_string=True)


def locals_known():
    return "<optimized out>" not in gdb.execute("info locals", to_string=True)


def show_stop():
    """What one wants to know at a stop, for those who cannot ask."""
    task = tasks.current()
    write(
        "\nstopped in %s, task %s (pid %d)\n"
        % (gdb.selected_frame().name(), tasks.name(task), int(task["pid"]))
    )
    for title, command in (
        ("backtrace", "backtrace"),
        ("source", "list"),
        ("arguments", "info args"),
        ("locals", "info locals"),
    ):
        if title == "locals":
            # not set yet at the function's first line
            for _ in range(3):
                if locals_known():
                    break
                gdb.execute("next", to_string=True)
            title += ", line %d" % gdb.selected_frame().find_sal().line
        write("-- %s" % title)
        try:
            write(kernel.short_paths(gdb.execute(command, to_string=True)).rstrip())
        except gdb.error as e:
            write("(%s)" % e)


def on_terminal():
    return sys.__stdin__.isatty() and sys.__stdout__.isatty()


def quit_with(status):
    sys.stdout.flush()
    gdb.flush()
    gdb.execute("quit %d" % status)


def without_terminal(names):
    """Boot, show the first stop, end."""
    stops = []
    ended = []
    try:
        breakpoints(names)
    except Problem as e:
        print("uml/gdb/debug: %s" % e, file=sys.stderr)
        quit_with(2)
    gdb.events.stop.connect(stops.append)
    gdb.events.exited.connect(ended.append)
    try:
        gdb.execute("run", to_string=True)
    except gdb.error as e:
        print("uml/gdb/debug: gdb could not start the guest: %s" % e, file=sys.stderr)
        quit_with(2)
    if stops and isinstance(stops[0], gdb.BreakpointEvent):
        show_stop()
        quit_with(0)
    if stops:
        show_stop()
        print("uml/gdb/debug: stopped by a signal before %s" % " or ".join(names), file=sys.stderr)
        quit_with(1)
    print(
        "uml/gdb/debug: %s was never reached by: %s"
        % (" or ".join(names), os.environ.get("CMD") or "true"),
        file=sys.stderr,
    )
    quit_with(1)


def greet(attached):
    release = kernel.release() if attached else ""
    write(
        GREETING
        % (
            "Attached to a guest, kernel %s." % release if attached else "Nothing runs yet.",
            "" if not attached else " (done already)",
        )
    )


def show_console():
    if os.path.exists("pty"):
        with open("pty") as f:
            write(
                "The guest's shell: make console, or uml/console %s\n"
                "  there: act /mnt/fuse/a open:4 store:0-1 fsync    (act --help; gate help)"
                % f.read().strip()
            )


def main():
    mode = os.environ.get("FUSE_UML")
    if mode == "attach":
        gdb.prompt_hook = lambda _: "(fuse-uml) "
        greet(True)
        show_console()
    if mode in ("start", "tour", "hang", "window"):
        gdb.events.gdb_exiting.connect(end_group)
    if mode != "start":
        return
    os.environ.pop("LINES", None)
    prepare()
    names = os.environ.get("BREAK", "").replace(",", " ").split()
    if os.environ.get("FUSE_UML_AT"):
        if on_terminal():
            gdb.prompt_hook = lambda _: "(fuse-uml) "
            write("FUSE writeback in gdb: fuse-help lists the commands, the reverse- ones among them")
        commands.start_at(kernel.number(os.environ["FUSE_UML_AT"], "tick"))
        return
    if os.environ.get("SCRIPT"):
        breakpoints(names)
        return
    if not on_terminal():
        without_terminal(names)
        return
    gdb.prompt_hook = lambda _: "(fuse-uml) "
    if os.environ.get("GO"):
        write("FUSE writeback in gdb: fuse-help lists the commands, Ctrl-C stops the guest")
        show_console()
        breakpoints(names)
        boot()
        return
    greet(False)
    show_console()
    breakpoints(names)
