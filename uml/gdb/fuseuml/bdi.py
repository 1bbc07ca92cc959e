# SPDX-License-Identifier: GPL-2.0-only
"""Dirty accounting: each bdi's, and the global picture. The arithmetic is that of
mm/page-writeback.c, done here so that it works in a core; no state is changed."""
from . import fuse, kernel, tasks
from .kernel import (
    Command,
    Problem,
    each,
    entries,
    enum,
    has_member,
    has_symbol,
    symbol,
    text,
    write,
)

STRICTLIMIT = 4  # BDI_CAP_STRICTLIMIT


def ratio_scale():
    """Parts of a percent that ratios are kept in: BDI_RATIO_SCALE, whole ones before 6.2."""
    return 10000 if fuse.release_at_least(6, 2) else 1


def bdis():
    """All registered backing_dev_infos."""
    yield from each(symbol("bdi_list"), "struct backing_dev_info", "bdi_list")


def name(bdi):
    return text(bdi["dev_name"])


def counter(value):
    """A percpu_counter, not below zero; with SMP off by what the CPUs keep to themselves."""
    return max(0, int(value["count"]))


def wb_stat(wb, item):
    return counter(wb["stat"][enum("wb_stat_item")[item]])


def node_stat(item):
    """A vmstat counter of nodes; None where the kernel has none of this name."""
    index = enum("node_stat_item").get(item)
    return None if index is None else max(0, int(symbol("vm_node_stat")[index]["counter"]))


def zone_stat(item):
    return max(0, int(symbol("vm_zone_stat")[enum("zone_stat_item")[item]]["counter"]))


def variable(*names):
    """The first of these variables that the kernel has (some were made static or renamed)."""
    for name_ in names:
        if has_symbol(name_):
            return int(symbol(name_))
    raise Problem("this kernel has no variable '%s'" % names[0])


def dirtyable():
    """Pages that may get dirty: free and file pages, less the reserve."""
    free = zone_stat("NR_FREE_PAGES")
    free -= min(free, variable("totalreserve_pages"))
    return free + node_stat("NR_INACTIVE_FILE") + node_stat("NR_ACTIVE_FILE") + 1


