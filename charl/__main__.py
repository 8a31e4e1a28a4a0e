"""The process of `charl`, which is also `python -m charl`: what is set once, then the command line.

A compiler builds trees and keeps them until it ends. Looking for garbage among them finds none and
takes a quarter of its time at Python's rate, so the collector of cycles waits until there are a
million new objects (100 to 200 MB), and is not asked to look a last time at the end.

OpenBLAS, which multiplies NumPy's matrices, starts a thread per core as soon as it is loaded. A
thread without work turns in circles for 2**26 ticks of the clock before it sleeps: 50 ms of
another's core at every start, and between any two products. Here it sleeps after 2**20, a third of
a millisecond, unless the user has decided otherwise.

When the output is out, the process ends at once: taking the trees down one by one would cost a
short command a tenth of its time, and the system takes the memory back as a whole.
"""

import atexit
import gc
import os
import sys

from charl.bytecode import keep_bytecode

keep_bytecode()  # before the modules that are worth it; in the processes of `charl test`, too

from charl.tools import cli  # noqa: E402


def main() -> int:
    gc.set_threshold(1_000_000)
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "20")  # read when NumPy is imported
    try:
        return cli.main()
    finally:
        gc.freeze()


def entry() -> None:
    """The command `charl`: runs it and ends the process."""
    status = main()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):  # closed by the reader, or by the program
        sys.exit(status)
    atexit._run_exitfuncs()
    os._exit(status)


if __name__ == "__main__":
    entry()
