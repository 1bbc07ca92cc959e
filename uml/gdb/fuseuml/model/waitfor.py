# SPDX-License-Identifier: GPL-2.0-only
"""Who waits for whom: a graph of tasks and of what they wait for, walked to its roots.

Tasks and objects alternate: a task waits for an object (a lock, a page, a request...),
an object waits for those who can let it go (a task that holds it, the server that has
not answered, WRITEs in flight). Waiters are found on the wait queues themselves, holders
in the lock, or in the function on the holder's stack that is known to hold it. Nothing is
guessed: where the kernel does not tell, there is a node "unknown".
"""
import functools
import re

import gdb

from . import fuse, gate, kernel, moved, parked, tasks
from .kernel import Problem, at, each, has_member, offset_of, symbol, type_of


class Node:
    """kind: task, request, rwsem, mutex, folio lock, folio writeback, page write, nowrite,
    bit, completion, slots, throttle, flusher, posix lock, server, or a leaf: runs, timer,
    idle, withheld, dropped, nobody, frozen, stopped, lost, parked, unknown.

    mode: "all" of its edges must be got over, or "any" one is enough. alive: goes on by
    itself (leaves), or can go on by what its edges lead to; set by Graph.settle()."""

    def __init__(self, key, kind, text, mode="all", alive=None):
        self.key, self.kind, self.text, self.mode = key, kind, text, mode
        self.alive = alive
        self.fixed = alive is not None
        self.edges = []
        self.task = None
        self.stuck = False  # a task that waits for something of the kernel's

    def __repr__(self):
        return "<%s %s>" % (self.kind, self.text)


class Edge:
    """how: the words between the two; where: function and source line, of a task's wait."""

    def __init__(self, target, how, where=""):
        self.target, self.how, self.where = target, how, where


class Place:
    """One frame of a sleeping task. Only valid while gdb looks at that task."""

    def __init__(self, frame):
        self.frame = frame
        self.name = re.sub(r"\.(isra|constprop|part|cold)\.?\d*", "", frame.name() or "?")

    def where(self):
        sal = self.frame.find_sal()
        if sal is None or sal.symtab is None:
            return self.name
        return "%s() %s:%d" % (
            self.name,
            kernel.short_paths(" at " + sal.symtab.filename)[4:],
            sal.line,
        )

    def value(self, name):
        """A variable of this frame as a Value; None where it is not known."""
        try:
            value = kernel.local(name, self.frame)
            return None if value is None or value.is_optimized_out else value
        except (gdb.error, gdb.MemoryError, RuntimeError):
            return None

    def number(self, *names):
        for name in names:
            value = self.value(name)
            try:
                if value is not None:
                    return int(value)
            except (gdb.error, gdb.MemoryError):
                continue
        return None

    def address_of(self, name):
        value = self.value(name)
        return int(value.address) if value is not None and value.address is not None else None


# Where kernel threads and others wait for work: they stand in nobody's way
IDLE = {
    "kthread", "kthreadd", "worker_thread", "rescuer_thread", "smpboot_thread_fn", "oom_reaper",
    "kcompactd", "kswapd", "ksoftirqd", "watchdog", "rcu_gp_kthread", "rcu_gp_fqs_loop",
    "rcu_tasks_kthread", "rcu_tasks_one_gp", "kswapd_try_to_sleep", "kauditd_thread", "khungtaskd",
    "kthread_worker_fn", "devtmpfs_work_loop", "devtmpfsd",
}  # fmt: skip
# Waits for other programs, of which the kernel knows no holder
OUTSIDE = {
    "pipe_read", "anon_pipe_read", "pipe_write", "do_epoll_wait", "ep_poll", "do_poll", "do_sys_poll",
    "do_select", "futex_wait_queue", "sigsuspend", "do_sigtimedwait", "n_tty_read", "unix_accept",
    "unix_wait_for_peer", "__skb_wait_for_more_packets", "inet_csk_accept", "unix_stream_read_generic",
    "unix_stream_data_wait", "inotify_read", "signalfd_read", "eventfd_read", "__do_sys_pause", "sys_pause",
}  # fmt: skip
# How a server behind the gate's socket waits for its next request
RECEIVING = {"__unix_dgram_recvmsg", "unix_dgram_recvmsg", "unix_seqpacket_recvmsg"}
SOCK_SEQPACKET = 5
# Functions that hold the lock of a page while they wait for something else, and its variable
FOLIO_HOLDERS = {
    "invalidate_inode_pages2_range": ("folio",),
    "truncate_inode_pages_range": ("folio",),
    "invalidate_complete_folio2": ("folio",),
    "folio_unmap_invalidate": ("folio",),
    "truncate_inode_partial_folio": ("folio",),
    "write_cache_pages": ("folio",),
    "fuse_writepages_fill": ("folio",),
    "fuse_writepage_locked": ("folio",),
    "fuse_write_folio": ("folio",),
    "fuse_writepage": ("page",),
    "fuse_launder_folio": ("folio",),
    "fuse_page_mkwrite": ("folio", "page"),
    "filemap_read_folio": ("folio",),
    "fuse_read_folio": ("folio",),
    "fuse_do_readpage": ("page", "folio"),
    "fuse_write_begin": ("page", "folio"),
    "fuse_zero_partial_folio": ("folio",),
    "pageout": ("folio",),
    "shrink_folio_list": ("folio",),
}
# Those that hold several, in an array of struct fuse_args_pages
FOLIO_ARRAYS = {"fuse_fill_write_pages": "ap", "fuse_send_write_pages": "ia"}
# Readers of a lock: a function that holds it for reading while it waits, and the variable
# that leads to the inode
SHARED = {
    "invalidate lock": (
        "filemap_fault", "page_cache_ra_unbounded", "filemap_create_folio", "filemap_update_page",
        "fuse_page_mkwrite",
    ),
    "inode lock": ("lookup_slow", "iterate_dir", "open_last_lookups", "fuse_direct_write_iter"),
}  # fmt: skip


def _pointer(value):
    try:
        return 0 if value is None else int(value)
    except (gdb.error, gdb.MemoryError):
        return 0


