# SPDX-License-Identifier: GPL-2.0-only
"""The page cache of an inode, read from its xarray.

Nodes are read as raw memory: a gdb.Value for each of 4096 pages takes seconds.
"""
import functools

import gdb

from . import fuse, moved
from .kernel import Problem, enum, memory, offset_of, type_of, word

DIRTY, WRITEBACK, TOWRITE = range(3)  # PAGECACHE_TAG_*


class Page:
    """One cached page: index, address of its struct folio, flags, tags."""

    __slots__ = ("index", "folio", "flags", "dirty_tag", "writeback_tag", "temp")

    def __init__(self, index, folio, dirty_tag, writeback_tag):
        self.index, self.folio = index, folio
        self.dirty_tag, self.writeback_tag = dirty_tag, writeback_tag
        self.flags = self.temp = 0

    def has(self, flag):
        return bool(self.flags >> flag_bit(flag) & 1)


@functools.lru_cache(None)
def flag_bit(name):
    bit = enum("pageflags").get("PG_" + name)
    if bit is None:
        raise Problem("this kernel has no page flag PG_%s" % name)
    return bit


class _Layout:
    """Offsets in struct xa_node, once for each kernel."""

    def __init__(self):
        node = "struct xa_node"
        self.shift = offset_of(node, "shift")
        self.slots = offset_of(node, "slots")
        self.marks = offset_of(node, "marks")
        self.size = type_of(node).sizeof
        self.flags = offset_of("struct page", "flags")
        slots = [f for f in type_of(node).fields() if f.name == "slots"][0]
        self.count = slots.type.range()[1] + 1


@functools.lru_cache(None)
def layout():
    return _Layout()


gdb.events.new_objfile.connect(lambda _: (layout.cache_clear(), flag_bit.cache_clear()))


def _nodes(entry, base, lay):
    """(base index, node's raw memory) of each leaf node below an entry."""
    todo = [(entry, base)]
    while todo:
        entry, base = todo.pop()
        raw = memory(entry - 2, lay.size).tobytes()
        shift = raw[lay.shift]
        if shift == 0:
            yield base, raw
            continue
        if shift > 60 or shift % 6:
            raise Problem("a broken xarray node at %#x" % (entry - 2))
        slots = memoryview(raw)[lay.slots : lay.slots + 8 * lay.count].cast("Q")
        for n in range(lay.count - 1, -1, -1):
            if slots[n] & 3 == 2 and slots[n] > 4096:
                todo.append((slots[n], base + (n << shift)))
            elif slots[n] and slots[n] & 3 == 0:
                # a folio of this node's size or more
                yield base + (n << shift), (slots[n], 1 << shift)


def cached(mapping):
    """All Pages of a struct address_space, by index. Shadows of evicted pages are left out."""
    lay = layout()
    head = int(mapping["i_pages"]["xa_head"])
    if head == 0 or head & 1:
        return
    if head & 3 == 0:
        flags = int(mapping["i_pages"]["xa_flags"])  # marks of a single entry: bits 28...
        yield Page(0, head, bool(flags >> 28 & 1), bool(flags >> 29 & 1))
        return
    for base, raw in _nodes(head, 0, lay):
        if isinstance(raw, tuple):
            folio, count = raw
            for n in range(count):
                yield Page(base + n, folio, False, False)
            continue
        slots = memoryview(raw)[lay.slots : lay.slots + 8 * lay.count].cast("Q")
        size = (lay.count + 7) // 8
        marks = [
            int.from_bytes(raw[lay.marks + size * m : lay.marks + size * (m + 1)], "little")
            for m in (DIRTY, WRITEBACK)
        ]
        for n in range(lay.count):
            entry, first = slots[n], n
            if entry & 3 == 2 and entry < 256:  # sibling: the folio begins in another slot
                first = entry >> 2
                entry = slots[first]
            if entry and entry & 3 == 0:
                yield Page(
                    base + n,
                    entry,
                    bool(marks[DIRTY] >> first & 1),
                    bool(marks[WRITEBACK] >> first & 1),
                )


class Count:
    pages = dirty = writeback = 0


def count(mapping):
    """How many pages there are, dirty and under writeback by the tags."""
    found = Count()
    for page in cached(mapping):
        found.pages += 1
        found.dirty += page.dirty_tag
        found.writeback += page.writeback_tag
    return found


def of_inode(fi):
    """All Pages of a struct fuse_inode, with their flags and temporary copies."""
    lay = layout()
    found = list(cached(fi["inode"]["i_mapping"].dereference()))
    for page in found:
        page.flags = word(page.folio + lay.flags)
    where = {p.index: p for p in found}
    loose = []
    for wp in fuse.writepages(fi) or [] if moved.makes_copies() else ():
        for index in range(wp.first, wp.last + 1):
            if index in where:
                where[index].temp = 2 if wp.queued else 1
            else:
                loose.append(index)
    return found, sorted(loose)
