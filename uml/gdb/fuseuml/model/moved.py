# SPDX-License-Identifier: GPL-2.0-only
"""Where structures and members moved from one kernel to the next: all that the commands
know of it stands here. Each function looks at what the debug information has, not at the
version; the version named is the first that has it.
"""
import gdb

from .kernel import at, container, each, entries, enum, has_member, offset_of, type_of

# --- FUSE: transport and file system ---------------------------------------------


def channel(fc):
    """Where a connection keeps its requests and devices: struct fuse_chan in 7.2."""
    return fc["chan"].dereference() if has_member(fc, "chan") else fc


def conn_of_request(req):
    """The struct fuse_conn of a request; by its channel in 7.2, by its mount before."""
    if has_member(req, "chan"):
        return req["chan"]["conn"].dereference()
    return req["fm"]["fc"].dereference()


def conn_of_device(device):
    """Address of the connection that an open /dev/fuse serves; 0: none."""
    if has_member(device, "fc"):
        return int(device["fc"])
    chan = int(device["chan"])
    # 1: closed
    return int(device["chan"]["conn"]) if chan > 1 else 0


# --- FUSE: page writeback --------------------------------------------------------


def makes_copies():
    """Does page writeback send temporary copies, kept in fi->writepages? 6.16 sends the
    page cache's own pages, and keeps no tree of them."""
    return has_member(type_of("struct fuse_inode"), "writepages")


def page_array(ap):
    """(address, number) of the folios or pages of a struct fuse_args_pages."""
    if has_member(ap, "num_pages"):  # until 6.13 or so; with folios beside them in between
        array = ap["pages"] if has_member(ap, "pages") else ap["folios"]
        return int(array), int(ap["num_pages"])
    return int(ap["folios"]), int(ap["num_folios"])


def writepage_of(req):
    """The struct fuse_writepage_args of a WRITE of page writeback."""
    return container(req["args"], "struct fuse_writepage_args", "ia.ap.args")


def strictlimit():
    """BDI_CAP_STRICTLIMIT: one bit lower since there is no BDI_CAP_WRITEBACK_ACCT, which went
    with the temporary pages' counter. (Macros are not in the debug information.)"""
    return 4 if "NR_WRITEBACK_TEMP" in enum("node_stat_item") else 2


# --- the VFS ---------------------------------------------------------------------


def dentry_name(dentry):
    """struct qstr of a dentry: behind a union in 6.17."""
    if has_member(dentry, "__d_name") and not has_member(dentry, "d_name"):
        return dentry["__d_name"]
    return dentry["d_name"]


def alias_offset():
    """Bytes from a dentry's start to its place on inode->i_dentry: out of d_u in 7.x."""
    dentry = type_of("struct dentry")
    return offset_of("struct dentry", "d_u.d_alias" if has_member(dentry, "d_u") else "d_alias")


def first_mount(sb):
    """A struct mount of a filesystem, or None: a list until 6.17, then a pointer."""
    head = sb["s_mounts"]
    if head.type.strip_typedefs().code == gdb.TYPE_CODE_PTR:
        return head.dereference() if int(head) else None
    return next(each(head, "struct mount", "mnt_instance"), None)


def inode_state(inode):
    """i_state as a number: in a struct of its own from 6.19."""
    value = inode["i_state"]
    if value.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT:
        value = value["__state"]
    return int(value)


def file_lock(lock):
    """(address of who blocks it, function giving a lock's pid): in flc_... from 6.9."""
    core = lock["c"] if has_member(lock, "c") else lock
    if has_member(core, "flc_blocker"):
        return core["flc_blocker"], lambda other: int(other["flc_pid"])
    return lock["fl_blocker"], lambda other: int(other["fl_pid"])


# --- tasks and locks -------------------------------------------------------------


def task_state(task):
    """The bits of a task's state: __state from 5.14."""
    return int(task["__state"] if has_member(task, "__state") else task["state"])


def running_task(cpu):
    """The pointer in cpu_tasks[]: until 6.12 in a struct."""
    return cpu["task"] if cpu.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT else cpu


def blocking_lock(task):
    """(its struct, address) of the mutex or rw_semaphore that a task sleeps for, as the task
    says since 6.16 (CONFIG_DETECT_HUNG_TASK_BLOCKER); None: it sleeps for none, or does not
    say."""
    word = int(task["blocker"]) if has_member(task, "blocker") else 0
    # the low bits: 0 a mutex, 1 a semaphore, 2 and 3 a reader and a writer
    kind = "struct mutex" if word & 3 == 0 else "struct rw_semaphore"
    return (kind, word & ~3) if word and word & 3 != 1 else None


def lock_waiters(lock, waiter):
    """The tasks that wait for a rw_semaphore or a mutex; `waiter` names their struct."""
    if has_member(lock, "wait_list"):
        return [w["task"].dereference() for w in each(lock["wait_list"], waiter, "list")]
    # 7.x: a ring without a head
    first = int(lock["first_waiter"])
    if not first:
        return []
    ring = lock["first_waiter"].dereference()
    others = [n - offset_of(waiter, "list") for n in entries(ring["list"])]
    return [at(w, waiter)["task"].dereference() for w in [first] + others]