class Graph:
    def __init__(self):
        self.nodes = {}
        self.todo = []
        self.queued = {}  # address of a task: (node, how) that the wait queues tell
        self.all_tasks = list(tasks.tasks())
        self.stacks = {}
        self.unknowns = 0

    # --- nodes ---

    def node(self, kind, ident, text, mode="all", alive=None):
        key = (kind, ident)
        if key not in self.nodes:
            self.nodes[key] = Node(key, kind, text, mode, alive)
        return self.nodes[key]

    def leaf(self, kind, text, alive=False, ident=None):
        return self.node(kind, ident or text, text, alive=alive)

    def unknown(self, text):
        self.unknowns += 1
        return self.node("unknown", self.unknowns, text, alive=False)

    def link(self, node, target, how, where=""):
        if all(e.target is not target for e in node.edges):
            node.edges.append(Edge(target, how, where))

    def task(self, task):
        key = ("task", int(task.address))
        if key not in self.nodes:
            self.nodes[key] = Node(key, "task", tasks.who(task))
            self.nodes[key].task = task
            self.todo.append((self.nodes[key], self._expand))
        return self.nodes[key]

    def later(self, node, expand):
        """Its edges are found once all the wait queues have been walked."""
        self.todo.append((node, expand))
        return node

    # --- the whole ---

    def build(self):
        self.requests = {}  # address of a request's args: Request
        self.by_fc = {}
        self.kept = gate.requests()
        for fc in self._try(lambda: list(fuse.connections())) or []:
            self.by_fc[int(fc.address)] = []
            for request in self._try(lambda: list(fuse.requests(fc))) or []:
                self.requests[int(request.req["args"])] = request
                self.by_fc[int(fc.address)].append(request)
        for collect in (
            self._parked, self._requests, self._inodes, self._rwsems, self._folios, self._bits, self._bdis,
        ):  # fmt: skip
            self._try(collect)
        for task in self.all_tasks:
            if int(task["pid"]):
                self.task(task)
        while self.todo:
            node, expand = self.todo.pop(0)
            try:
                expand(node)
            except (gdb.error, gdb.MemoryError, Problem) as e:
                self.link(node, self.unknown("unknown (%s)" % kernel.explain(e)), "waits for")
        self.settle()
        return self

    def _try(self, function):
        """Another kernel's structures: what the others tell still helps."""
        try:
            return function()
        except (gdb.error, gdb.MemoryError, Problem):
            return None

    def _queue(self, task, node, how="waits for"):
        self.queued.setdefault(int(task.address), (node, how))

    def settle(self):
        """Which nodes can go on? Leaves say it themselves."""
        for node in self.nodes.values():
            if not node.fixed:
                node.alive = False
        changed = True
        while changed:
            changed = False
            for node in self.nodes.values():
                if node.alive or node.fixed or not node.edges:
                    continue
                going = [e.target.alive for e in node.edges]
                if all(going) if node.mode == "all" else any(going):
                    node.alive = changed = True

    def waits(self, task):
        """Does it wait for something of the kernel's or the server's?"""
        node = self.nodes.get(("task", int(task.address)))
        return node is not None and node.stuck

    # --- what the wait queues tell ---

    def _parked(self):
        for task in self.all_tasks if parked.by_pid else ():
            one = parked.by_pid.get(int(task["pid"]))
            if one:
                node = self.leaf("parked", "parked in %s by uml-park" % one.function)
                self._queue(task, node, "is")

    def _requests(self):
        for fc in fuse.connections():
            chan = fuse.channel(fc)
            for request in self.by_fc[int(fc.address)]:
                for task in request.waiters():
                    self._queue(task, self.request(request), "waits for the reply to")
            for entry in fuse.wait_entries(chan["blocked_waitq"]):
                self._queue(fuse.entry_task(entry), self.slots(fc, foreground=True))
            for entry in fuse.wait_entries(chan["iq"]["waitq"]):
                self._queue(
                    fuse.entry_task(entry),
                    self.leaf("idle", "a request to serve (connection %d)" % fuse.conn_id(fc), True),
                )
            if has_member(fc, "wb_waitq"):
                for entry in fuse.wait_entries(fc["wb_waitq"]):
                    node = self.node(
                        "completion", ("syncfs", int(fc.address)),
                        "all WRITEs of connection %d to end" % fuse.conn_id(fc),
                    )  # fmt: skip
                    for request in self.by_fc[int(fc.address)]:
                        if request.name == "WRITE":
                            self.link(node, self.request(request), "that is, of")
                    self._queue(fuse.entry_task(entry), node)

    def request(self, request):
        ident = int(request.req.address)
        node = self.nodes.get(("request", ident))
        if node:
            return node
        node = self.node("request", ident, str(request))
        node.request = request
        if request.state == "set aside":
            self.link(node, self.slots(request.fc), "is set aside, for want of")
        elif request.state == "pending":
            idle = fuse.servers(request.fc)
            idle = [t for t in idle if not self._halted(t)]
            if idle:
                self.link(
                    node, self.leaf("runs", "a server thread that is about to read it", True), "waits for"
                )
            else:
                self.link(node, self.server(request.fc), "is in the kernel's queue, unread by")
        elif request.state == "being copied":
            self.link(node, self.server(request.fc), "is being read by")
        else:
            self._sent(node, request)
        return node

    def _sent(self, node, request):
        servers = {int(t["tgid"]) for t in self.openers(request.fc)}
        kept = next((self.kept[pid, request.unique] for pid in servers if (pid, request.unique) in self.kept), None)
        by_rule = ", by its rule %d" % kept.rule if kept and kept.rule else ""
        lock = self._asked_lock(request, servers) if kept and kept.state in ("server", "with") else None
        if lock is not None:
            self.link(node, lock, "asks for")
        elif kept is None or kept.state == "with":
            self.link(node, self.server(request.fc), "is with")
        elif kept.state == "held":
            self.link(node, self.leaf("withheld", "the gate" + by_rule), "is held by")
        elif kept.state == "dropped":
            self.link(node, self.leaf("dropped", "nobody: the gate has dropped it" + by_rule), "will be answered by")
        elif kept.state == "delayed":
            self.link(node, self.leaf("timer", "the gate for a while" + by_rule, True), "is held by")
        elif kept.thread:
            task = next((t for t in self.all_tasks if int(t["pid"]) == kept.thread), None)
            if task is None:
                self.link(
                    node, self.leaf("nobody", "thread %d of the server, which is gone" % kept.thread), "was read by"
                )
            elif int(task.address) in self.queued and self.queued[int(task.address)][0].kind == "idle":
                self.link(node, self.server(request.fc), "is with")
            else:
                self.link(node, self.task(task), "was read by the server's thread")
        elif kept.state == "server":
            what = "unknown: the server has put it aside, no thread of it works on it"
            self.link(node, self.unknown(what), "is with")
        else:
            self.link(node, self.server(request.fc), "is with the gate of")

    def _asked_lock(self, request, servers):
        """What a SETLKW that the server keeps waits for: a lock that the gate has seen it give
        to another. None: it knows of none."""
        if request.name not in ("SETLKW", "SETLK"):
            return None
        asked = request.argument("struct fuse_lk_in")
        given = gate.locks(servers)
        if asked is None or given is None:
            return None
        owner, flock = int(asked["owner"]), bool(int(asked["lk_flags"]) & 1)
        start, end, kind = (int(asked["lk"][n]) for n in ("start", "end", "type"))
        against = [
            l for l in given
            if l.nodeid == request.nodeid and l.owner != owner and l.flock == flock
            and l.start <= end and l.end >= start and (l.writes or kind == 1)
        ]  # fmt: skip
        if not against:
            return None
        where = next((fuse.describe(fi) for fi in fuse.inodes(request.fc) if int(fi["nodeid"]) == request.nodeid), None)
        part = "" if flock or (start == 0 and end >= (1 << 63) - 1) else " on bytes %d-%d" % (start, end)
        node = self.node(
            "posix lock", (int(request.fc.address), request.nodeid, owner, start, end),
            "the %s of %s%s" % ("flock" if flock else "POSIX lock", where or "nodeid %d" % request.nodeid, part),
        )  # fmt: skip
        for pid in sorted({l.pid for l in against}):
            holder = [t for t in self.all_tasks if int(t["tgid"]) == pid]
            for task in holder[:1]:
                self.link(node, self.task(task), "held by")
            if not holder:
                self.link(node, self.leaf("nobody", "pid %d, which is gone" % pid), "held by")
        return node

    def _halted(self, task):
        """Frozen or stopped: it will read nothing."""
        if tasks.frozen(task):
            return True
        names = self._names(task)
        return bool({"do_freezer_trap", "__refrigerator", "do_signal_stop"} & set(names))

    def _look(self, task):
        """(names of the functions it is in, function and line of its wait), found once."""
        address = int(task.address)
        if address not in self.stacks:
            names, where = [], ""
            with tasks.looking_at(task):
                for _, frame in tasks.frames(task):
                    place = Place(frame)
                    names.append(place.name)
                    if not where and not tasks.WAITS.match(place.name):
                        where = place.where()
            self.stacks[address] = names, where
        return self.stacks[address]

    def _names(self, task):
        return self._look(task)[0]

    def server(self, fc):
        """The processes that have a connection's device open: who could answer."""
        number = fuse.conn_id(fc)
        known = self.nodes.get(("server", number))
        if known:
            return known
        behind = self.behind(fc)
        openers = behind or self.openers(fc)
        names = {int(t["tgid"]): tasks.name(t) for t in reversed(openers)}
        text = "the server of connection %d" % number
        if behind:
            text += ", behind the gate's socket"
        text += "".join(", %s (pid %d)" % (name, pid) for pid, name in sorted(names.items()))
        node = self.node("server", number, text, "any")
        return self.later(node, lambda node: self._serves(node, fc, number, openers))

    def _serves(self, node, fc, number, openers):
        if not openers:
            self.link(node, self.leaf("nobody", "nobody: no task has its device open"), "that is")
            return
        idle = {int(t.address) for t in fuse.servers(fc)}
        idle |= {int(t.address) for t in self.behind(fc) if RECEIVING & set(self._names(t))}
        readers = [
            task for task in openers
            if int(task.address) in idle or any(n.startswith("fuse_dev_") for n in self._names(task))
        ]  # fmt: skip
        busy = [t for t in openers if int(t.address) not in idle]
        halted = [t for t in openers if self._halted(t)]
        if halted and len(halted) == len(openers):
            node.mode = "all"
            for task in halted:
                self.link(node, self.task(task), "its thread")
            return
        stuck = [t for t in busy if self._waits_in_kernel(t)]
        if stuck:
            for task in stuck:
                self.link(node, self.task(task), "has a thread that is blocked,")
            return
        running = [t for t in busy if tasks.state(t) == "R" or tasks.same(t, tasks.current())]
        if running and not all(tasks.same(t, tasks.current()) and self._idle_cpu() for t in running):
            for task in running:
                self.link(node, self.task(task), "its thread")
            return
        timed = [t for t in busy if self._has_timer(t)]
        if timed:
            self.link(
                node, self.leaf("timer", "%s sleeps until a timer, and may answer then" % tasks.who(timed[0]), True),
                "where",
            )  # fmt: skip
        elif readers:
            text = "it is kept: %d of its threads wait for the next request" % len(readers)
            self.link(node, self.leaf("withheld", text, ident=("kept", number)), "where")
        else:
            where = {}
            for t in openers:
                where.setdefault((int(t["tgid"]), tasks.blocked_in(t, self._names(t))), t)
            what = ", ".join("%s is in %s" % (tasks.who(t), place) for (_, place), t in where.items())
            text = "nobody: no task reads its device or answers (%s)" % what
            self.link(node, self.leaf("nobody", text, ident=("unread", number)), "which is")

    def _idle_cpu(self):
        return int(tasks.current()["pid"]) == 0

    def _waits_in_kernel(self, task):
        """Blocked in something that the kernel has, not in user space's own waits."""
        if tasks.state(task) == "D" or int(task.address) in self.queued:
            queued = self.queued.get(int(task.address))
            return not (queued and queued[0].kind == "idle")
        return False

    def openers(self, fc):
        """The tasks that have a connection's device open."""
        return (self._try(self._openers) or {}).get(int(fc.address), [])

    def behind(self, fc):
        """The tasks that have the other end of the gate's socket, where that is a server's."""
        return (self._try(self._behind) or {}).get(int(fc.address), [])

    @functools.lru_cache(None)
    def _behind(self):
        holders = self._socket_ends()
        found = {}
        for fc, tasks_ in self._openers().items():
            gates = {int(t["tgid"]) for t in tasks_}
            for sock, (peer, group) in holders.items():
                if peer in holders and gates & {int(t["tgid"]) for t in group}:
                    ends = [t for t in holders[peer][1] if int(t["tgid"]) not in gates]
                    found.setdefault(fc, []).extend(t for t in ends if t not in found.get(fc, []))
        return found

    def _socket_ends(self):
        """{struct sock: (its peer, [tasks that have it open])} of the socket pairs that keep
        messages apart, as the gate's does."""
        operations = int(symbol("socket_file_ops").address)
        op, private = offset_of("struct file", "f_op"), offset_of("struct file", "private_data")
        tables, found = {}, {}
        for task in self.all_tasks:
            files = _pointer(task["files"])
            if not files or tasks.is_kernel_thread(task):
                continue
            if files not in tables:
                tables[files] = set()
                fdt = at(files, "struct files_struct")["fdt"].dereference()
                for file in kernel.words(int(fdt["fd"]), min(int(fdt["max_fds"]), 65536)):
                    if not file or kernel.word(file + op) != operations:
                        continue
                    socket = at(kernel.word(file + private), "struct socket")
                    if int(socket["type"]) != SOCK_SEQPACKET:
                        continue
                    sock = int(socket["sk"])
                    unix = at(sock, "struct unix_sock")
                    # (SO_PASSCRED has given one of them a name, but no path)
                    named = int(unix["addr"]) and int(unix["addr"]["name"][0]["sun_path"][0])
                    if int(unix["peer"]) and not named:
                        tables[files].add((sock, int(unix["peer"])))
            for sock, peer in tables[files]:
                found.setdefault(sock, (peer, []))[1].append(task)
        return found

    @functools.lru_cache(None)
    def _openers(self):
        """{fuse_conn: [tasks with its device open]}: by their tables of descriptors."""
        operations = int(symbol("fuse_dev_operations").address)
        op, private = offset_of("struct file", "f_op"), offset_of("struct file", "private_data")
        tables, found = {}, {}
        for task in self.all_tasks:
            files = _pointer(task["files"])
            if not files or tasks.is_kernel_thread(task):
                continue
            if files not in tables:
                tables[files] = set()
                fdt = at(files, "struct files_struct")["fdt"].dereference()
                pointers = kernel.words(int(fdt["fd"]), min(int(fdt["max_fds"]), 65536))
                for file in pointers:
                    if not file or kernel.word(file + op) != operations:
                        continue
                    device = kernel.word(file + private)
                    if device & ~7:
                        fc = moved.conn_of_device(at(device & ~7, "struct fuse_dev"))
                        if fc:
                            tables[files].add(fc)
            for fc in tables[files]:
                found.setdefault(fc, []).append(task)
        return found

    def slots(self, fc, foreground=False):
        chan = fuse.channel(fc)
        node = self.nodes.get(("slots", int(fc.address)))
        if node:
            return node
        node = self.node(
            "slots", int(fc.address),
            "a free slot: connection %d has %d of %d background requests"
            % (fuse.conn_id(fc), int(chan["num_background"]), int(chan["max_background"])), "any",
        )  # fmt: skip
        active = [
            r for r in self.by_fc[int(fc.address)]
            if "BACKGROUND" in r.flag_names() and r.state != "set aside"
        ]  # fmt: skip
        for request in active:
            self.link(node, self.request(request), "taken by")
        if not active:
            if int(chan["active_background"]) < int(chan["max_background"]) and self._idle_cpu():
                self.link(
                    node, self.leaf("lost", "nobody: slots are free (active %d of %d) and it was not woken"
                                    % (int(chan["active_background"]), int(chan["max_background"]))),
                    "will be given by",
                )  # fmt: skip
            else:
                self.link(node, self.unknown("unknown: no active background request is found"), "taken by")
        return node

    # --- inodes: WRITEs in flight, FUSE_NOWRITE ---

    def _inodes(self):
        for fc in fuse.connections():
            for fi in fuse.inodes(fc):
                for task in fuse.tasks_waiting_for(fi):
                    names = self._names(task)
                    if "fuse_set_nowrite" in names:
                        self._queue(task, self.nowrite(fi))
                    else:
                        self._queue(task, self._page_writes(fi, task, names))

    def _write_request(self, wp):
        """The request of a struct fuse_writepage_args, None where it is none yet."""
        args = wp.wpa["ia"]["ap"]["args"]
        return self.requests.get(int(args.address))

    def _writes(self, node, fi, writes):
        for wp in writes:
            self.link(node, self.page_write(fi, wp), "that is, of")

    def page_write(self, fi, wp):
        pages = "page %d" % wp.first if wp.count <= 1 else "pages %d-%d" % (wp.first, wp.last)
        node = self.nodes.get(("page write", int(wp.wpa.address)))
        if node:
            return node
        node = self.node("page write", int(wp.wpa.address), "the WRITE of %s of %s" % (pages, fuse.describe(fi)))
        request = self._write_request(wp)
        if wp.state == "in flight" and request is not None:
            self.link(node, self.request(request), "which is")
        elif wp.state == "in flight":
            self.link(node, self.unknown("unknown: its request is on no queue"), "which is")
        elif int(fi["writectr"]) < 0:
            block = self.node(
                "nowrite", ("block", int(fi.address)),
                "FUSE_NOWRITE of %s" % fuse.describe(fi),
            )  # fmt: skip
            self.link(node, block, "which is not sent before the end of")
            if not block.edges:
                owner = fuse.rwsem_owner(fi["inode"]["i_rwsem"])
                if owner is not None:
                    self.link(block, self.task(owner), "set, with the inode lock held, by")
                else:
                    self.link(
                        block, self.unknown("unknown: nobody holds the inode lock for writing"),
                        "set by",
                    )  # fmt: skip
        elif wp.state == "being built":
            holder = self._stack_holder(("fuse_writepages", "fuse_writepages_fill", "write_cache_pages"))
            self.link(
                node,
                self.task(holder) if holder is not None else self.unknown("unknown: who collects its pages"),
                "which is not sent yet, as its pages are collected by",
            )
        else:
            self.link(node, self.unknown("unknown: it is queued, and no block is set"), "which is kept by")
        return node

    def _stack_holder(self, functions):
        found = [t for t in self.all_tasks if set(functions) & set(self._names(t))]
        return found[0] if len(found) == 1 else None

    def nowrite(self, fi):
        node = self.nodes.get(("nowrite", int(fi.address)))
        if node:
            return node
        value = int(fi["writectr"])
        count = value if value >= 0 else value - fuse.NOWRITE
        node = self.node(
            "nowrite", int(fi.address), "WRITEs of %s to end: %d in flight" % (fuse.describe(fi), count)
        )
        flying = [w for w in fuse.writepages(fi) or [] if w.state == "in flight"]
        if value == fuse.NOWRITE:
            self._lost(node, "all WRITEs of %s have ended" % fuse.describe(fi))
        elif flying:
            self._writes(node, fi, flying)
        else:
            self.link(node, self.unknown("unknown: writectr counts %d, no WRITE is found" % count), "that is, of")
        return node

    def _lost(self, node, what):
        """What is waited for has come about, and the task sleeps on. Certain only while
        nobody is on the way to wake it."""
        if self._idle_cpu():
            self.link(
                node, self.leaf("lost", "nobody will wake it: %s" % what, ident=("lost", node.key)), "and"
            )
        else:
            self.link(
                node, self.leaf("runs", "a task that runs: %s" % tasks.who(tasks.current()), True), "may be woken by"
            )

    def _page_writes(self, fi, task, names):
        """fuse_wait_on_page_writeback() and the like: which page, its frame tells."""
        first = last = newest = None
        with tasks.looking_at(task):
            for _, frame in tasks.frames(task):
                place = Place(frame)
                if place.name in ("fuse_wait_on_page_writeback", "fuse_wait_on_folio_writeback"):
                    first = last = place.number("index")
                    if first is None:
                        folio = place.value("folio")
                        first = last = int(folio["index"]) if folio is not None else None
                elif place.name == "fuse_wait_on_range_writeback":
                    first, last = place.number("first"), place.number("last")
                    newest = place.number("seq")
                if first is not None:
                    break
        if first is None:
            node = self.node("page write", ("some", int(task.address)), "a WRITE of %s to end" % fuse.describe(fi))
            self.link(node, self.unknown("unknown: of which page"), "that is")
            return node
        if last is None:
            last = 1 << 60
        over = [w for w in fuse.writepages(fi) or [] if w.last >= first and w.first <= last]
        if newest is not None:
            # those that began later are not waited for
            over = [w for w in over if not has_member(w.wpa, "seq") or int(w.wpa["seq"]) <= newest]
        if len(over) == 1:
            return self.page_write(fi, over[0])
        text = "the WRITE of page %d of %s to end" % (first, fuse.describe(fi))
        if last != first:
            text = "WRITEs of pages from %d of %s to end" % (first, fuse.describe(fi))
        node = self.node("page write", (int(fi.address), first, last), text)
        if over:
            self._writes(node, fi, over)
        else:
            self._lost(node, "it has ended")
        return node

    # --- locks ---

    @functools.lru_cache(None)
    def _lock_names(self):
        """{address of a rw_semaphore or mutex: its name}"""
        names = {}
        for fc in self._try(lambda: list(fuse.connections())) or []:
            for fi in fuse.inodes(fc):
                inode = fi["inode"]
                what = fuse.describe(fi)
                names[int(inode["i_rwsem"].address)] = ("inode lock", "the inode lock of " + what, inode)
                names[int(inode["i_data"]["invalidate_lock"].address)] = (
                    "invalidate lock", "the invalidate lock of " + what, inode,
                )  # fmt: skip
                names[int(fi["mutex"].address)] = ("mutex", "the lookup mutex of " + what, inode)
        for sb in each(symbol("super_blocks"), "struct super_block", "s_list"):
            names[int(sb["s_umount"].address)] = (
                "s_umount", "s_umount of %s (%s)" % (kernel.text(sb["s_id"]), kernel.text(sb["s_type"]["name"])), None,
            )  # fmt: skip
        for task in self.all_tasks:
            mm = _pointer(task["mm"])
            if mm:
                names.setdefault(
                    int(task["mm"]["mmap_lock"].address), ("mmap_lock", "mmap_lock of " + tasks.who(task), None)
                )
        return names

    def _rwsems(self):
        for address, (kind, _, inode) in self._lock_names().items():
            if kind == "mutex":
                lock = at(address, "struct mutex")
                waiters = fuse.lock_waiters(lock, "struct mutex_waiter")
                node = self.mutex(lock) if waiters else None
            else:
                lock = at(address, "struct rw_semaphore")
                waiters = fuse.rwsem_waiters(lock)
                node = self.rwsem(lock) if waiters else None
            for task in waiters:
                self._queue(task, node)

    def _lock_name(self, address, default):
        return (
            self._lock_names().get(address)
            or self._other_inode_locks().get(address)
            or (default, "a %s (%#x)" % (default, address), None)
        )

    @functools.lru_cache(None)
    def _other_inode_locks(self):
        """The same of the inodes of other filesystems: many, and seldom asked for."""
        names = {}
        for sb in each(symbol("super_blocks"), "struct super_block", "s_list"):
            kind = kernel.text(sb["s_type"]["name"])
            for inode in each(sb["s_inodes"], "struct inode", "i_sb_list"):
                names[int(inode["i_rwsem"].address)] = (
                    "inode lock", "the inode lock of inode %d of %s" % (int(inode["i_ino"]), kind), inode,
                )  # fmt: skip
        return names

    def mutex(self, lock):
        address = int(lock.address)
        node = self.nodes.get(("mutex", address))
        if node:
            return node
        node = self.node("mutex", address, self._lock_name(address, "mutex")[1])
        owner = int(lock["owner"]["counter"]) & ~7
        if owner:
            self.link(node, self.task(at(owner, "struct task_struct")), "held by")
        else:
            self._lost(node, "it is free")
        return node

    def rwsem(self, lock):
        address = int(lock.address)
        node = self.nodes.get(("rwsem", address))
        if node:
            return node
        kind, name, inode = self._lock_name(address, "rw_semaphore")
        node = self.node("rwsem", address, name)
        return self.later(node, lambda node: self._rwsem_holders(node, lock, kind, inode))

    def _rwsem_holders(self, node, lock, kind, inode):
        owner = fuse.rwsem_owner(lock)
        count = int(lock["count"]["counter"])
        readers = count >> 8
        if owner is not None:
            self.link(node, self.task(owner), "held by")
        elif count & 1:
            self.link(node, self.unknown("unknown: locked for writing, by whom it does not say"), "held by")
        elif readers > 0:
            found = self._readers(lock, kind, inode)
            for task in found:
                self.link(node, self.task(task), "held for reading by")
            if len(found) < readers:
                self.link(
                    node,
                    self.unknown("unknown: %d of %d readers cannot be told" % (readers - len(found), readers)),
                    "held for reading by",
                )
        else:
            self._lost(node, "it is free")

    def _readers(self, lock, kind, inode):
        """The tasks that hold it for reading: lockdep knows; else by the functions that do."""
        found = []
        if has_member(type_of("struct task_struct"), "held_locks") and has_member(lock, "dep_map"):
            wanted = int(lock["dep_map"].address)
            for task in self.all_tasks:
                for n in range(int(task["lockdep_depth"])):
                    if int(task["held_locks"][n]["instance"]) == wanted:
                        found.append(task)
                        break
            waiters = {int(t.address) for t in fuse.rwsem_waiters(lock)}
            return [t for t in found if int(t.address) not in waiters]
        functions = SHARED.get(kind, ())
        for task in self.all_tasks:
            if set(functions) & set(self._names(task)) and self._about(task, functions, inode):
                found.append(task)
        return found

    def _about(self, task, functions, inode):
        """Is one of these functions, on the task's stack, about this inode? And is it inside
        of the part that holds the lock: that is, deeper in something else."""
        with tasks.looking_at(task):
            for n, (_, frame) in enumerate(tasks.frames(task)):
                place = Place(frame)
                if place.name not in functions or n == 0:
                    continue
                for name in ("inode", "mapping", "dir", "parent", "file", "iocb", "vmf", "ractl"):
                    value = place.value(name)
                    try:
                        if value is not None and _inode_of(name, value) == int(inode.address):
                            return True
                    except (gdb.error, gdb.MemoryError):
                        continue
        return False

    # --- pages ---

    def _folios(self):
        flags = {
            v: k[3:] for k, v in kernel.enum("pageflags").items() if k in ("PG_locked", "PG_writeback")
        }
        for head in _heads(symbol("folio_wait_table")):
            for entry in fuse.wait_entries(head):
                wait = kernel.container(entry.address, "struct wait_page_queue", "wait")
                flag = flags.get(int(wait["bit_nr"]), "bit %d" % int(wait["bit_nr"]))
                self._queue(fuse.entry_task(entry), self.folio(int(wait["folio"]), flag))

    def folio(self, address, flag):
        node = self.nodes.get(("folio " + flag, address))
        if node:
            return node
        name = folio_name(address)
        text = {"locked": "the lock of " + name, "writeback": "the end of writeback of " + name}
        node = self.node("folio " + flag, address, text.get(flag, "%s of %s" % (flag, name)))
        return self.later(node, lambda node: self._folio_holders(node, address, flag))

    def _folio_holders(self, node, address, flag):
        flags = kernel.word(address + offset_of("struct page", "flags"))
        bit = kernel.enum("pageflags").get("PG_" + flag)
        if bit is not None and not flags >> bit & 1:
            self._lost(node, "the page is not %s" % {"locked": "locked", "writeback": "under writeback"}.get(flag, flag))
            return
        # pages of a READ stay locked, those of a WRITE without copies under writeback
        for request in self.requests.values():
            if address in _request_folios(request):
                self.link(node, self.request(request), "kept up by")
        # (where there are no temporary pages, or on their behalf)
        mapping = int(at(address, "struct folio")["mapping"])
        if flag == "writeback" and mapping and not mapping & 3:
            inode = at(mapping, "struct address_space")["host"].dereference()
            if fuse.is_fuse_inode(inode):
                fi = kernel.container(inode.address, "struct fuse_inode", "inode")
                index = int(at(address, "struct folio")["index"])
                for write in fuse.writepages(fi) or []:
                    if write.first <= index <= write.last:
                        self.link(node, self.page_write(fi, write), "kept up by")
        if node.edges:
            return
        if flag == "writeback" and not moved.makes_copies():
            self._unsent(node, address)
        for task in self.all_tasks:
            if self._holds_folio(task, address, flag):
                self.link(node, self.task(task), "held by" if flag == "locked" else "begun by")
        if not node.edges:
            self.link(node, self.unknown("unknown: the kernel does not say who has a page's lock"), "held by")

    def _unsent(self, node, address):
        """Under writeback, and the WRITE is not sent yet"""
        for fc in fuse.connections():
            for fi in fuse.inodes(fc):
                for wp in fuse.writepages(fi) or []:
                    if wp.queued and address in _pages(wp.wpa["ia"]["ap"]):
                        self.link(node, self.page_write(fi, wp), "kept up by")

    def _holds_folio(self, task, address, flag):
        names = self._names(task)
        if not (set(FOLIO_HOLDERS) | set(FOLIO_ARRAYS)) & set(names):
            return False
        mine = self.queued.get(int(task.address))
        waits_for_it = mine is not None and mine[0].key == ("folio " + flag, address)
        with tasks.looking_at(task):
            for _, frame in tasks.frames(task):
                place = Place(frame)
                if place.name in FOLIO_ARRAYS:
                    if address in _array(place, FOLIO_ARRAYS[place.name]):
                        return True
                if place.name in FOLIO_HOLDERS and not waits_for_it:
                    if address in [place.number(v) for v in FOLIO_HOLDERS[place.name]]:
                        return True
        return False

    def _bits(self):
        inodes = {}
        for fc in fuse.connections():
            for fi in fuse.inodes(fc):
                inodes[int(fi["inode"]["i_state"].address)] = fi
        for head in _heads(symbol("bit_wait_table")):
            for entry in fuse.wait_entries(head):
                wait = kernel.container(entry.address, "struct wait_bit_queue_entry", "wq_entry")
                where, bit = int(wait["key"]["flags"]), int(wait["key"]["bit_nr"])
                found = next(((a, f) for a, f in inodes.items() if a <= where < a + 8), None)
                fi = found and found[1]
                if found and bit == -1:
                    # wait_var_event() style: the address stands for the bit (since 6.12)
                    bit = where - found[0]
                if fi is None:
                    node = self.node("bit", (where, bit), "bit %d of the word at %#x" % (bit, where))
                    if not node.edges:
                        self.link(node, self.unknown("unknown: whose bit this is"), "set by")
                else:
                    node = self._inode_bit(fi, bit)
                self._queue(fuse.entry_task(entry), node)

    def _inode_bit(self, fi, bit):
        name = {0: "I_NEW", 1: "I_SYNC"}.get(bit, "bit %d of i_state" % bit)
        node = self.node(
            "bit", (int(fi.address), bit),
            "writeback of %s to end (%s)" % (fuse.describe(fi), name) if name == "I_SYNC"
            else "%s of %s" % (name, fuse.describe(fi)),
        )  # fmt: skip
        if node.edges:
            return node
        holders = ("__writeback_single_inode", "writeback_single_inode", "writeback_sb_inodes")
        for task in self.all_tasks if name == "I_SYNC" else ():
            if set(holders) & set(self._names(task)) and self._about(task, holders, fi["inode"]):
                self.link(node, self.task(task), "which is done by")
        if not node.edges:
            self.link(node, self.unknown("unknown: who set %s" % name), "set by")
        return node

    def _bdis(self):
        for bdi in each(symbol("bdi_list"), "struct backing_dev_info", "bdi_list"):
            for entry in fuse.wait_entries(bdi["wb_waitq"]):
                self._queue(fuse.entry_task(entry), self.flusher(bdi))

    def flusher(self, bdi):
        node = self.node(
            "flusher", int(bdi.address), "the flusher of bdi %s to finish its work" % kernel.text(bdi["dev_name"])
        )
        if node.edges:
            return node
        wb = int(bdi["wb"].address)
        workers = []
        for task in self.all_tasks:
            if "wb_workfn" not in self._names(task):
                continue
            with tasks.looking_at(task):
                for _, frame in tasks.frames(task):
                    place = Place(frame)
                    if place.number("wb") == wb or (
                        place.name == "wb_workfn"
                        and place.number("work") == int(bdi["wb"]["dwork"]["work"].address)
                    ):
                        workers.append(task)
                        break
        for task in workers:
            self.link(node, self.task(task), "which is")
        if not workers:
            self.link(node, self.leaf("timer", "its work is queued: a worker will take it", True), "and")
        return node

    # --- one task ---

    def _expand(self, node):
        task = node.task
        letter = tasks.state(task)
        if letter in "ZX":
            self.link(node, self.leaf("runs", "gone: it has exited", True), "is")
            return
        if tasks.same(task, tasks.current()) or letter == "R":
            self.link(node, self.leaf("runs", "nothing: it can run", True), "waits for")
            return
        queued = self.queued.get(int(task.address))
        names, where = self._look(task)
        halted = self._halted_leaf(task, names)
        if halted and not (queued and queued[0].kind == "parked"):
            target, how = halted
        elif queued:
            target, how = queued
            node.stuck = target.kind not in ("idle", "parked")
        else:
            with tasks.looking_at(task):
                places = [Place(frame) for _, frame in tasks.frames(task)]
                target, how, node.stuck = self._by_stack(task, places, names)
            if callable(target):
                target = target()
        self.link(node, target, how, where)

    def _halted_leaf(self, task, names):
        if tasks.frozen(task) or "do_freezer_trap" in names or "__refrigerator" in names:
            return self.leaf("frozen", "frozen, by its cgroup or a suspend: only who froze it can thaw it"), "is"
        if "do_signal_stop" in names:
            return self.leaf("stopped", "stopped by a signal: SIGCONT lets it go on"), "is"
        if "ptrace_stop" in names:
            return self.leaf("stopped", "stopped by its tracer"), "is"
        return None

    def _by_stack(self, task, places, names):
        """(what it waits for, how, does it wait for the kernel): by the functions it is in."""
        by_name = {}
        for place in places:
            by_name.setdefault(place.name, place)
        wait = "waits for"
        lock = moved.blocking_lock(task)
        if lock:
            kind, address = lock
            node = self.mutex if kind == "struct mutex" else self.rwsem
            return functools.partial(node, at(address, kind)), wait, True
        if "balance_dirty_pages" in by_name:
            return self._throttle(by_name["balance_dirty_pages"]), wait, True
        for name in ("wait_for_completion", "wait_for_completion_killable", "wait_for_completion_interruptible",
                     "wait_for_completion_state", "wait_for_completion_io"):  # fmt: skip
            if name in by_name:
                return self._completion(task, by_name, by_name[name]), wait, True
        for name, place in by_name.items():
            if re.match(r"rwsem_down_|down_(read|write)|__down_(read|write)", name):
                sem = place.number("sem", "lock") or self._lock_by_waiter(place)
                if sem:
                    return functools.partial(self.rwsem, at(sem, "struct rw_semaphore")), wait, True
            if re.match(r"_*mutex_lock", name):
                lock = place.number("lock") or self._lock_by_waiter(place)
                if lock:
                    return functools.partial(self.mutex, at(lock, "struct mutex")), wait, True
        if any(n in by_name for n in ("posix_lock_inode_wait", "flock_lock_inode_wait", "locks_lock_inode_wait",
                                      "fcntl_setlk", "do_lock_file_wait")):  # fmt: skip
            return self._posix_lock(task, by_name), wait, True
        if "do_wait" in by_name:
            return self._children(task), wait, False
        for name in ("do_nanosleep", "schedule_hrtimeout_range", "schedule_hrtimeout", "schedule_hrtimeout_range_clock"):
            if name in by_name:
                outside = set(by_name) & OUTSIDE
                if not outside:
                    return self.leaf("timer", "a timer", True), wait, False
        if "schedule_timeout" in by_name and self._timer_armed(task, by_name["schedule_timeout"]):
            return self.leaf("timer", "a timer", True), wait, False
        if tasks.is_kernel_thread(task) and (
            tasks.state(task) == "I" or names and (set(names[:3]) & IDLE or tasks.blocked_in(task, names) in IDLE)
        ):
            return self.leaf("idle", "work to do", True), wait, False
        if set(by_name) & OUTSIDE:
            name = next(n for n in names if n in OUTSIDE)
            return self.leaf("outside", "another program (%s)" % name, ident=(name, int(task["pid"]))), wait, False
        where = tasks.blocked_in(task, names) if names else "?"
        stuck = tasks.state(task) == "D" or any(n.startswith("fuse_") for n in names)
        return self.unknown("unknown: it sleeps in %s" % where), wait, stuck

    def _lock_by_waiter(self, place):
        """The lock whose list the waiter on this stack is on: the list's head is the only
        member that is no waiter."""
        waiter = place.address_of("waiter")
        if not waiter:
            return 0
        kind = "struct mutex" if "mutex" in place.name else "struct rw_semaphore"
        if not has_member(type_of(kind), "wait_list"):
            return 0
        task_at = offset_of("struct %s_waiter" % ("mutex" if kind == "struct mutex" else "rwsem"), "task")
        every = {int(t.address) for t in self.all_tasks}
        here = kernel.word(waiter)
        for _ in range(4096):
            if here == waiter:
                return 0
            if kernel.word(here + task_at) not in every:
                return here - offset_of(kind, "wait_list")
            here = kernel.word(here)
        return 0

    def _has_timer(self, task):
        """Does it sleep until a time that has been set?"""
        names = self._names(task)
        if not {"schedule_timeout", "schedule_hrtimeout_range_clock", "do_nanosleep", "futex_wait_queue"} & set(names):
            return False
        with tasks.looking_at(task):
            for _, frame in tasks.frames(task):
                place = Place(frame)
                if place.name == "do_nanosleep":
                    return True
                if place.name == "schedule_timeout" and self._timer_armed(task, place):
                    return True
                if place.name in ("futex_wait_queue", "schedule_hrtimeout_range_clock"):
                    timer = place.value("timeout") if place.name == "futex_wait_queue" else place.value("t")
                    if place.name == "futex_wait_queue":
                        return timer is not None and int(timer) != 0
                    owner = place.value("t")
                    if owner is not None and owner.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT:
                        return int(owner["task"]) == int(task.address)
        return False

    def _timer_armed(self, task, place):
        """schedule_timeout() keeps its timer on the stack: is it running, and this task's?"""
        timer = place.value("timer")
        try:
            if timer is None or int(timer["task"]) != int(task.address):
                return False
            entry = timer["timer"]["entry"]
            back = int(entry["pprev"])
            return bool(back) and kernel.word(back) == int(entry.address)
        except (gdb.error, gdb.MemoryError):
            return False

    def _children(self, task):
        node = self.node("children", int(task.address), "a child of its own to end", "any")
        for child in each(task["children"], "struct task_struct", "sibling"):
            self.link(node, self.task(child), "such as")
        if not node.edges:
            node.alive, node.fixed = False, True
        return node

    def _completion(self, task, by_name, place):
        done = place.number("x")
        direct = by_name.get("fuse_direct_IO")
        if direct is not None and not done:
            done = direct.address_of("wait")
        node = self.node("completion", int(task.address), "its direct I/O to end" if direct is not None else "a completion")
        found = [r for r in self.requests.values() if done and _io_done(r) == done]
        for request in found:
            self.link(node, self.request(request), "that is, of")
        if not found and direct is not None and done:
            self._lost(node, "no request of it is left")
        elif not found:
            self.link(node, self.unknown("unknown: who will complete it"), "by")
        return node

    def _posix_lock(self, task, by_name):
        node = self.node("posix lock", int(task.address), "a POSIX lock")
        for place in by_name.values():
            fl = place.value("fl")
            if fl is None:
                continue
            lock = fl.dereference() if fl.type.strip_typedefs().code == gdb.TYPE_CODE_PTR else fl
            blocker, pid_of = moved.file_lock(lock)
            if not int(blocker):
                continue
            pid = pid_of(blocker.dereference())
            holder = next((t for t in self.all_tasks if int(t["pid"]) == pid), None)
            if holder is not None:
                self.link(node, self.task(holder), "held by")
            else:
                self.link(node, self.leaf("nobody", "pid %d, which is gone" % pid), "held by")
            return node
        self.link(node, self.unknown("unknown: who has it"), "held by")
        return node

    def _throttle(self, place):
        """Too many dirty pages: any WRITE that ends, any flusher that goes on, helps."""
        wb = place.value("wb")
        bdi = None
        try:
            if wb is not None:
                bdi = wb["bdi"].dereference()
        except (gdb.error, gdb.MemoryError):
            bdi = None
        name = kernel.text(bdi["dev_name"]) if bdi is not None else "?"
        node = self.node(
            "throttle", int(bdi.address) if bdi is not None else 0,
            "fewer dirty pages (it is throttled on bdi %s, see bdi)" % name, "any",
        )  # fmt: skip
        if node.edges:
            return node
        strict = bdi is not None and bool(int(bdi["capabilities"]) & moved.strictlimit())
        for fc in fuse.connections():
            mine = bdi is not None and any(int(sb["s_bdi"]) == int(bdi.address) for sb in fuse.superblocks(fc))
            if strict and not mine:
                continue
            for request in self.by_fc[int(fc.address)]:
                if request.is_writepage():
                    self.link(node, self.request(request), "kept up by")
        for other in each(symbol("bdi_list"), "struct backing_dev_info", "bdi_list"):
            if strict and int(other.address) != int(bdi.address):
                continue
            if any(int(other["wb"]["stat"][n]["count"]) > 0 for n in (0,)):
                self.link(node, self.flusher(other), "kept up by")
        if not node.edges:
            self.link(node, self.unknown("unknown: no dirty page and no WRITE is found"), "kept up by")
        return node


