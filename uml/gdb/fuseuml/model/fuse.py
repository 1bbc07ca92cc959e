# SPDX-License-Identifier: GPL-2.0-only
"""FUSE's own state: connections, requests, inodes."""
import gdb

from . import kernel, moved, tasks
from .kernel import (
    Problem,
    at,
    each,
    enum,
    has_member,
    offset_of,
    rb_each,
    symbol,
    text,
    type_of,
    word,
    words,
)

FUSE_SUPER_MAGIC = 0x65735546
NOWRITE = -(1 << 31)
PROCESSING_LISTS = 256  # FUSE_PQ_HASH_SIZE


# --- connections ------------------------------------------------------------------


def connections():
    """All struct fuse_conn, as listed in /sys/fs/fuse/connections."""
    yield from each(symbol("fuse_conn_list"), "struct fuse_conn", "entry")


def conn_id(fc):
    """Its number in /sys/fs/fuse/connections."""
    return int(fc["dev"])


def find_conn(word_=None):
    """The connection of a number; without one: the only one there is."""
    found = list(connections())
    if word_ is None:
        if len(found) == 1:
            return found[0]
        if not found:
            raise Problem("no FUSE connection: nothing is mounted")
        raise Problem(
            "which connection? One of %s (see fuse-conns)"
            % ", ".join(str(conn_id(fc)) for fc in found)
        )
    number = kernel.number(word_, "connection's number")
    for fc in found:
        if number in (conn_id(fc), int(fc.address)):
            return fc
    raise Problem(
        "no connection %s; there are: %s"
        % (word_, ", ".join(str(conn_id(fc)) for fc in found) or "none")
    )


def superblocks(fc):
    for mount in each(fc["mounts"], "struct fuse_mount", "fc_entry"):
        if int(mount["sb"]):
            yield mount["sb"].dereference()


def dentry_path(dentry):
    """A dentry's path below the root of its filesystem."""
    parts = []
    for _ in range(128):
        parent = dentry["d_parent"].dereference()
        if parent.address == dentry.address:
            break
        parts.append(dentry_name(dentry))
        dentry = parent
    return "/" + "/".join(reversed(parts))


def dentry_name(dentry):
    return text(moved.dentry_name(dentry)["name"].cast(type_of("char").pointer()))


def mountpoint(sb):
    """Where a filesystem is mounted; '' where it is not, or this cannot be told."""
    try:
        mount = moved.first_mount(sb)
        path = ""
        for _ in range(32):
            if (
                mount is None
                or not int(mount["mnt_parent"])
                or mount["mnt_parent"] == mount.address
            ):
                break
            path = dentry_path(mount["mnt_mountpoint"].dereference()).rstrip("/") + path
            mount = mount["mnt_parent"].dereference()
        return path
    except (gdb.error, Problem):
        return ""


CONN_FLAGS = (
    "initialized",
    "blocked",
    "connected",
    "aborted",
    "conn_error",
    "writeback_cache",
    "atomic_o_trunc",
    "async_read",
    "async_dio",
    "no_open",
    "no_fsync",
    "no_flush",
    "no_fallocate",
    "auto_inval_data",
    "explicit_inval_data",
    "parallel_dirops",
    "big_writes",
    "direct_io_allow_mmap",
    "sync_fs",
    "inode_dax",
    "passthrough",
    "no_interrupt",
    "strict_limits",
)


channel = moved.channel


def conn_flags(fc):
    where = channel(fc)
    return [
        f
        for f in CONN_FLAGS
        if any(has_member(struct, f) and int(struct[f]) for struct in (fc, where))
    ]


def waiting(fc):
    """As /sys/fs/fuse/connections/N/waiting."""
    return int(channel(fc)["num_waiting"]["counter"])


def newest_unique(fc):
    """The number of the last request that was made."""
    return int(channel(fc)["iq"]["reqctr"])


def servers(fc):
    """The tasks that may read requests: those with an open /dev/fuse cannot be listed
    cheaply; the ones that sleep in a read of it can."""
    return [entry_task(e) for e in wait_entries(channel(fc)["iq"]["waitq"])]


# --- requests ---------------------------------------------------------------------


