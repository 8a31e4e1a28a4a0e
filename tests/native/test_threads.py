"""The thread pool: every item once, stretches that depend on the job alone, statuses, forks."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from charl.runtime.library import BODY, library

ROOT = Path(__file__).parents[2]


def in_process(program: str, threads: int) -> str:
    """What a program prints that runs with this many threads."""
    env = dict(os.environ, CHARL_THREADS=str(threads), PYTHONPATH=str(ROOT))
    run = subprocess.run(
        [sys.executable, "-c", program], env=env, capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


PARALLEL = "from charl.runtime.library import BODY, library\nparallel = library().charl_parallel\n"


def stretches(count: int, grain: int) -> list[tuple[int, int]]:
    found = []

    @BODY
    def body(context: int, low: int, high: int) -> int:
        found.append((low, high))
        return 0

    assert library().charl_parallel(body, None, count, grain) == 0
    return sorted(found)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 8, 9, 1000])
@pytest.mark.parametrize("grain", [1, 3, 8, 2000])
def test_every_item_is_in_one_stretch(count: int, grain: int) -> None:
    expected = [(low, min(low + grain, count)) for low in range(0, count, grain)]
    assert stretches(count, grain) == expected


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_stretches_do_not_depend_on_the_number_of_threads(threads: int) -> None:
    program = f"""{PARALLEL}
found = []
body = BODY(lambda c, low, high: found.append((low, high)) or 0)
for count, grain in ((100, 7), (3, 1), (64, 16), (5, 0)):
    parallel(body, None, count, grain)
    print(sorted(found))
    found.clear()
print(library().charl_threads())
"""
    *lines, count = in_process(program, threads).splitlines()
    assert lines == in_process(program, 3).splitlines()[:-1]
    assert int(count) == threads


def test_the_context_arrives() -> None:
    total = (ctypes.c_int64 * 100)()

    @BODY
    def body(context: int, low: int, high: int) -> int:
        for i in range(low, high):
            ctypes.c_int64.from_address(context + 8 * i).value = i * i
        return 0

    library().charl_parallel(body, total, 100, 9)
    assert list(total) == [i * i for i in range(100)]


def test_the_status_is_that_of_the_lowest_failed_stretch() -> None:
    @BODY
    def body(context: int, low: int, high: int) -> int:
        return low if low >= 40 else 0

    for _ in range(200):
        assert library().charl_parallel(body, None, 100, 10) == 40

    @BODY
    def negative(context: int, low: int, high: int) -> int:
        return -7 if low == 3 else 0

    assert library().charl_parallel(negative, None, 6, 3) == -7


def test_nested_work_runs_where_it_is() -> None:
    seen: list[tuple[int, int]] = []

    @BODY
    def inner(context: int, low: int, high: int) -> int:
        seen.append((threading.get_ident(), low))
        return 0

    @BODY
    def outer(context: int, low: int, high: int) -> int:
        here = threading.get_ident()
        before = [x for x in seen if x[0] == here]
        library().charl_parallel(inner, None, 4, 1)
        mine = [low for ident, low in seen if ident == here][len(before) :]
        return 0 if mine == [0, 1, 2, 3] else 1

    assert library().charl_parallel(outer, None, 8, 1) == 0
    assert len(seen) == 32


def test_several_callers_at_once() -> None:
    sums = [0] * 4

    def call(which: int) -> None:
        found: list[int] = []
        body = BODY(lambda c, low, high: found.append(high - low) or 0)
        for _ in range(200):
            library().charl_parallel(body, None, 10, 2)
        sums[which] = sum(found)

    callers = [threading.Thread(target=call, args=(n,)) for n in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert sums == [2000] * 4


COUNTING = r"""
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include "charl.h"
static _Atomic int64_t total;
static int32_t body(int64_t *context, int64_t low, int64_t high) {
    (void)context;
    atomic_fetch_add(&total, high - low);
    return 0;
}
int main(void) {
    int64_t wrong = 0;
    for (int i = 0; i < 10000; i++) {
        total = 0;
        charl_parallel(body, NULL, i % 50, 1 + i % 7);
        wrong += total != i % 50;
    }
    printf("%lld\n", (long long)wrong);
    return 0;
}
"""


@pytest.mark.parametrize("threads", [2, 4])
def test_ten_thousand_quick_calls(threads: int, tmp_path: Path) -> None:
    """From C, where nothing slows the calls down: every stretch is done when a call returns."""
    source, binary = tmp_path / "main.c", tmp_path / "main"
    source.write_text(COUNTING)
    headers = ROOT / "charl/runtime/native"
    try:
        subprocess.run(
            ["cc", "-std=c11", "-D_GNU_SOURCE", "-O2", f"-I{headers}", source]
            + [headers / "threads.c", "-o", binary, "-lpthread"],
            check=True,
        )
    except FileNotFoundError:
        pytest.skip("no C compiler here")
    env = dict(os.environ, CHARL_THREADS=str(threads))
    run = subprocess.run([binary], env=env, capture_output=True, text=True, timeout=60)
    assert run.stdout == "0\n"


def test_a_forked_child_has_a_pool_of_its_own() -> None:
    program = f"""{PARALLEL}
import os
found = []
body = BODY(lambda c, low, high: found.append(high - low) or 0)
parallel(body, None, 10, 1)
child = os.fork()
for _ in range(100):
    parallel(body, None, 10, 1)
if child == 0:
    os._exit(0 if sum(found) == 1010 else 1)
assert os.waitpid(child, 0)[1] == 0
print(sum(found))
"""
    assert in_process(program, 2) == "1010\n"
