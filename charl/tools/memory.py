"""No more memory than the machine has.

Linux promises more memory than there is, and kills the process that takes it. With a limit on its
data, what does not fit fails to be allocated, and that is an error with a place in the program. The
limit is what the machine, or the container the process lives in, could give at the start.
"""

from __future__ import annotations

import sys

MACHINE = "/proc/meminfo"
CONTAINER = "/sys/fs/cgroup"


def bound_memory() -> None:
    """Let this process take no more memory than there is. Does nothing where that is not known."""
    if sys.platform != "linux":
        return
    import resource  # not there on Windows

    limit = available()
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if limit is None or (soft != resource.RLIM_INFINITY and soft <= limit):
        return
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def available() -> int | None:
    """The bytes that could be had now; None when the system does not say."""
    sizes = [size for size in (_of_machine(), _of_container()) if size is not None]
    return min(sizes) if sizes else None


def _of_machine() -> int | None:
    """Memory that is free or can be freed, and free swap."""
    try:
        with open(MACHINE, encoding="ascii") as lines:
            # MemAvailable:   23132460 kB
            kilobytes = {name: int(rest.split()[0]) for name, rest in (x.split(":") for x in lines)}
        return (kilobytes["MemAvailable"] + kilobytes["SwapFree"]) << 10
    except (OSError, ValueError, KeyError, IndexError):
        return None


def _of_container() -> int | None:
    """What the control group (version 2) leaves; "max" is no limit."""
    try:
        most, used = _number("memory.max"), _number("memory.current")
        return most - used
    except (OSError, ValueError):
        return None


def _number(name: str) -> int:
    with open(f"{CONTAINER}/{name}", encoding="ascii") as file:
        return int(file.read())
