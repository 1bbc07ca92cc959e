# SPDX-License-Identifier: GPL-2.0-only
"""What all the others stand on: commands that fail in one line, symbols, lists.

Everything here only reads memory, so that it works in a live guest and in a core.
"""
import functools
import re

import gdb


class Problem(gdb.GdbError):
    """What the user sees instead of a traceback: one line, with the way out."""


def explain(error):
    """One line for an error of gdb's."""
    text = " ".join(str(error).split())
    found = re.match(r"There is no member named (\w+)", text)
    if found:
        return "this kernel (%s) has no member '%s' where one is expected" % (
            release(),
            found.group(1),
        )
    found = re.match(r"No struct type named (\w+)|No (?:symbol|type) (?:named |\")(\w+)", text)
    if found:
        return "this kernel has no '%s' (no debug information, or another version)" % (
            found.group(1) or found.group(2)
        )
    if "Cannot access memory" in text:
        return "not what it should be: memory that cannot be read (%s)" % text
    return text


def live():
    """A guest that can run on, not a core."""
    inferior = gdb.selected_inferior()
    return inferior.pid != 0 and gdb.selected_thread() is not None and not is_core()


def is_core():
    connection = gdb.selected_inferior().connection
    return connection is not None and connection.type == "core"


# --- symbols and types ------------------------------------------------------------


@functools.lru_cache(None)
def _symbol(name):
    return gdb.lookup_global_symbol(name) or gdb.lookup_static_symbol(name)


def has_symbol(name):
    return _symbol(name) is not None


def has_function(name):
    """Can a breakpoint be set on this function, inlined or not?"""
    try:
        return gdb.decode_line(name)[1] is not None
    except gdb.error:
        return False


def symbol(name):
    """The value of a variable of the kernel, static ones included."""
    found = _symbol(name)
    if found is None:
        raise Problem("this kernel has no variable '%s'" % name)
    return found.value()


@functools.lru_cache(None)
def type_of(name):
    try:
        return gdb.lookup_type(name)
    except gdb.error:
        raise Problem("this kernel has no '%s'" % name)


def forget(_event=None):
    """Another kernel was loaded: nothing remembered of the old one holds."""
    for cache in (_symbol, type_of, offset_of, enum, source_prefix, stack_size):
        cache.cache_clear()


gdb.events.new_objfile.connect(forget)


@functools.lru_cache(None)
def offset_of(type_name, member):
    """Bytes from the start of a struct to a member ("a.b" allowed)."""
    kind, total = type_of(type_name), 0
    for part in member.split("."):
        field = _field(kind, part)
        if field is None:
            raise Problem(
                "this kernel (%s) has no member '%s' in %s" % (release(), member, type_name)
            )
        total += field[0]
        kind = field[1]
    return total


def _field(kind, name):
    for field in kind.strip_typedefs().fields():
        if field.name == name:
            return field.bitpos // 8, field.type
        if not field.name or field.is_base_class:  # an unnamed union
            found = _field(field.type, name)
            if found:
                return field.bitpos // 8 + found[0], found[1]
    return None


def has_member(value_or_type, name):
    kind = value_or_type.type if isinstance(value_or_type, gdb.Value) else value_or_type
    kind = kind.strip_typedefs()
    if kind.code == gdb.TYPE_CODE_PTR:
        kind = kind.target().strip_typedefs()
    return _field(kind, name) is not None


def at(address, type_name):
    """The struct at an address, as a Value."""
    return gdb.Value(int(address)).cast(type_of(type_name).pointer()).dereference()


def container(pointer, type_name, member):
    """The struct that the member at `pointer` is part of."""
    return at(int(pointer) - offset_of(type_name, member), type_name)


def address(value):
    return int(value.address)


@functools.lru_cache(None)
def enum(name):
    """The values of an enum: {name: number}"""
    return {f.name: f.enumval for f in type_of("enum " + name).fields()}


def bits(flags, enum_name, prefix):
    """The names of the bits that are set, for an enum that numbers bits."""
    names = {}
    for name, number in enum(enum_name).items():
        if name.startswith(prefix) and 0 <= number < 64:
            names.setdefault(number, name[len(prefix) :])
    return [names[n] for n in sorted(names) if flags >> n & 1]


# --- lists, trees -----------------------------------------------------------------

LIMIT = 1000000


def entries(head):
    """The list_heads on a list, as addresses; a broken list ends with a Problem."""
    start = int(head.address)
    here = int(head["next"])
    for _ in range(LIMIT):
        if here == start:
            return
        if here == 0:
            raise Problem("the list at %#x is not initialized or broken" % start)
        yield here
        here = word(here)
    raise Problem("the list at %#x has no end" % start)


