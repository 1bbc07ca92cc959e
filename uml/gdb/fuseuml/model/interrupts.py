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


class _Id:
    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


class _Interrupted(Unwinder):
    def __init__(self):
        super().__init__("uml-interrupt")

    def __call__(self, pending):
        pc = pending.read_register("rip")
        if int(pc) != handler():
            return None
        context = int(pending.read_register("rdx")) + UCONTEXT_REGISTERS
        info = pending.create_unwind_info(_Id(pending.read_register("rsp"), pc))
        word = gdb.lookup_type("unsigned long")
        for register, value in zip(REGISTERS, kernel.words(context, len(REGISTERS))):
            info.add_saved_register(register, gdb.Value(value).cast(word))
        return info


def start():
    register_unwinder(None, _Interrupted(), replace=True)
    # `step` does not go into it either
    gdb.execute("skip function hard_handler", to_string=True)
