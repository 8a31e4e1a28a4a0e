"""`charl new`: a small project that runs and passes its test."""

from __future__ import annotations

import os
import re
from pathlib import Path

from charl.diagnostics.diagnostic import CharlError, error
from charl.tools.arguments import Command, Invocation, Word
from charl.tools.files import cannot_write

DESCRIPTION = """
Makes a folder NAME with a model that trains, a test for it, a README and a .gitignore. An existing
folder is left alone unless it is empty.
"""

MAIN = """\
/// A network that learns exclusive or: its answer is 1 when its two inputs differ.
model Xor {
    layers {
        dense(2, 8, activation: tanh)
        dense(8, 1)
    }
}

let inputs: float32[4, 2] = [[0, 0], [0, 1], [1, 0], [1, 1]]
let answers: float32[4, 1] = [[0], [1], [1], [0]]

fn loss_of(net: Xor) -> float32 { mean((net(inputs) - answers) ** 2) }

/// Gradient descent: `steps` steps against the gradient of the loss.
fn train(net, steps: int = 2000, rate: float32 = 0.2) {
    for step in 0..steps {
        net = net - rate * grad(loss_of)(net)
    }
    net
}

let net = train(Xor(seed: 7))
print("loss", loss_of(net))
print(net(inputs))

test "the network learns exclusive or" {
    assert loss_of(net) < 0.01
}
"""

README = """\
# {name}

A Charl project.

    charl run main.ch     # train the network and print its answers
    charl test            # run the tests
    charl fmt             # format the sources
"""

GITIGNORE = """\
.cache/
*.npz
"""


def run(invocation: Invocation) -> int:
    word = invocation.operands[0]
    folder = destination(word)
    files = {"main.ch": MAIN, "README.md": README.format(name=folder.name), ".gitignore": GITIGNORE}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            # "x" never overwrites, whatever appeared since we looked.
            with open(folder / name, "x", encoding="utf-8") as stream:
                stream.write(text)
    except OSError as problem:
        raise CharlError(cannot_write(str(folder), problem)) from problem
    print(f"made {word.text} with {', '.join(files)}")
    print(f"next: charl run {os.path.join(word.text, 'main.ch')}")
    return 0


def destination(word: Word) -> Path:
    """The folder to make. Raises CharlError when the name is not one, or is taken."""
    folder = Path(word.text)
    if not re.fullmatch(r"\w[\w.-]*", folder.name):
        help = "letters, digits, `_`, `-` and `.`, beginning with a letter or digit"
        message = f"`{word.text}` cannot name a project"
        raise CharlError(error("E0709", message, word.span, helps=(help,)))
    if folder.is_dir() and not any(folder.iterdir()):
        return folder
    if folder.exists() or folder.is_symlink():
        help = "choose another name, or remove it first"
        message = f"`{word.text}` is already there"
        raise CharlError(error("E0708", message, word.span, "is not overwritten", helps=(help,)))
    return folder


COMMAND = Command(
    name="new",
    summary="make a small project to start from",
    usage="charl new NAME",
    description=DESCRIPTION,
    run=run,
    operands=(1, 1),
)