def each(head, type_name, member):
    """The structs on a list."""
    offset = offset_of(type_name, member)
    for node in entries(head):
        yield at(node - offset, type_name)


def rb_each(root, type_name, member):
    """The structs in a red-black tree, in order."""
    offset = offset_of(type_name, member)
    node = root["rb_node"]
    stack = []
    while stack or int(node):
        while int(node):
            stack.append(node)
            if len(stack) > 64:
                raise Problem("a broken rb tree")
            node = node["rb_left"]
        node = stack.pop()
        yield at(int(node) - offset, type_name)
        node = node["rb_right"]


def memory(where, size):
    return gdb.selected_inferior().read_memory(where, size)


def words(where, count):
    """`count` unsigned 64-bit numbers at an address, fast."""
    return memory(where, count * 8).cast("B").cast("Q")


def word(where):
    return words(where, 1)[0]


def text(value, size=256):
    """A C string of the kernel's, or '' where there is none."""
    try:
        if value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR:
            if not int(value):
                return ""
            return value.string(errors="replace", length=-1)[:size]
        return value.string(errors="replace").split("\0")[0][:size]
    except gdb.error:
        return "?"


# --- facts about the kernel -------------------------------------------------------


def release():
    try:
        return text(symbol("init_uts_ns")["name"]["release"])
    except (gdb.error, Problem):
        return "?"


@functools.lru_cache(None)
def source_prefix():
    """What stands before fs/fuse/file.c in the names of source files."""
    found = gdb.lookup_global_symbol("start_kernel")
    path = found.symtab.filename if found else ""
    return path[: -len("init/main.c")] if path.endswith("init/main.c") else ""


def short_paths(text_):
    """Source files named as in the kernel tree."""
    prefix = source_prefix()
    return text_.replace(" at " + prefix, " at ") if prefix else text_


@functools.lru_cache(None)
def stack_size():
    """Bytes of a task's kernel stack: as many as the first task's."""
    for name in ("init_stack", "init_task"):
        try:
            return int(
                gdb.parse_and_eval("(long)&__end_%s - (long)&__start_%s" % (name, name))
            )
        except gdb.error:
            pass
    raise Problem("this kernel does not tell how large its stacks are")


def page_shift():
    return 12


def page_size():
    return 1 << page_shift()


def page_address(folio):
    """Where the kernel sees the memory of a folio's first page (FLATMEM)."""
    page = type_of("struct page").sizeof
    number = (int(folio) - int(symbol("mem_map"))) // page
    return int(symbol("uml_physmem")) + (number << page_shift())


def jiffies():
    return int(gdb.parse_and_eval("(unsigned long)jiffies_64"))


def uptime():
    """Seconds since boot, of the guest's clock."""
    return (jiffies() - ((1 << 32) - 300 * hz())) / hz()


def hz():
    """Ticks a second: from the length of one."""
    try:
        return round(10**9 / int(symbol("tick_nsec")))
    except (gdb.error, Problem):
        return 100


def number(text_, what="number"):
    """What the user typed as a number or an expression."""
    try:
        return int(text_, 0)
    except ValueError:
        pass
    try:
        value = evaluate(text_)
        return int(gdb.parse_and_eval(text_) if value is None else value)
    except (gdb.error, OverflowError):
        raise Problem("'%s' is no %s" % (text_, what))


CHAIN = re.compile(r"(\w+)((?:(?:->|\.)\w+)*)$")


def local(name, frame=None):
    """A local variable of a frame, by default the selected one; None where it has none of
    this name.

    (frame.read_var() looks everywhere else, too: seconds, for a name like "inode".)"""
    try:
        frame = frame or gdb.selected_frame()
        block = frame.block()
    except (gdb.error, RuntimeError):
        return None
    while block is not None:
        for symbol_ in block:
            if symbol_.name == name and (symbol_.is_variable or symbol_.is_argument):
                return symbol_.value(frame)
        if block.function is not None:
            return None
        block = block.superblock
    return None


def evaluate(expression):
    """The value of a variable of the selected frame, or of members of it (a->b.c); None
    where there is none, or it was optimized out. Such an expression is not given to gdb:
    gdb 13 reads the debug information of half the kernel to parse "wpa->inode"."""
    found = CHAIN.match(expression)
    value = local(found.group(1)) if found else None
    if value is None:
        return None
    for member in re.findall(r"\w+", found.group(2)):
        if not has_member(value, member):
            return None
        if value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR:
            value = value.dereference()
        value = value[member]
    return None if value.is_optimized_out else value
