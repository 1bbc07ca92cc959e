# SPDX-License-Identifier: GPL-2.0-only
"""For tests/coverage: lines, functions and branches that runs have run, of the edges that
uml/kernel/edges.c kept. gdb is here for its tables of lines and its disassembler.

In the environment
  FUSE_UML_RUNS   a file: a line for each test, its name, a tab, its file of edges
  FUSE_UML_OUT    a folder: coverage.info (lcov's format) and touched (what each test runs:
                  test, source file and lines, by tabs)
  FUSE_UML_TREE, FUSE_UML_OBJ
                  the kernel's source, and where it was built
  FUSE_UML_FILES  the source files to tell of, as globs below the tree
  FUSE_UML_SERIES a file: path and line of a change, of which totals are told and, in OUT/nobody,
                  what nobody runs

A block counts itself at its start, so what lies between two calls of the counter is code
without one: a few ways, most often a single one. An edge that was run from one counter to
the next says that what all ways between the two have in common was run, lines and outcomes
of conditional jumps. A line or an outcome that no edge could ever tell is left out."""
import array
import bisect
import fnmatch
import glob
import linecache
import os
import struct
import subprocess
import sys

import gdb

HERE = os.path.dirname(os.path.realpath(__file__))
COUNTER = "__sanitizer_cov_trace_pc"
WAYS = 256  # from one counter on; where there are more, nothing is said
HEADER = 2  # words before the edges
RET = 0


def nm(path):
    """(address, size, name) of each function."""
    for line in subprocess.check_output(["nm", "-S", "--defined-only", path], text=True).splitlines():
        parts = line.split()
        if len(parts) == 4 and parts[2] in "tT":
            yield int(parts[0], 16), int(parts[1], 16), parts[3]


def symbol(name):
    return int(gdb.parse_and_eval("(unsigned long)&" + name))


class Lines:
    """Source file and line of an address, as gdb's find_pc_line() has it."""

    def __init__(self, tree, globs):
        self.tree, self.globs = tree, globs
        self.wanted = {}
        self.start, self.known = [], []

    def path(self, name):
        """Below the tree, or None when it is none of ours."""
        if name not in self.wanted:
            full = os.path.realpath(name)
            short = os.path.relpath(full, self.tree)
            self.wanted[name] = short if any(fnmatch.fnmatch(short, g) for g in self.globs) else None
        return self.wanted[name]

    def at(self, pc):
        at = bisect.bisect_right(self.start, pc) - 1
        if at >= 0 and self.known[at][0] > pc:
            return self.known[at][1]
        sal = gdb.find_pc_line(pc)
        end = (sal.last or pc) + 1
        path = self.path(sal.symtab.fullname()) if sal.symtab and sal.line else None
        found = (path, sal.line) if path else None
        self.start.insert(at + 1, sal.pc or pc)
        self.known.insert(at + 1, (end, found))
        return found


class Code:
    """One function's instructions."""

    def __init__(self, name, start, end, lines, counter, arch):
        self.name, self.start = name, start
        self.next, self.jump, self.line, self.point = {}, {}, {}, {}
        self.tables = []
        loaded = {}  # register: what a movabs put there
        listing = arch.disassemble(start, end - 1)
        for n, one in enumerate(listing):
            pc, asm = one["addr"], one["asm"].split("<")[0].split()
            what = asm[0]
            after = pc + one["length"]
            self.line[pc] = lines.at(pc)
            operand = asm[-1] if len(asm) > 1 else ""
            if what == "movabs" and operand.startswith("$"):
                value, _, register = operand.partition(",")
                loaded[register] = int(value[1:], 16)
            if what in ("call", "callq"):
                target = None
                if operand.startswith("*%"):
                    target = loaded.get(operand[1:])
                elif operand.startswith("0x"):
                    target = int(operand, 16)
                if target == counter:
                    self.point[pc] = after
                self.next[pc] = [after]
            elif what.startswith("ret") or what in ("ud2", "hlt"):
                self.next[pc] = []
            elif what.startswith("j") or what == "notrack":
                if operand.startswith("0x"):
                    to = int(operand, 16)
                    if what.startswith("jmp"):
                        self.next[pc] = [to]
                    else:
                        self.next[pc] = [to, after]
                        self.jump[pc] = True
                else:
                    self.next[pc] = self.table(operand, start, end)
                    self.jump[pc] = bool(self.next[pc])
            else:
                self.next[pc] = [after]
        self.inside = set(self.next)

    @staticmethod
    def table(operand, start, end):
        """Where `jmp *TABLE(,%reg,8)` can go."""
        where = operand.lstrip("*").split("(")[0]
        if not where.startswith("0x"):
            return []
        at, found = int(where, 16), []
        while len(found) < 512:
            to = int.from_bytes(bytes(gdb.selected_inferior().read_memory(at, 8)), "little")
            if not start <= to < end:
                break
            if to not in found:
                found.append(to)
            at += 8
        return found

    def ways(self, pc):
        """From this address on to the next counter or the end: [(where, facts)], where the
        return address of the counter's call, or RET. None: too many."""
        found, stack, steps = [], [(pc, frozenset(), frozenset())], 0
        while stack:
            pc, seen, facts = stack.pop()
            row, facts = set(), set(facts)
            while True:
                steps += 1
                if pc not in self.inside or pc in seen or pc in row:
                    # a tail call, another part of the function, a loop without a counter
                    if pc not in self.inside:
                        found.append((RET, facts))
                    break
                row.add(pc)
                facts.add(pc)
                if pc in self.point:
                    found.append((self.point[pc], facts))
                    break
                to = self.next[pc]
                if not to:
                    found.append((RET, facts))
                    break
                if len(to) > 1 or pc in self.jump:
                    for n in range(len(to)):
                        stack.append((to[n], seen | row, frozenset(facts | {(pc, n)})))
                    break
                pc = to[0]
            if len(found) > WAYS or len(stack) > WAYS or steps > 200000:
                return None
        return found


