"""Products of bfloat16 by the real instructions, on an emulated CPU that has them.

    python tests/native/bfloat16/emulator/run.py [PATH OF BOCHS]

Bochs 3.0 emulates a Xeon of the Sapphire Rapids kind, if it was built with `--enable-cpu-level=6
--enable-x86-64 --enable-avx --enable-evex --enable-amx --enable-cet --with-nogui`. There is no
operating system: a loader of some fifty instructions turns the machine on (`reset.S`, `start.S`),
and calls a program (`test.c`) that holds the runtime's own `bfloat16.c` and `squares.c`, once with
the instructions and once with the model of them that the tests use everywhere (`../intrinsics.h`).
Both must have the same bits. Half a minute.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
NATIVE = HERE.parents[3] / "charl/runtime/native"
LONGEST = 300  # seconds

# No libc here, nothing below the stack pointer, and no code for several machines to choose from.
C = ["gcc", "-std=c11", "-D_GNU_SOURCE", "-O2", "-fno-pic", "-mno-red-zone"]
C += ["-fno-stack-protector", "-Wall", "-Wextra", "-Werror", "-Wno-psabi"]
C += ["-Dtarget_clones(...)=unused"]
# The model beside the instructions: other names for the same functions; there is one thread.
MODEL = ["-mfma", "-D_Thread_local=", f'-DCHARL_INTRINSICS="{HERE.parent / "intrinsics.h"}"'] + [
    f"-Dcharl_{name}=model_{name}"
    for name in ("multiply_bfloat16", "bfloat16_squares", "bfloat16_multiplier")
]
CONFIGURATION = """
memory: guest=64, host=64, block_size=1024
cpu: model=sapphire_rapids, count=1, ips=50000000, reset_on_triple_fault=0
romimage: file={folder}/reset.bin, address=0xffff0000
vgaromimage: file={folder}/nothing
optramimage1: file={folder}/test.bin, address=0x100000
display_library: nogui
port_e9_hack: enabled=1
log: {folder}/log
panic: action=fatal
error: action=ignore
info: action=ignore
"""


def build(folder: Path) -> None:
    """The two images: what is at reset, and the program."""

    def run(*command: str) -> None:
        subprocess.run(command, check=True, cwd=folder)

    def image(name: str, *options: str) -> None:
        run(
            "ld", "-nostdlib", "--build-id=none", "-z", "noexecstack", "-o", f"{name}.elf", *options
        )
        run("objcopy", "-O", "binary", f"{name}.elf", f"{name}.bin")

    for name in ("reset", "start"):
        run("gcc", "-c", str(HERE / f"{name}.S"), "-o", f"{name}.o")
    objects = ["start.o"]
    for name, sources, options in (
        ("", ("bfloat16.c", "squares.c"), []),
        ("model_", ("bfloat16.c", "squares.c"), MODEL),
    ):
        for source in sources:
            objects.append(f"{name}{source}.o")
            run(*C, *options, "-c", str(NATIVE / source), "-o", objects[-1])
    run(*C, f"-I{NATIVE}", "-c", str(HERE / "test.c"), "-o", "test.o")
    image(
        "reset", "-Ttext=0xffff0000", "--section-start=.reset=0xfffffff0", "-e", "reset", "reset.o"
    )
    image(
        "test",
        "--section-start=.start=0x100000",
        "-Ttext=0x101000",
        "-e",
        "start",
        *objects,
        "test.o",
    )


def knows_the_cpu(bochs: str) -> bool:
    """Whether this Bochs is new enough, and was built with AVX512."""
    told = subprocess.run(
        [bochs, "--help", "cpu"], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    return "sapphire_rapids" in told.stdout + told.stderr


def main() -> int:
    bochs = sys.argv[1] if len(sys.argv) > 1 else shutil.which("bochs")
    if bochs is None or not knows_the_cpu(bochs):
        print("skipped: there is no bochs with a CPU that multiplies bfloat16")
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build(folder)
        (folder / "nothing").write_bytes(bytes(512))  # a video BIOS there must be
        (folder / "configuration").write_text(CONFIGURATION.format(folder=folder))
        command = [bochs, "-q", "-f", str(folder / "configuration")]
        found = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LONGEST
        )
        log = (folder / "log").read_text()
    told = re.findall(r"^.+: \d+ products, \d+ numbers, \d+ differ$", found.stdout, re.M)
    good = bool(told) and all(line.endswith(" 0 differ") for line in told)
    print("\n".join(told) if good else found.stdout + found.stderr + log)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
