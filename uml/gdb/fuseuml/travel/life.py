# SPDX-License-Identifier: GPL-2.0-only
"""What happened to one request, page or task, in order, up to here: one run with probes."""
import gdb

from ..commands import breaks
from ..commands.command import table_of_ticks, write
from ..commands.printers import flags_word
from ..model import fuse, kernel, moved, tasks
from ..model.kernel import Problem
from . import clock, guest
from .commands import Travel
from .history import place


class Event:
    def __init__(self, text, behind=0):
        # the tick of the block that does it: of a function that has just begun, the next one
        self.tick = clock.ticks() + (not behind and clock.begins_block(clock.register("rip")))
        self.task = tasks.who(tasks.current())
        self.text, self.where = text, place(behind)


class _Probe(gdb.Breakpoint):
    """tell() at a function gives the text of an Event, or None."""

    def __init__(self, function, tell, events):
        super().__init__(function, internal=True)
        self.silent = True
        self.tell, self.events = tell, events

    def stop(self):
        try:
            text = self.tell()
            if text:
                self.events.append(Event(text))
        except (gdb.error, gdb.MemoryError, Problem, AttributeError):
            pass  # not what it is about
        return False


def run(end, probes, stopper=None):
    """The Events of probes, [(function, tell)], up to a Position or (None) the run's end."""
    if end is not None:
        guest.with_call(end)
    guest.start_over(from_boot=end is not None and not end.tick)
    guest._watched(True)
    if end is not None:
        guest.disarm_at(end)
    events = []
    made = [_Probe(f, tell, events) for f, tell in probes if kernel.has_function(f)]
    if not made:
        raise Problem("this kernel has none of the functions to look at")
    try:
        if end is not None:
            guest.arrive(end, (lambda stopped: stopper(events)) if stopper else None)
            guest.reach(end)
        else:
            while guest.go():
                if stopper:
                    stopper(events)
    finally:
        for one in made:
            one.delete()
    return events


# --- a request ----------------------------------------------------------------------


class _Flags(gdb.Breakpoint):
    """A request's flags tell its life."""

    def __init__(self, req, events):
        self.where = int(req["flags"].address)
        super().__init__("*(unsigned long *)%#x" % self.where, gdb.BP_WATCHPOINT, gdb.WP_WRITE, internal=True)
        self.silent = True
        self.req, self.events, self.old = req, events, kernel.word(self.where)
        self.over = False

    def stop(self):
        names = kernel.enum("fuse_req_flag")
        new = kernel.word(self.where)
        changed, self.old = new ^ self.old, new
        if self.over:
            return False
        says = [
            text
            for flag, to, text in breaks.STEPS
            if "FR_" + flag in names
            and changed >> names["FR_" + flag] & 1
            and bool(new >> names["FR_" + flag] & 1) == to
        ]
        if new >> names["FR_FINISHED"] & 1:
            self.over = True
            says.append("error %d" % int(self.req["out"]["h"]["error"]))
        if says:
            self.events.append(Event("; ".join(says), behind=1))
        return False


def of_request(unique, end):
    """The Events of the request with this unique."""
    found = []

    class Birth(gdb.Breakpoint):
        def stop(self):
            try:
                req = kernel.local("req").dereference()
                fc = moved.conn_of_request(req)
                return not found and fuse.newest_unique(fc) + 2 == unique
            except (gdb.error, gdb.MemoryError, AttributeError):
                return False

    where = next((f for f in breaks.BIRTH if kernel.has_function(f)), None)
    if where is None:
        raise Problem("this kernel has neither of %s" % ", ".join(breaks.BIRTH))
    birth = Birth(where, internal=True)
    birth.silent = True

    def born(events):
        if found or gdb.newest_frame().name() != where:
            return
        req = kernel.at(int(kernel.local("req")), "struct fuse_req")
        request = fuse.Request(req, moved.conn_of_request(req), "new")
        request.unique = unique
        found.append(_Flags(req, events))
        events.append(Event("%s is made" % request))

    try:
        events = run(end, [("fuse_request_end", lambda: None)], born)
    finally:
        birth.delete()
        for one in found:
            if one.is_valid():
                one.delete()
    if not found:
        raise Problem("no request got the unique %d up to here (they count up in twos)" % unique)
    return events


# --- a page -------------------------------------------------------------------------