def _inode_of(name, value):
    if name == "inode":
        return int(value)
    if name == "mapping":
        return int(value["host"])
    if name in ("dir",):
        return int(value) if value.type.code == gdb.TYPE_CODE_PTR else int(value["d_inode"])
    if name == "parent":
        return int(value["d_inode"])
    if name == "file":
        return int(value["f_inode"])
    if name == "iocb":
        return int(value["ki_filp"]["f_inode"])
    if name == "vmf":
        return int(value["vma"]["vm_file"]["f_inode"])
    if name == "ractl":
        return int(value["mapping"]["host"])
    return 0


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


def _pages(ap):
    """The folios or pages of a struct fuse_args_pages."""
    array, count = moved.page_array(ap)
    if 0 < count < 100000 and array:
        yield from kernel.words(array, count)


def _request_folios(request):
    """The page cache's own pages that a READ or WRITE request carries."""
    if request.name not in ("READ", "WRITE") or not int(request.req["args"]):
        return ()
    if request.is_writepage() and moved.makes_copies():
        return ()
    try:
        args = request.req["args"].dereference()
        if not (int(args["in_pages"]) or int(args["out_pages"])):
            return ()
        return list(_pages(kernel.container(args.address, "struct fuse_args_pages", "args")))
    except (gdb.error, gdb.MemoryError, Problem):
        return ()


def _array(place, variable):
    value = place.value(variable)
    if value is None:
        return ()
    try:
        if value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR:
            value = value.dereference()
        return list(_pages(value["ap"] if variable == "ia" else value))
    except (gdb.error, gdb.MemoryError):
        return ()


def _io_done(request):
    """The completion that direct I/O waits for with this request; 0: none."""
    try:
        if request.name not in ("READ", "WRITE") or not int(request.req["args"]):
            return 0
        args = request.req["args"].dereference()
        if not int(args["end"]) or "fuse_aio_complete_req" not in str(args["end"]):
            return 0
        ia = kernel.container(args.address, "struct fuse_io_args", "ap.args")
        return int(ia["io"]["done"]) if int(ia["io"]) else 0
    except (gdb.error, gdb.MemoryError, Problem):
        return 0


def build():
    return Graph().build()
