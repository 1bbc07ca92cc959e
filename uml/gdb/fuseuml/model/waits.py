# SPDX-License-Identifier: GPL-2.0-only
"""What each sleeping task waits for.

Found from the other end: by walking the wait queues that matter in FUSE writeback and
seeing who is on them. That needs no variable of any stack frame, which the compiler
may have optimized away.
"""
import gdb

from . import fuse, kernel, parked, tasks
from .kernel import Problem, at, each, offset_of, symbol, type_of

# Of the functions that tasks wait in, those that say it all
BY_FUNCTION = {
    "balance_dirty_pages": "throttled: too many dirty pages (see bdi)",
    "fuse_dev_do_read": "a request to serve",
    "kswapd_try_to_sleep": "memory to reclaim",
    "do_wait": "a child to end",
}


def reasons():
    """{address of a task: what it waits for}"""
    found = {}
    for task in tasks.tasks() if parked.by_pid else ():
        one = parked.by_pid.get(int(task["pid"]))
        if one:
            _put(found, task, "parked in %s by uml-park" % one.function)
    for collect in (_connections, _inodes, _folios, _bits, _bdis):
        try:
            collect(found)
        except (gdb.error, gdb.MemoryError, Problem):
            continue  # another kernel's structures: the others still help
    return found


def _put(found, task, text):
    found.setdefault(int(task.address), text)


def _connections(found):
    for fc in fuse.connections():
        chan = fuse.channel(fc)
        for request in fuse.requests(fc):
            for task in request.waiters():
                _put(found, task, "the reply to %s, %s" % (request, request.state))
        for entry in fuse.wait_entries(chan["blocked_waitq"]):
            _put(
                found,
                fuse.entry_task(entry),
                "a free slot: connection %d has %d of %d background requests"
                % (fuse.conn_id(fc), int(chan["num_background"]), int(chan["max_background"])),
            )
        for entry in fuse.wait_entries(chan["iq"]["waitq"]):
            _put(
                found,
                fuse.entry_task(entry),
                "a request to serve (connection %d)" % fuse.conn_id(fc),
            )


def _inodes(found):
    for fc in fuse.connections():
        for fi in fuse.inodes(fc):
            inode = fi["inode"]
            if fuse.is_regular(fi) and kernel.has_member(fi, "page_waitq"):
                for task in fuse.tasks_waiting_for(fi):
                    count = int(fi["writectr"])
                    _put(
                        found,
                        task,
                        "WRITEs of %s to end: %d in flight"
                        % (fuse.describe(fi), count if count >= 0 else count - fuse.NOWRITE),
                    )
            for name, sem in (
                ("inode lock", inode["i_rwsem"]),
                ("invalidate lock", inode["i_data"]["invalidate_lock"]),
            ):
                owner = fuse.rwsem_owner(sem)
                for task in fuse.rwsem_waiters(sem):
                    _put(
                        found,
                        task,
                        "the %s of %s, held by %s"
                        % (
                            name,
                            fuse.describe(fi),
                            tasks.who(owner) if owner is not None else "readers",
                        ),
                    )
            owner = int(fi["mutex"]["owner"]["counter"]) & ~7
            for task in fuse.lock_waiters(fi["mutex"], "struct mutex_waiter"):
                _put(
                    found,
                    task,
                    "the lookup mutex of %s, held by %s"
                    % (
                        fuse.describe(fi),
                        tasks.who(at(owner, "struct task_struct")) if owner else "nobody",
                    ),
                )


def _heads(array):
    """The wait_queue_head_t's of a hash table that are not empty."""
    count = array.type.range()[1] + 1
    size = array.type.target().sizeof
    head = offset_of("struct wait_queue_head", "head")
    raw = kernel.memory(int(array.address), count * size).cast("B").cast("Q")
    for n in range(count):
        first = raw[(n * size + head) // 8]
        if first not in (0, int(array.address) + n * size + head):
            yield array[n]


def folio_name(folio):
    """'page 3 of nodeid 2 (/a)' of an address."""
    page = at(folio, "struct folio")
    mapping = int(page["mapping"])
    if not mapping or mapping & 3:
        return "a page without a file (%#x)" % folio
    inode = at(mapping, "struct address_space")["host"].dereference()
    name = "inode %d of %s" % (int(inode["i_ino"]), kernel.text(inode["i_sb"]["s_id"]))
    if fuse.is_fuse_inode(inode):
        name = fuse.describe(kernel.container(inode.address, "struct fuse_inode", "inode"))
    return "page %d of %s" % (int(page["index"]), name)


def _folios(found):
    flags = {
        v: k[3:] for k, v in kernel.enum("pageflags").items() if k in ("PG_locked", "PG_writeback")
    }
    for head in _heads(symbol("folio_wait_table")):
        for entry in fuse.wait_entries(head):
            wait = kernel.container(entry.address, "struct wait_page_queue", "wait")
            flag = flags.get(int(wait["bit_nr"]), "bit %d" % int(wait["bit_nr"]))
            _put(
                found,
                fuse.entry_task(entry),
                "%s to be %s"
                % (
                    folio_name(int(wait["folio"])),
                    {"locked": "unlocked", "writeback": "written back"}.get(flag, flag),
                ),
            )


def _bits(found):
    inodes = [(int(fi.address), fi) for fc in fuse.connections() for fi in fuse.inodes(fc)]
    size = type_of("struct fuse_inode").sizeof
    for head in _heads(symbol("bit_wait_table")):
        for entry in fuse.wait_entries(head):
            wait = kernel.container(entry.address, "struct wait_bit_queue_entry", "wq_entry")
            where = int(wait["key"]["flags"])
            for start, fi in inodes:
                if start <= where < start + size:
                    _put(
                        found,
                        fuse.entry_task(entry),
                        "writeback of %s to end (I_SYNC or a bit of it)" % fuse.describe(fi),
                    )


def _bdis(found):
    for bdi in each(symbol("bdi_list"), "struct backing_dev_info", "bdi_list"):
        for entry in fuse.wait_entries(bdi["wb_waitq"]):
            _put(
                found,
                fuse.entry_task(entry),
                "the flusher of bdi %s to finish its work" % kernel.text(bdi["dev_name"]),
            )


def reason(task, where, found):
    """The best one known, or ''"""
    return found.get(int(task.address)) or BY_FUNCTION.get(where, "")
