# SPDX-License-Identifier: GPL-2.0-only
"""Run a command until it hangs, say why, and list what might end it; for uml/gdb/why.

A hang: for a minute of the guest's clock none of its programs has run, and one of them
waits for something that will not come. Who only sleeps, or polls, does not hang."""
import os
import sys

import gdb

from ..commands import keep, why
from ..commands.command import write
from ..model import fuse, kernel, tasks, verdict
from ..model.kernel import Problem
from . import session

HUNG = 124
PATIENCE = 60  # seconds of the guest's clock
at_stop = None  # a function that FIRST may set: called at each stop of its breakpoints


class _Idle(gdb.Breakpoint):
    """Where the guest has nothing to do: look whether it ever will."""

    def __init__(self):
        super().__init__("arch_cpu_idle", internal=True)
        self.silent = True
        self.looked = self.since = None
        self.switches = {}
        self.known = None

    def stop(self):
        now = kernel.jiffies()
        if self.looked is not None and now - self.looked < 10 * kernel.hz():
            return False
        self.looked = now
        switches = {
            int(t.address): (int(t["nvcsw"]) + int(t["nivcsw"]), t)
            for t in tasks.tasks()
            if not tasks.is_kernel_thread(t)
        }
        ran = [t for key, (n, t) in switches.items() if self.switches.get(key, (None,))[0] != n]
        self.switches = switches
        if self.since is None or not all(map(throttled, ran)):
            self.since = now
            return False
        if now - self.since < PATIENCE * kernel.hz():
            return False
        self.since = now
        graph, verdicts = verdict.now()
        if verdicts[0].kind == "none":
            return False
        self.known = graph, verdicts
        return True


def throttled(task):
    """It only wakes to look whether there are fewer dirty pages, or more memory."""
    return bool({"balance_dirty_pages", "reclaim_throttle"} & set(tasks.functions(task)))


def cures(graph, verdicts):
    """(what, the guest's shell command): what might end it."""
    first = verdicts[0]
    path = [n for n, _ in first.path]
    out = []
    for fc in fuse.connections():
        number = fuse.conn_id(fc)
        out.append(
            ("abort connection %d" % number, "echo 1 >/sys/fs/fuse/connections/%d/abort" % number)
        )
    seen = set()
    for node in [n for n in path if n.kind == "request"] + [
        n for n in graph.nodes.values() if n.kind == "request" and not n.alive
    ]:
        request = node.request
        if request.unique in seen or len(seen) == 3 or request.state not in ("sent", "being copied"):
            continue
        seen.add(request.unique)
        out.append(
            ("answer %s unique %d" % (request.name, request.unique), "gate release all unique=%d" % request.unique)
        )
    server = {}
    for fc in fuse.connections():
        for task in graph.openers(fc) + graph.behind(fc):
            server[int(task["tgid"])] = tasks.name(task)
    for pid, name in server.items():
        out.append(("kill -9 %s (pid %d)" % (name, pid), "kill -9 %d" % pid))
    killed = 0
    for node in path + first.victims:
        if node.kind != "task" or killed == 3 or tasks.is_kernel_thread(node.task):
            continue
        pid = int(node.task["tgid"])
        what = ("kill -9 %s (pid %d)" % (tasks.name(node.task), pid), "kill -9 %d" % pid)
        if pid in server or what in out:
            continue
        out.append(what)
        killed += 1
    for fc in fuse.connections():
        for sb in fuse.superblocks(fc):
            where = fuse.mountpoint(sb)
            if where:
                out.append(("umount -f %s" % where, "umount -f %s" % where))
    kinds = {n.kind for n in path}
    number = next((fuse.conn_id(fc) for fc in fuse.connections()), 0)
    if "throttle" in kinds:
        out.append(
            ("raise max_ratio to 100", "for f in /sys/class/bdi/*; do echo 0 >$f/strict_limit; echo 100 >$f/max_ratio; done")
        )
    if "slots" in kinds:
        out.append(
            (
                "raise max_background to 1000",
                "echo 1000 >/sys/fs/fuse/connections/%d/max_background" % number,
            )
        )
    if "frozen" in kinds:
        out.append(("thaw", "for f in $(find /sys/fs/cgroup /cgroup -name cgroup.freeze 2>/dev/null); do echo 0 >$f; done"))
    if "stopped" in kinds:
        for node in path:
            if node.kind == "task":
                pid = int(node.task["tgid"])
                out.append(("kill -CONT %s" % node.text, "kill -CONT %d" % pid))
    return out


def main():
    """FUSE_UML_OUT: a file for the cures; FUSE_UML_KEEP: a folder for the artefact."""
    try:
        session.prepare()
        if os.environ.get("FUSE_UML_FIRST"):
            gdb.execute("source " + os.environ["FUSE_UML_FIRST"])
        idle = _Idle()
        gdb.execute("run", to_string=True)
        while idle.known is None and at_stop and gdb.selected_inferior().pid:
            at_stop()
            gdb.execute("continue", to_string=True)
        if idle.known is None:
            # ended: the launcher tells how
            session.quit_with(0 if not gdb.selected_inferior().pid else 1)
        graph, verdicts = idle.known
        why.show(verdicts, brief=not os.environ.get("FUSE_UML_STACKS"))
        out = os.environ.get("FUSE_UML_OUT")
        if out:
            with open(out, "w") as f:
                seconds = kernel.uptime() + 1
                f.write("%d\n" % seconds)
                for what, command in cures(graph, verdicts):
                    f.write("%s\t%s\n" % (what, command))
        folder = os.environ.get("FUSE_UML_KEEP")
        if folder:
            write(keep.keep(folder, os.environ.get("FUSE_UML_CORE") != "no", idle.known))
        status = HUNG
    except (Problem, gdb.error, OSError) as e:
        gdb.flush()
        print("uml/gdb/why: %s" % kernel.explain(e), file=sys.stderr)
        status = 2
    write("")
    session.quit_with(status)