def wait_entries(head):
    """The wait_queue_entry structs on a wait queue."""
    yield from each(head["head"], "struct wait_queue_entry", "entry")


def entry_task(entry):
    """The task of a wait queue entry (of the kinds that wait_event makes)."""
    return at(entry["private"], "struct task_struct")


def opcode_name(opcode):
    for name, number in enum("fuse_opcode").items():
        if number == opcode:
            return name[len("FUSE_") :]
    return "opcode %d" % opcode


class Request:
    """One struct fuse_req, and where it was found."""

    def __init__(self, req, fc, state):
        self.req, self.fc, self.state = req, fc, state
        head = req["in"]["h"]
        self.unique = int(head["unique"])
        self.opcode = int(head["opcode"])
        self.nodeid = int(head["nodeid"])
        self.pid = int(head["pid"])
        self.flags = int(req["flags"])

    def __str__(self):
        return " ".join(
            filter(
                None,
                (
                    self.name,
                    "unique %d" % self.unique if self.unique else "not numbered yet",
                    "nodeid %d" % self.nodeid,
                    self.range_text(),
                ),
            )
        )

    @property
    def name(self):
        return opcode_name(self.opcode)

    def argument(self, struct):
        """The request's first argument, or None."""
        args = self.req["args"]
        if not int(args) or int(args["in_numargs"]) < 1:
            return None
        first = args["in_args"][0]
        # zero-sized: some opcodes count the header
        if not int(first["value"]) and int(args["in_numargs"]) > 1:
            first = args["in_args"][1]
        if not int(first["value"]) or int(first["size"]) < type_of(struct).sizeof:
            return None
        return at(first["value"], struct)

    def range(self):
        """(offset, size) of those that have them, else None."""
        try:
            if self.name == "WRITE":
                arg = self.argument("struct fuse_write_in")
            elif self.name in ("READ", "READDIR", "READDIRPLUS"):
                arg = self.argument("struct fuse_read_in")
            elif self.name == "FALLOCATE":
                arg = self.argument("struct fuse_fallocate_in")
                return (int(arg["offset"]), int(arg["length"])) if arg is not None else None
            else:
                return None
            return (int(arg["offset"]), int(arg["size"])) if arg is not None else None
        except gdb.error:
            return None

    def range_text(self):
        found = self.range()
        if found:
            return "offset %d size %d" % found
        if self.name == "SETATTR":
            arg = self.argument("struct fuse_setattr_in")
            if arg is not None and int(arg["valid"]) & 8:
                return "size := %d" % int(arg["size"])
        return ""

    def is_writepage(self):
        """A WRITE from the page cache."""
        arg = self.argument("struct fuse_write_in") if self.name == "WRITE" else None
        return arg is not None and bool(int(arg["write_flags"]) & 1)

    def waiters(self):
        return [entry_task(e) for e in wait_entries(self.req["waitq"])]

    def flag_names(self):
        return kernel.bits(self.flags, "fuse_req_flag", "FR_")

    def age(self):
        """Seconds of the guest's clock since it was made, where the kernel knows it."""
        if has_member(self.req, "create_time"):  # 6.14
            return (kernel.jiffies() - int(self.req["create_time"])) / kernel.hz()
        for task in self.waiters():
            return tasks.asleep_for(task)
        return None


def requests(fc):
    """All requests of a connection that are not answered, as Request."""
    chan = channel(fc)
    for req in each(chan["iq"]["pending"], "struct fuse_req", "list"):
        yield Request(req, fc, "pending")
    for device in each(chan["devices"], "struct fuse_dev", "entry"):
        queue = device["pq"]
        for req in each(queue["io"], "struct fuse_req", "list"):
            yield Request(req, fc, "being copied")
        heads = int(queue["processing"])
        if not heads:
            continue
        links = words(heads, PROCESSING_LISTS * 2)
        offset = offset_of("struct fuse_req", "list")
        for n in range(PROCESSING_LISTS):
            node, head = links[2 * n], heads + 16 * n
            while node != head and node:
                yield Request(at(node - offset, "struct fuse_req"), fc, "sent")
                node = word(node)
    for req in each(chan["bg_queue"], "struct fuse_req", "list"):
        yield Request(req, fc, "set aside")


