# SPDX-License-Identifier: GPL-2.0-only
"""Start: gdb's settings for UML, then the commands."""
import os

import gdb

from ..commands import bdi, breaks, fuse, help, keep, pages, park, printers, tasks, watch, why
from ..model import interrupts
from ..model import tasks as model_tasks
from ..travel import commands as travel
from ..travel import guest, history, life
from . import hang, session, tour, window

# What UML uses itself: page faults, timer, I/O and consoles
SIGNALS = ("SIGSEGV", "SIGALRM", "SIGVTALRM", "SIGIO", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGCHLD")


def settings():
    for line in (
        "pagination off",
        "confirm off",
        "width 0",
        "print pretty on",
        "print inferior-events off",
        "print thread-events off",
        "history size 1000",
        "detach-on-fork on",
        "follow-fork-mode parent",
        "disable-randomization on",
        "print entry-values no",
        "debuginfod enabled off",
    ):
        try:
            gdb.execute("set " + line, to_string=True)
        except gdb.error:
            pass  # not in this gdb
    for signal in SIGNALS:
        gdb.execute("handle %s nostop noprint pass" % signal, to_string=True)


def sources(_event=None):
    """Find the sources: their names are relative to the object folder, which is beside
    the kernel or is where it lies."""
    for objfile in gdb.objfiles():
        folder = os.path.dirname(os.path.realpath(objfile.filename or ""))
        # (kernels with a bug put back share one object folder)
        for candidate in (os.path.join(folder, "obj"), folder, os.path.join(folder, "..", "obj")):
            if os.path.exists(os.path.join(candidate, "System.map")):
                gdb.execute("directory " + candidate, to_string=True)
                return


def start():
    settings()
    sources()
    gdb.events.new_objfile.connect(sources)
    model_tasks.start()
    interrupts.start()
    printers.start()
    watch.start()
    guest.start()
    for command in (
        tasks.UmlPs,
        tasks.UmlBt,
        tasks.UmlTask,
        session.Boot,
        fuse.FuseConns,
        fuse.FuseRequests,
        fuse.FuseInodes,
        fuse.FuseInode,
        pages.FusePages,
        bdi.Bdi,
        bdi.Dirty,
        breaks.FuseBreak,
        breaks.FuseFollow,
        park.UmlPark,
        park.UmlResume,
        why.FuseWhy,
        keep.FuseKeep,
        help.FuseHelp,
        help.UmlLx,
    ):
        command()
    travel.start()
    history.start()
    life.start()
    session.main()
    if os.environ.get("FUSE_UML") == "tour":
        tour.main()
    if os.environ.get("FUSE_UML") == "hang":
        hang.main()
    if os.environ.get("FUSE_UML") == "window":
        window.main()
