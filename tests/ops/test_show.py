"""What `print` writes: shortest numbers, nested brackets, elision, structs put together again."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charl.core.builder import Builder, MalformedCore
from charl.core.ir import Block, Value
from charl.ops.formats import format_value, parse_format_spec
from charl.ops.layouts import (
    UNIT,
    ArrayLayout,
    BoxLayout,
    ConstantLayout,
    EnumLayout,
    Layout,
    Leaf,
    ListLayout,
    RangeLayout,
    Record,
    TupleLayout,
    leaf_count,
)
from charl.ops.show import quote, show
from charl.types import dtypes
from charl.types.dims import UNKNOWN
from charl.types.types import (
    BOOL,
    FLOAT,
    FLOAT32,
    INT,
    STRING,
    DTypeVariable,
    Handle,
    List,
    String,
    Tensor,
    Tuple,
    Type,
)

X, N, S, B = Leaf(FLOAT), Leaf(INT), Leaf(STRING), Leaf(BOOL)


def tensor(dtype: dtypes.DType, rank: int = 1) -> Leaf:
    return Leaf(Tensor(dtype, (UNKNOWN,) * rank))


class TestScalars:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (3.0, "3.0"),
            (0.1, "0.1"),
            (1e-7, "1e-07"),
            (1e16, "1e+16"),
            (123456789012345.0, "123456789012345.0"),
            (-0.0, "-0.0"),
            (float("inf"), "inf"),
            (float("-inf"), "-inf"),
            (float("nan"), "nan"),
            (np.float64(0.1), "0.1"),
        ],
    )
    def test_float(self, value: float, text: str) -> None:
        assert show(value, layout=X) == text

    @pytest.mark.parametrize(
        ("value", "text"),
        [(0.1, "0.1"), (1 / 3, "0.33333334"), (1e-7, "1e-07"), (16777216, "16777216.0")],
    )
    def test_float32_is_shortest_in_its_own_dtype(self, value: float, text: str) -> None:
        assert show(np.float32(value), layout=Leaf(FLOAT32)) == text

    def test_the_other_dtypes(self) -> None:
        assert show(np.float16(0.1), layout=Leaf(Tensor(dtypes.FLOAT16))) == "0.1"
        assert show(ml_dtypes.bfloat16(0.1), layout=Leaf(Tensor(dtypes.BFLOAT16))) == "0.1"
        assert show(ml_dtypes.bfloat16("nan"), layout=Leaf(Tensor(dtypes.BFLOAT16))) == "nan"
        assert show(42, layout=N) == "42"
        assert show(True, layout=B) + show(False, layout=B) == "truefalse"

    @given(st.floats(width=32))
    def test_float32_reads_back(self, x: float) -> None:
        value = np.float32(x)
        back = np.float32(show(value, layout=Leaf(FLOAT32)))
        assert back.tobytes() == value.tobytes() or np.isnan(value)

    @given(st.integers(0, 2**16 - 1))
    def test_bfloat16_reads_back(self, bits: int) -> None:
        value = np.array(bits, np.uint16).view(ml_dtypes.bfloat16)[()]
        back = ml_dtypes.bfloat16(float(show(value, layout=Leaf(Tensor(dtypes.BFLOAT16)))))
        assert back == value or (np.isnan(value) and np.isnan(back))

    def test_strings_are_bare_at_the_top_and_quoted_inside(self) -> None:
        assert show('say "hi"', layout=S) == 'say "hi"'
        assert show(['say "hi"\n'], layout=Leaf(List(STRING))) == '["say \\"hi\\"\\n"]'
        assert quote("tab\t back\\ bell\x07 日") == '"tab\\t back\\\\ bell\\u{7} 日"'


class TestTensors:
    def test_nested_brackets(self) -> None:
        x = np.array([[1, 2], [3, 4]], np.float32)
        assert show(x, layout=tensor(dtypes.FLOAT32, 2)) == "[[1.0, 2.0], [3.0, 4.0]]"
        assert show(np.array([True, False]), layout=tensor(dtypes.BOOL)) == "[true, false]"
        assert show(x.T.astype(np.int8), layout=tensor(dtypes.INT8, 2)) == "[[1, 3], [2, 4]]"

    def test_empty_ones(self) -> None:
        assert show(np.zeros(0), layout=tensor(dtypes.FLOAT64)) == "[]"
        assert show(np.zeros((2, 0)), layout=tensor(dtypes.FLOAT64, 2)) == "[[], []]"
        assert show(np.zeros((0, 2)), layout=tensor(dtypes.FLOAT64, 2)) == "[]"

    def test_a_thousand_elements_are_shown_and_more_are_elided(self) -> None:
        layout = tensor(dtypes.INT64)
        assert show(np.arange(1000), layout=layout) == str(list(range(1000)))
        assert show(np.arange(1001), layout=layout) == "[0, 1, 2, ..., 998, 999, 1000]"

    def test_each_axis_keeps_three_at_each_end(self) -> None:
        x = np.arange(20000).reshape(2, 10000)
        assert show(x, layout=tensor(dtypes.INT64, 2)) == (
            "[[0, 1, 2, ..., 9997, 9998, 9999], [10000, 10001, 10002, ..., 19997, 19998, 19999]]"
        )
        x = np.arange(14000).reshape(7, 2000, 1)[:, :6]
        shown = show(x, layout=tensor(dtypes.INT64, 3))
        assert "..." not in shown
        assert len(show(np.zeros((10**6, 0)), layout=tensor(dtypes.FLOAT64, 2))) < 100


class TestLists:
    def test_lists_of_lists(self) -> None:
        assert show([[1, 2], []], layout=Leaf(List(List(INT)))) == "[[1, 2], []]"
        assert show([], layout=Leaf(List(INT))) == "[]"

    def test_lists_of_tensors(self) -> None:
        rows = [np.array([1.0]), np.array([2.0, 3.0])]
        row = Tensor(dtypes.FLOAT64, (UNKNOWN,))
        assert show(rows, layout=Leaf(List(row))) == "[[1.0], [2.0, 3.0]]"

    def test_long_ones_are_elided(self) -> None:
        assert show(list(range(1001)), layout=Leaf(List(INT))) == "[0, 1, 2, ..., 998, 999, 1000]"
        words = [str(i) for i in range(5000)]
        assert show(words, layout=ListLayout(S)) == ('["0", "1", "2", ..., "4997", "4998", "4999"]')

    def test_elision_reaches_what_is_inside(self) -> None:
        rows = [np.arange(600.0), np.arange(600.0)]
        shown = show(rows, layout=ListLayout(tensor(dtypes.FLOAT64)))
        assert shown == "[" + ", ".join(["[0.0, 1.0, 2.0, ..., 597.0, 598.0, 599.0]"] * 2) + "]"

    def test_a_list_of_structs_is_parallel_lists(self) -> None:
        point = Record("Point", (("x", X), ("y", X)))
        assert show([1.0, 3.0], [2.0, 4.0], layout=ListLayout(point)) == (
            "[Point(x: 1.0, y: 2.0), Point(x: 3.0, y: 4.0)]"
        )
        grid = ListLayout(ListLayout(point))
        assert show([[1.0], []], [[2.0], []], layout=grid) == "[[Point(x: 1.0, y: 2.0)], []]"

    def test_an_element_without_leaves_is_a_list_of_bools(self) -> None:
        assert show([True, True], layout=ListLayout(UNIT)) == "[(), ()]"
        assert show([[True], []], layout=ListLayout(ListLayout(UNIT))) == "[[()], []]"


class TestStructs:
    point = Record("Point", (("x", X), ("label", S)))
    option = EnumLayout("Option", (("Some", (N,)), ("None", ())))

    def test_struct_tuple_array_range(self) -> None:
        assert show(1.0, "a", layout=self.point) == 'Point(x: 1.0, label: "a")'
        assert show(layout=Record("Empty", ())) == "Empty()"
        assert show(1, "a", layout=TupleLayout((N, S))) == '(1, "a")'
        assert show(1, layout=TupleLayout((N,))) == "(1,)"
        assert show(1, 2, layout=ArrayLayout((N, N))) == "[1, 2]"
        assert show(0, 10, 1, layout=RangeLayout()) == "0..10"
        assert show(10, 0, -2, layout=RangeLayout()) == "10..0 step -2"

    def test_nesting(self) -> None:
        line = Record("Line", (("a", self.point), ("b", self.point), ("on", B)))
        assert show(1.0, "p", 2.0, "q", True, layout=line) == (
            'Line(a: Point(x: 1.0, label: "p"), b: Point(x: 2.0, label: "q"), on: true)'
        )

    def test_enum_reads_only_the_live_variant(self) -> None:
        shape = EnumLayout("Shape", (("Circle", (X,)), ("Dot", ()), ("Box", (self.point, N))))
        junk = object()
        assert show(0, 2.0, junk, junk, junk, layout=shape) == "Circle(2.0)"
        assert show(1, junk, junk, junk, junk, layout=shape) == "Dot"
        assert show(2, junk, 1.0, "c", 7, layout=shape) == 'Box(Point(x: 1.0, label: "c"), 7)'
        assert show([0, 1], [3, 0], layout=ListLayout(self.option)) == "[Some(3), None]"

    def test_constants_and_what_they_hide(self) -> None:
        assert show(layout=UNIT) == "()"
        closure = ConstantLayout("fn scale", leaves=2)
        assert show(1, "hidden", 2.0, 3, layout=TupleLayout((N, closure, N))) == "(1, fn scale, 3)"
        assert show(object(), layout=Leaf(Handle("progress"))) == "<progress>"


class TestBoxes:
    def list_of_ints(self) -> BoxLayout:
        table: dict[str, Any] = {}
        chain = BoxLayout("Chain", table)
        table["Chain"] = (("Cons", (N, chain)), ("Nil", ()))
        return chain

    def test_recursive_enum(self) -> None:
        assert show((0, 1, (0, 2, (1,))), layout=self.list_of_ints()) == "Cons(1, Cons(2, Nil))"

    def test_recursive_struct(self) -> None:
        table: dict[str, Any] = {}
        node = BoxLayout("Node", table)
        table["Node"] = (Record("Node", (("value", X), ("children", ListLayout(node)))),)
        assert show((0, 1.0, [(0, 2.0, [])]), layout=node) == (
            "Node(value: 1.0, children: [Node(value: 2.0, children: [])])"
        )

    def test_a_chain_of_any_length_is_shown_and_cut(self) -> None:
        chain: tuple[Any, ...] = (1,)
        for i in range(100_000):
            chain = (0, i, chain)
        shown = show(chain, layout=self.list_of_ints())
        assert shown.startswith("Cons(99999, Cons(99998, ")
        assert shown.count("Cons") == 1000
        assert shown.endswith("..." + ")" * 1000)


def test_a_layout_consumes_exactly_its_leaves() -> None:
    layouts: list[tuple[Layout, int]] = [
        (X, 1),
        (UNIT, 0),
        (RangeLayout(), 3),
        (ListLayout(UNIT), 1),
        (ListLayout(TestStructs.point), 2),
        (TestStructs.option, 2),
        (TupleLayout((TestStructs.option, TestStructs.point)), 4),
    ]
    for layout, count in layouts:
        assert leaf_count(layout) == count
    with pytest.raises(MalformedCore, match="2 leaves was given 1"):
        Builder(Block())("show", Value(FLOAT), layout=TestStructs.point)


class TestFormat:
    @given(
        st.floats(allow_nan=True),
        st.sampled_from(
            ["", ".3", ".3f", "10.2e", ">12", "<12.1f", "^+9.2f", "08.2f", ",.2f", ".1%"]
        )
        | st.from_regex(r"\A[<>^]?[+ ]?0?[1-9]?[0-9]?,?(\.[0-9])?[efg%]?\Z"),
    )
    def test_floats_are_pythons(self, x: float, spec: str) -> None:
        assert parse_format_spec(spec, FLOAT) is None
        assert format_value(x, spec) == format(x, spec)

    @given(
        st.integers(-(2**63), 2**63 - 1),
        st.sampled_from(["", "d", "05d", ",", "+,d", ".2f", "_<9"]),
    )
    def test_integers_are_pythons(self, n: int, spec: str) -> None:
        assert parse_format_spec(spec, INT) is None
        assert format_value(n, spec) == format(n, spec)

    @given(st.text("<>^=+- 0123456789,.defgsxn%", max_size=6))
    def test_an_accepted_spec_never_fails(self, spec: str) -> None:
        values: list[tuple[Type, Any]] = [(FLOAT, 1.5), (INT, 3), (STRING, "ab"), (BOOL, True)]
        for type, value in [*values, (FLOAT32, np.float32(0.1))]:
            if parse_format_spec(spec, type) is None:
                assert isinstance(format_value(value, spec), str)

    def test_narrow_floats_stay_short(self) -> None:
        assert format_value(np.float32(0.1), ">6") == "   0.1"
        assert format_value(np.float32(1234.1), ",") == "1,234.1"
        assert format_value(np.float32(0.1), ".3f") == "0.100"

    def test_tensors_and_lists_element_by_element(self) -> None:
        x = np.array([[1, 2.345], [3, 4]], np.float32)
        assert format_value(x, ".1f") == "[[1.0, 2.3], [3.0, 4.0]]"
        assert format_value([1.0, 2.0], ".2f") == "[1.00, 2.00]"

    def test_text_and_bools_are_padded(self) -> None:
        assert format_value("ab", "*^6") == "**ab**"
        assert format_value("abcdef", ".3") == "abc"
        assert format_value(True, ">6") == "  true"

    @pytest.mark.parametrize(
        ("spec", "type", "sentence"),
        [
            ("d", FLOAT, "`d` is the format of integers, but this is a float; `.0f` rounds"),
            (".2", INT, "an integer has no digits after its point; use `.2f`"),
            (".2d", INT, "an integer has no digits after its point; use `.2f`"),
            ("f", STRING, "`f` is a format of numbers, but this is a string"),
            ("+", STRING, "a sign is for numbers, but this is a string"),
            ("05", BOOL, "a leading 0 is for numbers, but this is a bool"),
            ("=5", STRING, "`=` aligns numbers, but this is a string"),
            ("s", INT, "`s` is the format of strings, but this is a number"),
            ("x", INT, "`x` is not a format type: there are d, e, f, g, s and %"),
            ("99999", INT, "a width of 99999 is too large: at most 10000"),
            (".99999f", FLOAT, "a precision of 99999 is too large: at most 1000"),
            (".f2", FLOAT, "`.f2` is not a format: one is written [[fill]align][sign][0][width]"),
            (".2", Tuple((FLOAT,)), "a format needs a number or a string, but this is (float,)"),
            (".2", List(String()), "a list of strings takes no format; use `join`"),
        ],
    )
    def test_refusals(self, spec: str, type: Type, sentence: str) -> None:
        found = parse_format_spec(spec, type)
        assert found is not None and found.startswith(sentence)

    def test_literals_that_nothing_has_fixed(self) -> None:
        assert parse_format_spec("d", Tensor(DTypeVariable(float_only=False))) is None
        assert parse_format_spec("d", Tensor(DTypeVariable(float_only=True))) is not None
        assert parse_format_spec(".2f", List(Tensor(dtypes.FLOAT32, (3,)))) is None

    def test_the_rule_refuses_at_compile_time(self) -> None:
        b = Builder(Block())
        assert b("format", Value(FLOAT), spec=".2f").type == STRING
        with pytest.raises(MalformedCore, match="`d` is the format of integers"):
            b("format", Value(FLOAT), spec="d")
