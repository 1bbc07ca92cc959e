# SPDX-License-Identifier: GPL-2.0-only
"""Keep a guest as it is now: a folder that can be sent, and opened elsewhere."""
import contextlib
import hashlib
import html
import os
import shutil
import subprocess

import gdb

from ..model import gate, kernel, verdict
from ..model.kernel import Problem, is_core
from . import why
from .command import Command, write

PAGE = """<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>%(title)s</title><style>
body { font: 15px/1.45 sans-serif; max-width: 75em; margin: 2em auto; padding: 0 1em }
pre { background: #f4f4f4; padding: .8em; overflow-x: auto; font-size: 12px }
h1 { font-size: 1.25em } svg { max-width: 100%%; height: auto }
</style></head><body>
<h1>%(title)s</h1>
<p>%(sentence)s</p>
<pre>%(chain)s</pre>
%(svg)s
%(parts)s
</body></html>
"""


class FuseKeep(Command):
    """Keep this guest in a folder: verdict, graph, stacks, requests, the gate's log, console, core.
    Usage: fuse-keep [-nocore] [-quiet] DIR

    DIR must not be there yet. report.html has it all on one page, the graph as a picture
    (where graphviz's dot is installed), and opens offline; graph.dot, why.json are for
    programs; core.zst is the guest's memory, for `make open RUN=DIR`. The command, where
    uml/run's launcher told it, and the hashes of kernel and image tell what it was."""

    name = "fuse-keep"

    def run(self, args):
        options = {"-nocore", "-quiet"} & set(args)
        args = [a for a in args if a not in options]
        if len(args) != 1:
            self.usage()
        size = keep(args[0], "-nocore" not in options)
        if "-quiet" not in options:
            write(size)


def guest_folder():
    """The run's own folder, where its console and image lie; None: not known."""
    pid = gdb.selected_inferior().pid
    try:
        folder = os.readlink("/proc/%d/cwd" % pid)
    except OSError:
        return None
    return folder if os.path.exists(os.path.join(folder, "console")) else None


def sha256(path):
    total = hashlib.sha256()
    with open(path, "rb") as f:
        for block in iter(lambda: f.read(1 << 20), b""):
            total.update(block)
    return total.hexdigest()


def svg(dot_text):
    """The picture of a graph, '' where there is no graphviz."""
    try:
        done = subprocess.run(
            ["dot", "-Tsvg"], input=dot_text, capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout[done.stdout.find("<svg") :]


def keep(folder, core=True, known=None):
    """Write it beside, then rename: a folder that is there is whole."""
    if os.path.exists(folder):
        raise Problem("%s is there already" % folder)
    made = folder.rstrip("/") + ".new"
    shutil.rmtree(made, ignore_errors=True)
    try:
        os.makedirs(made)
        size = _fill(made, core, known)
        os.rename(made, folder)
        return size
    except (OSError, subprocess.SubprocessError) as e:
        raise Problem("%s: %s" % (folder, e))
    finally:
        shutil.rmtree(made, ignore_errors=True)


def guest_words():
    """The kernel's command line and, where it was explored, the waits that it was given."""
    try:
        with open("/proc/%d/cmdline" % gdb.selected_inferior().pid) as f:
            return f.read().replace("\0", " ").strip() + "\n"
    except OSError:
        return ""


def _fill(folder, core, known):
    try:
        graph, verdicts = known or verdict.now()
    except (gdb.error, gdb.MemoryError, Problem) as e:
        # a kernel that has panicked may have anything in its lists
        graph, verdicts = None, [verdict.Verdict("unknown", "Who waits for whom cannot be told: %s" % kernel.explain(e))]
    # why it was looked at, where that is no hang
    reason = os.environ.get("FUSE_UML_REASON", "")
    reason = "" if reason.startswith("hang:") else reason
    parts = {}

    def put(name, text):
        with open(os.path.join(folder, name), "w", errors="replace") as f:
            f.write(text)

    drawn = ""
    if graph:
        picture = why.dot(graph, verdicts)
        drawn = svg(picture)
        put("graph.dot", picture)
        if drawn:
            put("graph.svg", drawn)
        put("why.json", why.as_json(graph, verdicts))
    for name, command in (
        ("running", "uml-bt"), ("stacks", "uml-bt blocked"), ("requests", "fuse-requests"), ("tasks", "uml-ps"),
        ("connections", "fuse-conns"),
    ):  # fmt: skip
        try:
            parts[name] = gdb.execute(command, to_string=True)
        except gdb.error as e:
            parts[name] = "(%s)\n" % e
        put(name + ".txt", parts[name])
    try:
        parts["log"] = "".join(line + "\n" for line in gate.log()) or "(no gate)\n"
    except (gdb.error, gdb.MemoryError, Problem, ValueError) as e:
        parts["log"] = "(%s)\n" % kernel.explain(e)
    put("log.txt", parts["log"])
    parts["command"] = os.environ.get("FUSE_UML_COMMAND", "(not told)") + "\n"
    put("command.txt", parts["command"])
    if guest_words():
        parts["kernel"] = guest_words()
        put("kernel.txt", parts["kernel"])
    where = guest_folder()
    linux = gdb.current_progspace().filename
    hashes = "kernel %s  %s\n" % (sha256(linux), kernel.release())
    if where:
        hashes += "image  %s\n" % sha256(os.path.join(where, "initrd"))
        with open(os.path.join(where, "console"), errors="replace") as f:
            parts["console"] = f.read()
        put("console.txt", parts["console"])
        schedule = "".join(line + "\n" for line in parts["console"].splitlines() if "explore: wait " in line)
        if schedule:
            parts["schedule"] = schedule
            put("schedule.txt", schedule)
    if kernel.has_symbol("ticks") and "time-travel=" in parts.get("kernel", ""):
        # where in the run it is: make open AGAIN=1 goes there
        parts["tick"] = "%d\n" % int(kernel.symbol("ticks"))
        put("tick.txt", parts["tick"])
    put("hashes.txt", hashes)
    parts["hashes"] = hashes
    first = verdicts[0]
    chain = "\n".join(why.chain(first)) if first.path else ""
    title = reason or first.sentence
    put("verdict.txt", "%s%s\n\n%s\n" % (reason and reason + "\n", first.sentence, chain))
    put(
        "report.html",
        PAGE
        % {
            "title": html.escape(title),
            "sentence": html.escape(first.sentence if reason else ""),
            "chain": html.escape(chain),
            "svg": drawn or "<p>(no picture: graphviz is not installed)</p>",
            "parts": "\n".join(
                "<h2>%s</h2>\n<pre>%s</pre>" % (name, html.escape(text)) for name, text in parts.items()
            ),
        },
    )
    if core and where and "tick" in parts:
        # all that the run was told: its files, the command, what it read
        image = os.path.join(folder, "image.zst")
        with contextlib.suppress(FileNotFoundError):
            subprocess.run(["zstd", "-q", "-3", os.path.join(where, "initrd"), "-o", image], check=True)
    if core and not is_core():
        raw = os.path.join(folder, "core")
        gdb.execute("gcore " + raw, to_string=True)
        try:
            subprocess.run(["zstd", "-q", "-3", "--rm", raw, "-o", raw + ".zst"], check=True)
        except FileNotFoundError:
            os.unlink(raw)
            write("fuse-keep: no zstd to compress the guest's memory, which is left out")
    size = sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder))
    return "kept: %d files, %.1f MB" % (len(os.listdir(folder)), size / 1e6)