class Model:
    """What each edge of the kernel says."""

    def __init__(self, lines, text, counter):
        self.lines, self.text = lines, text
        self.says = {}  # (from, to): facts; a fact is (path, line) or (path, line, branch, outcome)
        self.alone = {}  # block: what is run whatever comes behind
        self.entries = {}  # block: [its function]
        self.functions = {}  # (path, line, name)
        self.all_lines, self.all_branches = set(), {}
        self.numbers = {}  # of jumps, for each line
        self.counter = counter

    def add(self, name, start, end):
        code = Code(name, start, end, self.lines, self.counter, gdb.selected_inferior().architecture())
        if not any(line for line in code.line.values()):
            return
        # a jump's number on its line: copies of a function in other objects have the same
        numbers, branch = {}, {}
        for pc in sorted(code.jump):
            line = code.line[pc]
            if line and code.jump[pc]:
                numbers[line] = numbers.get(line, -1) + 1
                known = self.numbers.setdefault(line, {})
                branch[pc] = known.setdefault((name, numbers[line]), len(known))
        first = code.line.get(start)
        if first and ".cold" not in name and ".part" not in name:
            self.functions[(first[0], name)] = min(first[1], self.functions.get((first[0], name), 1 << 30))

        def facts(raw):
            out = set()
            for one in raw:
                if isinstance(one, tuple):
                    pc, outcome = one
                    if pc in branch:
                        out.add(code.line[pc] + (branch[pc], outcome))
                elif code.line[one]:
                    out.add(code.line[one])
            return out

        forced = set()
        begins = [(0, start)] + [(after, after) for after in sorted(code.point.values())]
        for origin, pc in begins:
            ways = code.ways(pc)
            block = (origin - self.text) & 0xFFFFFFFF if origin else 0
            if ways is None:
                continue
            ends = {}
            for to, raw in ways:
                ends.setdefault(to, []).append(raw)
            common = frozenset.intersection(*[frozenset(raw) for _, raw in ways]) if ways else frozenset()
            if origin:
                self.alone[block] = facts(common)
                forced |= self.alone[block]
            for to, raws in ends.items():
                said = facts(frozenset.intersection(*[frozenset(r) for r in raws]))
                target = (to - self.text) & 0xFFFFFFFF if to else 0
                if not origin:
                    # the way in: there is nothing before the first counter but this
                    self.entries.setdefault(target, set()).update(said)
                    if first:
                        self.entries[target].add((first[0], first[1], name))
                else:
                    self.says[block, target] = said
                forced |= said
        # what lies on one of two ways without a counter cannot be told
        self.all_lines |= {f for f in forced if len(f) == 2}
        for pc, number in branch.items():
            for outcome in range(len(code.next[pc])):
                fact = code.line[pc] + (number, outcome)
                self.all_branches[fact] = self.all_branches.get(fact, False) or fact in forced

    def run(self, words):
        """The facts of a run."""
        found = set()
        for word in words:
            origin, to = word >> 32, word & 0xFFFFFFFF
            said = self.says.get((origin, to)) if origin and to else None
            if said is not None:
                found |= said
            else:
                # one call has ended, or another one begun
                if origin:
                    found |= self.says.get((origin, RET), set())
                if to:
                    found |= self.entries.get(to, set())
            if origin:
                found |= self.alone.get(origin, set())
            if to:
                found |= self.alone.get(to, set())
        return found


