"""Large programs are compiled in parts."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

pytest.importorskip("llvmlite")

from charl import driver
from charl.backend.llvm import parts as parting
from charl.backend.llvm.parts import PART, groups, types
from charl.runtime.compile import compile_image, module_parts
from charl.source import Source

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits.ch"

PROGRAM = """
fn scaled(x: float32[N], by: float32) -> float32[N] { exp(x) * by + 1 }
let x = tensor([1.0, 2.0, 3.0])
let total = 0.0
for i in 0..3 {
    let y = softmax(scaled(x, 0.5))
    total += sum(y * y)
    x = x + cumsum(y, axis: 0)
}
let wide = reshape(sin(0.001 * ones([300000])), [300, 1000])
print(f"{total:.4}", x, sum(wide, axis: 1)[7] > 0)
"""


def printed(text: str) -> str:
    program = driver.compile_checked(driver.check(Source("a.ch", text)))
    output = io.StringIO()
    driver.run(compile_image(program, (program.entry,), keep=False), output, backend="native")
    return output.getvalue()


def test_parts_do_the_same_as_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = printed(PROGRAM)
    monkeypatch.setattr(parting, "SMALL", 0)
    monkeypatch.setattr(parting, "PART", 30)
    assert printed(PROGRAM) == whole


def test_only_a_large_program_is_parted() -> None:
    for text, at_least in ((PROGRAM, 1), (DIGITS.read_text(), 3)):
        program = driver.compile_checked(driver.check(Source("a.ch", text)))
        _, found = module_parts(program, (program.entry,))
        assert len(found) >= at_least
        assert (len(found) == 1) == (at_least == 1)


def test_kernels_are_together_up_to_a_size() -> None:
    some = PART // 2 + 10  # so that the second goes over what is left
    kernels = [f"{n}\n" * some for n in range(5)]
    found = groups(kernels)
    assert [g.count("\n") for g in found] == [some] * 5
    kernels = [f"{n}\n" * (PART // 2 - 10) for n in range(5)]
    found = groups(kernels)
    assert [g.count("\n") for g in found] == [PART - 20 + 1, PART - 20 + 1, PART // 2 - 10]
    assert "\n".join(found) == "\n".join(kernels)


def test_types_of_parameters() -> None:
    assert types("i64 %a0, ptr noalias %a1, float %a2") == "i64, ptr, float"
    assert types("") == ""
