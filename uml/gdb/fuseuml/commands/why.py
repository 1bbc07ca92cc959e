# SPDX-License-Identifier: GPL-2.0-only
"""Why does it hang? The verdict, the chain, the stacks; and the graph for a picture."""
import json

from ..model import fuse, tasks, verdict
from ..model.kernel import Problem
from .command import Command, write


class FuseWhy(Command):
    """Say why tasks hang: one sentence, the chain or cycle below it, the stacks.
    Usage: fuse-why [-brief] [-dot FILE] [-json FILE]

    Walks from every blocked task to what it waits for, to who holds that, and on, through
    locks, pages, WRITEs, requests, the gate and the server's threads, to the roots. Each
    line of the chain is one step; where a task waits, its function and line follow. What
    the kernel does not tell is "unknown", never guessed.

    -brief leaves out the stacks. -dot writes the graph for graphviz, -json the verdict and
    the graph for programs. Works in a core, too.

    The class of the verdict is one of: self, kernel (deadlocks of one task, of several),
    server (a deadlock through the server), slots, throttled, withheld, nobody, frozen,
    stopped, lost (a wakeup), parked, outside, unknown, none."""

    name = "fuse-why"

    def run(self, args):
        brief, files = False, {}
        while args:
            word = args.pop(0)
            if word == "-brief":
                brief = True
            elif word in ("-dot", "-json") and args:
                files[word] = args.pop(0)
            else:
                self.usage()
        graph, verdicts = verdict.now()
        show(verdicts, brief)
        for option, text in (("-dot", dot), ("-json", as_json)):
            if option in files:
                try:
                    with open(files[option], "w") as f:
                        f.write(text(graph, verdicts))
                except OSError as e:
                    raise Problem("%s %s: %s" % (option, files[option], e.strerror))


def show(verdicts, brief=False):
    first = verdicts[0]
    write(first.sentence)
    if not first.path:
        return
    write("  class: %s; tasks that wait because of it: %d" % (first.kind, len(first.victims)))
    write()
    for line in chain(first):
        write("  " + line)
    for other in verdicts[1:4]:
        write("also: " + other.sentence)
    if len(verdicts) > 4:
        write("and %d more" % (len(verdicts) - 4))
    if brief:
        return
    shown = [n for n, _ in first.path if n.kind == "task"]
    shown += [v for v in first.victims if v not in shown][: max(0, 3 - len(shown))]
    for node in shown:
        write("\n%s" % node.text)
        for line in (tasks.stack_of(node.task) or "(no stack)\n").splitlines():
            write("    " + line)


def chain(v):
    """The lines of a verdict's chain, one step each."""
    lines = []
    for n, (node, edge) in enumerate(v.path):
        if n == 0:
            lines.append(node.text)
        if edge is None:
            break
        back = "" if v.closes is None or n < len(v.path) - 1 else "   <- the cycle closes"
        lines.append("  %-14s %s%s" % (edge.how, edge.target.text, back))
        if edge.where:
            lines[-1] += "   [%s]" % edge.where
    return lines


def relevant(graph):
    """The nodes that belong in a picture: what cannot go on, and who waits."""
    wanted, todo = [], [n for n in graph.nodes.values() if n.kind == "task" and n.stuck]
    while todo:
        node = todo.pop()
        if node in wanted:
            continue
        wanted.append(node)
        todo += [e.target for e in node.edges]
    return wanted


SHAPES = {"task": "box", "request": "note", "server": "component", "unknown": "octagon"}


def dot(graph, verdicts):
    nodes = relevant(graph)
    number = {n: "n%d" % i for i, n in enumerate(nodes)}
    told = set()
    for n, (node, edge) in enumerate(verdicts[0].path):
        if edge is not None:
            told.add((node, edge.target))
    out = [
        "digraph why {",
        '\tnode [fontname="sans-serif" fontsize=11 shape=ellipse];',
        '\tedge [fontname="sans-serif" fontsize=9];',
    ]
    for node in nodes:
        colour = "#d0f0d0" if node.alive else "#f8d0d0" if any(node is m for m, _ in verdicts[0].path) else "#eeeeee"
        out.append(
            '\t%s [label=%s shape=%s style=filled fillcolor="%s"];'
            % (number[node], json.dumps(node.text), SHAPES.get(node.kind, "ellipse"), colour)
        )
    for node in nodes:
        for edge in node.edges:
            label = edge.how + ("\n" + edge.where if edge.where else "")
            bold = ' color=red penwidth=2' if (node, edge.target) in told else ""
            out.append(
                "\t%s -> %s [label=%s%s];" % (number[node], number[edge.target], json.dumps(label), bold)
            )
    out.append("}")
    return "\n".join(out) + "\n"


def as_json(graph, verdicts):
    nodes = relevant(graph)
    number = {n: i for i, n in enumerate(nodes)}
    return (
        json.dumps(
            {
                "class": verdicts[0].kind,
                "sentence": verdicts[0].sentence,
                "chain": chain(verdicts[0]) if verdicts[0].path else [],
                "also": [v.sentence for v in verdicts[1:]],
                "victims": [int(v.task["pid"]) for v in verdicts[0].victims],
                "requests": [
                    {
                        "unique": r.unique, "opcode": r.name, "nodeid": r.nodeid, "state": r.state,
                        "connection": fuse.conn_id(r.fc),
                    }
                    for r in graph.requests.values()
                ],
                "tasks": [
                    {"pid": int(n.task["pid"]), "comm": tasks.name(n.task), "alive": n.alive}
                    for n in nodes
                    if n.kind == "task"
                ],
                "nodes": [{"kind": n.kind, "text": n.text, "alive": n.alive} for n in nodes],
                "edges": [
                    {"from": number[n], "to": number[e.target], "how": e.how, "where": e.where}
                    for n in nodes
                    for e in n.edges
                ],
            },
            indent=1,
        )
        + "\n"
    )  # fmt: skip
