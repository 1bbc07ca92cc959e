# SPDX-License-Identifier: GPL-2.0-only
"""What the gate has done with a request: the kernel only knows that it was read.

The gate keeps a board (fs-image/gate/board.h) in a file that it has mapped. The kernel has
the file's pages, so the board can be read in a core, too."""
import errno
import struct

import gdb

from . import kernel, moved, pages
from .kernel import Problem, at, each, symbol, type_of

HEADER = struct.Struct("<8sIIIIII")
SLOT = struct.Struct("<Q8sIIQ")
LOCK = struct.Struct("<QQQQIBB2x")
ENTRY = struct.Struct("<QdI4x IIQQQqQI4xQQQBB6x 40s i4x q BB 40s 6x")
EVENTS = (">", "held", "released", "<", "notified", "interrupt", "!")


class Kept:
    """state: held, delayed, dropped, with the server ("server"; "with": in which of its
    threads is not known) or on its way ("passing"); rule: the number of the gate's rule, 0
    for none; thread: the pid of the server's thread that has it, 0 for none."""

    def __init__(self, state, rule, thread, due):
        self.state, self.rule, self.thread, self.due = state, rule, thread, due

    def __str__(self):
        if self.state in ("held", "delayed", "dropped"):
            return "%s by the gate%s" % (self.state, ", rule %d" % self.rule if self.rule else "")
        if self.thread:
            return "in thread %d" % self.thread
        return {"with": "with the server", "server": "put aside by the server"}.get(self.state, "in the gate")


def boards():
    """The boards' bytes, {pid of the process that answers: bytes}."""
    found = {}
    for _, data in _files(".board"):
        if data[:6] == b"GATE 1":
            found[HEADER.unpack_from(data)[3]] = data
    return found


def _files(ending):
    """(name, bytes) of the small files that the gates keep."""
    offset = moved.alias_offset()
    for sb in each(symbol("super_blocks"), "struct super_block", "s_list"):
        if kernel.text(sb["s_type"]["name"]) not in ("tmpfs", "rootfs", "ramfs", "devtmpfs"):
            continue
        for inode in each(sb["s_inodes"], "struct inode", "i_sb_list"):
            node = int(inode["i_dentry"]["first"])
            if not node or int(inode["i_mode"]) & 0o170000 != 0o100000:
                continue
            name = moved.dentry_name(at(node - offset, "struct dentry"))["name"]
            name = kernel.text(name.cast(type_of("char").pointer()))
            if name.endswith(ending):
                yield name, _contents(inode)


def _contents(inode):
    """The bytes of a small file that lies in the page cache."""
    size = int(inode["i_size"])
    data = bytearray(size)
    for page in pages.cached(inode["i_mapping"].dereference()):
        start = page.index * kernel.page_size()
        part = bytes(kernel.memory(kernel.page_address(page.folio), kernel.page_size()))
        data[start : start + len(part)] = part[: max(0, size - start)]
    return bytes(data[:size])


def requests():
    """{(pid of the server, unique): Kept}; empty where there is no gate."""
    found = {}
    try:
        for pid, data in boards().items():
            _, slots, size = HEADER.unpack_from(data)[:3]
            for n in range(slots):
                unique, place, thread, rule, due = SLOT.unpack_from(data, HEADER.size + n * size)
                if unique:
                    state = place.split(b"\0")[0].decode(errors="replace")
                    found[pid, unique] = Kept(state, rule, thread, due)
    except (gdb.error, gdb.MemoryError, Problem, struct.error):
        return {}  # another layout: nothing is known
    return found


class Lock:
    """One that the server has given. pid: of the process that asked for it."""

    def __init__(self, nodeid, owner, start, end, pid, kind, flock):
        self.nodeid, self.owner, self.start, self.end = nodeid, owner, start, end
        self.pid, self.writes, self.flock = pid, kind == ord("w"), bool(flock)


def locks(pids):
    """The Locks that servers (by their pids) have given; None where that is not known."""
    found = []
    try:
        for pid, data in boards().items():
            if pid not in pids:
                continue
            _, slots, size, _, count, lock_size, lost = HEADER.unpack_from(data)
            if lost:
                return None
            for n in range(count):
                values = LOCK.unpack_from(data, HEADER.size + slots * size + n * lock_size)
                if values[5]:
                    found.append(Lock(*values))
    except (gdb.error, gdb.MemoryError, Problem, struct.error):
        return None
    return found


def _text(field):
    return field.split(b"\0")[0].decode(errors="replace")


def _line(entry, names):
    _, time, event, opcode, pid, unique, nodeid, _, off, size, flags = entry[:11]
    writepage, name, error, reply, note = entry[14], entry[16], entry[17], entry[18], entry[21]
    text = "%12.6f %-9s" % (time, EVENTS[event] if event < len(EVENTS) else "?")
    if opcode:
        text += " %-11s unique=%d node=%d" % (names.get(opcode, "opcode %d" % opcode), unique, nodeid)
        text += " off=%d size=%d" % (off, size) if off >= 0 else ""
        text += " writepage" if writepage else ""
        text += " flags=%#x" % flags if flags else ""
        text += " name=" + _text(name) if entry[11] else ""
        text += " pid=%d" % pid
    text += " reply=%d" % reply if event == EVENTS.index("<") and reply >= 0 else ""
    text += " error=%s" % errno.errorcode.get(error, error) if error else ""
    return text + (" (%s)" % _text(note) if _text(note) else "")


def log():
    """The lines of each gate's log of requests, as `gate log` has them."""
    lines = []
    names = {number: name[len("FUSE_") :] for name, number in kernel.enum("fuse_opcode").items()}
    for name, data in _files(".sock.log"):
        entries = [e for e in ENTRY.iter_unpack(data[: len(data) // ENTRY.size * ENTRY.size]) if e[1]]
        lines += ["%s: %d events" % (name, len(entries))] + [_line(e, names) for e in sorted(entries)]
    return lines