class Page:
    """One page of a file; tells whether the frame of a probe is about it."""

    def __init__(self, nodeid, index):
        self.nodeid, self.index = nodeid, index
        self.sent = {}  # args of WRITEs that carry it: text

    def is_inode(self, inode):
        if not inode:
            return False
        inode = kernel.at(inode, "struct inode")
        if not fuse.is_fuse_inode(inode):
            return False
        return int(kernel.container(inode.address, "struct fuse_inode", "inode")["nodeid"]) == self.nodeid

    def is_folio(self, mapping=None):
        folio = kernel.local("folio")
        if folio is None:
            folio = kernel.local("page")
        folio = kernel.at(int(folio), "struct folio")
        mapping = int(folio["mapping"]) if mapping is None else mapping
        if not mapping or mapping & 3 or int(folio["index"]) != self.index:
            return False
        return self.is_inode(int(kernel.at(mapping, "struct address_space")["host"]))

    def folio(self, text):
        """A probe's tell: the text when `folio` is ours."""
        return lambda: text if self.is_folio() else None

    def added(self):
        index = kernel.local("index")
        if int(index) != self.index or not self.is_inode(int(kernel.local("mapping")["host"])):
            return None
        return "comes into the page cache"

    def fault(self):
        vmf = kernel.local("vmf")
        if int(vmf["pgoff"]) != self.index or not self.is_inode(int(vmf["vma"]["vm_file"]["f_inode"])):
            return None
        return "a store through a mapping: may it get dirty?"

    def dirty(self):
        # mapped pages are marked again by folio_clear_dirty_for_io(): no news
        flag = kernel.enum("pageflags")["PG_dirty"]
        if flags_word(kernel.local("folio")["flags"]) >> flag & 1:
            return None
        return "gets dirty" if self.is_folio(int(kernel.local("mapping"))) else None

    def wpa(self, wpa):
        # (the size is there only once it is sent)
        offset = int(wpa["ia"]["write"]["in"]["offset"])
        pages = moved.page_array(wpa["ia"]["ap"])[1]
        first = offset // kernel.page_size()
        if not self.is_inode(int(wpa["inode"])) or not first <= self.index < first + max(pages, 1):
            return None
        return wpa, offset, pages

    def send(self):
        found = self.wpa(kernel.local("wpa").dereference())
        if not found:
            return None
        wpa, offset, pages = found
        args = int(wpa["ia"]["ap"]["args"].address)
        self.sent[args] = "offset %d" % offset
        what = "its copy" if moved.makes_copies() else "it"
        return "%s goes to the request queue: WRITE offset %d, %d pages" % (what, offset, pages)

    def read_by_server(self):
        cs = kernel.local("cs")
        req = cs["req"]
        if not int(cs["write"]) or int(req["args"]) not in self.sent:
            return None
        return "the server reads the WRITE, unique %d" % int(req["in"]["h"]["unique"])

    def answered(self):
        # (the local wpa is not set yet)
        args = int(kernel.local("args"))
        self.sent.pop(args, None)
        if not self.wpa(kernel.container(args, "struct fuse_writepage_args", "ia.ap.args")):
            return None
        return "the WRITE is answered, error %d" % int(kernel.local("error"))

    def probes(self):
        if moved.makes_copies():
            mainline = "fuse_writepages_fill", self.folio("is copied")
        else:
            mainline = "fuse_writepage_args_page_fill", self.folio("joins the WRITE that is built")
        return [
            ("__filemap_add_folio", self.added),
            ("fuse_page_mkwrite", self.fault),
            ("filemap_dirty_folio", self.dirty),
            ("folio_clear_dirty_for_io", self.folio("no longer dirty: it is to be written")),
            ("fuse_write_folio", self.folio("is to be written")),
            ("fuse_writepage_locked", self.folio("is copied")),
            mainline,
            ("fuse_launder_folio", self.folio("is laundered: written before it is thrown away")),
            ("fuse_do_readfolio", self.folio("is read from the server")),
            ("fuse_do_readpage", self.folio("is read from the server")),
            ("fuse_send_writepage", self.send),
            ("fuse_copy_pages", self.read_by_server),
            ("fuse_copy_folios", self.read_by_server),
            ("fuse_writepage_end", self.answered),
            ("truncate_cleanup_folio", self.folio("is truncated")),
            ("__filemap_remove_folio", self.folio("leaves the page cache")),
        ]


# --- a task -------------------------------------------------------------------------


def of_task(pid, end):
    """What a task does in FUSE and writeback: the places of fuse-break's groups."""

    def tell(function, note):
        def it():
            task = tasks.current()
            if pid not in (int(task["pid"]), int(task["tgid"])):
                return None
            req = kernel.local("req")
            what = ""
            if req is not None and function in breaks.BIRTH:
                head = req.dereference()["in"]["h"]
                what = ": %s nodeid %d" % (fuse.opcode_name(int(head["opcode"])), int(head["nodeid"]))
            return "%s: %s%s" % (function, note, what)

        return it

    seen, probes = set(), []
    for group in sorted(breaks.GROUPS):
        for function, note in breaks.GROUPS[group][1]:
            if function not in seen:
                seen.add(function)
                probes.append((function, tell(function, note)))
    return run(end, probes)


class FuseLife(Travel):
    """Tell what happened to a request, page or task, in order, up to here.
    Usage: fuse-life UNIQUE       a request: made, read by a thread, answered
           fuse-life X:PAGE       a page of a file: dirty, copied, sent, answered, truncated;
                                  X as in fuse-pages: nodeid, path
           fuse-life pid=N        a task's way through FUSE and writeback

    Each line has a tick, which `goto` takes."""

    name = "fuse-life"
    past_now = True

    def run(self, args):
        if len(args) != 1:
            self.usage()
        word = args[0]
        self.begin()
        events = []
        if word.startswith("pid="):
            pid = kernel.number(word[4:], "pid")
            if guest.alive() and not any(int(t["pid"]) == pid for t in tasks.tasks()):
                write("(no task has the pid %d now)" % pid)
            what = lambda now: of_task(pid, now)  # noqa: E731
        elif ":" in word:
            name, _, index = word.rpartition(":")
            index = kernel.number(index, "page")
            if name.isdigit():
                nodeid = int(name)
            elif guest.alive():
                nodeid = int(fuse.find_inode(name)["nodeid"])
            else:
                raise Problem("the guest has ended, names are gone: give the nodeid, as in 2:%d" % index)
            page = Page(nodeid, index)
            what = lambda now: run(now, page.probes())  # noqa: E731
        else:
            unique = kernel.number(word, "unique")
            what = lambda now: of_request(unique, now)  # noqa: E731
        self.travel(lambda users, now: events.extend(what(now)))
        if guest.alive():
            gdb.newest_frame().select()
        if not events:
            write("nothing happened to it up to here")
            return
        table_of_ticks(
            [(e.tick, e.task, e.text, e.where) for e in events],
            ["TICK", "TASK", "WHAT", "WHERE"],
        )


def start():
    FuseLife()
