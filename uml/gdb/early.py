# SPDX-License-Identifier: GPL-2.0-only
"""Read by gdb before the kernel (gdb -ix): keep an index of the debug information, so
that the next session with this kernel starts in a third of the time."""
import os

import gdb

KEEP = 8  # files; a kernel has one of 10 MB

top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
cache = os.path.join(top, "build", "gdb-index")
try:
    os.makedirs(cache, exist_ok=True)
    files = [os.path.join(cache, name) for name in os.listdir(cache)]
    for old in sorted(files, key=os.path.getmtime, reverse=True)[KEEP:]:
        os.unlink(old)
    gdb.execute("set index-cache directory " + cache)
    gdb.execute("set index-cache enabled on", to_string=True)
except (OSError, gdb.error):
    pass  # without, it is only slower
