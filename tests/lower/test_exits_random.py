"""Random programs full of exits do what the tree says, and keep no exit."""

from __future__ import annotations

import random

import direct
from hypothesis import given, settings
from hypothesis import strategies as st
from trees import (
    INT,
    UNIT,
    add,
    apply,
    assign,
    block,
    break_,
    continue_,
    do,
    eq,
    expr,
    for_,
    function,
    if_,
    let,
    lt,
    make,
    pair,
    return_,
    run,
    var,
    while_,
)

from charl.check import tree
from charl.check.tree import Expr, Instance, Statement, Variable


class Program:
    """One random function of three ints; loops run a few times each, whatever happens in them."""

    def __init__(self, seed: int, in_out: bool) -> None:
        self.random = random.Random(seed)
        self.variables = [var(name, INT) for name in "abc"]
        self.budget = 40
        body = block(*self.statements(0, 0), result=self.result())
        positions = (0,) if in_out else ()
        self.instance: Instance = function("f", self.variables[:3], body, in_out=positions)

    def result(self) -> Expr:
        return pair(*self.variables[:3])

    def some(self) -> Variable:
        return self.random.choice(self.variables)

    def number(self, loops: int, depth: int) -> Expr:
        choice = self.random.random()
        if choice < 0.3:
            return expr(self.random.randint(-2, 3))
        if choice < 0.6 or depth > 3:
            return expr(self.some())
        if choice < 0.8:
            return add(self.number(loops, depth + 1), self.number(loops, depth + 1))
        if choice < 0.9:
            return block(*self.statements(loops, depth + 2), result=self.number(loops, depth + 1))
        return if_(
            self.condition(loops, depth + 1),
            self.exit(loops) if self.random.random() < 0.4 else self.number(loops, depth + 1),
            self.number(loops, depth + 1),
            type=INT,
        )

    def condition(self, loops: int, depth: int) -> Expr:
        compare = self.random.choice((lt, eq))
        return compare(self.number(loops, depth + 1), self.number(loops, depth + 1))

    def exit(self, loops: int) -> Expr:
        exits = [lambda: return_(self.result())]
        if loops:
            exits += [break_, continue_, break_, continue_]
        return self.random.choice(exits)()

    def statements(self, loops: int, depth: int) -> list[Statement]:
        count = self.random.randint(0, 3 if depth else 5)
        return [s for _ in range(count) for s in self.statement(loops, depth)]

    def statement(self, loops: int, depth: int) -> list[Statement]:
        self.budget -= 1
        choice = self.random.random()
        if self.budget < 0 or depth > 4 or choice < 0.3:
            return [assign(self.random.choice(self.variables[:3]), self.number(loops, depth))]
        if choice < 0.4:
            fresh = var("t", INT)
            found = let(fresh, self.number(loops, depth))
            return [found, assign(self.variables[0], add(self.variables[0], fresh))]
        if choice < 0.65:
            return [do(self.branch(loops, depth))]
        if choice < 0.72:
            return [do(self.exit(loops))]
        if choice < 0.87:
            index = var("i", INT)
            inner = block(*self.statements(loops + 1, depth + 1))
            step = self.random.choice((1, 1, 2, -1))
            bounds = self.random.randint(-1, 3), self.random.randint(0, 4)
            return [for_(index, *bounds, do(inner), step=step)]
        # A counter that only the loop knows bounds it.
        counter = var("n", INT)
        count = assign(counter, add(counter, 1))
        few = if_(lt(counter, 4), self.condition(loops, depth + 2), False)
        return [let(counter, 0), while_(few, count, *self.statements(loops + 1, depth + 1))]

    def branch(self, loops: int, depth: int) -> Expr:
        sides = [self.side(loops, depth), self.side(loops, depth)]
        kind = UNIT if all(side.type == UNIT for side in sides) else None
        return if_(self.condition(loops, depth + 1), *sides, type=kind)

    def side(self, loops: int, depth: int) -> Expr:
        if self.random.random() < 0.3:
            return self.exit(loops)
        return block(*self.statements(loops, depth + 1))


def exits_in(node: Expr | Statement) -> bool:
    return isinstance(node, tree.Return | tree.Break | tree.Continue)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.booleans(), st.tuples(*[st.integers(-2, 3)] * 3))
def test_a_program_does_what_the_tree_says(
    seed: int, in_out: bool, arguments: tuple[int, int, int]
) -> None:
    program = Program(seed, in_out)
    names = dict(zip(program.variables, arguments))
    assert program.instance.body is not None
    try:
        expected = direct.value(program.instance.body, names)
    except direct.Return as exit:
        expected = exit.value
    if in_out:
        expected = (*expected, names[program.variables[0]])
    assert run(program.instance, *arguments) == expected


def test_the_reference_itself() -> None:
    """A case worked out by hand: 0 + 1 + 2 is passed at i = 3, odd i from 5 on are skipped."""
    total, i = var("total", INT), var("i", INT)
    summed = function(
        "f",
        [],
        block(
            let(total, 0),
            for_(
                i,
                0,
                10,
                do(if_(lt(i, 3), continue_())),
                do(if_(eq(i, 7), break_())),
                assign(total, apply("add", INT, total, i)),
            ),
            result=make(UNIT) if False else expr(total),
        ),
    )
    assert direct.call(summed) == 3 + 4 + 5 + 6 == run(summed)
