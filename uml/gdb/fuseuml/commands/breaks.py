# SPDX-License-Identifier: GPL-2.0-only
"""Breakpoints by subject, and following one request."""
import gdb

from ..model import fuse, kernel, moved, tasks
from ..model.kernel import Problem, has_function
from .command import Command, when_stopped, write

# group: (what it is about, [(function, what a stop there shows)])
GROUPS = {
    "writepage": (
        "a dirty page becomes a WRITE",
        [
            ("fuse_writepages", "the flusher, fsync or sync asks for all dirty pages of a file"),
            ("fuse_writepage", "one page is to be written, locked: by reclaim, or one by one"),
            ("fuse_write_folio", "one page is to be written, locked"),
            (
                "fuse_writepages_fill",
                "one page of fuse_writepages: is it added to the WRITE being built?",
            ),
            ("fuse_writepage_locked", "one page on its own: here the temporary page is made"),
            ("fuse_start_batch", "a WRITE for further pages is begun"),
            ("fuse_send_batch", "the WRITE that pages were added to is complete"),
            ("fuse_writepages_send", "a WRITE of several pages is queued"),
            (
                "fuse_send_writepage",
                "the WRITE goes to the request queue, cropped to the file's size",
            ),
            ("fuse_writepage_end", "the reply came: its error is in `error`"),
            (
                "fuse_writepage_finish",
                "the temporary page is given up, NR_WRITEBACK_TEMP falls, waiters wake",
            ),
            (
                "fuse_iomap_writeback_range",
                "a range is added to the WRITE being built (6.17 and later)",
            ),
            ("fuse_iomap_writeback_submit", "the WRITE is sent (6.17 and later)"),
        ],
    ),
    "truncate": (
        "a size change against WRITEs in flight",
        [
            ("fuse_do_setattr", "SETATTR begins: attr->ia_valid tells what changes"),
            ("fuse_set_nowrite", "from here on no WRITE is sent; waits for those in flight"),
            ("__fuse_release_nowrite", "WRITEs may be sent again"),
            ("fuse_release_nowrite", "WRITEs may be sent again"),
            ("fuse_flush_writepages", "WRITEs that queued up meanwhile are sent, by the new size"),
            ("truncate_pagecache", "pages past the new size leave the page cache"),
            (
                "invalidate_inode_pages2",
                "the other pages are thrown away; dirty ones are laundered",
            ),
        ],
    ),
    "dirty": (
        "dirty accounting and throttling",
        [
            ("filemap_dirty_folio", "a page gets dirty"),
            ("folio_account_dirtied", "it is counted: NR_FILE_DIRTY, the bdi's and the task's"),
            ("folio_clear_dirty_for_io", "a page is about to be written: no longer dirty"),
            ("folio_account_cleaned", "a dirty page went away without being written"),
            ("balance_dirty_pages", "a writer dirtied enough to be checked: is it slowed down?"),
            (
                "inc_node_page_state",
                "a counter of pages rises: `item` tells which (NR_WRITEBACK_TEMP...)",
            ),
            ("dec_node_page_state", "a counter of pages falls"),
        ],
    ),
    "fsync": (
        "fsync and msync",
        [
            ("fuse_fsync", "fsync(2) or msync(2) begins: dirty pages are written first"),
            ("file_write_and_wait_range", "dirty pages become WRITEs"),
            ("fuse_sync_writes", "waits until all WRITEs are answered"),
            ("fuse_fsync_common", "FSYNC is sent to the server"),
        ],
    ),
    "mkwrite": (
        "the first store to a page through a mapping",
        [
            ("fuse_page_mkwrite", "a write fault on a clean page: may it get dirty?"),
            ("fuse_wait_on_page_writeback", "waits for the WRITE of this page's older copy"),
            ("fault_dirty_shared_page", "the page is dirty now; the task may be throttled"),
        ],
    ),
    "reclaim": (
        "memory reclaim meets FUSE pages",
        [
            ("shrink_folio_list", "reclaim looks at a list of pages"),
            ("pageout", "reclaim wants to write a dirty page"),
            ("fuse_release_folio", "reclaim asks whether a page can go"),
            ("fuse_write_inode", "an inode is written, perhaps on behalf of reclaim"),
            ("fuse_evict_inode", "an inode leaves memory"),
        ],
    ),
    "launder": (
        "a dirty page is in the way of an invalidation",
        [
            ("invalidate_inode_pages2_range", "pages of a range are thrown away"),
            ("fuse_launder_folio", "a dirty one is written first, and waited for"),
            ("folio_unmap_invalidate", "a page is unmapped and removed"),
        ],
    ),
    "request": (
        "requests, from being made to their end",
        [
            ("__fuse_simple_request", "a request that a task waits for is made"),
            ("fuse_simple_request", "a request that a task waits for is made"),
            ("fuse_simple_background", "a background request is made (WRITE, readahead)"),
            ("fuse_send_one", "it gets its unique and goes to the pending queue"),
            ("request_wait_answer", "the task waits for the reply"),
            ("fuse_dev_do_read", "a server thread reads the next request, or waits for one"),
            ("fuse_dev_do_write", "a server thread writes a reply or a notification"),
            ("fuse_request_end", "the request is over, with `req->out.h.error`"),
            ("fuse_abort_conn", "the connection is aborted"),
        ],
    ),
}

