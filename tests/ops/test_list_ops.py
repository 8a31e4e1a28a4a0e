"""Lists: value semantics, exact bounds, and gradients that are lists themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import charl.ops
from charl.core.builder import Builder, MalformedCore
from charl.core.ir import Block, Value
from charl.core.op import REGISTRY, Fault
from charl.types.dims import UNKNOWN, symbol
from charl.types.dtypes import FLOAT32, FLOAT64
from charl.types.types import FLOAT, INT, STRING, List, Tensor, Type

assert charl.ops
FLOATS, NESTED = List(FLOAT), List(List(FLOAT))


def run(op: str, *operands: Any, **attributes: Any) -> Any:
    evaluate = REGISTRY[op].evaluate
    assert evaluate is not None
    return evaluate(*operands, **attributes)


def fault(op: str, *operands: Any) -> Fault:
    with pytest.raises(Fault) as caught:
        run(op, *operands)
    return caught.value


class TestElements:
    def test_get_counts_from_both_ends(self) -> None:
        assert [run("list_get", [7, 8, 9], i) for i in range(-3, 3)] == [7, 8, 9, 7, 8, 9]

    @pytest.mark.parametrize("index", [3, -4, 10**18])
    def test_an_index_outside_names_index_and_length(self, index: int) -> None:
        found = fault("list_get", [7, 8, 9], index)
        assert found.code == "E0502"
        assert found.message == f"index {index} is out of bounds: the list has 3 elements"
        assert found.helps == ("valid indices are 0 to 2, and -3 to -1 from the end",)

    def test_an_empty_list_says_so(self) -> None:
        assert "the list is empty" in fault("list_get", [], 0).message
        assert fault("list_pop", []).code == "E0502"
        assert fault("list_remove", [], 0).code == "E0502"

    def test_one_element(self) -> None:
        found = fault("list_set", [7], 1, 0)
        assert found.message.endswith("the list has 1 element")
        assert found.helps == ("the only valid index is 0, or -1 from the end",)

    def test_an_insertion_may_stand_at_the_end(self) -> None:
        assert run("list_insert", [1, 2], 2, 9) == [1, 2, 9]
        assert run("list_insert", [], 0, 9) == [9]
        assert run("list_insert", [1, 2], -1, 9) == [1, 9, 2]
        assert fault("list_insert", [1, 2], 3, 9).helps[0].startswith("valid indices are 0 to 2")

    def test_removal_gives_the_rest_and_the_element(self) -> None:
        assert run("list_remove", [1, 2, 3], 1) == ([1, 3], 2)
        assert run("list_pop", [1, 2, 3]) == ([1, 2], 3)


class TestValueSemantics:
    @pytest.mark.parametrize(
        ("op", "operands"),
        [
            ("list_set", (0, 9)),
            ("list_push", (9,)),
            ("list_pop", ()),
            ("list_insert", (1, 9)),
            ("list_remove", (0,)),
            ("list_reverse", ()),
            ("list_concat", ([4],)),
            ("list_slice_set", ([9], 0, 1, 1)),
        ],
    )
    def test_evaluate_copies_and_in_place_overwrites(
        self, op: str, operands: tuple[Any, ...]
    ) -> None:
        xs, mine = [1, 2, 3], [1, 2, 3]
        pure = run(op, xs, *operands)
        assert xs == [1, 2, 3]
        in_place = REGISTRY[op].in_place
        assert in_place is not None
        overwritten = in_place(mine, *operands)
        assert overwritten == pure
        assert (overwritten[0] if isinstance(overwritten, tuple) else overwritten) is mine


class TestSlices:
    @given(st.lists(st.integers()), st.integers(), st.integers(), st.integers(-5, 5))
    def test_a_slice_takes_its_places_or_is_a_fault(
        self, xs: list[int], start: int, stop: int, step: int
    ) -> None:
        n = len(xs)
        start, stop = start % (n + 5) - 2, stop % (n + 5) - 2
        places = range(start, stop, step) if step else ()
        inside = all(0 <= place < n for place in places)
        if not places:
            inside = 0 <= start <= n if step > 0 else -1 <= start < n
        if step == 0 or not inside:
            assert fault("list_slice", xs, start, stop, step).code == "E0502"
        else:
            assert run("list_slice", xs, start, stop, step) == [xs[place] for place in places]

    def test_it_is_never_cut_short(self) -> None:
        found = fault("list_slice", [1, 2, 3], 1, 5, 1)
        assert found.message == "the slice reaches index 4, but the list has 3 elements"
        found = fault("list_slice", [1, 2, 3], -2, 2, 1)
        assert (
            found.message == "the slice begins 2 before the start of the list, which has 3 elements"
        )
        found = fault("list_slice", [1], 5, 5, 1)
        assert found.message == "the slice reaches index 5, but the list has 1 element"

    def test_a_whole_list_backwards(self) -> None:
        assert run("list_slice", [1, 2, 3], 2, -1, -1) == [3, 2, 1]
        assert run("list_slice", [], -1, -1, -1) == []

    def test_assignment_needs_as_many_values(self) -> None:
        assert run("list_slice_set", [1, 2, 3, 4], [8, 9], 0, 4, 2) == [8, 2, 9, 4]
        found = fault("list_slice_set", [1, 2, 3, 4], [8], 0, 4, 2)
        assert found.message == "a slice of 2 elements cannot take 1 values"


class TestCotangents:
    def test_zeros_keep_structure_and_dtype(self) -> None:
        zeros = run("list_zeros_like", [[np.float32(2)], [np.ones(2, np.float32)]])
        assert zeros[0] == [0] and zeros[0][0].dtype == np.float32
        assert zeros[1][0].tolist() == [0, 0] and zeros[1][0].dtype == np.float32

    def test_a_missing_tail_counts_as_zeros(self) -> None:
        assert run("list_add", [1.0, 2.0], [10.0]) == [11.0, 2.0]
        assert run("list_add", [[1.0], []], [[], [2.0], [3.0]]) == [[1.0], [2.0], [3.0]]


class TestTypes:
    def rule(self, op: str, *operands: Type, **attributes: Any) -> tuple[Type, ...]:
        values = tuple(Value(t) for t in operands)
        results = Builder(Block()).emit(op, values, attributes)
        return tuple(r.type for r in results)

    def test_elements_and_lists(self) -> None:
        assert self.rule("list_make", FLOAT, FLOAT, element=FLOAT) == (FLOATS,)
        assert self.rule("list_get", List(STRING), INT) == (STRING,)
        assert self.rule("list_pop", NESTED) == (NESTED, FLOATS)
        assert self.rule("list_length", FLOATS) == (INT,)

    def test_a_foreign_element_is_refused(self) -> None:
        with pytest.raises(MalformedCore, match="one type"):
            self.rule("list_push", FLOATS, Tensor(FLOAT32))
        with pytest.raises(MalformedCore, match="one type"):
            self.rule("list_push", List(Tensor(FLOAT32, (3,))), Tensor(FLOAT32, (4,)))
        with pytest.raises(MalformedCore, match="an int is expected"):
            self.rule("list_get", FLOATS, FLOAT)

    def test_an_open_size_takes_any_and_gives_an_unknown_one(self) -> None:
        open_rows = List(Tensor(FLOAT32, (UNKNOWN,)))
        assert self.rule("list_push", open_rows, Tensor(FLOAT32, (4,))) == (open_rows,)
        assert self.rule("list_concat", open_rows, List(Tensor(FLOAT32, (4,)))) == (open_rows,)
        (row,) = self.rule("list_get", open_rows, INT)
        assert isinstance(row, Tensor) and row.shape[0] is not UNKNOWN

    def test_only_floats_are_added(self) -> None:
        with pytest.raises(MalformedCore, match="list of floats"):
            self.rule("list_add", List(INT), List(INT))


# --- Gradients against differences, first and second order ---------------------------------------


def evaluate(block: Block, arguments: dict[Value, Any]) -> dict[Value, Any]:
    """The values of a straight block."""
    found = dict(arguments)
    for s in block.statements:
        if s.op.name == "constant":
            found[s.results[0]] = s.attributes["value"]
            continue
        assert s.op.evaluate is not None, s.op
        result = s.op.evaluate(*(found[o] for o in s.operands), **s.attributes)
        found.update(zip(s.results, result if len(s.results) > 1 else (result,)))
    return found


def flat(value: Any) -> list[float]:
    if isinstance(value, list):
        return [x for part in value for x in flat(part)]
    return list(np.ravel(value).astype(float))


def refill(value: Any, numbers: list[float]) -> Any:
    if isinstance(value, list):
        return [refill(part, numbers) for part in value]
    if isinstance(value, np.ndarray):
        return np.array([numbers.pop(0) for _ in range(value.size)]).reshape(value.shape)
    return numbers.pop(0)


ROW = Tensor(FLOAT64, (2,))
ROWS = [np.array([1.0, 2.0]), np.array([3.0, -4.0]), np.array([0.5, 6.0])]
CASES: list[tuple[str, list[Type], list[Any], list[Any]]] = [
    ("list_get", [FLOATS, INT], [[1.0, 2.0, 3.0], -2], [0.7]),
    ("list_get", [NESTED, INT], [[[1.0], [2.0, 3.0]], 1], [[0.7, -1.0]]),
    ("list_set", [FLOATS, INT, FLOAT], [[1.0, 2.0], -1, 5.0], [[0.3, 0.7]]),
    ("list_push", [FLOATS, FLOAT], [[1.0, 2.0], 5.0], [[0.3, 0.7, 2.0]]),
    ("list_pop", [FLOATS], [[1.0, 2.0]], [[0.3], 0.7]),
    ("list_pop", [FLOATS], [[1.0, 2.0]], [None, 0.7]),
    ("list_pop", [FLOATS], [[1.0, 2.0]], [[0.3], None]),
    ("list_insert", [FLOATS, INT, FLOAT], [[1.0, 2.0], 2, 5.0], [[0.3, 0.7, 2.0]]),
    ("list_insert", [FLOATS, INT, FLOAT], [[1.0, 2.0], -1, 5.0], [[0.3, 0.7, 2.0]]),
    ("list_remove", [FLOATS, INT], [[1.0, 2.0, 3.0], -2], [[0.3, 0.7], 2.0]),
    ("list_remove", [FLOATS, INT], [[1.0, 2.0, 3.0], 0], [None, 2.0]),
    ("list_reverse", [List(ROW)], [ROWS], [[r * 2 for r in ROWS]]),
    ("list_slice", [FLOATS, INT, INT, INT], [[1.0, 2.0, 3.0], 2, 0, -1], [[0.3, 0.7]]),
    ("list_slice", [List(ROW), INT, INT, INT], [ROWS, 0, 3, 2], [ROWS[:2]]),
    (
        "list_slice_set",
        [FLOATS, FLOATS, INT, INT, INT],
        [[1.0, 2.0, 3.0], [8.0, 9.0], 0, 3, 2],
        [[0.3, 0.7, 2.0]],
    ),
    ("list_concat", [FLOATS, FLOATS], [[1.0], [2.0, 3.0]], [[0.3, 0.7, 2.0]]),
    ("list_add", [FLOATS, FLOATS], [[1.0], [2.0, 3.0]], [[0.3, 0.7]]),
    ("list_add", [List(ROW), List(ROW)], [ROWS, ROWS[:1]], [ROWS]),
    ("list_add_at", [NESTED, INT, FLOATS], [[[1.0], [2.0]], -1, [5.0]], [[[0.3], [0.7]]]),
]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}-{CASES.index(c)}")
def test_gradient_is_the_adjoint_of_the_differences(
    case: tuple[str, list[Type], list[Any], list[Any]],
) -> None:
    """List ops are linear in their floats: with y = op(x), dot(dy, op(x + e) - op(x)) equals
    dot(dx, e) for every perturbation e, exactly up to rounding."""
    op, types, operands, seeds = case
    differentiable = [i for i, t in enumerate(types) if t != INT]

    block = Block(parameters=tuple(Value(t) for t in types))
    b = Builder(block)
    statement_results = b.emit(op, block.parameters)
    statement = block.statements[-1]
    cotangents = [None if s is None else Value(r.type) for s, r in zip(seeds, statement_results)]
    gradient = REGISTRY[op].gradient
    assert gradient is not None
    found = gradient(b, statement, cotangents)
    arguments = dict(zip(block.parameters, operands))
    arguments |= {c: s for c, s in zip(cotangents, seeds) if c is not None}
    values = evaluate(block, arguments)

    def weighted(inputs: list[Any]) -> float:
        outputs = run(op, *inputs)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        return sum(float(np.dot(flat(s), flat(y))) for s, y in zip(seeds, outputs) if s is not None)

    for i in range(len(types)):
        dx = found[i]
        if i not in differentiable:
            assert dx is None
            continue
        assert dx is not None
        assert dx.type == types[i]
        shapes = [np.shape(x) for x in operands[i]] if isinstance(operands[i], list) else None
        if shapes is not None:
            assert [np.shape(x) for x in values[dx]] == shapes
        analytic, base = flat(values[dx]), flat(operands[i])
        for k in range(len(base)):
            moved = list(base)
            moved[k] += 1.0
            inputs = list(operands)
            inputs[i] = refill(operands[i], moved)
            assert weighted(inputs) - weighted(operands) == pytest.approx(analytic[k])


def test_every_adjoint_is_itself_differentiable() -> None:
    """The ops the gradients are made of have gradients, so higher orders need nothing new."""
    for name in [n for n in REGISTRY if n.startswith("list_") and n != "list_length"]:
        assert REGISTRY[name].gradient is not None, name


def test_make_and_zeros() -> None:
    block = Block(parameters=(Value(FLOAT), Value(FLOAT), Value(FLOATS)))
    b = Builder(block)
    x, y, dy = block.parameters
    b("list_make", x, y, element=FLOAT)
    make = block.statements[-1]
    b("list_zeros_like", dy)
    zeros = block.statements[-1]
    assert make.op.gradient is not None and zeros.op.gradient is not None
    dx = make.op.gradient(b, make, [dy])
    values = evaluate(block, {x: 1.0, y: 2.0, dy: [0.3, 0.7]})
    assert [values[v] for v in dx if v is not None] == [0.3, 0.7]
    assert list(zeros.op.gradient(b, zeros, [dy])) == [None]


def test_unknown_sizes_are_fresh() -> None:
    assert symbol("n") != symbol("n")
