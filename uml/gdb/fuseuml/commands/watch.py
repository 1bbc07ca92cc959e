# SPDX-License-Identifier: GPL-2.0-only
"""`watch fi->writectr` while fi is in a register makes gdb step through the kernel one
instruction at a time, for ever. What is meant is the memory: a hardware watchpoint."""
import gdb

from .command import write


def made():
    """Called after `watch`: turn a software watchpoint into one of its memory."""
    new = max(gdb.breakpoints(), key=lambda b: b.number, default=None)
    if new is None or new.type != gdb.BP_WATCHPOINT:
        return
    expression, condition = new.expression, new.condition
    try:
        value = gdb.parse_and_eval(expression)
        where = value.address
        if where is None or value.type.sizeof > 8:
            raise gdb.error("not one word of memory")
    except gdb.error:
        write(
            "A software watchpoint: gdb will step through every instruction, which takes minutes\n"
            "where there is a loop. `watch -l EXPRESSION` watches memory, in hardware."
        )
        return
    number = new.number
    new.delete()
    gdb.execute(
        "watch -l %s%s" % (expression, " if " + condition if condition else ""), to_string=True
    )
    better = max(gdb.breakpoints(), key=lambda b: b.number)
    write(
        "%d would step through every instruction, as %s is found by a register:\n"
        "%d watches its memory at %s instead, as `watch -l %s` does"
        % (number, expression, better.number, where.format_string(symbols=False), expression)
    )


def start():
    gdb.execute(
        "define hookpost-watch\n"
        "python import fuseuml.commands.watch; fuseuml.commands.watch.made()\n"
        "end",
        to_string=True,
    )
