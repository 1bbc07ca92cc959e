# SPDX-License-Identifier: GPL-2.0-only
"""Positions in a run. Ticks (uml/kernel/ticks.c) number the basic blocks of the files under
study; between two of them a position is known by its registers and the virtual time, which
are the same in every equal run. Only the host's pids are not."""
import gdb

from ..model import kernel
from ..model.kernel import symbol, word

REGISTERS = "rip rsp rax rbx rcx rdx rsi rdi rbp r8 r9 r10 r11 r12 r13 r14 r15 eflags".split()
# what a system call of the kernel to the host leaves behind
CLOBBERED = {"rcx", "r11", "eflags"}
# of eflags: the results of comparisons (with the tick to stop at, too), gdb's own bits
NOT_FLAGS = 0x109D5
RESTART = {(1 << 64) - code for code in (512, 513, 514, 516)}
ALL = (1 << 64) - 1


def ticks():
    return word(symbol("ticks").address)


def counting():
    """Does the guest's command run?"""
    return bool(symbol("ticks_on"))


def time():
    """The virtual time in ns; None by the host's clock."""
    if not kernel.has_symbol("time_travel_time"):
        return None
    return int(symbol("time_travel_time"))


def register(name, frame=None):
    return int((frame or gdb.newest_frame()).read_register(name)) & ALL


def host_pids():
    """The guest's processes on the host."""
    pid = gdb.selected_inferior().pid
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid)) as f:
            return {pid} | {int(word_) for word_ in f.read().split()}
    except OSError:
        return {pid}


COUNTER = "__sanitizer_cov_trace_pc"
_begins = {}


def begins_block(pc):
    """Is the next that happens here the counter's call: has this block not been counted yet?"""
    if pc not in _begins:
        target, loaded = None, {}
        counter = int(gdb.parse_and_eval("(unsigned long)&" + COUNTER))
        for one in gdb.selected_inferior().architecture().disassemble(pc, count=16):
            words = one["asm"].split()
            if words[0] == "movabs":
                value, _, name = words[1].partition(",")
                loaded[name] = int(value[1:], 16) if value.startswith("$") else None
            elif words[0].startswith("call"):
                target = loaded.get(words[1][1:]) if words[1].startswith("*") else int(words[1], 16)
                break
            elif words[0][0] == "j" or words[0].startswith("ret"):
                break
        _begins[pc] = target == counter
    return _begins[pc]


# What ticks_stop() was called with last. A stop at a tick leaves this in rdi and the address
# of ticks_due() in rax, where a run that does not stop has something else; both are dead
due_pc = None


def stopped_at_tick():
    global due_pc
    due_pc = int(gdb.newest_frame().read_var("pc"))


class Position:
    """Where the guest stands now. Two are equal in equal runs."""

    def __init__(self):
        frame = gdb.newest_frame()
        self.tick, self.time = ticks(), time()
        self.registers = {name: register(name, frame) for name in REGISTERS}
        self.registers["eflags"] &= ~NOT_FLAGS
        self.unsure = set()
        self.pids = host_pids()
        self.due_pc = due_pc
        registers = self.registers
        if registers["rax"] in RESTART and bytes(kernel.memory(registers["rip"] - 2, 2)) == b"\x0f\x05":
            # interrupted while it waits in the host: it stands before the call
            registers["rip"] -= 2
            registers["rax"] = register("orig_rax", frame)
            self.unsure = CLOBBERED
        self.pc, self.sp = registers["rip"], registers["rsp"]

    def is_here(self):
        if ticks() != self.tick:
            return False
        return register("rsp") == self.sp and time() == self.time and self.same(Position())

    def same(self, other):
        if (self.tick, self.time, self.sp) != (other.tick, other.time, other.sp):
            return False
        unsure = self.unsure | other.unsure
        for name, mine in self.registers.items():
            now = other.registers[name]
            if now == mine or name in unsure:
                continue
            if mine & 0xFFFFFFFF in self.pids and now & 0xFFFFFFFF in other.pids:
                continue
            if name == "rdi" and (now == other.due_pc or mine == self.due_pc):
                continue
            if name == "rax" and int(symbol("ticks_due").address) in (now, mine):
                continue
            return False
        return True

    def before(self, other):
        return (self.tick, self.time or 0) < (other.tick, other.time or 0)
