# SPDX-License-Identifier: GPL-2.0-only
"""The page cache of an inode, drawn."""
from ..model import fuse, kernel, pages
from ..model.kernel import Problem
from .command import Command, write

LEGEND = [
    ("L", "locked", "locked", lambda p: p.has("locked")),
    ("?", "not uptodate", "not uptodate", lambda p: not p.has("uptodate")),
    ("W", "under writeback", "writeback", lambda p: p.has("writeback")),
    ("B", "dirty again, copy in flight", "both", lambda p: p.temp and p.has("dirty")),
    ("Q", "copy made, WRITE not sent", "queued", lambda p: p.temp == 2),
    ("T", "temporary copy in flight", "temp", lambda p: p.temp == 1),
    ("D", "dirty", "dirty", lambda p: p.has("dirty")),
    (".", "clean", "clean", lambda p: True),
]


def letter(page):
    for char, _, _, test in LEGEND:
        if test(page):
            return char
    return "."


def ranges(indexes):
    """'0-3 7' of sorted numbers."""
    out = []
    for n in indexes:
        if out and out[-1][1] == n - 1:
            out[-1][1] = n
        else:
            out.append([n, n])
    return " ".join("%d" % a if a == b else "%d-%d" % (a, b) for a, b in out)


class FusePages(Command):
    """Map the cached pages of an inode, one character a page, and list them by state.
    Usage: fuse-pages X        (X as for fuse-inode)

      .  clean               D  dirty
      T  clean, its temporary copy is in flight     Q  the same, WRITE not sent yet
      B  dirty again while its copy is in flight    W  under writeback (no temporary pages)
      L  locked              ?  not uptodate        -  not cached

    The lists count every state that holds: a page may be locked and dirty."""

    name = "fuse-pages"

    def run(self, args):
        if len(args) != 1:
            raise Problem("which inode? A nodeid, a path or an address (see fuse-inodes)")
        fi = fuse.find_inode(args[0])
        if not fuse.is_regular(fi):
            raise Problem("%s is no regular file" % fuse.describe(fi))
        show(fi)


def show(fi, width=64):
    found, loose = pages.of_inode(fi)
    size = int(fi["inode"]["i_size"])
    write(
        "%s: %d pages cached, size %d (%d pages)"
        % (
            fuse.describe(fi),
            len(found),
            size,
            (size + kernel.page_size() - 1) >> kernel.page_shift(),
        )
    )
    chars = {p.index: letter(p) for p in found}
    if chars:
        last = max(chars)
        for start in range(0, last + 1, width):
            row = "".join(chars.get(i, "-") for i in range(start, min(start + width, last + 1)))
            if row.strip("-"):
                write("%8d %s" % (start, row))
    for char, title, _, _ in LEGEND:
        mine = [i for i in sorted(chars) if chars[i] == char]
        if mine:
            write("  %s %s: %d: %s" % (char, title, len(mine), ranges(mine)))
    for title, shown, test in (
        ("dirty", "DB", lambda p: p.has("dirty")),
        ("copy in flight or queued", "TQB", lambda p: p.temp),
    ):
        hidden = [p.index for p in found if test(p) and chars[p.index] not in shown]
        if hidden:
            write("  also %s: %s" % (title, ranges(hidden)))
    if loose:
        write("  copies in flight of pages that are not cached: %s" % ranges(loose))
    wrong = [p.index for p in found if p.has("dirty") and not p.dirty_tag and not p.has("locked")]
    if wrong:
        write("  PG_dirty without the xarray's dirty tag: %s" % ranges(wrong))
