# SPDX-License-Identifier: GPL-2.0-only
"""Dirty accounting: each bdi's, and the global picture. The arithmetic is that of
mm/page-writeback.c, done here so that it works in a core; no state is changed."""
from . import fuse, kernel, moved, tasks
from .kernel import (
    Problem,
    each,
    entries,
    enum,
    has_symbol,
    symbol,
    text,
)

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
    for fc in fuse.connections() if moved.makes_copies() else ():
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
    return bool(int(bdi["capabilities"]) & moved.strictlimit())


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
