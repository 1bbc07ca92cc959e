# SPDX-License-Identifier: GPL-2.0-only
"""FUSE connections, requests and inodes, shown."""
from ..model import fuse, gate, kernel, pages, tasks, waitfor
from ..model.kernel import Problem, entries, has_member
from .command import Command, table, write

class FuseConns(Command):
    """List FUSE connections: requests waiting, background counts and limits, flags.
    Usage: fuse-conns

    "waiting" is what /sys/fs/fuse/connections/N/waiting shows. Background: requests that
    nobody waits for (WRITEs of page writeback, readahead): active ones are at the server
    or pending, at most max_background; the others are set aside in the kernel."""

    name = "fuse-conns"

    def run(self, args):
        if args:
            self.usage()
        found = False
        for fc in fuse.connections():
            found = True
            where = ", ".join(filter(None, map(fuse.mountpoint, fuse.superblocks(fc)))) or "not mounted"
            write(
                "connection %d on %s: *(struct fuse_conn *)%#x"
                % (fuse.conn_id(fc), where, int(fc.address))
            )
            chan = fuse.channel(fc)
            write(
                "  waiting %d; background %d, of these active %d (max %d), set aside %d"
                % (
                    fuse.waiting(fc),
                    int(chan["num_background"]),
                    int(chan["active_background"]),
                    int(chan["max_background"]),
                    sum(1 for _ in entries(chan["bg_queue"])),
                )
            )
            pending = sum(1 for _ in entries(chan["iq"]["pending"]))
            write(
                "  pending %d; server threads waiting for a request: %d"
                % (pending, len(fuse.servers(fc)))
            )
            write(
                "  max_write %d, max_read %s; flags: %s"
                % (
                    int(fc["max_write"]),
                    "any" if int(fc["max_read"]) == 0xFFFFFFFF else int(fc["max_read"]),
                    ", ".join(fuse.conn_flags(fc)) or "none",
                )
            )
            if not int(chan["connected"]):
                write("  ABORTED or disconnected: every request fails")
        if not found:
            write("no FUSE connection: nothing is mounted")


class FuseRequests(Command):
    """List requests that are not answered: where each one is, and who waits for it.
    Usage: fuse-requests [CONN]

    State: pending = no server thread has read it yet; sent = it has been read, and where it
    is then, as far as the gate tells; set aside = a background request over max_background;
    + interrupted = its task got a signal.
    AGE is in seconds of the guest's clock: exact from 6.14, before that the time that its
    task has slept, and nothing for requests which no task waits for. NEWER counts the
    requests that were made after it."""

    name = "fuse-requests"

    def run(self, args):
        if len(args) > 1:
            self.usage()
        chosen = [fuse.find_conn(args[0])] if args else list(fuse.connections())
        rows = []
        boards, graph = gate.requests(), waitfor.Graph()
        for fc in chosen:
            newest = fuse.newest_unique(fc)
            servers = {int(t["tgid"]) for t in graph.openers(fc)}
            kept = {unique: one for (pid, unique), one in boards.items() if pid in servers}
            for r in sorted(fuse.requests(fc), key=lambda r: r.unique or 1 << 63):
                age = r.age()
                state = r.state + ("+interrupted" if "INTERRUPTED" in r.flag_names() else "")
                if r.state == "sent" and r.unique in kept:
                    state += ", %s" % kept[r.unique]
                rows.append(
                    (
                        fuse.conn_id(fc),
                        r.unique or "-",
                        r.name,
                        r.nodeid,
                        r.range_text(),
                        r.pid,
                        state,
                        "" if age is None else "%.2f" % age,
                        (newest - r.unique) // 2 if r.unique else "",
                        ", ".join(
                            "%s (pid %d)" % (tasks.name(t), int(t["pid"])) for t in r.waiters()
                        )
                        or ("nobody: page writeback" if r.is_writepage() else "nobody"),
                    )
                )
        if rows:
            table(
                rows,
                [
                    "CONN",
                    "UNIQUE",
                    "OPCODE",
                    "NODEID",
                    "WHAT",
                    "PID",
                    "STATE",
                    "AGE",
                    "NEWER",
                    "WAITED FOR BY",
                ],
            )
        else:
            write("no request is unanswered")