def objects(tree, obj):
    """Objects that count, by the compiler's wrapper."""
    names = subprocess.check_output([os.path.join(HERE, "..", "kernel", "cc"), "--objects"], text=True).split()
    for name in names:
        for path in glob.glob(os.path.join(obj, name)):
            source = os.path.join(tree, os.path.relpath(path, obj))[:-2] + ".c"
            if os.path.exists(source):
                yield source


def first_code(short, source):
    """Where a file's code begins. From its first line gdb 12 goes on to that by itself, gdb 16 does not."""
    with open(source) as text:
        last = sum(1 for _ in text)
    for line in range(1, last + 1):
        try:
            found = gdb.decode_line("%s:%d" % (short, line))[1]
        except gdb.error:
            continue
        if found:
            return found
    return ()


def build(tree, obj, globs):
    vmlinux = gdb.objfiles()[0].filename
    model = Model(Lines(tree, globs), symbol("_stext"), symbol(COUNTER))
    table = sorted(nm(vmlinux))
    starts = [t[0] for t in table]
    done = set()
    for source in objects(tree, obj):
        short = os.path.relpath(source, tree)
        if not any(fnmatch.fnmatch(short, g) for g in globs):
            continue
        for sal in first_code(short, source):
            for block in (sal.symtab.static_block(), sal.symtab.global_block()):
                for sym in block:
                    if not sym.is_function and sym.type.code != gdb.TYPE_CODE_FUNC:
                        continue
                    if sym.addr_class != gdb.SYMBOL_LOC_BLOCK:
                        continue
                    done.add((int(sym.value().address), sym.name))
    byname = {}
    for at, size, name in table:
        if ".cold" in name or ".part" in name:
            byname.setdefault(name.split(".")[0], []).append((at, size, name))
    for at, name in sorted(done):
        where = bisect.bisect_left(starts, at)
        if where == len(table) or starts[where] != at or not table[where][1]:
            continue
        model.add(name, at, at + table[where][1])
        for cold, size, full in byname.get(name, ()):
            if size:
                model.add(full, cold, cold + size)
    return model


