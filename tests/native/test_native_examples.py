"""The programs in `examples/` give the same bits on one thread and on two. Their numbers are
printed in full for that, and the larger one is given less to learn from."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.ch"))
# `{loss:.4f}` in a string with values.
FORMATTED = re.compile(r'\{([^{}":\s][^{}":]*):[-+<>=,.%0-9a-z]*\}')
IMAGES = {"train": 3200, "t10k": 500}


def idx(array: np.ndarray) -> bytes:
    """The file format of MNIST, for unsigned bytes."""
    sizes = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def write_images(folder: Path) -> None:
    """Ten kinds of pictures, with noise."""
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 256, (10, 28, 28))
    for part, count in IMAGES.items():
        labels = rng.integers(0, 10, count).astype(np.uint8)
        images = (kinds[labels] + rng.integers(0, 256, (count, 28, 28))) // 2
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(images.astype(np.uint8)))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_gives_the_same_bits_on_any_number_of_threads(
    path: Path, tmp_path: Path
) -> None:
    text, numbers = FORMATTED.subn(r"{\1}", path.read_text())
    assert numbers or path.stem in ("hello", "tour")
    (tmp_path / "example.ch").write_text(text)
    command = [sys.executable, "-m", "charl", "run", "--backend", "native", "example.ch"]
    if path.stem == "fashion_mnist":
        write_images(tmp_path)
        command += ["--", "."]
    outputs = set()
    for threads in ("1", "2"):
        run = subprocess.run(
            command,
            env={**os.environ, "CHARL_THREADS": threads, "PYTHONPATH": str(ROOT)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert run.returncode == 0, run.stderr
        outputs.add(run.stdout)
    (output,) = outputs
    assert output
    assert not numbers or re.search(r"\d\.\d{4}", output)
