"""Makes the pictures of the documentation from what a terminal really shows.

python docs/pictures.py        writes docs/images/*.svg
"""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console
from rich.text import Text

from charl import driver
from charl.diagnostics.diagnostic import CharlError
from charl.diagnostics.render import render
from charl.source import Source

CELL = 12.2  # the width of a character in rich's pictures
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
        drawn = console.export_svg(title=title, unique_id=name)
        (IMAGES / f"{name}.svg").write_text(indented(drawn), "utf-8")
        return
    raise SystemExit(f"{name}: the program has no error to show")


def indented(svg: str) -> str:
    """Texts that begin further right in place of those that begin with spaces: some viewers
    drop spaces at the beginning of a text, and the marks would not stand below the code."""

    def moved(match: re.Match[str]) -> str:
        head, x, y, length, tail, spaces = match.groups()
        step = spaces.count(";") * CELL
        place = f'x="{float(x) + step:g}" y="{y}" textLength="{float(length) - step:g}"'
        return f"{head}{place}{tail}"

    pattern = r'(<text [^>]*)x="([^"]*)" y="([^"]*)" textLength="([^"]*)"([^>]*>)((?:&#160;)+)'
    return re.sub(pattern, moved, svg)


if __name__ == "__main__":
    picture("error", "charl check", SHAPE_ERROR)
