# SPDX-License-Identifier: GPL-2.0-only
"""Dirty accounting, shown."""
from ..model import bdi as model
from ..model import fuse, tasks
from ..model.kernel import entries, has_member
from .command import Command, table, write

def show(bdi):
    wb = bdi["wb"]
    thresh, background = model.limits()
    mine = model.share(wb, thresh)
    dirty, writeback = model.wb_stat(wb, "WB_RECLAIMABLE"), model.wb_stat(wb, "WB_WRITEBACK")
    temp = model.temp_pages(bdi)
    write(
        "bdi %s%s: *(struct backing_dev_info *)%#x"
        % (model.name(bdi), "".join(", " + m for m in model.mounts(bdi)), int(bdi.address))
    )
    write(
        "  min_ratio %s %%, max_ratio %s %%, strict limit %s"
        % (model.ratio(bdi["min_ratio"]), model.ratio(bdi["max_ratio"]), "on" if model.strict(bdi) else "off")
    )
    write(
        "  pages: dirty %d, under writeback %d%s; dirtied %d, written %d"
        % (
            dirty,
            writeback,
            "" if temp is None else " (%d are temporary copies)" % temp,
            model.wb_stat(wb, "WB_DIRTIED"),
            model.wb_stat(wb, "WB_WRITTEN"),
        )
    )
    write("  its threshold %d pages, of the global %d (background %d)" % (mine, thresh, background))
    write(
        "  dirty exceeded %s; inodes: dirty %d, io %d, more io %d; inodes under writeback %d"
        % (
            "yes" if int(wb["dirty_exceeded"]) else "no",
            sum(1 for _ in entries(wb["b_dirty"])),
            sum(1 for _ in entries(wb["b_io"])),
            sum(1 for _ in entries(wb["b_more_io"])),
            int(wb["writeback_inodes"]["counter"]) if has_member(wb, "writeback_inodes") else 0,
        )
    )
    write(
        "  bandwidth %d pages/s, a dirtier may dirty %d pages/s; flusher: %s"
        % (int(wb["avg_write_bandwidth"]), int(wb["dirty_ratelimit"]), model.flusher(wb))
    )
    throttled = (
        [
            t
            for t in tasks.tasks()
            if tasks.state(t) in "DS" and "balance_dirty_pages" in tasks.functions(t)
        ]
        if dirty + writeback
        else []
    )
    if throttled:
        write("  throttled here or on another bdi: %s" % ", ".join(map(tasks.who, throttled)))


class Bdi(Command):
    """Show a bdi: ratios, pages dirty and under writeback, thresholds, its flusher.
    Usage: bdi [NAME|CONN|MOUNTPOINT]

    Without an argument, those of FUSE. The figures are those of
    /sys/kernel/debug/bdi/NAME/stats and /sys/class/bdi/NAME, in pages; "dirty" is its
    BdiReclaimable. A page whose temporary copy is in flight counts as under writeback here,
    and not in the global NR_WRITEBACK (see `dirty`)."""

    name = "bdi"

    def run(self, args):
        if len(args) > 1:
            self.usage()
        chosen = (
            [model.find(args[0])]
            if args
            else [
                b
                for b in model.bdis()
                if any(
                    int(sb["s_bdi"]) == int(b.address)
                    for fc in fuse.connections()
                    for sb in fuse.superblocks(fc)
                )
            ]
        )
        if not chosen:
            write(
                "no FUSE filesystem is mounted; bdis: %s" % (", ".join(map(model.name, model.bdis())) or "none")
            )
        for bdi in chosen:
            show(bdi)


class Dirty(Command):
    """Show the global dirty picture, and how far each bdi is from being throttled.
    Usage: dirty

    Writers are slowed down when the dirty pages of all exceed the middle of the two
    thresholds (with a strict limit: when those of its bdi exceed the middle of its own),
    and stopped at the threshold."""

    name = "dirty"

    def run(self, args):
        if args:
            self.usage()
        thresh, background = model.limits()
        page = {
            n: model.node_stat(n)
            for n in (
                "NR_FILE_DIRTY",
                "NR_WRITEBACK",
                "NR_WRITEBACK_TEMP",
                "NR_DIRTIED",
                "NR_WRITTEN",
            )
        }
        write(
            "global pages: dirty %d, under writeback %d, temporary copies %s; dirtied %d, written %d"
            % (
                page["NR_FILE_DIRTY"],
                page["NR_WRITEBACK"],
                "-" if page["NR_WRITEBACK_TEMP"] is None else page["NR_WRITEBACK_TEMP"],
                page["NR_DIRTIED"],
                page["NR_WRITTEN"],
            )
        )
        write(
            "thresholds: background %d, writers slowed down from %d, stopped at %d; dirtyable %d pages"
            % (background, (thresh + background) // 2, thresh, model.dirtyable())
        )
        rows = []
        for bdi in model.bdis():
            wb = bdi["wb"]
            used = model.wb_stat(wb, "WB_RECLAIMABLE") + model.wb_stat(wb, "WB_WRITEBACK")
            mine = model.share(wb, thresh)
            if model.strict(bdi):
                free = (mine + (mine * background // thresh if thresh else 0)) // 2
            else:
                free = (
                    (thresh + background) // 2 - page["NR_FILE_DIRTY"] - page["NR_WRITEBACK"] + used
                )
            rows.append(
                (
                    model.name(bdi),
                    model.wb_stat(wb, "WB_RECLAIMABLE"),
                    model.wb_stat(wb, "WB_WRITEBACK"),
                    mine,
                    model.ratio(bdi["max_ratio"]),
                    "yes" if model.strict(bdi) else "no",
                    "%d pages left" % (free - used)
                    if used <= free
                    else "slowed down: %d over" % (used - free),
                )
            )
        table(
            rows,
            [
                "BDI",
                "DIRTY",
                "WRITEBACK",
                "THRESHOLD",
                "MAX%",
                "STRICT",
                "UNTIL WRITERS ARE SLOWED DOWN",
            ],
        )
