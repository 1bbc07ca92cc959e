# SPDX-License-Identifier: GPL-2.0-only
"""Turns gdb into a debugger of FUSE writeback in User-mode Linux.

   gdb -x uml/gdb/fuse-uml.py build/patched/linux
   gdb -p PID -x uml/gdb/fuse-uml.py        a guest that runs
   gdb -x uml/gdb/fuse-uml.py build/patched/linux core

`fuse-help` lists the commands. Each is also a Python function in fuseuml/commands.
"""
import os
import sys

import gdb

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))

# Nothing made goes into the source folder; below build/ it may, whatever PYTHONDONTWRITEBYTECODE
# says: compiling all of it takes longer than all else that gdb does at its start
if os.access(os.path.join(TOP, "build"), os.W_OK):
    sys.pycache_prefix = os.path.join(TOP, "build", "pycache")
    sys.dont_write_bytecode = False
else:
    sys.dont_write_bytecode = True
if HERE not in sys.path:
    sys.path.insert(0, HERE)

from fuseuml.session import register  # noqa: E402  (needs the path above)

register.start()
