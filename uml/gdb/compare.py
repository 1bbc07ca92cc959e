# SPDX-License-Identifier: GPL-2.0-only
"""For uml/compare: the first tick at which two traces part. gdb is here for its tables of
lines. In the environment: FUSE_UML_COMPARE, a folder with the traces A and B, and A.kernel
and B.kernel, the names of the kernels."""
import linecache
import os
import struct
import sys

import gdb

BEFORE, AFTER = 3, 12  # lines shown
folder = os.environ["FUSE_UML_COMPARE"]


class Run:
    def __init__(self, name):
        with open(os.path.join(folder, name), "rb") as f:
            data = f.read()
        self.ticks = list(struct.iter_unpack("<II", data[: len(data) // 8 * 8]))
        with open(os.path.join(folder, name + ".kernel")) as f:
            self.kernel = f.read().strip()
        self.places = {}

    def open(self):
        gdb.execute("file " + self.kernel, to_string=True)
        here = os.path.dirname(os.path.realpath(self.kernel))
        for candidate in (os.path.join(here, "obj"), here):
            if os.path.exists(os.path.join(candidate, "System.map")):
                gdb.execute("directory " + candidate, to_string=True)
        self.text = int(gdb.parse_and_eval("(unsigned long)&_stext"))

    def look_up(self):
        """Function, file, line and text of each block that ran."""
        self.open()
        for block in {b for b, _ in self.ticks}:
            pc = self.text + block - 1
            inner = gdb.block_for_pc(pc)
            while inner is not None and inner.function is None:
                inner = inner.superblock
            sal = gdb.find_pc_line(pc)
            path = sal.symtab.fullname() if sal.symtab else "?"
            text = linecache.getline(path, sal.line).strip()
            function = inner.function.name if inner is not None else "?"
            self.places[block] = (function, text, "%s:%d" % (os.path.basename(path), sal.line))

    def key(self, n):
        block, pid = self.ticks[n]
        return self.places[block][:2], pid

    def line(self, n):
        if n >= len(self.ticks):
            return "(ended)" if n == len(self.ticks) else ""
        block, pid = self.ticks[n]
        function, text, where = self.places[block]
        return "pid %d %s %s" % (pid, function, where)


def main():
    a, b = Run("A"), Run("B")
    same = a.kernel == b.kernel
    a.look_up()
    if same:
        b.places, b.text = a.places, a.text
        missing = {x for x, _ in b.ticks} - set(a.places)
        if missing:
            b.places = {}
            b.look_up()
            b.places.update(a.places)
    else:
        b.look_up()
    # one kernel: block for block
    if same:
        differs = (n for n, (x, y) in enumerate(zip(a.ticks, b.ticks)) if x != y)
    else:
        differs = (n for n in range(min(len(a.ticks), len(b.ticks))) if a.key(n) != b.key(n))
    first = next(differs, None)
    if first is None:
        if len(a.ticks) == len(b.ticks):
            print("the two runs are the same: %d ticks" % len(a.ticks))
            return 0
        first = min(len(a.ticks), len(b.ticks))
    print("they part at tick %d (A has %d, B %d)" % (first + 1, len(a.ticks), len(b.ticks)))
    rows = range(max(0, first - BEFORE), first + AFTER)
    width = max(len(a.line(n)) for n in rows)
    for n in rows:
        left, right = a.line(n), b.line(n)
        if left or right:
            mark = " " if n < first else "|"
            print("%9d  %s %s %s" % (n + 1, left.ljust(width), mark, right))
    print("goto %d in gdb is the last place that both have" % first)
    return 1


try:
    status = main()
except (OSError, gdb.error) as e:
    print("uml/compare: %s" % e, file=sys.stderr)
    status = 2
sys.stdout.flush()
gdb.execute("quit %d" % status)
