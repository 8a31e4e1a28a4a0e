"""Makes the pictures of the documentation from what a terminal really shows.

python docs/pictures.py        writes docs/images/*.svg
"""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console
from rich.text import Text

from charl import driver
from charl.diagnostics.diagnostic import CharlError
from charl.diagnostics.render import render
from charl.source import Source

IMAGES = Path(__file__).parent / "images"

SHAPE_ERROR = """\
fn layer(x: float32[B, 784], w: float32[784, H]) -> float32[B, H] { relu(x @ w) }

let images = zeros([32, 28, 28])
let first = random_normal([784, 128])
let second = random_normal([10, 128])

let hidden = layer(reshape(images, [32, -1]), first)
let logits = hidden @ second
"""


def picture(name: str, title: str, text: str) -> None:
    """Draw a program's diagnostics, in the colours of a terminal."""
    try:
        driver.check(Source("train.ch", text))
    except CharlError as problem:
        shown = render(problem.diagnostics, colour=True)
        console = Console(record=True, width=88, file=io.StringIO(), force_terminal=True)
        console.print(Text.from_ansi(f"$ charl check train.ch\n{shown}"))
        IMAGES.mkdir(exist_ok=True)
        console.save_svg(str(IMAGES / f"{name}.svg"), title=title, unique_id=name)
        return
    raise SystemExit(f"{name}: the program has no error to show")


if __name__ == "__main__":
    picture("error", "charl check", SHAPE_ERROR)
