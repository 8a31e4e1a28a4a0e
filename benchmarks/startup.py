"""How soon Charl answers: three figures beside their goals.

    python benchmarks/startup.py [REPETITIONS]

Each is the median over whole processes, started as a user starts them; printed are the time on the
clock and the processor's time (of a busy machine the second says more). `charl run` is measured
twice: with an empty cache, and again once the program is in the cache. Python's own bytecode is
written before, as an installation does.
"""

from __future__ import annotations

import compileall
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# The program that is checked is this, again and again, each time with its own names.
PART = """
/// A record of part NUMBER, with a method that changes it.
struct RecordNUMBER {
    position: float32[3]
    weight: float
    count: int

    fn energy() -> float { weight * (sum(position * position) as float) }
    mut fn advance(by: float32[3]) {
        position += by
        count += 1
    }
}

enum ShapeNUMBER { Circle(float), Box(float, float), Empty }

fn area_NUMBER(shape: ShapeNUMBER) -> float {
    match shape {
        Circle(r) => 3.14159 * r * r
        Box(w, h) if w == h => w ** 2
        Box(w, h) => w * h
        Empty => 0.0
    }
}

fn smooth_NUMBER(x: float32[B, N], rounds: int) -> float32[B, N] {
    let y = x
    for i in 0..rounds {
        let weight = if i % 2 == 0 { 0.5 } else { 0.25 }
        y = weight * y + (1 - weight) * tanh(x - mean(x, axis: 1, keep_dims: true))
    }
    y
}

fn collatz_NUMBER(limit: int) -> (int, int) {
    let (best, longest) = (1, 0)
    for start in 1..limit {
        let (x, steps) = (start, 0)
        while x != 1 {
            x = if x % 2 == 0 { x // 2 } else { 3 * x + 1 }
            steps += 1
        }
        if steps > longest { (best, longest) = (start, steps) }
    }
    (best, longest)
}

let record_NUMBER = RecordNUMBER(position: zeros([3]), weight: 2.5, count: 0)
record_NUMBER.advance(ones([3]))
let shapes_NUMBER = [ShapeNUMBER.Circle(1.0), ShapeNUMBER.Box(2.0, 3.0), ShapeNUMBER.Empty]
print(f"part NUMBER: {record_NUMBER.energy():.3}, {len(shapes_NUMBER)} shapes")
print(smooth_NUMBER(ones([2, 4]), 3), collatz_NUMBER(30))
"""


def program(lines: int) -> str:
    """A program of about so many lines: structs, enums, matches, loops, tensors."""
    parts = lines // PART.count("\n")
    return "".join(PART.replace("NUMBER", str(n)) for n in range(parts))


def measured(
    command: list[str], before: Callable[[], None] = lambda: None
) -> tuple[float, float, str]:
    """(Clock, processor) seconds of one process, and what it said on the error output."""
    before()
    start, used = time.perf_counter(), _used()
    done = subprocess.run(
        command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    return time.perf_counter() - start, _used() - used, done.stderr


def _used() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def write_bytecode() -> None:
    compileall.compile_dir(str(ROOT / "charl"), quiet=1)


def main() -> None:
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    write_bytecode()
    charl = [sys.executable, "-m", "charl"]
    with tempfile.TemporaryDirectory() as folder:
        long = Path(folder) / "long.ch"
        long.write_text(program(1000), encoding="utf-8")
        os.environ["XDG_CACHE_HOME"] = folder
        hello = [*charl, "run", "examples/hello.ch"]
        cases = (
            ("charl --version", 0.1, [*charl, "--version"], "1"),
            ("charl run hello.ch, at first", 0.3, hello, "0"),
            ("charl run hello.ch, again", 0.3, hello, "1"),
            ("charl check, 1,000 lines", 0.5, [*charl, "check", str(long)], "1"),
        )
        print(f"{'':32}{'clock':>8}{'processor':>12}{'goal':>8}")
        for name, goal, command, cache in cases:
            os.environ["CHARL_CACHE"] = cache
            measured(command)
            times = [measured(command)[:2] for _ in range(repetitions)]
            clock, processor = (statistics.median(column) for column in zip(*times))
            print(f"{name:32}{clock:>6.3f} s{processor:>10.3f} s{goal:>6.1f} s")


if __name__ == "__main__":
    main()
