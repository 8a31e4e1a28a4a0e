"""`charl` as its users call it: a process with words, output and an exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from charl.tools.cli import COMMANDS, main

ROOT = Path(__file__).parents[2]


def charl(*words: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "charl", *words],
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        check=False,
        timeout=120,
    )


def test_the_version_is_quick_and_loads_nothing_heavy() -> None:
    # Processor time, and the best of several: the machine may be busy with other tests.
    times = []
    for _ in range(8):
        start = os.times()
        done = charl("--version")
        stop = os.times()
        times.append(sum(stop[2:4]) - sum(start[2:4]))  # of children, user and system
    assert done.stdout.startswith("charl ") and done.returncode == 0
    assert min(times) < 0.1
    probe = (
        "import sys; from charl.tools.cli import main; main(['--version']); main(['--help']);"
        "heavy = {'numpy', 'rich', 'prompt_toolkit', 'pygments', 'charl.syntax.parser',"
        " 'charl.check', 'charl.ops'}; print(heavy & set(sys.modules))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert shown.stdout.endswith("set()\n")


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for name in COMMANDS:
        assert f"\n  {name} " in shown
        assert main([name, "--help"]) == 0
        assert main(["help", name]) == 0
        once, again = capsys.readouterr().out.split("usage: ")[1:]
        assert once.startswith(f"charl {name}") and once == again
    assert main([]) == 0
    assert capsys.readouterr().out == shown


def test_an_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rnu"]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("error[E0700]: there is no command `rnu`")
    assert "did you mean `run`?" in shown


def test_a_file_in_place_of_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["my net.ch"]) == 2
    assert "to run a program: `charl run 'my net.ch'`" in capsys.readouterr().err


def test_an_unknown_option_of_charl(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--versoin"]) == 2
    assert "did you mean `--version`?" in capsys.readouterr().err


def test_usage_errors_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--json", "--loud", "a.ch"]) == 2
    told = json.loads(capsys.readouterr().err)
    assert told["code"] == "E0704" and told["file"] == "<command line>"
    # What is meant for the program is none of ours.
    assert main(["run", "no such file.ch", "--", "--json"]) == 2
    assert capsys.readouterr().err.startswith("error[E0701]")


def test_colours_follow_the_environment() -> None:
    assert "\x1b[" not in charl("rnu").stderr
    assert "\x1b[" in charl("rnu", FORCE_COLOR="1").stderr
    assert "\x1b[" not in charl("rnu", FORCE_COLOR="1", NO_COLOR="1").stderr


def test_an_output_that_cannot_show_a_character_is_no_crash() -> None:
    done = charl("rn\u00fc\u65e5", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 2 and "Traceback" not in done.stderr
