"""Counted loops in LLVM's text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from charl.backend.llvm.text import Text


@contextmanager
def counted(text: Text, end: str, step: int = 1) -> Iterator[str]:
    """What is written within is done for i = 0, step, ... below end; gives i."""
    head, body, done = (text.label(x) for x in ("each", "turn", "each.end"))
    before = text.here
    text.place(head)
    index, gap = text.open_phi("i64")
    text.branch(text.let(f"icmp slt i64 {index}, {end}"), body, done)
    text.place(body)
    yield index
    following = text.let(f"add nsw i64 {index}, {step}")
    edge = text.here
    text.jump(head)
    text.fill(gap, [("0", before), (following, edge)])
    text.place(done)
