# SPDX-License-Identifier: GPL-2.0-only
"""Three walks through FUSE page writeback, for newcomers: `make tour`.

What the guest does is in ../tour/N.sh; here are the Stops of each part. Each Stop says
what to look at and checks that it is so: where a kernel no longer does what the text
tells, the tour fails. Where a kernel without temporary copies does otherwise, that is told.
"""
import os
import sys

import gdb

from ..commands import fuse as show_fuse
from ..commands import pages as show_fuse_pages
from ..commands.command import write
from ..model import bdi, fuse, kernel, moved, pages, tasks
from ..model.kernel import Problem, has_function
from . import session, tour_back


class Stop:
    """functions: the first that the kernel has; text: what happens here; show: functions
    that print; check: what must be so, a function, its text tells what was expected;
    without_copies: what of these is otherwise where the page cache's own pages are sent."""

    def __init__(self, functions, text, show=(), check=None, expected="", when=None, without_copies=None):
        self.functions = functions
        self.text, self.show, self.check, self.expected = text, show, check, expected
        self.when, self.without_copies = when, without_copies

    def settle(self):
        """Take what is right for this kernel. (Not known before there is one.)"""
        if self.without_copies and not moved.makes_copies():
            for name, value in self.without_copies.items():
                assert hasattr(self, name)
                setattr(self, name, value)
        if not isinstance(self.functions, tuple):
            self.functions = (self.functions,)


class _Here(gdb.Breakpoint):
    def __init__(self, function, when):
        super().__init__(function, internal=True, temporary=False)
        self.silent, self.when, self.hit = True, when, False

    def stop(self):
        try:
            self.hit = self.when is None or bool(self.when())
        except (gdb.error, gdb.MemoryError, Problem):
            self.hit = False
        return self.hit


def by(name):
    """Only in a task of this name."""
    return lambda: tasks.name(tasks.current()) == name


def by_and_in(name, function, also):
    def test():
        if tasks.name(tasks.current()) != name or not also():
            return False
        frame = gdb.newest_frame()
        while frame is not None:
            if frame.name() == function:
                return True
            frame = frame.older()
        return False

    return test


def inode(path):
    return fuse.find_inode(path)


def show_pages(path):
    return lambda: show_fuse_pages.show(inode(path))


def show_inode(path):
    return lambda: show_fuse.show_inode(inode(path))


def show_command(command):
    return lambda: gdb.execute(command)


def page(path, index):
    for p in pages.of_inode(inode(path))[0]:
        if p.index == index:
            return p
    raise Problem("page %d of %s is not cached" % (index, path))


def fuse_bdi():
    for fc in fuse.connections():
        for sb in fuse.superblocks(fc):
            return sb["s_bdi"].dereference()
    raise Problem("no FUSE filesystem is mounted")


def writectr(path):
    return int(inode(path)["writectr"])


def states(path):
    return [w.state for w in fuse.writepages(inode(path))]


def answered():
    """The WRITE that fuse_writepage_end() is called for."""
    args = int(kernel.local("args"))
    return fuse.Writepage(kernel.container(args, "struct fuse_writepage_args", "ia.ap.args"), "answered")


def asleep_in(function):
    return any(function in tasks.functions(t) for t in tasks.tasks() if tasks.name(t) == "act")


def held_writes():
    """Part 3 has come to its main file."""
    try:
        return pages.count(inode(C)["inode"]["i_mapping"].dereference()).dirty > 0
    except Problem:
        return False


ENOUGH = 10  # the status by which uml/gdb/tour knows that no other part is wanted
A, B, C = "/mnt/fuse/a", "/mnt/fuse/b", "/mnt/fuse/c"

