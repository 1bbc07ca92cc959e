# SPDX-License-Identifier: GPL-2.0-only
"""Every change of a variable or field since its object was made: one run with a hardware
watchpoint, up to here."""
import gdb

from ..commands.command import table_of_ticks, write
from ..model import kernel, tasks
from ..model.kernel import Problem
from . import backwards, clock, guest
from .commands import Travel, come, request_here
from .guest import state

WORD = 8
FREES = ("kmem_cache_free", "kfree")


class Watched:
    """What is looked for: an lvalue in the kernel's memory."""

    def __init__(self, expression):
        try:
            value = kernel.evaluate(expression)
            if value is None:
                value = gdb.parse_and_eval(expression)
            if value.address is not None:
                value.fetch_lazy()
        except gdb.error as e:
            raise Problem("'%s' means nothing here: %s" % (expression, kernel.explain(e)))
        if value.address is None or value.is_lazy and value.is_optimized_out:
            raise Problem(
                "'%s' has no place in memory (a register, or optimized out): give a field,"
                " such as fi->writectr" % expression
            )
        self.expression, self.type = expression, value.type
        self.address, self.size = int(value.address), value.type.sizeof
        # a bit field is watched as the word that it is part of
        if self.type.strip_typedefs().code in (
            gdb.TYPE_CODE_STRUCT,
            gdb.TYPE_CODE_UNION,
            gdb.TYPE_CODE_ARRAY,
        ) and self.size > 4 * WORD:
            raise Problem(
                "'%s' has %d bytes, and the CPU watches %d: give a field of it"
                % (expression, self.size, 4 * WORD)
            )
        try:
            kernel.memory(self.address, self.size)
        except gdb.MemoryError:
            raise Problem("'%s' lies at %#x, where no memory is" % (expression, self.address))
        stack = int(tasks.current()["stack"])
        if stack <= self.address < stack + kernel.stack_size():
            raise Problem(
                "'%s' is a local variable, on the stack of %s: its history is that of the stack;"
                " reverse-step goes through the function" % (expression, tasks.who(tasks.current()))
            )
        self.object = slab_object(self.address)

    def bytes(self):
        return bytes(kernel.memory(self.address, self.size))

    def text(self, content):
        try:
            text = gdb.Value(content, self.type).format_string(max_elements=8, symbols=False)
        except gdb.error:
            text = content.hex()
        return " ".join(text.split())

    def words(self):
        """(address, type) of what the CPU's watchpoints can hold."""
        at, left = self.address, self.size
        while left > 0:
            size = next(s for s in (8, 4, 2, 1) if s <= left and at % s == 0)
            yield at, {8: "unsigned long", 4: "unsigned int", 2: "unsigned short", 1: "unsigned char"}[size]
            at, left = at + size, left - size


def slab_object(address):
    """Start of the slab object that an address is in; None when it is in none."""
    try:
        start = int(kernel.symbol("uml_physmem"))
        mem_map = kernel.symbol("mem_map")
        page = mem_map + (address - start) // kernel.page_size()
        if address < start or address >= int(kernel.symbol("high_physmem")):
            return None
        # (another name in 7.x)
        info = "compound_info" if kernel.has_member(page, "compound_info") else "compound_head"
        head = int(page[info])
        folio = head - 1 if head & 1 else int(page)
        slab = kernel.at(folio, "struct slab")
        page_type = int(kernel.at(folio, "struct page")["page_type"])
        if kernel.has_symbol("slab_caches") and not is_slab(page_type, slab):
            return None
        size = int(slab["slab_cache"]["size"])
        base = start + (folio - int(mem_map)) // kernel.type_of("struct page").sizeof * kernel.page_size()
        return base + (address - base) // size * size
    except (gdb.error, gdb.MemoryError, Problem, ZeroDivisionError):
        return None


def is_slab(_page_type, slab):
    """Does slab->slab_cache lead to one of the caches?"""
    cache = int(slab["slab_cache"])
    offset = kernel.offset_of("struct kmem_cache", "list")
    return any(node - offset == cache for node in kernel.entries(kernel.symbol("slab_caches")))


class Change:
    def __init__(self, old, new):
        self.position = clock.Position()
        self.tick, self.task = self.position.tick, tasks.who(tasks.current())
        self.request = request_here()
        self.where = place()
        self.old, self.new = old, new


def place(behind=1):
    """The function that has just written, with its line, and who called it when it is not
    one of FUSE's. behind: bytes between what is meant and the pc."""
    frame = gdb.newest_frame()
    sal = outer_line(frame.pc() - behind)
    while frame.type() == gdb.INLINE_FRAME:
        frame = frame.older()
    parts = [_one(frame.name(), sal)]
    while frame is not None and "/fuse/" not in _file(sal):
        frame = frame.older()
        if frame is None:
            break
        if frame.type() == gdb.INLINE_FRAME:
            continue
        sal = frame.find_sal()
        if "/fuse/" in _file(sal):
            parts.append(_one(frame.name(), sal))
    return " < ".join(parts)


class _Line:
    def __init__(self, symtab, line):
        self.symtab, self.line = symtab, line


def outer_line(pc):
    """File and line of an address, of an inlined function the line that it was called in."""
    inner = block = gdb.block_for_pc(pc)
    start = pc
    while block is not None and (block.function is None or backwards._inlined(block)):
        if block.function is not None:
            start = block.start
        block = block.superblock
    sal = gdb.find_pc_line(pc)
    if block is None or start == pc and inner == block:
        return sal
    symtab = block.function.symtab
    if sal.symtab is not None and sal.symtab.filename == symtab.filename and start == pc:
        return sal
    before = [e for e in symtab.linetable() if block.start <= e.pc <= start and e.line]
    return _Line(symtab, max(before, key=lambda e: e.pc).line) if before else sal


