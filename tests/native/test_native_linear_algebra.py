"""Linear algebra, compiled: the interpreter's results to some roundings, its errors, and the signs
of its factors; without LAPACK, what the host gives."""

from __future__ import annotations

from collections.abc import Iterator
from ctypes import c_void_p
from itertools import product
from typing import Any

import numpy as np
import pytest
from native.single import Call, assert_agrees, function, interpreted, run

from charl.core.ir import Program
from charl.core.op import Fault
from charl.diagnostics.diagnostic import CharlError
from charl.runtime.blas import LAPACK, load_blas
from charl.runtime.library import library
from charl.runtime.machine import NativeMachine

OPS = ("solve", "triangular_solve", "inverse", "cholesky", "slogdet", "qr", "svd", "eigh")
NOT_SQUARE = ("qr", "svd")


def operands(rng: np.random.Generator, name: str, sizes: tuple[int, ...], m: int, n: int) -> Any:
    """Matrices that are far from singular and have eigenvalues far from each other, as eigenvectors
    need it; and what an op takes with them."""
    a = rng.standard_normal((*sizes, m, n)) + np.eye(m, n) * 20 * np.arange(1, n + 1)
    if name.endswith("solve"):
        return a, rng.standard_normal((*sizes, m, 3))
    return (a,)


def check(calls: list[Call], ulps: float) -> None:
    for call, found in zip(calls, run(calls)):
        assert_agrees(call, found, ulps)


@pytest.mark.parametrize("name", OPS)
def test_the_host_is_not_asked(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call(name, operands(np.random.default_rng(1), name, (2,), 4, 4))
    machine = NativeMachine(Program({"f": function(call, "f")}, "f"), ("f",))

    def refuse(*_: object) -> None:
        raise AssertionError("asked")

    monkeypatch.setattr(machine.host, "serve", refuse)
    machine.call("f", call.operands)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("name", OPS)
def test_every_size(name: str, dtype: str) -> None:
    rng = np.random.default_rng(2)
    calls = []
    for sizes, n in product(((), (1,), (5,), (2, 3), (0,)), (1, 2, 3, 17)):
        for m in {n, n + 2, max(n - 2, 1)} if name in NOT_SQUARE else {n}:
            given = tuple(x.astype(dtype) for x in operands(rng, name, sizes, m, n))
            calls.append(Call(name, given, dynamic=name in NOT_SQUARE))
            if name.endswith("solve"):  # one right side
                calls.append(Call(name, (given[0], given[1][..., 0].copy())))
    check(calls, 200)


def test_large_matrices() -> None:
    rng = np.random.default_rng(3)
    check([Call(name, operands(rng, name, (), 150, 150)) for name in OPS], 1e4)
    check([Call(name, operands(rng, name, (100,), 20, 20)) for name in OPS], 1e4)


@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("transposed", [False, True])
def test_triangles(lower: bool, transposed: bool) -> None:
    rng = np.random.default_rng(4)
    form = {"lower": lower, "transposed": transposed}
    calls = []
    for n in (1, 3, 40):
        a, b = operands(rng, "triangular_solve", (2,), n, n)
        calls += [
            Call("triangular_solve", (a, b), form),
            Call("triangular_solve", (a[0], b[0]), form),
        ]
    check(calls, 100)


@pytest.mark.parametrize("name", OPS)
def test_nothing(name: str) -> None:
    shapes = [(0, 0), (3, 0, 0)]
    if name in NOT_SQUARE:
        shapes += [(0, 3), (3, 0), (2, 0, 4)]
    for shape in shapes:
        a = np.zeros(shape)
        given = (a, np.zeros((*shape[:-1], 2))) if name.endswith("solve") else (a,)
        check([Call(name, given)], 1)


NAN = np.array([[1.0, np.nan], [2.0, 3.0]])
ONES = np.array([[1.0, 2.0], [2.0, 4.0]])
RIGHT = np.ones((2, 2, 1))


@pytest.mark.parametrize(
    "call",
    [
        Call("solve", (np.stack([np.eye(2), ONES]), RIGHT)),
        Call("inverse", (ONES,)),
        Call("inverse", (np.zeros((3, 3), "float32"),)),
        Call("cholesky", (-np.eye(3),)),
        Call("svd", (NAN,)),
        Call("triangular_solve", (np.stack([np.eye(2), np.zeros((2, 2))]), RIGHT)),
        Call("triangular_solve", (np.zeros((2, 2)), np.zeros((2, 0)))),
    ],
    ids=lambda call: call.op,
)
def test_what_has_no_result(call: Call) -> None:
    with pytest.raises(Fault) as fault:
        interpreted(call)
    with pytest.raises(CharlError) as error:
        run([call])
    assert error.value.diagnostics[0].message == fault.value.message


def test_what_is_not_a_number() -> None:
    check([Call("cholesky", (NAN,)), Call("eigh", (NAN,)), Call("qr", (NAN,))], 1)


def test_singular_matrices_have_a_determinant() -> None:
    swapped = np.eye(3)[[1, 0, 2]]
    check([Call("slogdet", (a,)) for a in (ONES, NAN, np.zeros((2, 2)), swapped, -swapped)], 4)


@pytest.fixture
def no_lapack() -> Iterator[None]:
    library().charl_want_blas()
    library().charl_use_lapack((c_void_p * (2 * len(LAPACK)))())
    yield
    _, addresses = load_blas()
    library().charl_use_lapack((c_void_p * len(addresses))(*addresses))


@pytest.mark.parametrize("name", OPS)
def test_without_lapack(name: str, no_lapack: None) -> None:
    rng = np.random.default_rng(5)
    dynamic = name in NOT_SQUARE
    calls = [Call(name, operands(rng, name, sizes, 3, 3), {}, dynamic) for sizes in ((), (2,))]
    narrow = tuple(x.astype("float16") for x in operands(rng, name, (), 3, 3))
    check([*calls, Call(name, narrow, {}, dynamic)], 0)
