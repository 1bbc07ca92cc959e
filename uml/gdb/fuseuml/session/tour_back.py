# SPDX-License-Identifier: GPL-2.0-only
"""Part 4 of the tour: a hang, and from there back to the decision that doomed it. On a
kernel with the bug m2 of kernel-patches/bugs. As in the other parts, each stop tells what is to be
seen, and checks that it is so; here the commands are those that the user would type."""
import gdb

from ..commands.command import write
from ..model import kernel, tasks
from ..model.kernel import Problem
from ..travel import clock

TITLE = "back in time: from a hang to the decision that doomed it"


class Stop:
    """text: what is asked here; commands: what answers it, printed as a user would see it;
    check(said): must be so, where `said` is what the last command printed."""

    def __init__(self, text, commands, check, expected):
        self.text, self.commands, self.check, self.expected = text, commands, check, expected


def frames():
    names, frame = [], gdb.newest_frame()
    while frame is not None:
        names.append(frame.name())
        frame = frame.older()
    return names


def blocked():
    found = [t for t in tasks.tasks() if tasks.blocked(t) and not tasks.is_kernel_thread(t)]
    if len(found) != 1:
        raise Problem("part 4: %d tasks hang, not 1: has this kernel the bug m2?" % len(found))
    return int(found[0]["pid"])


def rows(said):
    """tick and text of each line of a table."""
    return [(int(line.split()[0]), line) for line in said.splitlines() if line[:1].isdigit()]


def last(said, text):
    """The tick of the last line of a table with this text."""
    found = [tick for tick, line in rows(said) if text in line]
    if not found:
        raise Problem("part 4: no line with '%s'" % text)
    return found[-1]


def stops():
    """A generator: what a stop asks depends on what the one before has said."""
    pid = blocked()
    said = yield Stop(
        "A minute and a half ago `act` called ftruncate(fd, 8192). Something in the guest looks now,\n"
        "and it has not come back. The server is idle. Who waits for what?",
        ["fuse-why"],
        lambda said: "waits for itself" in said,
        "a task that waits for itself",
    )
    said = yield Stop(
        "It waits for a WRITE, which FUSE_NOWRITE holds back, which the same task has set. So: how did\n"
        "it get there? Its way through FUSE, from the start; each line has a tick. (The last ones.)",
        ["fuse-life pid=%d" % pid],
        lambda said: last(said, "fuse_set_nowrite:") < last(said, "fuse_launder_folio:"),
        "fuse_launder_folio after fuse_set_nowrite",
    )
    story = said
    launder = last(story, "fuse_launder_folio:")
    said = yield Stop(
        "The last thing that it did was to launder a dirty page: to write it, and to wait for that,\n"
        "before it is dropped. Go there. The same run is made again, up to that tick.",
        ["goto %d" % launder, "backtrace 6"],
        lambda said: "fuse_do_setattr" in frames() and clock.ticks() == launder,
        "fuse_launder_folio below fuse_do_setattr",
    )
    said = yield Stop(
        "Here WRITEs are held back already. Who did that, and when? fi is the inode's: all changes of\n"
        "its counter, up to this tick.",
        ["frame function fuse_do_setattr", "history fi->writectr"],
        lambda said: "fuse_set_nowrite" in rows(said)[-1][1],
        "fuse_set_nowrite last",
    )
    said = yield Stop(
        "Nobody has let go since. To the last change itself, and from that function to its call:",
        ["last-change fi->writectr", "reverse-finish"],
        lambda said: gdb.newest_frame().name() == "fuse_do_setattr" and clock.ticks() < launder,
        "the call in fuse_do_setattr",
    )
    block = clock.ticks()
    said = yield Stop(
        "So fuse_do_setattr() blocks WRITEs here, sends SETATTR, and drops the pages. When did it decide\n"
        "to drop them while the block stood? One look at the line that called what laundered.",
        ["goto %d" % launder, "frame function fuse_do_setattr"],
        lambda said: "invalidate_inode_pages2" in said,
        "invalidate_inode_pages2",
    )
    frame = gdb.selected_frame()
    line, text = frame.find_sal().line, source(frame)
    release = [n for n, words in text if n > line and "release_nowrite" in words]
    said = yield Stop(
        "That is the decision: pages are dropped, which may have to write them, at tick %d, while WRITEs\n"
        "are held back since tick %d. The release comes %s.\n"
        "Mainline's 76224355db75 turned the two around."
        % (launder, block, "only behind it, in line %d" % release[0] if release else "too late"),
        ["list %d,%d" % (line - 6, release[0] + 2 if release else line + 6)],
        lambda said: "release_nowrite" in said,
        "the release behind it",
    )


def source(frame):
    path = frame.find_sal().symtab.fullname()
    start, end = frame.function().line, 0
    with open(path, errors="replace") as f:
        lines = list(enumerate(f, 1))
    out = []
    for number, words in lines[start - 1 :]:
        out.append((number, words))
        if words.startswith("}"):
            break
    return out


def execute(command):
    function = command.partition("frame function ")[2]
    if not function:
        return gdb.execute(command, to_string=True)
    # that one prints past to_string
    frame = gdb.newest_frame()
    while frame.name() != function:
        frame = frame.older()
        if frame is None:
            raise Problem("part 4: no frame of %s" % function)
    frame.select()
    return gdb.execute("frame", to_string=True)


ROWS = 24


def shortened(said):
    """A long table's head and its last rows."""
    lines = said.splitlines()
    if len(lines) <= ROWS + 2:
        return said
    return "\n".join(lines[:1] + ["..."] + lines[-ROWS:])


def walk(pause):
    write("=== Tour, part 4: %s\n    kernel: %s, with the bug m2" % (TITLE, kernel.release()))
    where = gdb.Breakpoint("fuse_statfs", internal=True)
    where.silent = True
    gdb.execute("run", to_string=True)
    if gdb.selected_inferior().pid == 0:
        raise Problem("part 4: the guest ended before anybody looked")
    where.enabled = False
    number, walkers, said = 0, stops(), None
    while True:
        try:
            stop = walkers.send(said)
        except StopIteration:
            break
        number += 1
        write("\n--- 4.%d\n%s" % (number, stop.text))
        for command in stop.commands:
            said = execute(command)
            write("(fuse-uml) %s\n%s" % (command, shortened(said.rstrip())))
        if not stop.check(said):
            raise Problem("part 4, stop %d: not as told: expected %s" % (number, stop.expected))
        pause()
    write("\n=== part 4 is over: %d stops, all as told" % number)
