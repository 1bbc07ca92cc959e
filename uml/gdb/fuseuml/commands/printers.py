# SPDX-License-Identifier: GPL-2.0-only
"""`print *folio`, `*inode`, `*req`... as one readable screen: what matters in writeback,
flags by name. `print/r` shows the whole struct."""
import gdb
import gdb.printing

from ..model import bdi, fuse, kernel, moved, tasks
from ..model.kernel import Problem, has_member


def _safe(function, fallback="?"):
    try:
        return function()
    except (gdb.error, gdb.MemoryError, Problem, OverflowError):
        return fallback


class Base:
    """Subclasses give line() and fields: (label, member or function)."""

    fields = ()

    def __init__(self, value):
        self.value = value

    def to_string(self):
        return _safe(self.line, "")

    def line(self):
        return ""

    def children(self):
        for label, what in self.fields:
            if callable(what):
                text = _safe(lambda: what(self.value), None)
                if text is not None:
                    yield label, text if isinstance(text, gdb.Value) else str(text)
                continue
            value = self.value
            for part in what.split("."):
                if not has_member(value, part):
                    value = None
                    break
                value = value[part]
            if value is not None:
                yield label, value


def flags_word(value):
    """A word of page flags: a number, or since 6.18 a struct around one."""
    if value.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT:
        value = value["f"]
    return int(value)


def page_flags(value):
    flags = flags_word(value)
    every = kernel.enum("pageflags")
    names = {}
    for name, bit in every.items():
        # the first name of a number is the page's own; the aliases are of other uses
        if bit < every["__NR_PAGEFLAGS"]:
            names.setdefault(bit, name[3:])
    return " ".join(names[b] for b in sorted(names) if flags >> b & 1) or "-"


def mapping_text(value):
    mapping = int(value["mapping"])
    if mapping == 0:
        return "none (removed, or never in a file)"
    if mapping & 3:
        return "anonymous"
    inode = kernel.at(mapping, "struct address_space")["host"].dereference()
    return inode_text(inode)


def inode_text(inode):
    if not int(inode.address or 1):
        return "none"
    if fuse.is_fuse_inode(inode):
        return "FUSE " + fuse.describe(
            kernel.container(inode.address, "struct fuse_inode", "inode")
        )
    return "ino %d of %s (%s)" % (
        int(inode["i_ino"]),
        kernel.text(inode["i_sb"]["s_id"]),
        kernel.text(inode["i_sb"]["s_type"]["name"]),
    )


def count_text(value):
    found = value["_refcount"]["counter"]
    return int(found)


class Folio(Base):
    fields = (
        ("flags", lambda v: page_flags(v["flags"])),
        ("file", mapping_text),
        ("index", "index"),
        ("references", count_text),
        ("mapped", lambda v: int(v["_mapcount"]["counter"]) + 1),
        (
            "order",
            lambda v: flags_word(v["_flags_1"]) & 0xFF
            if flags_word(v["flags"]) >> kernel.enum("pageflags")["PG_head"] & 1
            else 0,
        ),
    )

    def line(self):
        return "%s page %d at %#x" % (
            mapping_text(self.value),
            int(self.value["index"]),
            int(self.value.address),
        )


class Page(Folio):
    fields = tuple(f for f in Folio.fields if f[0] != "order")


class Inode(Base):
    fields = (
        ("size", "i_size"),
        ("mode", lambda v: "0%o" % int(v["i_mode"])),
        ("links", "i_nlink"),
        ("state", lambda v: " ".join(fuse.inode_state_names(v)) or "-"),
        ("references", lambda v: int(v["i_count"]["counter"])),
        ("writers", lambda v: int(v["i_writecount"]["counter"])),
        ("pages", lambda v: int(v["i_data"]["nrpages"])),
        ("lock", lambda v: lock_text(v["i_rwsem"])),
        ("mapping", lambda v: v["i_mapping"]),
        ("superblock", lambda v: v["i_sb"]),
    )

    def line(self):
        return inode_text(self.value)


def lock_text(sem):
    owner = fuse.rwsem_owner(sem)
    waiters = fuse.rwsem_waiters(sem)
    count = int(sem["count"]["counter"])
    text = (
        "held by " + tasks.who(owner)
        if owner is not None
        else "free"
        if not count & ~7
        else "held by readers"
    )
    return text + (", waited for by " + ", ".join(map(tasks.who, waiters)) if waiters else "")


def _writes(queued):
    def show(fi):
        found = fuse.writepages(fi)
        if found is None:
            return None
        return (
            " ".join(
                "%d-%d" % (w.first, w.last) if w.count > 1 else "%d" % w.first
                for w in found
                if w.queued == queued
            )
            or "none"
        )

    return show


