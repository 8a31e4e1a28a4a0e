"""Random programs give on the interpreter what they give by the naive evaluator."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_core import random_program

import charl.ops  # noqa: F401  (fills the registry)
from charl.core.ir import Program
from charl.core.parser import parse_program
from charl.core.printer import print_program
from charl.core.verifier import verify
from charl.interp.run import call_function
from charl.transform.cse import cse
from charl.transform.dce import dce
from charl.transform.inline import inline
from charl.transform.invariants import hoist
from charl.transform.pipeline import optimise
from charl.transform.simplify import simplify


def arguments() -> list[Any]:
    matrix = np.arange(6.0).reshape(2, 3).copy()
    return [5, 0.5, True, np.array([1, 2, 3]), matrix, [7, 8], [[1], [2, 3]]]


def assert_same(found: Any, expected: Any) -> None:
    assert len(found) == len(expected)
    for left, right in zip(found, expected):
        assert type(left) is type(right)
        if isinstance(left, np.ndarray):
            assert left.dtype == right.dtype and left.shape == right.shape
            assert np.array_equal(left, right, equal_nan=True)
        else:
            assert left == right or left != left


@settings(max_examples=100, deadline=None)
@given(st.randoms(use_true_random=False))
def test_a_random_program_gives_what_the_naive_evaluator_gives(random: Random) -> None:
    program = random_program(random)
    verify(program)
    expected = naive.run(program, program.entry, arguments())
    given_arguments = arguments()
    assert_same(call_function(program, program.entry, given_arguments), expected)
    assert_same(given_arguments, arguments())  # the caller's values are never overwritten


@pytest.mark.parametrize("step", [simplify, cse, dce, inline, hoist, optimise])
@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False))
def test_no_pass_changes_what_a_program_gives(step: Any, random: Random) -> None:
    program = random_program(random)
    before = print_program(program)
    expected = naive.run(program, program.entry, arguments())
    after: Program = step(program)
    verify(after)
    assert print_program(program) == before  # passes build new functions
    assert_same(naive.run(after, after.entry, arguments()), expected)
    assert_same(call_function(after, after.entry, copy.deepcopy(arguments())), expected)


@settings(max_examples=30, deadline=None)
@given(st.randoms(use_true_random=False))
def test_a_random_program_prints_and_reads_back(random: Random) -> None:
    program = random_program(random)
    text = print_program(program)
    again = parse_program(text)
    verify(again)
    assert print_program(again) == text
