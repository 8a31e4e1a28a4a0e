"""What is kept of native code: programs with their machine code, and machine code by its text."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from charl import cache, driver, shelf
from charl.diagnostics.diagnostic import CharlError
from charl.diagnostics.render import render
from charl.runtime import code_cache
from charl.runtime.image import Image
from charl.source import Source

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
fn at(xs: [int], i: int) -> int { xs[i] }
let total = 0
for i in 0..10 { total += at([1, 2, 3], i % 3) }
print(total, softmax(tensor([1.0, 1.0])))
"""
PRINTS = "19 [0.5, 0.5]\n"
COMPILED = {"codegen", "llvm"}


pytestmark = pytest.mark.usefixtures("own_cache")


def compiled(text: str = PROGRAM, level: int = 2) -> tuple[set[str], Image]:
    """The stages that were gone through, and the image."""
    stages: set[str] = set()
    image, _ = cache.compiled_natively(
        Source("a.ch", text), level=level, clock=lambda stage, _: stages.add(stage)
    )
    return stages, image


def output(image: Image) -> str:
    printed = io.StringIO()
    driver.run(image, printed, backend="native")
    return printed.getvalue()


def files(shelf: str) -> list[Path]:
    return sorted(Path(os.environ["XDG_CACHE_HOME"]).glob(f"charl/{shelf}/*"))


def test_a_kept_program_is_not_compiled_again() -> None:
    first, made = compiled()
    again, kept = compiled()
    assert first >= COMPILED and again == {"cache"}
    assert kept.objects == made.objects and kept.asked == made.asked
    assert output(kept) == output(made) == PRINTS


def test_a_kept_program_fails_at_the_same_place() -> None:
    text = "fn at(xs: [int], i: int) -> int { xs[i] }\nprint(at([1, 2, 3], 3))\n"
    told = []
    for _ in range(2):
        with pytest.raises(CharlError) as failure:
            output(compiled(text)[1])
        told.append(render(failure.value.diagnostics, colour=False))
    assert told[0] == told[1]
    assert "E0502" in told[0] and "a.ch:1:" in told[0]


def test_levels_and_passes_are_told_apart() -> None:
    assert compiled(level=2)[0] >= COMPILED
    assert compiled(level=0)[0] >= COMPILED
    assert compiled(level=2)[0] == compiled(level=0)[0] == {"cache"}
    stages: list[str] = []
    image, _ = cache.compiled_natively(
        Source("a.ch", PROGRAM), level=2, passes=(), clock=lambda stage, _: stages.append(stage)
    )
    assert "codegen" in stages and output(image) == PRINTS


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_every_level_prints_the_same(level: int) -> None:
    assert output(compiled(level=level)[1]) == PRINTS


def test_another_cpu_or_llvm(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled()
    for name, value in (("cpu", ("another",)), ("llvm", ("elsewhere", (1, 2)))):
        code_cache.target.cache_clear()
        with monkeypatch.context() as patched:
            patched.setattr(code_cache, name, lambda value=value: value)
            assert compiled()[0] >= COMPILED
    code_cache.target.cache_clear()


@pytest.mark.parametrize("damage", [b"", b"abc", b"\0" * 100, None], ids=str)
@pytest.mark.parametrize("where", ["programs", "code"])
def test_damaged_files_count_as_absent(where: str, damage: bytes | None) -> None:
    compiled()
    (kept,) = files(where)
    kept.write_bytes(kept.read_bytes()[:-7] if damage is None else damage)
    if where == "code":
        (program,) = files("programs")
        program.unlink()
    stages, image = compiled()
    assert stages >= COMPILED and output(image) == PRINTS
    assert compiled()[0] == {"cache"}


def test_the_same_code_of_another_text_is_not_compiled_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, made = compiled()

    def refuse(path: str, content: bytes, most: int) -> None:
        assert "code" not in path.split(os.sep)

    monkeypatch.setattr(shelf, "put", refuse)
    stages, image = compiled(PROGRAM + "// a comment\n")
    assert stages >= COMPILED and image.objects == made.objects


def test_it_is_not_used_where_the_cache_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARL_CACHE", "0")
    assert output(compiled()[1]) == PRINTS
    assert not files("code") and not files("programs")


def test_the_folder_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    for _ in range(2):
        stages, image = compiled()
        assert stages >= COMPILED and output(image) == PRINTS


def test_the_disk_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: str, target: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    assert output(compiled()[1]) == PRINTS
    assert not list(Path(os.environ["XDG_CACHE_HOME"]).glob("charl/*/.*"))


def test_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_cache, "MOST", 2)
    for n in range(4):
        compiled(f"print({n} + len(arguments()))\n")
    assert len(files("code")) == 2


def test_processes_may_share_it(own_cache: Path) -> None:
    (own_cache / "a.ch").write_text(PROGRAM)
    command = [sys.executable, "-m", "charl", "run", "--backend", "native", "a.ch"]
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables)
        for _ in range(2)
    ]
    assert [process.communicate(timeout=120)[0] for process in started] == [PRINTS] * 2
    assert len(files("programs")) == len(files("code")) == 1  # no leftovers of writing


def test_a_warm_start_loads_neither_compiler_nor_llvm(own_cache: Path) -> None:
    (own_cache / "a.ch").write_text(PROGRAM)
    code = (
        "import sys; from charl.tools.cli import main; "
        "main(['run', '--backend=native', 'a.ch']); print(*sys.modules)"
    )
    for again in (False, True):
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        loaded = set(done.stdout.splitlines()[-1].split())
        compiler = {
            "charl.runtime.compile",
            "charl.check.program",
            "charl.lower.program",
            "hashlib",
        }
        assert not loaded & compiler if again else loaded >= compiler