class FuseInode(Base):
    fields = (
        (
            "inode",
            lambda v: "size %d, %d pages cached, %s"
            % (
                int(v["inode"]["i_size"]),
                int(v["inode"]["i_data"]["nrpages"]),
                " ".join(fuse.inode_state_names(v["inode"])) or "clean",
            ),
        ),
        ("nodeid", "nodeid"),
        ("nlookup", "nlookup"),
        ("writectr", lambda v: fuse.writectr_text(v) if fuse.is_regular(v) else None),
        ("pages_in_flight", lambda v: _writes(False)(v)),
        ("pages_queued", lambda v: _writes(True)(v)),
        ("state", lambda v: " ".join(fuse.state_bits(v)) or "-"),
        ("waiting", lambda v: ", ".join(map(tasks.who, fuse.tasks_waiting_for(v))) or "nobody"),
        ("lock", lambda v: lock_text(v["inode"]["i_rwsem"])),
        ("iocachectr", "iocachectr"),
    )

    def line(self):
        return "FUSE " + fuse.describe(self.value)


class FuseReq(Base):
    fields = (
        ("flags", lambda v: " ".join(kernel.bits(int(v["flags"]), "fuse_req_flag", "FR_")) or "-"),
        ("opcode", lambda v: fuse.opcode_name(int(v["in"]["h"]["opcode"]))),
        ("unique", lambda v: int(v["in"]["h"]["unique"])),
        ("nodeid", lambda v: int(v["in"]["h"]["nodeid"])),
        ("what", lambda v: fuse.Request(v, None, "").range_text() or None),
        ("pid", lambda v: int(v["in"]["h"]["pid"])),
        ("error", lambda v: int(v["out"]["h"]["error"])),
        (
            "waiting",
            lambda v: ", ".join(map(tasks.who, fuse.Request(v, None, "").waiters())) or "nobody",
        ),
        ("args", "args"),
        ("mount", "fm"),
    )

    def line(self):
        return str(fuse.Request(self.value, None, ""))


class FuseWritepageArgs(Base):
    fields = (
        ("offset", lambda v: int(v["ia"]["write"]["in"]["offset"])),
        ("size", lambda v: int(v["ia"]["write"]["in"]["size"])),
        ("pages", lambda v: fuse.Writepage(v, "").count),
        ("copies", lambda v: _copies(v)),
        ("file_handle", lambda v: int(v["ia"]["write"]["in"]["fh"])),
        ("fuse_file", lambda v: v["ia"]["ff"]),
        ("next", "next"),
        ("bucket", "bucket"),
    )

    def line(self):
        return "WRITE of page writeback, %s" % inode_text(self.value["inode"].dereference())


def _copies(value):
    array, count = moved.page_array(value["ia"]["ap"])
    return " ".join("%#x" % one for one in kernel.words(array, min(count, 16))) + (
        " ..." if count > 16 else ""
    )


class FuseConn(Base):
    fields = (
        ("flags", lambda v: " ".join(fuse.conn_flags(v))),
        ("waiting", lambda v: fuse.waiting(v)),
        ("num_background", lambda v: int(fuse.channel(v)["num_background"])),
        ("active_background", lambda v: int(fuse.channel(v)["active_background"])),
        ("max_background", lambda v: int(fuse.channel(v)["max_background"])),
        ("max_write", "max_write"),
        ("max_pages", "max_pages"),
        ("last_unique", fuse.newest_unique),
        ("unanswered", lambda v: sum(1 for _ in fuse.requests(v))),
    )

    def line(self):
        return "FUSE connection %d" % fuse.conn_id(self.value)


class Bdi(Base):
    fields = (
        ("min_ratio", lambda v: bdi.ratio(v["min_ratio"]) + " %"),
        ("max_ratio", lambda v: bdi.ratio(v["max_ratio"]) + " %"),
        ("strict_limit", lambda v: bdi.strict(v)),
        ("dirty", lambda v: bdi.wb_stat(v["wb"], "WB_RECLAIMABLE")),
        ("writeback", lambda v: bdi.wb_stat(v["wb"], "WB_WRITEBACK")),
        ("references", lambda v: int(v["refcnt"]["refcount"]["refs"]["counter"])),
    )

    def line(self):
        return "bdi " + kernel.text(self.value["dev_name"])


class Wbc(Base):
    fields = (
        ("nr_to_write", "nr_to_write"),
        ("pages_skipped", "pages_skipped"),
        ("range", lambda v: "%d-%d" % (int(v["range_start"]), int(v["range_end"]))),
        ("sync_mode", "sync_mode"),
        (
            "what_for",
            lambda v: " ".join(
                n
                for n in (
                    "for_kupdate",
                    "for_background",
                    "tagged_writepages",
                    "for_reclaim",
                    "range_cyclic",
                    "for_sync",
                    "unpinned_netfs_wb",
                    "split_large_folio",
                    "no_cgroup_owner",
                )
                if has_member(v, n) and int(v[n])
            )
            or "-",
        ),
    )


PRINTERS = {
    "folio": Folio,
    "page": Page,
    "inode": Inode,
    "fuse_inode": FuseInode,
    "fuse_req": FuseReq,
    "fuse_writepage_args": FuseWritepageArgs,
    "fuse_conn": FuseConn,
    "backing_dev_info": Bdi,
    "writeback_control": Wbc,
}


def start():
    collection = gdb.printing.RegexpCollectionPrettyPrinter("fuse-uml")
    for struct, printer in PRINTERS.items():
        collection.add_printer(struct, "^%s$" % struct, printer)
    gdb.printing.register_pretty_printer(None, collection, replace=True)
