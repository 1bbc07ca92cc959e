# SPDX-License-Identifier: GPL-2.0-only
"""What all commands share: errors in one line, tables, things done at the next stop."""
import gdb

from ..model.kernel import Problem, explain, has_symbol, live

commands = []


class Command(gdb.Command):
    """A command of ours. The class's __doc__ is its help; the first line is the summary.

    Subclasses set `name`, and `needs`: "guest" (a live one or a core), "live", or None;
    run(args) gets the words typed.
    """

    needs = "guest"
    where = gdb.COMMAND_STATUS
    expression = False

    def __init__(self):
        super().__init__(self.name, self.where)
        commands.append(self)

    def run(self, args):
        raise NotImplementedError

    def usage(self):
        raise Problem("%s: wrong arguments: see `help %s`" % (self.name, self.name))

    def invoke(self, arg, from_tty):
        try:
            if self.needs:
                need_guest(self.needs)
            self.run([arg.strip()] if self.expression and arg.strip() else gdb.string_to_argv(arg))
        except Problem as e:
            text = str(e)
            raise Problem(text if text.startswith(self.name) else "%s: %s" % (self.name, text))
        except KeyboardInterrupt:
            raise Problem("%s: interrupted" % self.name)
        except (gdb.MemoryError, gdb.error) as e:
            if gdb.parameter("python print-stack") == "full":
                raise  # for those who work on these commands
            raise Problem("%s: %s" % (self.name, explain(e)))


def need_guest(kind="guest"):
    if gdb.selected_thread() is None:
        raise Problem("no guest: start one with `boot`, attach with `attach PID`, or open a core")
    if kind == "live" and not live():
        raise Problem("a core cannot run on: this needs a live guest")
    if not has_symbol("init_task"):
        raise Problem("no kernel symbols: is this a UML kernel with debug information?")


def write(text_=""):
    gdb.write(text_ + "\n")


told = []  # (tick, text) of each line of the last table of ticks


class Tick(gdb.Function):
    """$tick(TEXT): the tick of the last line with this text, of what history or fuse-life told
    last; without TEXT of the last line. As in: goto $tick("is copied")"""

    def __init__(self):
        super().__init__("tick")

    def invoke(self, text=None):
        wanted = "" if text is None else text.string()
        found = [tick for tick, line in told if wanted in line]
        if not found:
            raise gdb.GdbError(
                "no line with '%s' in what history or fuse-life told" % wanted if told else "history or fuse-life first"
            )
        return found[-1]


def table_of_ticks(rows, header):
    told[:] = [(row[0], "  ".join(map(str, row[1:]))) for row in rows]
    table(rows, header)


def table(rows, header):
    """Columns as wide as needed; the last one as it comes."""
    rows = [list(map(str, r)) for r in rows]
    widths = [max(len(r[i]) for r in rows + [header]) for i in range(len(header) - 1)]
    for row in [header] + rows:
        cells = [c.ljust(w) for c, w in zip(row, widths)]
        write(("  ".join(cells + [row[-1]])).rstrip())


_when_stopped = []


def when_stopped(function):
    """Call it as soon as the guest has stopped: a breakpoint's stop() may not change
    breakpoints itself."""
    _when_stopped.append(function)


def _stopped(_event):
    while _when_stopped:
        try:
            _when_stopped.pop(0)()
        except gdb.error as e:
            write("(%s)" % explain(e))


gdb.events.stop.connect(_stopped)