def _file(sal):
    return sal.symtab.filename if sal is not None and sal.symtab else ""


def _one(name, sal):
    path = kernel.short_paths(" at " + _file(sal))[4:]
    return "%s %s:%d" % (name or "?", path.rsplit("/", 1)[-1], sal.line if sal else 0)


class _Write(gdb.Breakpoint):
    """A hardware watchpoint on a word of it."""

    def __init__(self, at, kind, watched, changes):
        super().__init__("*(%s *)%#x" % (kind, at), gdb.BP_WATCHPOINT, gdb.WP_WRITE, internal=True)
        self.silent = True
        self.watched, self.changes = watched, changes
        self.old = watched.bytes()

    def stop(self):
        new = self.watched.bytes()
        old = self.changes.now
        if new != old:
            self.changes.now = new
            self.changes.append(Change(old, new))
        return False


class _Free(gdb.Breakpoint):
    """The object is given back: what follows is another one."""

    def __init__(self, function, object_, changes):
        super().__init__(function, internal=True)
        self.silent = True
        self.changes, self.object = changes, object_
        self.register = "rsi" if function == "kmem_cache_free" else "rdi"

    def stop(self):
        if clock.register(self.register) == self.object:
            self.changes.append(Freed())
        return False


class Freed:
    def __init__(self):
        self.tick, self.task, self.where = clock.ticks(), tasks.who(tasks.current()), place()


class Changes(list):
    now = b""


def changes(watched, end):
    """All of its Changes up to `end`, in one run; the guest then stands there again."""
    guest.with_call(end)
    guest.start_over(from_boot=True)
    guest._watched(True)
    guest.disarm_at(end)
    found = Changes()
    if not guest.to_memory(end):
        return found
    found.now = watched.bytes()
    made = [_Write(at, kind, watched, found) for at, kind in watched.words()]
    try:
        if watched.object is not None and end.tick:
            # what the boot frees, thousands of objects, was not of FUSE
            guest.to_command()
            for function in FREES:
                if kernel.has_function(function):
                    made.append(_Free(function, watched.object, found))
                    made[-1].condition = "$%s == %#x" % (made[-1].register, watched.object)
        guest.arrive(end)
        guest.reach(end)
    finally:
        for one in made:
            if one.is_valid():
                one.delete()
    return found


def lives(found):
    """The Changes of each object that had this memory; the last one is the present one."""
    out = [[]]
    for one in found:
        if isinstance(one, Freed):
            if out[-1]:
                out[-1].append(one)
                out.append([])
        else:
            out[-1].append(one)
    return out


class History(Travel):
    """List every change of a variable or field of the kernel, up to here.
    Usage: history [-all] EXPR

    EXPR is an lvalue of at most 32 bytes: fi->writectr, inode->i_size, a global variable.
    Each line: the tick, which `goto` takes (it leads to the block that writes), task,
    request, old and new value, function and line. The memory of a freed object was
    another's before: -all shows these lives, too."""

    name = "history"
    past_now = True

    def run(self, args):
        every = bool(args) and args[0] == "-all"
        expression = " ".join(args[every:])
        if not expression:
            self.usage()
        watched, found = self.find(expression)
        chosen = lives(found)
        earlier = len(chosen) - 1
        if not every:
            chosen = chosen[-1:]
        rows = []
        for life in chosen:
            for one in life:
                if isinstance(one, Freed):
                    rows.append((one.tick, one.task, "freed", "", "", one.where))
                else:
                    rows.append(
                        (
                            one.tick,
                            one.task,
                            one.request or "-",
                            watched.text(one.old),
                            watched.text(one.new),
                            one.where,
                        )
                    )
        if rows:
            table_of_ticks(rows, ["TICK", "TASK", "REQUEST", "OLD", "NEW", "WHERE"])
        else:
            write("no change of %s up to here" % expression)
        if earlier and not every:
            write(
                "(%d earlier object%s had this memory: history -all)"
                % (earlier, "s" if earlier > 1 else "")
            )

    def find(self, expression):
        if not guest.alive():
            self.begin()
            raise Problem("the guest has ended: back, or goto TICK first")
        # in the frame that the user has chosen
        watched, found, level = Watched(expression), [], gdb.selected_frame().level()
        self.travel(lambda users, now: found.append(changes(watched, now)))
        frame = gdb.newest_frame()
        for _ in range(level):
            frame = frame.older()
        frame.select()
        return watched, found[0]


class LastChange(History):
    """Go to the last change of a variable or field of the kernel before here.
    Usage: last-change EXPR

    Right behind the write, as a watchpoint stops. See `history`."""

    name = "last-change"

    def run(self, args):
        if not args:
            self.usage()
        expression = " ".join(args)
        watched, found = self.find(expression)
        life = [c for c in lives(found)[-1] if not c.position.same(state.now)]
        if not life:
            raise Problem("%s did not change before here" % expression)
        last = life[-1]
        self.travel(lambda users, now: guest.run_to(last.position))
        write("%s: %s -> %s in %s" % (expression, watched.text(last.old), watched.text(last.new), last.where))
        come()


def start():
    History()
    LastChange()
