# SPDX-License-Identifier: GPL-2.0-only
"""What the guest prints when it runs again has been printed once: only what is new since
goes on. Pipes, as in the first run: to the kernel a file would be something else."""
import contextlib
import fcntl
import os
import struct
import subprocess
import termios
import time

import gdb


class Stream:
    """One of the guest's outputs; `fd` is where the first run sends it."""

    def __init__(self, fd, name):
        self.fd, self.pipe, self.path = fd, name + ".pipe", name
        os.mkfifo(self.pipe)
        self.end = os.open(self.pipe, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        # ends with gdb, however that ends
        self.reader = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "sh", "-c", "exec cat <%s >>%s" % (self.pipe, name)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.shown = None

    def settle(self):
        """Until all that the guest has written is in the file."""
        for _ in range(1000):
            waiting = struct.unpack("i", fcntl.ioctl(self.end, termios.FIONREAD, b"\0" * 4))[0]
            if not waiting and self.idle():
                return
            time.sleep(0.001)

    def idle(self):
        try:
            with open("/proc/%d/stat" % self.reader.pid) as f:
                return f.read().rsplit(")", 1)[1].split()[0] == "S"
        except OSError:
            return True

    def size(self):
        self.settle()
        try:
            return os.path.getsize(self.path)
        except OSError:
            return 0

    def clear(self):
        self.settle()
        with contextlib.suppress(OSError):
            os.truncate(self.path, 0)

    def pass_on(self):
        size = self.size()
        if self.shown is None or size <= self.shown:
            return
        with open(self.path, "rb") as f:
            f.seek(self.shown)
            new = f.read(size - self.shown)
        self.shown = size
        gdb.flush()
        with contextlib.suppress(OSError):
            while new:
                new = new[os.write(self.fd, new) :]


class Output:
    """All of them, from the moment at which the guest is run again for the first time."""

    def __init__(self):
        self.streams = [Stream(3, "again.out"), Stream(4, "again.err")]

    def redirections(self):
        return " ".join("%d>%s" % (s.fd, s.pipe) for s in self.streams)

    def clear(self):
        for stream in self.streams:
            stream.clear()

    def known(self):
        return self.streams[0].shown is not None

    def seen(self):
        """The user has seen what the guest has printed up to here."""
        for stream in self.streams:
            stream.shown = stream.size()

    def forget(self, shown=None):
        for stream in self.streams:
            stream.shown = shown

    def pass_on(self):
        for stream in self.streams:
            stream.pass_on()

    def end(self):
        for stream in self.streams:
            stream.reader.kill()
            stream.reader.wait()