# Expressions that lead from a frame's variables to a struct inode
TO_INODE = (
    "inode",
    "mapping->host",
    "wpa->inode",
    "data->inode",
    "file->f_inode",
    "folio->mapping->host",
    "page->mapping->host",
    "vmf->vma->vm_file->f_inode",
    "vma->vm_file->f_inode",
    "iocb->ki_filp->f_inode",
    "dentry->d_inode",
)
TO_NODEID = ("req->in.h.nodeid", "args->nodeid", "nodeid")


def inode_here():
    """(address of the struct inode, or None; nodeid, or None) that the selected frame is about."""
    for expression in TO_INODE:
        try:
            value = kernel.evaluate(expression)
            if value is None or not int(value):
                continue
            inode = kernel.at(int(value), "struct inode")
            if fuse.is_fuse_inode(inode):
                fi = kernel.container(inode.address, "struct fuse_inode", "inode")
                return int(inode.address), int(fi["nodeid"])
            return int(inode.address), None
        except (gdb.error, gdb.MemoryError):
            continue
    for expression in TO_NODEID:
        try:
            value = kernel.evaluate(expression)
            if value is not None:
                return None, int(value)
        except (gdb.error, gdb.MemoryError):
            continue
    return None, None


class GroupBreakpoint(gdb.Breakpoint):
    """A breakpoint of a group; stops only for the chosen task and file."""

    def __init__(self, group, function, note, pid, nodeid, path):
        super().__init__(function, internal=False)
        self.group, self.function, self.note = group, function, note
        self.pid, self.nodeid, self.path = pid, nodeid, path
        self.silent = False

    def stop(self):
        try:
            task = tasks.current()
            if self.pid is not None and self.pid not in (int(task["pid"]), int(task["tgid"])):
                return False
            if self.nodeid is not None or self.path is not None:
                inode, nodeid = inode_here()
                if self.nodeid is not None and nodeid != self.nodeid:
                    return False
                if self.path is not None:
                    if inode is None and nodeid is None:
                        return False
                    wanted = fuse.find_inode(self.path)
                    if inode not in (None, int(wanted["inode"].address)) or nodeid not in (
                        None,
                        int(wanted["nodeid"]),
                    ):
                        return False
            write("\n%s: %s [%s]" % (self.function, self.note, tasks.who(task)))
            return True
        except Problem:
            return False  # the file is not known to the kernel yet
        except (gdb.error, gdb.MemoryError):
            return True


_set = []


def set_group(group, pid=None, nodeid=None, path=None):
    """Set the breakpoints of a group; returns (set, names that this kernel lacks)."""
    if group not in GROUPS:
        raise Problem("no group '%s': one of %s" % (group, ", ".join(sorted(GROUPS))))
    made, missing = [], []
    for function, note in GROUPS[group][1]:
        if has_function(function):
            made.append(GroupBreakpoint(group, function, note, pid, nodeid, path))
        else:
            missing.append(function)
    _set.extend(made)
    return made, missing


def clear(group=None):
    count = 0
    for b in list(_set):
        if group in (None, b.group):
            if b.is_valid():
                b.delete()
                count += 1
            _set.remove(b)
    return count


class FuseBreak(Command):
    """Set the breakpoints of a subject.
    Usage: fuse-break GROUP [file=PATH] [nodeid=N] [pid=N]
           fuse-break off [GROUP]
           fuse-break               lists the groups

    With file=, nodeid= or pid=, only stops for these; a stop that has nothing to do with
    an inode is then left out. They are ordinary breakpoints: `info breakpoints`, `delete`,
    `disable`. Where a kernel lacks a function of the group, this is said."""

    name = "fuse-break"
    where = gdb.COMMAND_BREAKPOINTS
    needs = None

    def run(self, args):
        if not args:
            for group in sorted(GROUPS):
                write("%-10s %s" % (group, GROUPS[group][0]))
                for function, note in GROUPS[group][1]:
                    if has_function(function):
                        write("    %-30s %s" % (function, note))
            return
        if args[0] == "off":
            if len(args) > 2 or len(args) == 2 and args[1] not in GROUPS:
                self.usage()
            write("%d breakpoints removed" % clear(args[1] if len(args) > 1 else None))
            return
        options = {"file": None, "nodeid": None, "pid": None}
        for word in args[1:]:
            key, equals, value = word.partition("=")
            if not equals or key not in options:
                raise Problem(
                    "'%s': only file=PATH, nodeid=N and pid=N can follow the group" % word
                )
            options[key] = value if key == "file" else kernel.number(value, key)
        made, missing = set_group(args[0], options["pid"], options["nodeid"], options["file"])
        for b in made:
            write("breakpoint %d: %s: %s" % (b.number, b.function, b.note))
        if missing:
            write("not in this kernel: %s" % ", ".join(missing))
        if not made:
            raise Problem("this kernel has none of the functions of '%s'" % args[0])

    def complete(self, text, word):
        return [g for g in list(GROUPS) + ["off"] if g.startswith(word)]