# --- inodes -----------------------------------------------------------------------


def inodes(fc):
    """All struct fuse_inode of a connection that are in memory."""
    offset = offset_of("struct fuse_inode", "inode")
    for sb in superblocks(fc):
        for inode in each(sb["s_inodes"], "struct inode", "i_sb_list"):
            yield at(int(inode.address) - offset, "struct fuse_inode")


def path_of(inode):
    """Its path in the mount by the dentry cache; '' when no name is cached."""
    head = inode["i_dentry"]
    node = int(head["first"])
    if not node:
        return ""
    return dentry_path(at(node - moved.alias_offset(), "struct dentry"))


def is_fuse_inode(inode):
    try:
        return int(inode["i_sb"]["s_magic"]) == FUSE_SUPER_MAGIC
    except gdb.error:
        return False


def find_inode(word_):
    """A struct fuse_inode by nodeid, path in the mount (or below it), or address of the
    inode, fuse_inode, file or dentry; an expression of gdb's is taken for an address."""
    every = [(fi, fc) for fc in connections() for fi in inodes(fc)]
    if not word_.isdigit():
        wanted = (word_ if word_.startswith("/") else "/" + word_).rstrip("/") or "/"
        for fi, fc in every:
            path = path_of(fi["inode"])
            if path and (
                path == wanted
                or any((m + path).rstrip("/") == wanted for m in map(mountpoint, superblocks(fc)))
            ):
                return fi
        if word_.startswith("/") or not _is_expression(word_):
            raise Problem(
                "no inode '%s' in memory (see fuse-inodes; names not looked up yet are not known)"
                % word_
            )
    number = kernel.number(word_, "nodeid, path or address")
    for fi, _ in every:
        if number in (int(fi["nodeid"]), int(fi.address), int(fi["inode"].address)):
            return fi
    # a file or a dentry leads to its inode
    for kind, member in (
        ("struct file", "f_inode"),
        ("struct dentry", "d_inode"),
        ("struct address_space", "host"),
    ):
        if number < 1 << 20:
            break
        try:
            inode = int(at(number, kind)[member])
        except gdb.error:
            continue
        for fi, _ in every:
            if inode == int(fi["inode"].address):
                return fi
    raise Problem(
        "%s is no inode of a FUSE filesystem: a nodeid, a path or an address (see fuse-inodes)"
        % word_
    )


def _is_expression(word_):
    try:
        int(word_, 0)
        return True
    except ValueError:
        pass
    try:
        value = kernel.evaluate(word_)
        if value is None:
            value = gdb.parse_and_eval(word_)
        return value.type.strip_typedefs().code in (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_INT)
    except gdb.error:
        return False


def is_regular(fi):
    return int(fi["inode"]["i_mode"]) & 0o170000 == 0o100000


def describe(fi):
    path = path_of(fi["inode"])
    return "nodeid %d%s" % (int(fi["nodeid"]), " (%s)" % path if path else "")


class Writepage:
    """One WRITE of page writeback: a struct fuse_writepage_args."""

    def __init__(self, wpa, state):
        self.wpa, self.state = wpa, state
        write_in = wpa["ia"]["write"]["in"]
        pages = wpa["ia"]["ap"]
        self.offset = int(write_in["offset"])
        self.count = moved.page_array(pages)[1]
        self.size = int(write_in["size"])

    @property
    def queued(self):
        return self.state != "in flight"

    @property
    def first(self):
        return self.offset >> kernel.page_shift()

    @property
    def last(self):
        return self.first + max(self.count, 1) - 1


def writepages(fi):
    """The WRITEs of page writeback of an inode, in order of their offset; None where the
    kernel has no page writeback."""
    if not is_regular(fi) or not has_member(fi, "queued_writes"):
        return None
    if not moved.makes_copies():
        return _writepages_by_request(fi)
    queued = (
        {
            int(w.address)
            for w in each(fi["queued_writes"], "struct fuse_writepage_args", "queue_entry")
        }
        if has_member(fi, "queued_writes")
        else set()
    )
    building = int(fi["batch"]) if has_member(fi, "batch") else 0
    return [
        Writepage(
            w,
            "queued"
            if int(w.address) in queued
            else "being built"
            if int(w.address) == building
            else "in flight",
        )
        for w in rb_each(fi["writepages"], "struct fuse_writepage_args", "writepages_entry")
    ]


