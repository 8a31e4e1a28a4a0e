"""Did you mean."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charl.diagnostics.suggest import edit_distance, nearest


@pytest.mark.parametrize(
    ("name", "candidates", "expected"),
    [
        ("prnt", ["point", "print"], "print"),
        ("trian", ["brain", "train"], "train"),
        ("Relu", ["gelu", "relu"], "relu"),
        ("X", ["y", "x"], "x"),
        ("ab", ["xy"], None),
        ("a", ["b"], None),
        ("something", ["else"], None),
        ("print", ["print"], None),
        ("dens", ["dense", "sense"], "dense"),
        ("lenght", ["length"], "length"),
    ],
)
def test_nearest(name: str, candidates: list[str], expected: str | None) -> None:
    assert nearest(name, candidates) == expected


def test_known_distances() -> None:
    assert edit_distance("kitten", "sitting") == 3
    assert edit_distance("ab", "ba") == 1
    assert edit_distance("ca", "abc") == 3  # the restricted form; the unrestricted one says 2
    assert edit_distance("", "abc") == 3


@given(st.text("abc", max_size=8), st.text("abc", max_size=8))
def test_distance_is_symmetric_and_bounded(a: str, b: str) -> None:
    distance = edit_distance(a, b)
    assert distance == edit_distance(b, a)
    assert abs(len(a) - len(b)) <= distance <= max(len(a), len(b))
    assert (distance == 0) == (a == b)
