# SPDX-License-Identifier: GPL-2.0-only
"""From the graph of waits to one sentence: the cycle, or what all the waiting ends at."""
from collections import deque

from . import tasks, waitfor

# How a sentence begins, by class
TITLES = {
    "self": "Deadlock in the kernel, a task waits for itself",
    "kernel": "Deadlock in the kernel, %d tasks wait for each other",
    "server": "Deadlock through the server",
    "slots": "All background slots are taken",
    "throttled": "Throttled",
    "withheld": "The server withholds a reply",
    "nobody": "Nobody serves the mount",
    "frozen": "Frozen",
    "stopped": "Stopped",
    "lost": "A wakeup was lost",
    "parked": "Parked",
    "outside": "It hangs on a program that waits for another",
    "unknown": "Not all is known",
    "none": "Nothing hangs",
}
# Which of several roots is told first
ORDER = list(TITLES)


class Verdict:
    """kind: a key of TITLES. path: [(node, edge to the next)], from a waiting task to the
    root; closes: where in the path its last edge leads back to, None for no cycle.
    victims: the tasks that wait because of it."""

    def __init__(self, kind, sentence, path=(), closes=None, victims=(), others=()):
        self.kind, self.sentence, self.path = kind, sentence, list(path)
        self.closes, self.victims, self.others = closes, list(victims), list(others)


def _dead(node):
    return [e for e in node.edges if not e.target.alive]


def _components(starts):
    """Tarjan's strongly connected components of what cannot go on."""
    index, low, stack, on, out = {}, {}, [], set(), []
    for start in starts:
        if start in index:
            continue
        work = [(start, iter(_dead(start)))]
        index[start] = low[start] = len(index)
        stack.append(start)
        on.add(start)
        while work:
            node, edges = work[-1]
            edge = next(edges, None)
            if edge is not None:
                other = edge.target
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    on.add(other)
                    work.append((other, iter(_dead(other))))
                elif other in on:
                    low[node] = min(low[node], index[other])
                continue
            work.pop()
            if work:
                low[work[-1][0]] = min(low[work[-1][0]], low[node])
            if low[node] == index[node]:
                members = []
                while True:
                    member = stack.pop()
                    on.discard(member)
                    members.append(member)
                    if member is node:
                        break
                out.append(members)
    return out


def _is_cycle(members):
    return len(members) > 1 or any(e.target is members[0] for e in _dead(members[0]))


def _closed(members):
    """No way out of the cycle: where one edge of several would do, all of them stay in it."""
    inside = set(members)
    return all(
        e.target in inside for n in members if n.mode == "any" for e in _dead(n)
    )


def _path(start, goals):
    """The shortest way over dead nodes: [(node, edge)], the last one's edge is None."""
    before = {start: None}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        if node in goals:
            path = [(node, None)]
            while before[node] is not None:
                node, edge = before[node]
                path.append((node, edge))
            return path[::-1]
        for edge in _dead(node):
            if edge.target not in before:
                before[edge.target] = (node, edge)
                queue.append(edge.target)
    return None


def _cycle_path(start, members):
    """From a node of the cycle around to itself, as short as can be."""
    best = None
    for edge in _dead(start):
        if edge.target not in members:
            continue
        rest = [(start, edge)] if edge.target is start else None
        if rest is None:
            way = _path(edge.target, {start})
            if way is None or any(n not in members for n, _ in way):
                continue
            rest = [(start, edge)] + way[:-1]
        if best is None or len(rest) < len(best):
            best = rest
    return best


def _kind_of_cycle(path):
    kinds = {n.kind for n, _ in path}
    if "server" in kinds or "request" in kinds:
        return "server"
    if "slots" in kinds:
        return "slots"
    if "throttle" in kinds:
        return "throttled"
    return "self" if sum(n.kind == "task" for n, _ in path) == 1 else "kernel"


def _kind_of_chain(path):
    kinds = [n.kind for n, _ in path]
    root = kinds[-1]
    if root in ("withheld", "dropped"):
        if "slots" in kinds:
            return "slots"
        if "throttle" in kinds:
            return "throttled"
        return "withheld"
    return root if root in TITLES else "unknown"


