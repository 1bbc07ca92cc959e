#!/bin/sh
# The modules of uml/gdb stand on each other one way: model (structures, nothing printed),
# commands over it, travel (back in time), session on top. A circle among five of them once hid behind imports
# inside functions.
set -u
. tests/host/gdb-lib

cat >"$scratch/modules.py" <<'END_OF_PYTHON'
import ast, os

LAYERS = ["model", "commands", "travel", "session"]
top = "uml/gdb/fuseuml"
needs = {}
for layer in LAYERS:
    for file in sorted(os.listdir(os.path.join(top, layer))):
        if not file.endswith(".py") or file == "__init__.py":
            continue
        name = layer + "." + file[:-3]
        with open(os.path.join(top, layer, file)) as f:
            tree = ast.parse(f.read())
        needs[name] = set()
        for node in ast.walk(tree):
            if not isinstance(node, (ast.Import, ast.ImportFrom)):
                continue
            if node.col_offset:
                print("inside: %s line %d imports inside a function" % (name, node.lineno))
            if not isinstance(node, ast.ImportFrom) or not node.level:
                continue
            where = (node.module or "").split(".") if node.module else []
            base = [layer] if node.level == 1 else []
            path = base + where
            for alias in node.names:
                full = path if len(path) == 2 else path + [alias.name]
                needs[name].add(".".join(full))
        if layer == "model":
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "write", "gdb.write"):
                    print("prints: %s line %d" % (name, node.lineno))
for name, others in needs.items():
    for other in others:
        if other not in needs:
            print("unknown: %s needs %s" % (name, other))
        elif LAYERS.index(other.split(".")[0]) > LAYERS.index(name.split(".")[0]):
            print("upwards: %s needs %s" % (name, other))
done, path = set(), []
def visit(name):
    if name in path:
        print("circle: " + " -> ".join(path[path.index(name):] + [name]))
        return
    if name not in done:
        path.append(name)
        for other in sorted(needs.get(name, ())):
            visit(other)
        path.pop()
        done.add(name)
for name in sorted(needs):
    visit(name)
print("modules=%d" % len(needs))
END_OF_PYTHON
try gdb -q -nx -batch -x "$scratch/modules.py"
tried 0 'the modules are read'
for what in inside prints unknown upwards circle; do
	unlike "$scratch/out" "^$what: " "none $what"
done
[ "$(told modules)" -ge 15 ]
ok $? "... of $(told modules) modules"
done_testing