class FuseInodes(Command):
    """List the inodes of FUSE filesystems that are in memory.
    Usage: fuse-inodes [CONN]

    PAGES are those in the page cache; DIRTY, and TEMP: pages for which a WRITE is in flight
    or queued, as temporary copies where the kernel makes such; WRITECTR: WRITEs sent, or
    NOWRITE."""

    name = "fuse-inodes"

    def run(self, args):
        if len(args) > 1:
            self.usage()
        rows = []
        for fc in [fuse.find_conn(args[0])] if args else list(fuse.connections()):
            for fi in fuse.inodes(fc):
                inode = fi["inode"]
                regular = fuse.is_regular(fi)
                wps = fuse.writepages(fi) or []
                tags = pages.count(inode["i_mapping"].dereference())
                ctr = ""
                if regular and has_member(fi, "writectr"):
                    ctr = int(fi["writectr"])
                    ctr = (
                        ctr
                        if ctr >= 0
                        else "NOWRITE%s" % ("+%d" % (ctr - fuse.NOWRITE) if ctr != fuse.NOWRITE else "")
                    )
                rows.append(
                    (
                        fuse.conn_id(fc),
                        int(fi["nodeid"]),
                        "%#x" % int(fi.address),
                        {0o10: "file", 0o4: "dir", 0o12: "link"}.get(
                            int(inode["i_mode"]) >> 12, "other"
                        ),
                        int(inode["i_size"]),
                        tags.pages,
                        tags.dirty,
                        sum(w.count for w in wps),
                        ctr,
                        fuse.path_of(inode) or "-",
                    )
                )
        if rows:
            table(
                rows,
                [
                    "CONN",
                    "NODEID",
                    "ADDRESS",
                    "TYPE",
                    "SIZE",
                    "PAGES",
                    "DIRTY",
                    "TEMP",
                    "WRITECTR",
                    "PATH",
                ],
            )
        else:
            write("no FUSE inode in memory")


class FuseInode(Command):
    """Show one inode: size, WRITEs queued and in flight, writers, who waits.
    Usage: fuse-inode X

    X is a nodeid, a path (in the mount or below it), or an address: of the inode, of a
    file, a dentry or a mapping; an expression such as `inode` or `file->f_inode` works."""

    name = "fuse-inode"

    def run(self, args):
        if len(args) != 1:
            raise Problem("which inode? A nodeid, a path or an address (see fuse-inodes)")
        show_inode(fuse.find_inode(args[0]))


def show_inode(fi):
    inode = fi["inode"]
    write(
        "%s: *(struct fuse_inode *)%#x, i_mode 0%o"
        % (fuse.describe(fi), int(fi.address), int(inode["i_mode"]))
    )
    write(
        "  size %d, links %d, lookups %d; attributes %s"
        % (
            int(inode["i_size"]),
            int(inode["i_nlink"]),
            int(fi["nlookup"]),
            "valid" if int(fi["i_time"]) >= kernel.jiffies() else "stale",
        )
    )
    if not fuse.is_regular(fi):
        return
    found = pages.count(inode["i_mapping"].dereference())
    write(
        "  pages cached %d, dirty %d, under writeback %d"
        % (found.pages, found.dirty, found.writeback)
    )
    wps = fuse.writepages(fi)
    if wps is None:
        write("  WRITEs of page writeback: this kernel has none")
    else:
        write("  writectr %s" % fuse.writectr_text(fi))
        for title in ("in flight", "queued", "being built"):
            chosen = [w for w in wps if w.state == title]
            if title == "being built" and not chosen:
                continue
            write(
                "  WRITEs %s: %d%s"
                % (
                    title,
                    len(chosen),
                    "".join(
                        "\n    offset %d size %d, %s"
                        % (
                            w.offset,
                            w.size,
                            "page %d" % w.first
                            if w.count == 1
                            else "pages %d-%d" % (w.first, w.last),
                        )
                        for w in chosen
                    ),
                )
            )
    if has_member(fi, "write_files"):
        write(
            "  open files that can write its pages: %d" % sum(1 for _ in entries(fi["write_files"]))
        )
    write(
        "  state: fuse %s; inode %s"
        % (" ".join(fuse.state_bits(fi)) or "-", " ".join(fuse.inode_state_names(inode)) or "-")
    )
    owner = fuse.rwsem_owner(inode["i_rwsem"])
    queue = fuse.rwsem_waiters(inode["i_rwsem"])
    if owner is not None or queue:
        write(
            "  inode lock: held by %s%s"
            % (
                tasks.who(owner) if owner is not None else "readers or nobody",
                "; waited for by " + ", ".join(map(tasks.who, queue)) if queue else "",
            )
        )
    sleepers = fuse.tasks_waiting_for(fi)
    if sleepers:
        write("  waiting for its WRITEs to end: %s" % ", ".join(map(tasks.who, sleepers)))
