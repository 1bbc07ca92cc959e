# SPDX-License-Identifier: GPL-2.0-only
"""gdb on the FUSE server in the guest, see uml/gdb/debug-server: commands that find a request
by the unique that the kernel's side shows."""
import os
import sys
import time

import gdb


def handled(frame):
    """The header of the request that a thread's frames handle, or None."""
    while frame is not None:
        try:
            message = frame.read_var("message")
            return message.dereference() if int(message) else None
        except (ValueError, gdb.error):
            frame = frame.older()
    return None


def given():
    """The request that the gate, in the process of somebody else's server, has given to this
    thread, by the gate's own list; or None."""
    try:
        head = gdb.parse_and_eval("&requests")
        rq = head["next"]
        while rq != head:
            if int(rq["thread"]) == gdb.selected_thread().ptid[1] and str(rq["place"]) == "SERVER":
                return rq["op"]
            rq = rq["next"]
    except gdb.error:
        pass
    return None


class AttachServer(gdb.Command):
    """Connect to the gdbserver in the guest.
    Usage: attach-server TERMINAL"""

    def __init__(self):
        super().__init__("attach-server", gdb.COMMAND_RUNNING)

    def invoke(self, arg, from_tty):
        gdb.execute("set pagination off")
        gdb.execute("set confirm off")
        gdb.execute("set print thread-events off")
        connect(arg)
        names = os.environ.get("BREAK", "").replace(",", " ").split()
        for name in names:
            try:
                gdb.decode_line(name)
            except gdb.error:
                print(
                    "uml/gdb/debug-server: BREAK=%s: the server has no such function" % name,
                    file=sys.stderr,
                )
                finish(2)
            gdb.execute("break " + name)
        if sys.__stdin__.isatty() and sys.__stdout__.isatty():
            gdb.write(
                "The server stands still: `continue`. break-unique N stops at a request, unique\n"
                "tells which one a thread handles, `thread apply all bt` shows them all.\n"
                "With the kernel's gdb at the same time: uml/gdb/debug-server --help\n"
            )
            return
        stops = []
        gdb.events.stop.connect(stops.append)
        try:
            gdb.execute("continue")
        except gdb.error as e:
            gdb.write("%s\n" % e)
        if not stops or not isinstance(stops[-1], gdb.BreakpointEvent):
            print("uml/gdb/debug-server: %s was never reached" % " or ".join(names), file=sys.stderr)
            finish(1)
        for command in ("backtrace 8", "info args", "unique"):
            try:
                gdb.execute(command)
            except gdb.error as e:
                gdb.write("%s\n" % e)
        finish(0)


def connect(terminal):
    """What is sent before the guest's gdbserver listens is lost: try again soon."""
    gdb.execute("set remotetimeout 1")
    # gdb 16 would read files through the line, and lose its way; they are all here
    gdb.execute("set remote hostio-open-packet off", to_string=True)
    for _ in range(20):
        try:
            gdb.execute("target remote " + terminal, to_string=True)
            gdb.execute("set remotetimeout 20")
            return
        except gdb.error as e:
            error = e
            time.sleep(0.2)
    print("uml/gdb/debug-server: no gdbserver answers on %s: %s" % (terminal, error), file=sys.stderr)
    finish(2)


def finish(status):
    sys.stdout.flush()
    gdb.flush()
    try:
        gdb.execute("disconnect", to_string=True)
    except gdb.error:
        pass  # the guest is gone
    gdb.execute("quit %d" % status)


class Unique(gdb.Command):
    """Tell which request the selected thread handles: unique, nodeid, opcode.
    Usage: unique"""

    def __init__(self):
        super().__init__("unique", gdb.COMMAND_STATUS)

    def invoke(self, arg, from_tty):
        try:
            op = handled(gdb.selected_frame())
        except gdb.error as e:
            raise gdb.GdbError("unique: %s" % e)
        if op is None:
            op = given()
        if op is None:
            raise gdb.GdbError("unique: this thread handles no request")
        gdb.write(
            "unique %d opcode %d nodeid %d\n"
            % (int(op["unique"]), int(op["opcode"]), int(op["nodeid"]))
        )


class BreakUnique(gdb.Command):
    """Stop where the server begins to handle the request with this unique.
    Usage: break-unique N"""

    def __init__(self):
        super().__init__("break-unique", gdb.COMMAND_BREAKPOINTS)

    def invoke(self, arg, from_tty):
        if not arg.strip().isdigit():
            raise gdb.GdbError(
                "break-unique: '%s' is no unique: see fuse-requests in the kernel's gdb" % arg
            )
        try:
            gdb.decode_line("handle_buf")
            gdb.execute("break handle_buf if message->unique == %s" % arg)
        except gdb.error:
            # somebody else's server: where the gate in its process hands the request to it
            gdb.execute("break request_taken if rq->op.unique == %s" % arg)


AttachServer()
Unique()
BreakUnique()
