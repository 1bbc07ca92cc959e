# SPDX-License-Identifier: GPL-2.0-only
"""What the gate has done with a request: the kernel only knows that it was read."""


class Kept:
    """state: held, delayed, dropped, waits for a lock, running; rule: its number, 0 for
    none; thread: the pid of the server's thread that read it."""

    def __init__(self, state, rule, thread):
        self.state, self.rule, self.thread = state, rule, thread


def find(unique):
    """None where no gate is there, or it does not know of this request."""
    return None
