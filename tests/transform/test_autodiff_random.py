"""Gradients of random programs: smooth ops inside random nests of branches, loops and calls."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
from derivatives import check

from charl.core.builder import Builder
from charl.core.ir import Block, Function, Program, Value
from charl.types import dims
from charl.types.dtypes import FLOAT64
from charl.types.types import BOOL, FLOAT, INT, Tensor

VECTOR = Tensor(FLOAT64, (3,))
KINDS = (FLOAT, VECTOR)


class Generator:
    """Writes one function; `rest` counts the statements it may still write."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.functions: dict[str, Function] = {}
        self.rest = 0

    def function(self, name: str, size: int) -> None:
        parameters = (Value(FLOAT), Value(VECTOR), Value(BOOL), Value(INT))
        block = Block(parameters)
        self.rest = size
        scope = self.block(Builder(block), list(parameters), depth=3)
        b = Builder(block)
        last = [v for v in scope if v.type == VECTOR][-2:]
        total = [v for v in scope if v.type == FLOAT][-1]
        for value in last:
            total = b("add", total, b("reduce_sum", value, axis=None, keep_dims=False))
        block.results = (b("tanh", total),)
        self.functions[name] = Function(name, block)

    def block(self, b: Builder, scope: list[Value], depth: int) -> list[Value]:
        """Append statements; everything that can then be seen."""
        for _ in range(self.random.randint(2, 5)):
            if self.rest > 0:
                self.rest -= 1
                scope = scope + self.statement(b, scope, depth)
        return scope

    def pick(self, scope: list[Value], kind: object) -> Value:
        """A value of a type, the latest more often."""
        found = [v for v in scope if v.type == kind]
        return found[max(self.random.randrange(len(found)) for _ in range(2))]

    def statement(self, b: Builder, scope: list[Value], depth: int) -> list[Value]:
        plain: list[Callable[[], list[Value]]] = [
            lambda: [self.unary(b, scope)],
            lambda: [self.binary(b, scope)],
            lambda: [b("index", self.pick(scope, VECTOR), b.constant(self.random.randrange(3)))],
            lambda: [self.update(b, scope)],
            lambda: [self.select(b, scope)],
            lambda: [self.listed(b, scope)],
        ]
        nested: list[Callable[[], list[Value]]] = [
            lambda: self.branch(b, scope, depth),
            lambda: self.loop(b, scope, depth),
            lambda: self.repeat(b, scope, depth),
            lambda: self.call(b, scope),
        ]
        options = plain + (nested if depth else [])
        return self.random.choice(options)()

    def unary(self, b: Builder, scope: list[Value]) -> Value:
        op = self.random.choice(["sin", "tanh", "cos", "neg", "copy"])
        return b(op, self.pick(scope, self.random.choice(KINDS)))

    def binary(self, b: Builder, scope: list[Value]) -> Value:
        op = self.random.choice(["add", "sub", "mul"])
        left, right = (self.pick(scope, self.random.choice(KINDS)) for _ in range(2))
        return b("tanh", b(op, left, right))

    def update(self, b: Builder, scope: list[Value]) -> Value:
        place = b.constant(self.random.randrange(3))
        op = self.random.choice(["index_update", "index_add"])
        return b(op, self.pick(scope, VECTOR), self.pick(scope, FLOAT), place)

    def select(self, b: Builder, scope: list[Value]) -> Value:
        condition = b("gt", self.pick(scope, VECTOR), 0.05)
        return b("select", condition, self.pick(scope, VECTOR), self.pick(scope, VECTOR))

    def listed(self, b: Builder, scope: list[Value]) -> Value:
        """A list is made, changed and read."""
        first, second = self.pick(scope, FLOAT), self.pick(scope, FLOAT)
        xs = b("list_push", b("list_make", first, first, element=FLOAT), second)
        xs = b("list_set", xs, b.constant(0), b("sin", second))
        left = b("list_get", xs, b.constant(self.random.randrange(3)))
        return b("mul", left, b("list_get", xs, b.constant(self.random.randrange(3))))

    def branch(self, b: Builder, scope: list[Value], depth: int) -> list[Value]:
        kinds = [self.random.choice(KINDS) for _ in range(2)]
        blocks = []
        for _ in range(2):
            block = Block()
            inner = self.block(Builder(block), scope, depth - 1)
            block.results = tuple(self.pick(inner, kind) for kind in kinds)
            blocks.append(block)
        return list(b.emit("if", (self.pick(scope, BOOL),), {}, tuple(blocks), kinds))

    def carried(self, scope: list[Value]) -> list[Value]:
        return [self.pick(scope, self.random.choice(KINDS)) for _ in range(2)]

    def loop(self, b: Builder, scope: list[Value], depth: int) -> list[Value]:
        initial = self.carried(scope)
        kinds = [v.type for v in initial]
        parameters = [Value(k) for k in kinds]
        block = Block((Value(INT, dims.symbol("i")), *parameters))
        inner = self.block(Builder(block), scope + parameters, depth - 1)
        block.results = tuple(self.pick(inner, kind) for kind in kinds)
        low, high, step = self.random.choice([(0, 3, 1), (4, 0, -2), (2, 2, 1), (1, 6, 2)])
        bounds = [b.constant(low), b.constant(high), b.constant(step)]
        if self.random.random() < 0.5:
            bounds = [b.constant(0), self.pick(scope, INT), b.constant(1)]
        return list(b.emit("for", (*bounds, *initial), {}, (block,), kinds))

    def repeat(self, b: Builder, scope: list[Value], depth: int) -> list[Value]:
        """A `while` that counts down."""
        initial = [*self.carried(scope), self.pick(scope, INT)]
        kinds = [v.type for v in initial]
        condition = Block(tuple(Value(k) for k in kinds))
        test = Builder(condition)
        condition.results = (test("gt", condition.parameters[-1], 0),)
        body = Block(tuple(Value(k) for k in kinds))
        inner = self.block(Builder(body), scope + list(body.parameters[:-1]), depth - 1)
        less = Builder(body)("sub", body.parameters[-1], 1)
        body.results = (*(self.pick(inner, kind) for kind in kinds[:-1]), less)
        return list(b.emit("while", initial, {}, (condition, body), kinds)[:-1])

    def call(self, b: Builder, scope: list[Value]) -> list[Value]:
        if not self.functions:
            return [self.unary(b, scope)]
        name = self.random.choice(list(self.functions))
        operands = [self.pick(scope, kind) for kind in (FLOAT, VECTOR, BOOL, INT)]
        attributes = {"function": name, "checkpoint": self.random.random() < 0.3}
        return list(b.emit("call", operands, attributes, (), (FLOAT,)))


@pytest.mark.parametrize("seed", range(40))
def test_random_program(seed: int) -> None:
    generator = Generator(seed)
    generator.function("g", 8)
    generator.function("f", 14)
    program = Program(generator.functions, "f")
    arguments = (0.4, np.array([0.7, -0.3, 0.2]), seed % 2 == 0, seed % 4)
    check(program, *arguments, orders=2, calling=seed % 3 == 0, silent=False)
