# SPDX-License-Identifier: GPL-2.0-only
"""Tasks that uml-park put to sleep: the unwinder must know them."""
import gdb


class Parked:
    """One parked task: where it was, and its deadline's address."""

    def __init__(self, pid, name, start, end, deadline, registers, function):
        self.pid, self.name, self.start, self.end = pid, name, start, end
        self.deadline, self.registers, self.function = deadline, registers, function
        self.wake = None  # the breakpoint where it goes on


by_pid = {}
listeners = []  # called when a task has been parked
quiet = False  # one that goes on is no stop now: the guest runs again


def _forget(_event=None):
    by_pid.clear()


def registers_at(pc):
    """The registers that a parked task had, for the unwinder."""
    for one in by_pid.values():
        if one.start <= pc < one.end:
            return one.registers
    return None


gdb.events.exited.connect(_forget)