PARTS = {
    1: (
        "a store through mmap, until the server has it",
        [
            Stop(
                "fuse_page_mkwrite",
                "A store to a clean page of a shared mapping has faulted. Before the page may get\n"
                "dirty, FUSE must be sure that no older copy of it is on its way to the server.",
                [show_pages(A)],
                lambda: not page(A, 0).has("dirty") and not page(A, 0).temp,
                "page 0 clean, without a copy",
                by("act"),
                without_copies={
                    "text": "A store to a clean page of a shared mapping has faulted. Before the page may get\n"
                    "dirty, FUSE waits until it is not under writeback: the page itself may be on its way\n"
                    "to the server.",
                    "check": lambda: not page(A, 0).has("dirty") and not page(A, 0).has("writeback"),
                    "expected": "page 0 clean, not under writeback",
                },
            ),
            Stop(
                "folio_account_dirtied",
                "It may. The page has its dirty flag and is about to be counted: globally (NR_FILE_DIRTY),\n"
                "for the bdi and for the task. The server has heard nothing.",
                [show_pages(A), show_command("dirty")],
                lambda: page(A, 0).has("dirty"),
                "page 0 dirty",
                by("act"),
            ),
            Stop(
                ("fuse_write_folio", "fuse_writepages_fill"),
                "sync_file_range(2) starts writeback: pages come one by one, locked, their dirty flag\n"
                "already cleared. Four were stored to: 0, 1, 2 and 5.",
                [show_pages(A), show_command("bdi")],
                lambda: page(A, 0).has("locked") and page(A, 5).has("dirty"),
                "page 0 locked, page 5 dirty",
                by("act"),
                without_copies={
                    "functions": ("fuse_iomap_writeback_range", "fuse_writepages_fill"),
                    "check": lambda: page(A, 0).has("locked")
                    and page(A, 0).has("writeback")
                    and page(A, 5).has("dirty"),
                    "expected": "page 0 locked and under writeback, page 5 dirty",
                    "text": "sync_file_range(2) starts writeback: pages come one by one, locked, their dirty flag\n"
                    "already cleared, and from now on under writeback. Four were stored to: 0, 1, 2 and 5.",
                },
            ),
            Stop(
                "fuse_send_writepage",
                "Their contents have been copied into temporary pages, and the MM was told that writeback\n"
                "is over. The copies of adjacent pages travel in one WRITE, which is sent here.",
                [show_inode(A), show_pages(A)],
                lambda: states(A) and page(A, 0).temp and not page(A, 0).has("writeback"),
                "page 0 with a copy, not under writeback",
                by("act"),
                without_copies={
                    "text": "No copies are made: the pages themselves travel, and stay under writeback until the\n"
                    "server has answered. Adjacent ones are in one WRITE, which is sent here.",
                    "check": lambda: not page(A, 0).temp and page(A, 0).has("writeback"),
                    "expected": "page 0 under writeback, without a copy",
                },
            ),
            Stop(
                "fuse_fsync",
                "The server withholds its reply, yet the pages are clean and could even be reclaimed. What\n"
                "is on its way shows as NR_WRITEBACK_TEMP, and in the bdi's count. Now fsync(2).",
                [show_pages(A), show_command("dirty"), show_command("fuse-requests")],
                lambda: bdi.node_stat("NR_WRITEBACK_TEMP") == 4
                and bdi.node_stat("NR_WRITEBACK") == 0
                and bdi.wb_stat(fuse_bdi()["wb"], "WB_WRITEBACK") == 4,
                "4 temporary copies, no page under writeback, 4 in the bdi's count",
                by("act"),
                without_copies={
                    "text": "The server withholds its reply, and the pages cannot be reclaimed, nor stored to. What\n"
                    "is on its way shows as NR_WRITEBACK, and in the bdi's count. Now fsync(2).",
                    "check": lambda: bdi.node_stat("NR_WRITEBACK") == 4
                    and bdi.wb_stat(fuse_bdi()["wb"], "WB_WRITEBACK") == 4,
                    "expected": "4 pages under writeback, 4 in the bdi's count",
                },
            ),
            Stop(
                "fuse_writepage_end",
                "A reply came, read by a thread of the server. fsync has waited for this in\n"
                "fuse_set_nowrite: it needs all WRITEs answered, to report their errors.",
                [show_command("uml-ps blocked"), show_inode(A)],
                lambda: asleep_in("fuse_set_nowrite"),
                "act asleep in fuse_set_nowrite",
                without_copies={
                    "text": "A reply came, read by a thread of the server. fsync has waited for this with each page:\n"
                    "it needs all of them off writeback, to report their errors.",
                    "check": lambda: asleep_in("__filemap_fdatawait_range"),
                    "expected": "act asleep in __filemap_fdatawait_range",
                },
            ),
            Stop(
                ("fuse_fsync_common", "__fuse_simple_request"),
                "All are answered: the counts are back at zero, and FSYNC itself can go to the server.",
                [show_inode(A), show_command("dirty")],
                lambda: not states(A)
                and bdi.node_stat("NR_WRITEBACK_TEMP") == 0
                and writectr(A) == 0,
                "no WRITE left, no temporary page",
                by("act"),
                without_copies={
                    "check": lambda: not states(A) and bdi.node_stat("NR_WRITEBACK") == 0 and writectr(A) == 0,
                    "expected": "no WRITE left, no page under writeback",
                },
            ),
        ],
    ),
    2: (
        "truncate against a WRITE that the server withholds",
        [
            Stop(
                "fuse_set_nowrite",
                "ftruncate(fd, 6144) while a WRITE of page 3 is at the server. If the server did the\n"
                "two in the wrong order, the file would grow again: FUSE must not let them meet.",
                [show_inode(B)],
                lambda: writectr(B) == 1,
                "writectr 1",
                lambda: tasks.name(tasks.current()) == "act" and states(B) == ["in flight"],
            ),
            Stop(
                "fuse_flush_writepages",
                "The truncating task sleeps until writectr is FUSE_NOWRITE exactly. Another task has\n"
                "stored to pages 0, 1 and 5 meanwhile; their copies are made, but no WRITE may be sent.",
                [show_inode(B), show_pages(B)],
                lambda: writectr(B) == fuse.NOWRITE + 1
                and states(B).count("in flight") == 1
                and len(states(B)) > 1,
                "FUSE_NOWRITE + 1, one WRITE in flight, others not sent",
                lambda: tasks.name(tasks.current()) == "act"
                and writectr(B) < 0
                and max(w.last for w in fuse.writepages(inode(B))) == 5,
                without_copies={
                    "text": "The truncating task sleeps until writectr is FUSE_NOWRITE exactly. Another task has\n"
                    "stored to pages 0, 1 and 5 meanwhile; they are under writeback, but no WRITE may be sent.",
                },
            ),
            Stop(
                "fuse_writepage_finish",
                "The server has answered the WRITE of page 3. This takes it off writectr, and wakes the\n"
                "truncating task.",
                [show_command("fuse-requests"), show_command("uml-ps blocked")],
                lambda: writectr(B) == fuse.NOWRITE + 1,
                "FUSE_NOWRITE + 1",
                without_copies={"functions": "fuse_writepage_end"},
            ),
            Stop(
                "__fuse_release_nowrite",
                "SETATTR has been sent and answered, with nothing else under way; the inode has its new\n"
                "size. Now what has queued up may go.",
                [show_inode(B)],
                lambda: int(inode(B)["inode"]["i_size"]) == 6144
                and writectr(B) == fuse.NOWRITE
                and "in flight" not in states(B),
                "size 6144, FUSE_NOWRITE, nothing in flight",
            ),
            Stop(
                "fuse_send_writepage",
                "The WRITE of pages 0 and 1 is cropped to the new end of the file, at 6144: half of page 1.\n"
                "That of page 5 will be dropped, not sent.",
                [show_inode(B)],
                lambda: writectr(B) >= 1,
                "FUSE_NOWRITE gone",
                # (this one is not counted yet)
                without_copies={"check": lambda: writectr(B) >= 0},
            ),
            Stop(
                "fuse_writepage_end",
                "And here is its reply: 6144 bytes, not 8192.",
                [show_inode(B)],
                lambda: [w.size for w in fuse.writepages(inode(B)) if w.first == 0] == [6144]
                and all(w.last <= 1 for w in fuse.writepages(inode(B))),
                "a WRITE of 6144 bytes, none of page 5",
                # (off all queues when it is answered)
                without_copies={"check": lambda: answered().size == 6144 and not states(B)},
            ),
        ],
    ),
    3: (
        "the throttle: 1 % of the dirtyable memory, and what max_ratio changes",
        [
            Stop(
                "balance_dirty_pages",
                "Every few pages a task that dirties pages must pass here. As long as all of them are\n"
                "below the middle of the thresholds, it passes at once.",
                [show_command("dirty")],
                None,
                "",
                lambda: tasks.name(tasks.current()) == "act" and held_writes(),
            ),
            Stop(
                "io_schedule_timeout",
                "Not any more. A FUSE bdi may have 1 % (max_ratio) of what memory may be dirty, strictly:\n"
                "the writer is put to sleep. The server answers nothing: it could sleep for ever.",
                [show_command("bdi"), show_command("dirty"), show_command("uml-bt")],
                lambda: int(fuse_bdi()["max_ratio"]) == bdi.ratio_scale()
                and bdi.strict(fuse_bdi())
                and bdi.wb_stat(fuse_bdi()["wb"], "WB_RECLAIMABLE") < 500,
                "max_ratio 1 %, strict, fewer than 500 dirty pages",
                by_and_in("act", "balance_dirty_pages", held_writes),
            ),
            Stop(
                ("bdi_set_max_ratio", "max_ratio_store"),
                "2 s later it still sleeps, and root raises the limit:\n"
                "echo 100 >/sys/class/bdi/.../max_ratio",
                [show_command("uml-ps blocked"), show_command("bdi")],
                lambda: asleep_in("balance_dirty_pages"),
                "act asleep in balance_dirty_pages",
            ),
            Stop(
                "fuse_fsync",
                "With the whole memory to go by, it has gone through: some 2000 pages are dirty or on their\n"
                "way to a server that does not answer. That is what the 1 % guards against.",
                [show_command("bdi"), show_command("dirty")],
                lambda: bdi.wb_stat(fuse_bdi()["wb"], "WB_RECLAIMABLE")
                + bdi.wb_stat(fuse_bdi()["wb"], "WB_WRITEBACK")
                > 1800,
                "more than 1800 pages dirty or under writeback",
                lambda: tasks.name(tasks.current()) == "act" and held_writes(),
            ),
        ],
    ),
}


