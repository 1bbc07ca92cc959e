# SPDX-License-Identifier: GPL-2.0-only
"""What there is, and the kernel tree's own scripts."""
import os

import gdb

from ..model import kernel
from .command import Command, commands, write

class FuseHelp(Command):
    """List the commands for FUSE and UML, one line each; `help NAME` tells more.
    Usage: fuse-help"""

    name = "fuse-help"
    needs = None

    def run(self, args):
        for command in sorted(commands, key=lambda c: c.name):
            write("%-14s %s" % (command.name, command.__doc__.splitlines()[0]))
        write(
            "\n`print *folio`, *inode, *req, *wpa, *fc, *bdi, *wbc show what matters; print/r shows all.\n"
            "X in fuse-inode and fuse-pages: nodeid, path, address or an expression such as `inode`."
        )
        if os.path.exists("console"):
            write("The kernel's messages: !tail console")
        if os.path.exists("pty"):
            with open("pty") as f:
                write("The guest's shell: uml/console %s" % f.read().strip())


class UmlLx(Command):
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
                    write("loaded %s: `apropos lx` lists the commands" % script)
                    return
        raise kernel.Problem(
            "no vmlinux-gdb.py beside the kernel: was it built with CONFIG_GDB_SCRIPTS?"
        )
