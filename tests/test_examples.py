"""The programs in `examples/` run to their end, and reach what they promise."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from charl import driver
from charl.diagnostics.diagnostic import CharlError

EXAMPLES = Path(__file__).parent.parent / "examples"
FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")


def output_of(name: str, *arguments: str) -> str:
    output = io.StringIO()
    checked = driver.check(driver.read_source(str(EXAMPLES / name)), arguments=arguments)
    assert not checked.warnings
    driver.run(driver.compile_checked(checked), output, arguments=arguments)
    return output.getvalue()


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.ch")), ids=lambda path: path.stem)
def test_checks_without_a_warning(path: Path) -> None:
    assert not driver.check(driver.read_source(str(path))).warnings


def test_hello() -> None:
    assert output_of("hello.ch").splitlines()[0] == "Hello, world!"


def test_tour() -> None:
    assert output_of("tour.ch") == "Everything on this tour is true.\n"


def test_xor_is_learnt() -> None:
    answers = [float(x) for x in re.findall(r"xor \d = ([\d.]+)", output_of("xor.ch"))]
    assert [round(x) for x in answers] == [0, 1, 1, 0]


def test_linear_regression_finds_the_line() -> None:
    found = re.findall(r"y = ([\d.]+) x ([+-][\d.]+)", output_of("linear_regression.ch"))
    for slope, offset in found:
        assert abs(float(slope) - 1.5) < 0.05
        assert abs(float(offset) + 0.7) < 0.06
    assert len(found) == 2


def test_rosenbrock_is_solved_by_newton() -> None:
    last = output_of("rosenbrock.ch").splitlines()[-1]
    assert re.fullmatch(r"Newton's method, \d+ steps: \(1.0000, 1.0000\)", last)


def test_ode_constants_are_found() -> None:
    rows = re.findall(r"(?m)^\w+ +([\d.]+) +([\d.]+)$", output_of("ode_fit.ch"))
    assert len(rows) == 4
    for truth, found in rows:
        assert abs(float(found) - float(truth)) < 0.05


def test_digits_reach_97_percent() -> None:
    accuracies = re.findall(r"test accuracy ([\d.]+)%", output_of("digits.ch"))
    assert float(accuracies[-1]) > 97


@pytest.mark.skipif(
    not FASHION_MNIST.is_dir(), reason="needs the Debian package dataset-fashion-mnist"
)
def test_fashion_mnist_reaches_87_percent() -> None:
    """By the command line, with one BLAS thread: two fight for the cores of a busy machine."""
    command = [sys.executable, "-m", "charl", "run", str(EXAMPLES / "fashion_mnist.ch")]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(EXAMPLES.parent)}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert run.stderr == ""
    accuracies = re.findall(r"test accuracy ([\d.]+)%", run.stdout)
    assert len(accuracies) == 5
    assert float(accuracies[-1]) > 87


def test_missing_fashion_mnist_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(CharlError) as problem:
        output_of("fashion_mnist.ch", str(tmp_path))
    assert "apt-get install dataset-fashion-mnist" in str(problem.value)