def words(path, closes=None):
    """The chain as words: "a waits for b, held by c, which waits for d"."""
    text = path[0][0].text
    for n, (node, edge) in enumerate(path):
        if edge is None:
            break
        target = edge.target
        verb = edge.how.split()[0]
        if node.kind == "task" or verb in ("is", "was", "waits", "will", "has", "asks"):
            joint = " " if n == 0 else ", which "
        else:
            joint = ", "
        name = target.text
        if n == len(path) - 1 and closes is not None:
            name += " itself" if closes == n or len({m for m, _ in path[closes:] if m.kind == "task"}) == 1 else " again"
        text += joint + edge.how + " " + name
    return text


def _chain_sentence(kind, path, victims):
    """What it all ends at first, then who waits."""
    last = max(
        (n for n, (node, _) in enumerate(path) if node.kind in ("request", "task") and n < len(path) - 1),
        default=0,
    )  # fmt: skip
    names = [v.text for v in sorted(victims, key=lambda v: int(v.task["pid"])) if v is not path[last][0]]
    text = "%s: %s" % (TITLES[kind], words(path[last:]))
    if kind in ("slots", "throttled"):
        text = "%s: %s" % (TITLES[kind], words(path))
    if not names or kind in ("slots", "throttled"):
        return text + "."
    if len(names) > 3:
        names[2:] = ["%d more tasks" % (len(names) - 2)]
    who = names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
    return "%s. %s wait%s because of it." % (text, who, "s" if len(names) == 1 else "")


def find(graph):
    """The Verdicts of a graph, the one to be told first in front."""
    every = [n for n in graph.nodes.values() if n.kind == "task"]
    starts = [n for n in every if n.stuck and not n.alive]
    if not starts:
        waiting = sum(n.stuck for n in every)
        text = "no task waits for anything of the kernel's or the server's"
        if waiting:
            text = "%d task%s, and what for can go on" % (waiting, " waits" if waiting == 1 else "s wait")
        return [Verdict("none", "%s: %s." % (TITLES["none"], text))]
    verdicts = []
    for members in _components(starts):
        inside = set(members)
        if _is_cycle(members):
            if not _closed(members):
                continue
            first = min(
                (n for n in members if n.kind == "task"), key=lambda n: int(n.task["pid"]), default=members[0]
            )
            cycle = _cycle_path(first, inside)
            if cycle is None:
                continue
            kind = _kind_of_cycle(cycle)
            ways = {s: _path(s, inside) for s in starts}
            victims = [s for s, way in ways.items() if way]
            title = TITLES[kind]
            if "%d" in title:
                title %= sum(n.kind == "task" for n, _ in cycle)
            verdicts.append(
                Verdict(kind, "%s: %s." % (title, words(cycle, 0)), cycle, 0, victims)
            )
        elif not _dead(members[0]):
            root = members[0]
            ways = {s: _path(s, {root}) for s in starts}
            victims = [s for s, way in ways.items() if way]
            if not victims:
                continue
            # what a bystander waits for tells most: a slot, the throttle
            longest = max(
                victims,
                key=lambda s: (
                    any(n.kind in ("slots", "throttle") for n, _ in ways[s]),
                    len(ways[s]),
                    -int(s.task["pid"]),
                ),
            )
            path = ways[longest]
            kind = _kind_of_chain(path)
            verdicts.append(
                Verdict(kind, _chain_sentence(kind, path, victims), path, None, victims)
            )
    if not verdicts:
        return [Verdict("unknown", TITLES["unknown"] + ": no root of the waiting was found.", victims=starts)]
    cycles = ("self", "kernel", "server")
    # a cycle first; then what holds up most; unknown last of all
    verdicts.sort(
        key=lambda v: (v.closes is None or v.kind not in cycles, v.kind == "unknown", -len(v.victims), ORDER.index(v.kind))
    )
    return verdicts


def now():
    graph = waitfor.build()
    return graph, find(graph)


def reason(graph, task):
    """What a task waits for, in a few words for a list; ''"""
    node = graph.nodes.get(("task", int(task.address)))
    if node is None or not node.edges:
        return ""
    edge = node.edges[0]
    target = edge.target
    if target.kind in ("runs", "timer", "unknown", "outside") or target.kind == "idle" and tasks.is_kernel_thread(task):
        return ""
    text = edge.how.replace("waits for ", "", 1) if edge.how != "waits for" else ""
    text = (text + " " + target.text).strip()
    if target.kind == "request":
        text += ", " + target.request.state
    if target.kind in ("rwsem", "mutex", "folio locked") and target.edges:
        step = target.edges[0]
        text += ", %s %s" % (step.how, step.target.text)
    return text