# --- one request's life -----------------------------------------------------------

# How the change of a request's flags is to be read
STEPS = [
    ("FINISHED", True, "it is over: the caller wakes, or its end function runs"),
    ("ABORTED", True, "it is aborted"),
    ("INTERRUPTED", True, "its task got a signal: INTERRUPT is sent"),
    ("SENT", True, "the server has it"),
    ("SENT", False, "the reply is here"),
    ("PENDING", True, "it is in the pending queue: the next server thread takes it"),
    ("PENDING", False, "a server thread takes it"),
    ("WAITING", True, "it counts as waiting"),
    ("WAITING", False, "it no longer counts as waiting"),
    ("BACKGROUND", True, "it is a background request"),
    ("BACKGROUND", False, "its place among the background requests is free"),
    ("PRIVATE", True, "the connection goes away under it"),
]


class _Life(gdb.Breakpoint):
    """A hardware watchpoint on a request's flags."""

    def __init__(self, request):
        self.unique = request.unique
        self.where = int(request.req["flags"].address)
        self.req = int(request.req.address)
        self.fc = request.fc
        self.old = request.flags
        self.label = str(request)
        super().__init__("*(unsigned long *)%#x" % self.where, gdb.BP_WATCHPOINT, gdb.WP_WRITE)
        self.silent = True

    def stop(self):
        new = kernel.word(self.where)
        changed = new ^ self.old
        names = kernel.enum("fuse_req_flag")
        changed &= ~(1 << names.get("FR_LOCKED", 63))  # flips with each page that is copied
        if not changed:
            self.old = new
            return False
        self.old, before = new, self.old
        says = [
            text
            for flag, to, text in STEPS
            if "FR_" + flag in names
            and changed >> names["FR_" + flag] & 1
            and bool(new >> names["FR_" + flag] & 1) == to
        ]
        write(
            "\nunique %d: %s [%s]"
            % (self.unique, "; ".join(says) or "flags change", tasks.who(tasks.current()))
        )
        write(
            "    flags %s -> %s"
            % (
                " ".join(kernel.bits(before, "fuse_req_flag", "FR_")) or "-",
                " ".join(kernel.bits(new, "fuse_req_flag", "FR_")) or "-",
            )
        )
        if new >> names["FR_FINISHED"] & 1:
            write(
                "    error %d; nothing more to follow"
                % int(kernel.at(self.req, "struct fuse_req")["out"]["h"]["error"])
            )
            when_stopped(lambda: self.is_valid() and self.delete())
        return True


class _Birth(gdb.Breakpoint):
    """Stops where the request that will get this unique is sent."""

    def __init__(self, function, unique):
        super().__init__(function, internal=True)
        self.unique, self.silent = unique, True

    def stop(self):
        try:
            req = kernel.local("req").dereference()
            fc = moved.conn_of_request(req)
            coming = fuse.newest_unique(fc) + 2
            if self.unique not in (None, coming):
                return False
            request = fuse.Request(req, fc, "new")
            request.unique = coming
            write("\n%s: it is queued [%s]" % (request, tasks.who(tasks.current())))
            when_stopped(lambda: (_Life(request), self.is_valid() and self.delete()))
            return True
        except (gdb.error, gdb.MemoryError):
            return False


BIRTH = ("fuse_send_one", "queue_request_and_unlock")


def follow(unique):
    """Stop at each step of a request; None: of the next one that is made."""
    if unique is not None:
        for fc in fuse.connections():
            for request in fuse.requests(fc):
                if request.unique == unique:
                    return _Life(request)
            if unique <= fuse.newest_unique(fc) and len(list(fuse.connections())) == 1:
                raise Problem(
                    "unique %d is answered already; the newest is %d"
                    % (unique, fuse.newest_unique(fc))
                )
        if unique & 1:
            raise Problem("unique %d: uniques are even (odd ones are INTERRUPTs)" % unique)
    for function in BIRTH:
        if has_function(function):
            return _Birth(function, unique)
    raise Problem("this kernel has neither of %s to wait for a new request at" % ", ".join(BIRTH))


class FuseFollow(Command):
    """Stop at each step of one request's life.
    Usage: fuse-follow UNIQUE|next

    A request that is not answered yet is followed from where it is (see fuse-requests); one
    to come from the moment that it gets its unique (they count up in twos). A hardware
    watchpoint on its flags does it, so at most four at a time. `continue` goes to the next
    step; it ends by itself when the request does."""

    name = "fuse-follow"
    where = gdb.COMMAND_BREAKPOINTS
    needs = "live"

    def run(self, args):
        if len(args) != 1:
            self.usage()
        made = follow(None if args[0] == "next" else kernel.number(args[0], "unique"))
        if isinstance(made, _Life):
            write("following %s: continue" % made.label)
        else:
            write(
                "waiting for %s: continue"
                % (
                    "the next request"
                    if args[0] == "next"
                    else "the request with unique %s" % args[0]
                )
            )
