"""Whole programs, at random: what they print, what is refused, and their gradients.

CHARL_FUZZ=n tries n times as many programs as usual. A failing program is printed, small: the
random choices are Hypothesis's, which shrinks them.
"""

from __future__ import annotations

import os
import re
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, note, settings
from hypothesis import strategies as st
from pages import run_program
from properties import reference
from properties.mistakes import faulty_program
from properties.programs import random_program
from properties.slopes import SIZE, random_slope

from charl import driver
from charl.diagnostics.diagnostic import CharlError, Diagnostic
from charl.diagnostics.render import render
from charl.source import Source
from charl.syntax.lexer import lex

MORE = int(os.environ.get("CHARL_FUZZ", "1"))


def tries(count: int) -> settings:
    return settings(
        max_examples=count * MORE,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


# Many small choices make one program: Hypothesis's own generator would be slow for large ones, so
# most programs come from a seed, and some from choices that shrink.
seeds = st.integers(0, 2**32 - 1).map(Random)
choices = st.randoms(use_true_random=False)


def check_twins(charl: str, python: str) -> None:
    note(charl)
    try:
        expected, code = reference.run(python)
    except reference.TooLarge:
        assume(False)
    found = run_program(charl)
    errors = re.findall(r"^error\[(E\d+)\]", found.error, re.MULTILINE)
    assert len(errors) <= 1, found.error
    assume("..., " not in found.output)  # what is long is shown by its ends
    if code is None:
        assert not errors, found.error
        assert reference.differs(expected, found.output) is None
    elif errors == [code]:
        assert reference.differs(expected, found.output) is None
    else:
        # What nobody uses is not computed, so it does not fail: the program went on, perhaps to
        # another error.
        went_on = len(found.output) > len(expected) if errors else found.output != ""
        assert went_on or not errors, found.error
        assert not went_on or reference.differs(expected, found.output) is not None


@tries(60)
@given(seeds)
def test_programs_print_what_python_computes(random: Random) -> None:
    check_twins(*random_program(random, length=10))


@tries(15)
@given(choices)
def test_small_programs_print_what_python_computes(random: Random) -> None:
    check_twins(*random_program(random, length=2))


def found_in(text: str) -> list[Diagnostic]:
    with pytest.raises(CharlError) as caught:
        driver.check(Source("case.ch", text))
    found = list(caught.value.diagnostics)
    assert render(found, colour=False)
    return found


@tries(60)
@given(seeds)
def test_one_mistake_is_one_error_at_its_line(random: Random) -> None:
    text, line = faulty_program(random)
    note(text)
    note(f"the mistake is on line {line}")
    errors = [d for d in found_in(text) if d.is_error]
    assert 1 <= len(errors) <= 2, [d.message for d in errors]
    for item in errors:
        assert re.fullmatch(r"E0[0-4]\d\d", item.code)
        assert item.primary is not None
        assert text.count("\n", 0, item.primary.span.start) + 1 == line, item.message


WORDS = (
    *"()[]{},;+-*/%@<=.:|?_", "**", "//", "==", "..", "->", "=>", "|>", "\n", "and", "not", "if",
    "else", "for", "in", "while", "let", "const", "fn", "match", "return", "break", "with", "mut",
    "struct", "enum", "model", "as", "0", "1", "-1", "2.5", "true", '"s"', 'f"{', "int", "float32",
    "string", "None", "Some", "self", "grad", "sum", "map", "len", "shape", "zeros", "tensor",
    "int[N]", "float32[2, ?]", "value_and_grad", "push", "fold", "print", "axis", "dtype",
)  # fmt: skip


def mutated(random: Random, text: str) -> str:
    """The text with some tokens taken away, replaced, added or moved."""
    for _ in range(random.randrange(1, 4)):
        tokens = [t for t in lex(Source("case.ch", text))[0] if t.stop > t.start]
        if not tokens:
            return text
        here, other = random.choice(tokens), random.choice(tokens)
        new = random.choice(("", random.choice(WORDS), other.text))
        stop = here.stop if random.randrange(4) else here.start
        text = f"{text[: here.start]} {new} {text[stop:]}"
    return text


@tries(120)
@given(seeds)
def test_mutated_programs_compile_or_are_refused_with_places(random: Random) -> None:
    text = random_program(random, length=5)[0]
    if random.randrange(3) == 0:
        text = random_slope(random, length=3)[0] + "print(grad(f)(ones([3], dtype: float64)))\n"
    text = mutated(random, text)
    note(text)
    source = Source("case.ch", text)
    try:
        driver.compile_checked(driver.check(source))
    except CharlError as problem:
        assert render(problem.diagnostics, colour=False)
        for item in problem.diagnostics:
            assert item.primary is not None, item.message
            assert item.primary.span.source is source
            assert 0 <= item.primary.span.start <= item.primary.span.stop <= len(text)


# --- Gradients -----------------------------------------------------------------------------------


@tries(50)
@given(seeds)
def test_gradients_agree_with_central_differences(random: Random) -> None:
    charl, python = random_slope(random, length=6)
    x = np.array([random.uniform(-1.5, 1.5) for _ in range(SIZE)])
    names = {**vars(reference), "np": np}
    exec(python, names)

    def f(point: np.ndarray) -> float:
        with np.errstate(all="ignore"):
            return float(names["f"](point))

    def slopes(before: float, after: float) -> np.ndarray:
        ends = [(f(x + after * e), f(x - before * e)) for e in np.eye(SIZE)]
        return np.array([(high - low) / (after + before) for high, low in ends])

    try:
        with np.errstate(invalid="raise"):  # a NaN on the way, dropped later, has no derivative
            names["f"](x)
        value = f(x)
        slope, finer, right = slopes(1e-5, 1e-5), slopes(3e-6, 3e-6), slopes(0, 1e-5)
    except (reference.Stopped, reference.TooLarge, OverflowError, FloatingPointError):
        assume(False)
    assume(np.isfinite(value) and abs(value) < 1e5 and np.all(np.isfinite(slope)))
    scale = 1 + abs(value) + np.abs(slope).max()
    # Not at a kink or a jump, and not so steep that differences say little.
    assume(np.abs(slope - finer).max() < 1e-5 * scale)
    assume(np.abs(slope - right).max() < 1e-3 * scale)
    text = f"{charl}let (y, g) = value_and_grad(f)({x.tolist()})\nprint(y)\nprint(g)\n"
    note(text)
    found = run_program(text)
    assert "error" not in found.error, found.error
    first, second = found.output.splitlines()
    assert abs(float(first) - value) <= 1e-9 * (1 + abs(value))
    gradient = np.array([float(part) for part in second.strip("[]").split(", ")])
    assert np.abs(gradient - slope).max() < 1e-4 * scale, (gradient, slope)