def limits(realtime=False):
    """(threshold, background threshold) in pages, as global_dirty_limits()."""
    available = dirtyable()
    page = kernel.page_size()
    values = []
    for ratio, bytes_ in (
        (variable("vm_dirty_ratio"), variable("vm_dirty_bytes")),
        (variable("dirty_background_ratio"), variable("dirty_background_bytes")),
    ):
        values.append(-(-bytes_ // page) if bytes_ else ratio * page // 100 * available // page)
    thresh, background = values
    if realtime:
        extra = int(symbol("global_wb_domain")["dirty_limit"]) // 32
        background += background // 4 + extra
        thresh += thresh // 4 + extra
    if background >= thresh:
        background = thresh // 2
    return thresh, background


def share(wb, thresh):
    """This bdi's part of a threshold, as __wb_calc_thresh()."""
    bdi = wb["bdi"].dereference()
    domain = symbol("global_wb_domain")["completions"]
    local = wb["completions"]
    num = counter(local["events"])
    age = int(domain["period"]) - int(local["period"])
    if age:
        num = num >> age if 0 < age < 64 else 0
    den = counter(domain["events"])
    if den <= num:
        den = num or 1
    least = variable("bdi_min_ratio") if has_symbol("bdi_min_ratio") else 0
    full = 100 * ratio_scale()
    part = thresh * (full - least) // full * num // den
    part += thresh * int(bdi["min_ratio"]) // full
    return min(part, thresh * int(bdi["max_ratio"]) // full)


def temp_pages(bdi):
    """Pages of this bdi's FUSE inodes whose temporary copy is in flight or queued; None
    where it is no FUSE bdi or the kernel makes no copies."""
    total = None
    for fc in fuse.connections():
        if not any(int(sb["s_bdi"]) == int(bdi.address) for sb in fuse.superblocks(fc)):
            continue
        for fi in fuse.inodes(fc):
            found = fuse.writepages(fi)
            if found is not None:
                total = (total or 0) + sum(w.count for w in found)
    return total


def mounts(bdi):
    found = []
    for fc in fuse.connections():
        for sb in fuse.superblocks(fc):
            if int(sb["s_bdi"]) == int(bdi.address):
                found.append(
                    "FUSE connection %d on %s" % (fuse.conn_id(fc), fuse.mountpoint(sb) or "?")
                )
    return found


def strict(bdi):
    return bool(int(bdi["capabilities"]) & STRICTLIMIT)


def flusher(wb):
    """What the flusher of a bdi does: text."""
    work = wb["dwork"]["work"]
    data = int(work["data"]["counter"])
    busy = not bool(kernel.has_member(wb, "work_list")) or any(
        True for _ in entries(wb["work_list"])
    )
    for task in tasks.tasks():
        if not tasks.is_kernel_thread(task) or not tasks.name(task).startswith("kworker"):
            continue
        if tasks.state(task) == "I":
            continue
        stack = tasks.functions(task)
        if "wb_workfn" in stack:
            return "at work in %s (pid %d), blocked in %s" % (
                tasks.name(task),
                int(task["pid"]),
                tasks.blocked_in(task, stack),
            )
    timer = wb["dwork"]["timer"]
    if data & 1:
        if int(timer["entry"]["pprev"]):
            left = int(timer["expires"]) - kernel.jiffies()
            return "due in %.2f s" % (max(0, left) / kernel.hz())
        return "queued, to run next"
    return "idle, %s" % ("work queued" if busy else "nothing to do")


def find(word):
    for bdi in bdis():
        if word in (name(bdi), "%#x" % int(bdi.address)):
            return bdi
    try:
        for fc in fuse.connections():
            if word in [fuse.mountpoint(sb) for sb in fuse.superblocks(fc)] or word == str(
                fuse.conn_id(fc)
            ):
                for sb in fuse.superblocks(fc):
                    return sb["s_bdi"].dereference()
    except Problem:
        pass
    raise Problem("no bdi '%s'; there are: %s" % (word, ", ".join(map(name, bdis())) or "none"))


def ratio(value):
    return ("%.4f" % (int(value) / ratio_scale())).rstrip("0").rstrip(".")


def show(bdi):
    wb = bdi["wb"]
    thresh, background = limits()
    mine = share(wb, thresh)
    dirty, writeback = wb_stat(wb, "WB_RECLAIMABLE"), wb_stat(wb, "WB_WRITEBACK")
    temp = temp_pages(bdi)
    write(
        "bdi %s%s: *(struct backing_dev_info *)%#x"
        % (name(bdi), "".join(", " + m for m in mounts(bdi)), int(bdi.address))
    )
    write(
        "  min_ratio %s %%, max_ratio %s %%, strict limit %s"
        % (ratio(bdi["min_ratio"]), ratio(bdi["max_ratio"]), "on" if strict(bdi) else "off")
    )
    write(
        "  pages: dirty %d, under writeback %d%s; dirtied %d, written %d"
        % (
            dirty,
            writeback,
            "" if temp is None else " (%d are temporary copies)" % temp,
            wb_stat(wb, "WB_DIRTIED"),
            wb_stat(wb, "WB_WRITTEN"),
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
        % (int(wb["avg_write_bandwidth"]), int(wb["dirty_ratelimit"]), flusher(wb))
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
        write("  throttled here or on another bdi: %s" % ", ".join(map(fuse.who, throttled)))


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
            [find(args[0])]
            if args
            else [
                b
                for b in bdis()
                if any(
                    int(sb["s_bdi"]) == int(b.address)
                    for fc in fuse.connections()
                    for sb in fuse.superblocks(fc)
                )
            ]
        )
        if not chosen:
            write(
                "no FUSE filesystem is mounted; bdis: %s" % (", ".join(map(name, bdis())) or "none")
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
        thresh, background = limits()
        page = {
            n: node_stat(n)
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
            % (background, (thresh + background) // 2, thresh, dirtyable())
        )
        rows = []
        for bdi in bdis():
            wb = bdi["wb"]
            used = wb_stat(wb, "WB_RECLAIMABLE") + wb_stat(wb, "WB_WRITEBACK")
            mine = share(wb, thresh)
            if strict(bdi):
                free = (mine + (mine * background // thresh if thresh else 0)) // 2
            else:
                free = (
                    (thresh + background) // 2 - page["NR_FILE_DIRTY"] - page["NR_WRITEBACK"] + used
                )
            rows.append(
                (
                    name(bdi),
                    wb_stat(wb, "WB_RECLAIMABLE"),
                    wb_stat(wb, "WB_WRITEBACK"),
                    mine,
                    ratio(bdi["max_ratio"]),
                    "yes" if strict(bdi) else "no",
                    "%d pages left" % (free - used)
                    if used <= free
                    else "slowed down: %d over" % (used - free),
                )
            )
        kernel.table(
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