class Ended(Exception):
    """The user has seen enough."""


def _pause():
    """On a terminal, let the user look around."""
    if not sys.__stdin__.isatty():
        return
    while True:
        try:
            line = input(
                "\n[Enter goes on, q ends; any gdb command, such as fuse-pages, info locals, list] "
            ).strip()
        except EOFError:
            raise Ended()
        if not line:
            return
        if line in ("q", "quit"):
            raise Ended()
        try:
            gdb.execute(line)
        except gdb.error as e:
            write(str(e))


def _source():
    frame = gdb.selected_frame()
    sal, function = frame.find_sal(), frame.function()
    file, line = sal.symtab, sal.line
    # something inlined from a header begins it
    if function is not None and file is not None and function.symtab.filename != file.filename:
        file, line = function.symtab, function.line
    write("-- %s, %s:%d" % (frame.name(), kernel.short_paths(" at " + (file.filename if file else "?"))[4:], line))
    try:
        name = file.fullname() if file else ""
        text = gdb.execute("list '%s':%d,'%s':%d" % (name, line, name, line + 7), to_string=True)
        write(text.rstrip())
    except gdb.error as e:
        write("(no source: %s)" % e)


def walk(part):
    """Boot and go through a part; a Problem where the kernel does not do as told."""
    title, stops = PARTS[part]
    write("=== Tour, part %d: %s\n    kernel: %s" % (part, title, kernel.release()))
    started = False
    ended = []
    gdb.events.exited.connect(ended.append)
    for number, stop in enumerate(stops, 1):
        stop.settle()
        function = next((f for f in stop.functions if has_function(f)), None)
        if function is None:
            raise Problem(
                "part %d, stop %d: this kernel has no %s"
                % (part, number, " or ".join(stop.functions))
            )
        here = _Here(function, stop.when)
        gdb.execute("continue" if started else "run", to_string=True)
        started = True
        if ended:
            raise Problem(
                "part %d, stop %d: the guest ended before it came to %s" % (part, number, function)
            )
        if not here.hit:
            raise Problem(
                "part %d, stop %d: stopped elsewhere, in %s"
                % (part, number, gdb.selected_frame().name())
            )
        here.delete()
        task = tasks.current()
        write("\n--- %d.%d  %s in %s" % (part, number, tasks.who(task), function))
        write(stop.text)
        _source()
        for show in stop.show:
            write("--")
            show()
        if stop.check and not stop.check():
            raise Problem(
                "part %d, stop %d: not as told: expected %s" % (part, number, stop.expected)
            )
        _pause()
    gdb.execute("continue", to_string=True)
    if not ended:
        raise Problem(
            "part %d: the guest stopped again, in %s" % (part, gdb.selected_frame().name())
        )
    write("\n=== part %d is over: %d stops, all as told" % (part, len(stops)))


def main():
    """For uml/gdb/tour: walk the part, end gdb with a status."""
    try:
        session.prepare()
        if os.environ["FUSE_UML_PART"] == "4":
            tour_back.walk(_pause)
        else:
            walk(int(os.environ["FUSE_UML_PART"]))
        status = 0
    except Ended:
        status = ENOUGH
    except (Problem, gdb.error) as e:
        gdb.flush()
        print("uml/gdb/tour: %s" % kernel.explain(e), file=sys.stderr)
        status = 1
    session.quit_with(status)