def sum_of_text(path):
    """As uml/supervise/edges.c has it."""
    with open(path, "rb") as f:
        data = f.read()
    (table,) = struct.unpack_from("<Q", data, 0x28)
    size, count, names = struct.unpack_from("<HHH", data, 0x3A)
    sections = [struct.unpack_from("<IIQQQQ", data, table + n * size) for n in range(count)]
    for name, _, _, _, offset, length in sections:
        at = sections[names][4] + name
        if data[at : data.index(b"\0", at)] == b".text":
            words = array.array("Q")
            words.frombytes(data[offset & ~7 : (offset & ~7) + length // 8 * 8])
            total = 0
            for word in words:
                total = ((total ^ word) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
            return total
    return 0


def spans(numbers):
    out = []
    for n in sorted(numbers):
        if out and out[-1][1] == n - 1:
            out[-1][1] = n
        else:
            out.append([n, n])
    return ",".join("%d-%d" % (a, b) if a != b else str(a) for a, b in out)


def info(out, test, tree, model, found):
    """One test's part of lcov's file."""
    by_file = {}
    for line in model.all_lines:
        by_file.setdefault(line[0], []).append(line[1])
    functions, branches = {}, {}
    for (path, name), line in model.functions.items():
        functions.setdefault(path, []).append((line, name))
    for fact, decided in model.all_branches.items():
        if decided:
            branches.setdefault(fact[0], []).append(fact)
    for path in sorted(by_file):
        out.write("TN:%s\nSF:%s\n" % (test, os.path.join(tree, path)))
        hit = 0
        for line, name in sorted(functions.get(path, ())):
            out.write("FN:%d,%s\n" % (line, name))
        # inlined, it has no entry of its own; genhtml wants one that ran where a line did
        lines = sorted(line for line in by_file[path] if (path, line) in found)
        starts = sorted(line for line, name in functions.get(path, ()))
        for line, name in sorted(functions.get(path, ())):
            first = bisect.bisect_left(lines, line)
            behind = bisect.bisect_right(starts, line)
            end = starts[behind] if behind < len(starts) else float("inf")
            ran = (path, line, name) in found or first < len(lines) and lines[first] < end
            hit += ran
            out.write("FNDA:%d,%s\n" % (ran, name))
        out.write("FNF:%d\nFNH:%d\n" % (len(functions.get(path, ())), hit))
        hit = 0
        for fact in sorted(branches.get(path, ())):
            ran = fact in found
            hit += ran
            taken = str(int(ran)) if (path, fact[1]) in found else "-"
            out.write("BRDA:%d,%d,%d,%s\n" % (fact[1], fact[2], fact[3], taken))
        out.write("BRF:%d\nBRH:%d\n" % (len(branches.get(path, ())), hit))
        hit = 0
        for line in sorted(by_file[path]):
            ran = (path, line) in found
            hit += ran
            out.write("DA:%d,%d\n" % (line, ran))
        out.write("LF:%d\nLH:%d\nend_of_record\n" % (len(by_file[path]), hit))


def main():
    tree, obj = os.path.realpath(os.environ["FUSE_UML_TREE"]), os.path.realpath(os.environ["FUSE_UML_OBJ"])
    out = os.environ["FUSE_UML_OUT"]
    os.chdir(obj)
    gdb.execute("directory " + obj)
    model = build(tree, obj, os.environ["FUSE_UML_FILES"].split())
    mine, used, other, lost, every = sum_of_text(gdb.objfiles()[0].filename), 0, [], 0, set()
    with open(os.environ["FUSE_UML_RUNS"]) as runs, open(os.path.join(out, "coverage.info"), "w") as info_file, open(
        os.path.join(out, "touched"), "w"
    ) as touched:
        for run in runs:
            test, _, path = run.rstrip("\n").partition("\t")
            words = array.array("Q")
            with open(path, "rb") as f:
                words.frombytes(f.read())
            if not words or not words[0]:
                # it boots no guest, or none of this kernel
                touched.write("%s\t-\t\n" % test)
                continue
            if words[0] != mine:
                other.append(test)
                continue
            used, lost = used + 1, lost + words[1]
            found = model.run({w for w in words[HEADER:] if w})
            found = {f for f in found if len(f) != 2 or f in model.all_lines}
            every |= found
            label = "".join(c if c.isalnum() else "_" for c in os.path.splitext(test)[0])
            info(info_file, label, tree, model, found)
            for path in sorted({f[0] for f in found}):
                touched.write("%s\t%s\t%s\n" % (test, path, spans(f[1] for f in found if len(f) == 2 and f[0] == path)))
    for test in other:
        print("another kernel's: %s" % test)
    if lost:
        print("no room for %d edges" % lost)
    print("tests: %d" % used)
    total("all files", model, every, lambda fact: True)
    with open(os.environ["FUSE_UML_SERIES"]) as f:
        series = {(path, int(line)) for path, line in (row.split() for row in f)}
    if series:
        total("the change", model, every, lambda fact: fact[:2] in series)
        mine_lines = [f for f in model.all_lines if f in series]
        mine = [f for f, decided in model.all_branches.items() if decided and f[:2] in series]
        with open(os.path.join(out, "totals"), "w") as f:
            f.write("%d %d %d %d\n" % (len(every & set(mine_lines)), len(mine_lines), len(every & set(mine)), len(mine)))
        with open(os.path.join(out, "nobody"), "w") as f:
            nobody(f, tree, model, every, series)
    return 0


def percent(part, whole):
    return "%d of %d (%.1f %%)" % (part, whole, 100 * part / whole if whole else 100)


def total(what, model, every, wanted):
    lines = [f for f in model.all_lines if wanted(f)]
    branches = [f for f, decided in model.all_branches.items() if decided and wanted(f)]
    print(
        "%s: lines %s, branches %s"
        % (what, percent(len(every & set(lines)), len(lines)), percent(len(every & set(branches)), len(branches)))
    )


def nobody(out, tree, model, every, series):
    """Lines of the series that no test runs, and outcomes of their conditions that none has."""
    for path, line in sorted(f for f in model.all_lines if f in series and f not in every):
        text = linecache.getline(os.path.join(tree, path), line).strip()
        out.write("%s:%d\tline\t%s\n" % (path, line, text))
    missing = {}
    for fact, decided in model.all_branches.items():
        if decided and fact[:2] in series and fact[:2] in every and fact not in every:
            missing.setdefault(fact[:2], []).append("%d.%d" % fact[2:])
    for path, line in sorted(missing):
        text = linecache.getline(os.path.join(tree, path), line).strip()
        out.write("%s:%d\tbranch %s\t%s\n" % (path, line, " ".join(sorted(missing[path, line])), text))


try:
    status = main()
except (OSError, gdb.error, subprocess.CalledProcessError) as e:
    print("coverage: %s" % e, file=sys.stderr)
    status = 2
sys.stdout.flush()
gdb.execute("quit %d" % status)
