"""Functions that misbehave, for children to run."""

import ctypes
import os
import pickle
import signal
import socket
import sys
import time
from datetime import datetime
from pathlib import Path

import numpy as np

from calotype.domain.errors import NotReady, UndecodablePicture
from calotype.domain.picture import CaptureTime, VariantName
from calotype.sandbox import wire


def add(a, b=0):
    """The sum, or the concatenation."""
    return a + b


def pid(pause=0.0):
    """The process this runs in."""
    time.sleep(pause)
    return os.getpid()


def note(folder, name, pause=0.0):
    """Leave a file behind, after a pause: proof that this ran to its end."""
    (Path(folder) / f"{name}.begun").touch()
    time.sleep(pause)
    (Path(folder) / f"{name}.ended").touch()
    return name


def segfault():
    """Read address zero."""
    ctypes.string_at(0)


def die_by(number):
    """End this process by a signal."""
    os.kill(os.getpid(), number)


def leave(code):
    """End this process without a word."""
    os._exit(code)


def hog(megabytes):
    """Take memory, a megabyte at a time."""
    blocks = [bytearray(1024 * 1024) for _ in range(megabytes)]
    return len(blocks)


def abort_for_memory():
    """End as C++ programs do when an allocation fails."""
    sys.stderr.write("terminate called after throwing an instance of 'std::bad_alloc'\n")
    sys.stderr.flush()
    os.abort()


def library_out_of_memory():
    """Tell of a failed allocation in a library's own words."""
    raise RuntimeError("VipsJpeg: out of memory -- size == 12MB")


def spin():
    """Never end."""
    while True:
        pass


def ignore_everything():
    """Never end, and heed no signal that can be ignored."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGXCPU):
        signal.signal(number, signal.SIG_IGN)
    spin()


def refuse(**context):
    """Refuse with a context."""
    raise UndecodablePicture("the file ends in the middle", **context)


def refuse_later():
    """Refuse with a richer context."""
    raise NotReady("soon", retry_after=3, seen=(1, 2), when=datetime(2026, 1, 2, 3, 4))  # noqa: DTZ001 - wall time


def refuse_with(message):
    """Refuse with a context that cannot travel."""
    raise UndecodablePicture(message, stream=open(os.devnull))  # noqa: SIM115, PTH123 - it is there to not travel


def fail():
    """Raise an error of Python's own."""
    raise KeyError("absent")


def quit_python():
    """Try to end the child in the polite way."""
    raise SystemExit(3)


def facts():
    """One of each type that results are made of."""
    return {
        "variant": VariantName.TINY_64,
        "captured": CaptureTime(datetime(2026, 1, 2, 3, 4), "exif"),  # noqa: DTZ001 - wall time
        "array": np.arange(6, dtype=np.float32).reshape(2, 3),
        "number": np.float64(1.5),
        "set": {1, 2},
    }


class Evil:
    """Reads as a call of os.system."""

    def __reduce__(self):
        return (os.system, ("true",))


def evil():
    """An answer that no honest child would make."""
    return Evil()


def taken_over():
    """Send a pickle that calls a function, as a child may whose code was taken over."""
    body = pickle.dumps(Evil())
    wire.frame_answer = lambda _answer: wire.HEADER.pack(len(body)) + body


def unanswerable():
    """An answer that cannot travel."""
    return lambda: None


def limits_seen():
    """The limits this process is under."""
    import resource

    names = ("RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_NOFILE")
    return {name: resource.getrlimit(getattr(resource, name))[0] for name in names} | {
        "nice": os.nice(0),
        "sigint": signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
        "status": Path("/proc/self/status").read_text(encoding="ascii"),
    }


def environment():
    """The variables this process sees."""
    return dict(os.environ)


def loaded(name):
    """Whether a module has been imported."""
    return name in sys.modules


def connect(port):
    """Reach a socket of this machine."""
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        return True


def write_much():
    """Print more than any pipe would hold."""
    for _ in range(2000):
        sys.stderr.write("a decoder talks " * 10 + "\n")
    sys.stdout.write("and talks")
    return "done"
