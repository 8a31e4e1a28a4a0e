"""Where a program stands in its random numbers: (seed, draws so far), both of 64 bits.

How numbers come of it is told in `ops/random.py`. The state lies here, apart from the primitives,
so that a program can be given one before they are loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from charl.records import record

WORD = (1 << 64) - 1


@record(frozen=False)
class State:
    """A program that never calls `seed` runs with seed 0."""

    seed: int = 0
    draws: int = 0


STATE = State()


def reset(seed: int = 0) -> None:
    """The state at the start of a program, or after `seed`."""
    STATE.seed, STATE.draws = seed & WORD, 0


def state() -> State:
    """A copy of the state of the moment."""
    return State(STATE.seed, STATE.draws)


def set_state(wanted: State) -> None:
    STATE.seed, STATE.draws = wanted.seed, wanted.draws


@contextmanager
def drawing(begun: State) -> Iterator[None]:
    """Draws go on from `begun`, which moves on with them unless the program fails. What was under
    way around it then finds its own state again."""
    before = state()
    set_state(begun)
    try:
        yield
        begun.seed, begun.draws = STATE.seed, STATE.draws
    finally:
        set_state(before)
