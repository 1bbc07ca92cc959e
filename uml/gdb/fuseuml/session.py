# SPDX-License-Identifier: GPL-2.0-only
"""Start: gdb's settings for UML, then the commands."""
import os

import gdb

from . import bdi, breaks, debug, fuse, kernel, pages, park, printers, tasks

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
        for candidate in (os.path.join(folder, "obj"), folder):
            if os.path.exists(os.path.join(candidate, "System.map")):
                gdb.execute("directory " + candidate, to_string=True)
                return


class FuseHelp(kernel.Command):
    """List the commands for FUSE and UML, one line each; `help NAME` tells more.
    Usage: fuse-help"""

    name = "fuse-help"
    needs = None

    def run(self, args):
        for command in sorted(kernel.commands, key=lambda c: c.name):
            kernel.write("%-14s %s" % (command.name, command.__doc__.splitlines()[0]))
        kernel.write(
            "\n`print *folio`, *inode, *req, *wpa, *fc, *bdi, *wbc show what matters; print/r shows all.\n"
            "X in fuse-inode and fuse-pages: nodeid, path, address or an expression such as `inode`."
        )
        if os.path.exists("console"):
            kernel.write("The kernel's messages: !tail console")
        if os.path.exists("pty"):
            with open("pty") as f:
                kernel.write("The guest's shell: uml/console %s" % f.read().strip())


class UmlLx(kernel.Command):
    """Load the kernel tree's own gdb scripts (lx-dmesg, lx-ps, $lx_current()...).
    Usage: uml-lx

    They need what a build with CONFIG_GDB_SCRIPTS makes. On UML these work: lx-version,
    lx-cmdline, lx-dmesg, lx-ps, lx-mounts, lx-timerlist, lx-interruptlist, lx-list-check,
    lx-device-list-bus, $lx_current() and the other functions for structs. These do not:
    lx-symbols (no modules; it looks for vmlinux in the current folder), lx-slabinfo and
    the page commands (they want SPARSEMEM_VMEMMAP), lx-vmallocinfo."""

    name = "uml-lx"
    needs = None

    def run(self, args):
        if args:
            self.usage()
        for objfile in gdb.objfiles():
            folder = os.path.dirname(os.path.realpath(objfile.filename or ""))
            for candidate in (os.path.join(folder, "obj"), folder):
                script = os.path.join(candidate, "vmlinux-gdb.py")
                if os.path.exists(script):
                    gdb.execute("source " + script)
                    kernel.write("loaded %s: `apropos lx` lists the commands" % script)
                    return
        raise kernel.Problem(
            "no vmlinux-gdb.py beside the kernel: was it built with CONFIG_GDB_SCRIPTS?"
        )


def start(top):
    settings()
    sources()
    gdb.events.new_objfile.connect(sources)
    tasks.start()
    printers.start()
    for command in (
        tasks.UmlPs,
        tasks.UmlBt,
        tasks.UmlTask,
        debug.Boot,
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
        FuseHelp,
        UmlLx,
    ):
        command()
    debug.session()
    if os.environ.get("FUSE_UML") == "tour":
        from . import tour

        tour.main()
