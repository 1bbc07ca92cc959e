# SPDX-License-Identifier: GPL-2.0-only
"""Interrupts are signals in UML: SIGALRM is the timer. gdb steps over a signal handler
while the step is in the lines it started in, but not in a function that was inlined
there: `next` then ends in hard_handler(). It does step over what was called. So, at the
handler's first instruction, an unwinder says that the interrupted code called it."""
import functools

import gdb
from gdb.unwinder import Unwinder, register_unwinder

from . import kernel

# struct sigcontext of x86-64, behind uc_flags, uc_link and uc_stack
REGISTERS = "r8 r9 r10 r11 r12 r13 r14 r15 rdi rsi rbp rbx rdx rax rcx rsp rip".split()
UCONTEXT_REGISTERS = 40


@functools.lru_cache(None)
def handler():
    """The address of the handler that all signals come to; None where there is none."""
    found = gdb.lookup_global_symbol("hard_handler") or gdb.lookup_static_symbol("hard_handler")
    return int(found.value().address) if found else None


gdb.events.new_objfile.connect(lambda _: handler.cache_clear())


def _inlined(block):
    """Is it one of a function that was inlined into another?"""
    outer = block.superblock
    return outer is not None and not outer.is_static and not outer.is_global


def _value(number):
    return gdb.Value(number).cast(gdb.lookup_type("unsigned long"))


class _Id:
    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


RET = 0xC3


class _Interrupted(Unwinder):
    """Also of the caller that is none: gdb looks a caller up by the byte before its pc, where
    the call would be. Behind a return, and at a function's start, that is somewhere else."""

    def __init__(self):
        super().__init__("uml-interrupt")
        self.at = None  # pc and sp of what was interrupted

    def __call__(self, pending):
        pc = pending.read_register("rip")
        if int(pc) != handler():
            return self._caller(pending) if self.at and int(pc) == self.at[0] else None
        context = int(pending.read_register("rdx")) + UCONTEXT_REGISTERS
        values = dict(zip(REGISTERS, kernel.words(context, len(REGISTERS))))
        self.at = values["rip"], values["rsp"]
        return self._info(pending, _Id(pending.read_register("rsp"), pc), values)

    def _info(self, pending, id_, values):
        info = pending.create_unwind_info(id_)
        for register, value in values.items():
            info.add_saved_register(register, _value(value))
        return info

    def _caller(self, pending):
        pc, sp = self.at
        if int(pending.read_register("rsp")) != sp:
            return None
        block = gdb.block_for_pc(pc)
        while block is not None and (block.function is None or _inlined(block)):
            block = block.superblock
        if block is None:
            return None
        # (the kernel has frame pointers)
        frame = int(pending.read_register("rbp"))
        if pc == block.start:
            top, saved = sp, frame
        elif kernel.memory(pc - 1, 1)[0] == bytes([RET]):
            top, saved = frame + 8, kernel.word(frame)
        else:
            return None
        values = {"rip": kernel.word(top), "rsp": top + 8, "rbp": saved}
        return self._info(pending, _Id(_value(top + 8), _value(block.start)), values)


def start():
    register_unwinder(None, _Interrupted(), replace=True)
    # `step` does not go into it either
    gdb.execute("skip function hard_handler", to_string=True)