def _writepages_by_request(fi):
    """Where the kernel keeps no tree of them: the requests, and what is not sent yet."""
    found = [
        Writepage(w, "queued")
        for w in each(fi["queued_writes"], "struct fuse_writepage_args", "queue_entry")
    ]
    sb = int(fi["inode"]["i_sb"])
    for fc in connections():
        if sb not in [int(s.address) for s in superblocks(fc)]:
            continue
        for request in requests(fc):
            if request.nodeid == int(fi["nodeid"]) and request.is_writepage():
                found.append(Writepage(moved.writepage_of(request.req), "in flight"))
    return sorted(found, key=lambda w: w.offset)


def writectr_text(fi):
    if not has_member(fi, "writectr"):
        return "this kernel counts none"
    value = int(fi["writectr"])
    if value >= 0:
        return "%d" % value
    return "FUSE_NOWRITE%s: truncate, fsync or the like in progress, no WRITE may be sent%s" % (
        " + %d" % (value - NOWRITE) if value != NOWRITE else "",
        "; it waits for %d in flight" % (value - NOWRITE) if value != NOWRITE else "",
    )


STATES = (
    "ADVISE_RDPLUS",
    "INIT_RDPLUS",
    "SIZE_UNSTABLE",
    "BAD",
    "BTIME",
    "CACHE_IO_MODE",
    "EXCLUSIVE",
)


def state_bits(fi):
    names = []
    for name in STATES:
        try:
            bit = int(gdb.parse_and_eval("FUSE_I_" + name))
        except gdb.error:
            continue
        if int(fi["state"]) >> bit & 1:
            names.append(name)
    return names


I_STATES = (
    "I_NEW",
    "I_SYNC",
    "I_LRU_ISOLATING",
    "I_DIRTY_SYNC",
    "I_DIRTY_DATASYNC",
    "I_DIRTY_PAGES",
    "I_WILL_FREE",
    "I_FREEING",
    "I_CLEAR",
    "I_REFERENCED",
    "I_DIRTY_TIME",
    "I_SYNC_QUEUED",
)


def inode_state_names(inode):
    """i_state by name, as far as this kernel's debug information has the names."""
    value = moved.inode_state(inode)
    try:
        table = enum("inode_state_flags_enum")
    except Problem:
        # bits since 6.12; before they were macros
        table = (
            {
                "I_DIRTY_SYNC": 1 << 4,
                "I_DIRTY_DATASYNC": 1 << 5,
                "I_DIRTY_PAGES": 1 << 6,
                "I_WILL_FREE": 1 << 7,
                "I_FREEING": 1 << 8,
                "I_CLEAR": 1 << 9,
                "I_REFERENCED": 1 << 10,
                "I_DIRTY_TIME": 1 << 12,
                "I_SYNC_QUEUED": 1 << 14,
            }
            if release_at_least(6, 12)
            else {}
        )
        if table:
            table.update({"I_NEW": 1, "I_SYNC": 2})
    return [n for n, bit in table.items() if n in I_STATES and bit and value & bit] or (
        ["%#x" % value] if value and not table else []
    )


def release_at_least(major, minor):
    try:
        a, b = kernel.release().split(".")[:2]
        return (int(a), int(b)) >= (major, minor)
    except ValueError:
        return True


def tasks_waiting_for(fi):
    """The tasks that wait for a WRITE of this inode to end."""
    if not is_regular(fi) or not has_member(fi, "page_waitq"):
        return []
    return [entry_task(e) for e in wait_entries(fi["page_waitq"])]


lock_waiters = moved.lock_waiters


def rwsem_waiters(sem):
    return lock_waiters(sem, "struct rwsem_waiter")


def rwsem_owner(sem):
    """The task that holds it for writing; None where readers or nobody do."""
    owner = int(sem["owner"]["counter"])
    count = int(sem["count"]["counter"])
    if not count & 1 or owner & 1 or not owner & ~7:
        return None
    return at(owner & ~7, "struct task_struct")

