"""Strings: characters, exact bounds, numbers read back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import charl.ops
from charl.core.builder import Builder, MalformedCore
from charl.core.ir import Block, Value
from charl.core.op import REGISTRY, SURFACE, Fault
from charl.types.types import FLOAT, INT, STRING, List

assert charl.ops


def run(op: str, *operands: Any) -> Any:
    evaluate = REGISTRY[op].evaluate
    assert evaluate is not None
    return evaluate(*operands)


def fault(op: str, *operands: Any) -> Fault:
    with pytest.raises(Fault) as caught:
        run(op, *operands)
    return caught.value


def test_lengths_and_indices_count_characters() -> None:
    assert run("string_length", "日本語") == 3
    assert run("string_index", "日本語", -1) == "語"
    assert run("string_characters", "aé😀") == ["a", "é", "😀"]


@given(st.text(max_size=8), st.integers(-2, 10), st.integers(-2, 10), st.integers(-3, 3))
def test_slices_take_their_places_or_are_a_fault(s: str, start: int, stop: int, step: int) -> None:
    places = range(start, stop, step) if step else ()
    inside = all(0 <= place < len(s) for place in places)
    if not places:
        inside = 0 <= start <= len(s) if step > 0 else -1 <= start < len(s)
    if step == 0 or not inside:
        assert fault("string_slice", s, start, stop, step).code == "E0502"
    else:
        assert run("string_slice", s, start, stop, step) == "".join(s[place] for place in places)


def test_out_of_bounds_names_index_and_length() -> None:
    assert fault("string_index", "abc", 3).message == (
        "index 3 is out of bounds: the text has 3 characters"
    )
    assert fault("string_index", "a", 1).message.endswith("the text has 1 character")
    assert fault("string_index", "", 0).message.endswith("the text is empty")
    assert fault("string_slice", "abc", 0, 4, 1).message == (
        "the slice reaches index 3, but the text has 3 characters"
    )


def test_parts() -> None:
    assert run("string_split", "a,b,,c", ",") == ["a", "b", "", "c"]
    assert run("string_split", "  a \t b\n", "") == ["a", "b"]
    assert run("string_join", ["a", "b"], "-") == "a-b"
    assert run("string_find", "banana", "nan") == 2
    assert run("string_find", "banana", "x") == -1
    assert run("string_replace", "a-b-c", "-", "") == "abc"
    assert run("string_repeat", "ab", 3) == "ababab"
    assert fault("string_repeat", "ab", -1).message == "a text cannot be repeated -1 times"


@given(st.lists(st.text(alphabet="ab", max_size=3), min_size=1))
def test_split_undoes_join(parts: list[str]) -> None:
    assert run("string_split", run("string_join", parts, ","), ",") == parts


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_int_is_read_back(n: int) -> None:
    assert run("parse_int", f" {n}\n") == n
    assert run("parse_int", f"{n:_}") == n


@given(st.floats())
def test_every_float_is_read_back(x: float) -> None:
    y = run("parse_float", repr(x))
    assert repr(y) == repr(x)


@pytest.mark.parametrize(
    "s", ["", " ", "12x", "1 2", "--1", "_1", "1__0", "0x10", "١", "1e3", "1."]
)
def test_what_is_not_an_int(s: str) -> None:
    assert fault("parse_int", s).code == "E0530"


@pytest.mark.parametrize("s", ["", "1,5", "e5", ".", "1e", "infinity", "0x1p3", "１"])
def test_what_is_not_a_number(s: str) -> None:
    assert fault("parse_float", s).code == "E0530"


def test_refusals_show_the_text_and_the_mend() -> None:
    assert fault("parse_int", "12x").message == '"12x" is not an integer'
    assert fault("parse_int", "2.5").helps == (
        "`parse_float` reads numbers with a point or an exponent",
    )
    assert "does not fit into an int" in fault("parse_int", str(2**63)).message
    assert fault("parse_int", "9" * 100_000).message.startswith('"' + "9" * 37 + '..."')
    assert run("parse_int", "0" * 100_000 + "7") == 7


def test_codes() -> None:
    assert run("character_code", "日") == 0x65E5
    assert run("from_code", 0x1F600) == "😀"
    for code in (-1, 0x110000, 0xD800, 0xDFFF):
        assert fault("from_code", code).code == "E0531"
    assert fault("character_code", "ab").message.endswith('"ab" has 2')
    assert fault("character_code", "").code == "E0531"


def test_types() -> None:
    b = Builder(Block())
    s, i, x, parts = Value(STRING), Value(INT), Value(FLOAT), Value(List(STRING))
    assert b("string_index", s, i).type == STRING
    assert b("string_join", parts, s).type == STRING
    assert b("string_split", s, s).type == List(STRING)
    with pytest.raises(MalformedCore, match="a string is expected here, but this is float"):
        b("string_concat", s, x)
    with pytest.raises(MalformedCore, match=r"\[string\] is expected here, but this is string"):
        b("string_join", s, s)


def test_surface() -> None:
    for name in ("contains", "find", "replace", "split", "join", "trim", "upper", "lower", "ord"):
        assert SURFACE[name].no_gradient
