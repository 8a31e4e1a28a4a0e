"""Files: reading and writing whole ones, and what can go wrong, said in the user's words.

Paths are relative to the current folder, `~` is the home folder, and messages show a path as it was
written. A file is written beside its target and then put in its place, so a reader never sees half
of one and a program that dies leaves the old one alone. Text is UTF-8 with or without a byte order
mark; its line ends are read as `\\n`. The readers of tables, arrays, images and saved models stand
in `tables.py`, `arrays.py`, `images.py` and `saved.py`.
"""

from __future__ import annotations

import gzip
import itertools
import os
import stat
import zlib
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

from charl.core.op import Effect, Fault, Op, Parameter, declare
from charl.diagnostics.suggest import nearest
from charl.ops.expect import PATH, signature, text
from charl.types.types import BOOL, STRING, List, Type

BUNDLED = os.path.join(os.path.dirname(os.path.dirname(__file__)), "std", "data")
NO_GRADIENT = "a file is constant to differentiation"
_serial = itertools.count()


# --- What can go wrong ---------------------------------------------------------------------------


def expanded(path: str) -> str:
    return os.path.expanduser(path)


def fault_of(error: OSError | ValueError, path: str, verb: str) -> Fault:
    """The fault for an operating system error; `verb` is `read` or `write`."""
    match error:
        case FileNotFoundError():
            return _not_found(path, verb)
        case IsADirectoryError():
            return Fault("E0602", f"cannot {verb} `{path}`: it is a folder")
        case NotADirectoryError():
            return Fault("E0602", f"cannot {verb} `{path}`: a part of the path is not a folder")
        case PermissionError():
            return Fault("E0602", f"cannot {verb} `{path}`: you have no permission to")
        case OSError(strerror=reason) if reason:
            return Fault("E0602", f"cannot {verb} `{path}`: {reason[0].lower()}{reason[1:]}")
    return Fault("E0602", f"cannot {verb} `{path}`: this is not a path")


def _not_found(path: str, verb: str) -> Fault:
    folder, name = os.path.split(expanded(path))
    here = () if os.path.isabs(expanded(path)) else (f"the current folder is `{os.getcwd()}`",)
    if not os.path.isdir(folder or "."):
        message = f"the folder `{os.path.dirname(path)}` does not exist"
        if verb == "write":
            help = f"create it first: `mkdir -p {os.path.dirname(path)}`"
            return Fault("E0602", f"cannot write `{path}`: {message}", helps=(help,), notes=here)
        return Fault("E0601", f"there is no file `{path}`: {message}", notes=here)
    # A folder without the right to list it offers nothing to suggest.
    others = os.listdir(folder or ".") if os.access(folder or ".", os.R_OK) else []
    similar = nearest(name, sorted(others)) or _same_stem(name, others)
    if similar is None:
        return Fault("E0601", f"there is no file `{path}`", notes=here)
    help = f"did you mean `{os.path.join(os.path.dirname(path), similar)}`?"
    return Fault("E0601", f"there is no file `{path}`", helps=(help,), notes=here)


def _same_stem(name: str, others: Sequence[str]) -> str | None:
    """A file of the same name with another ending: `a.csv.gz` for `a.csv`."""
    stem = name.split(".")[0]
    return next((o for o in sorted(others) if stem and o.split(".")[0] == stem), None)


# --- Reading -------------------------------------------------------------------------------------


def read_bytes(path: str) -> bytes:
    """The bytes of a file. Faults: E0601, E0602."""
    try:
        with open(expanded(path), "rb") as file:
            return file.read()
    except (OSError, ValueError) as error:
        raise fault_of(error, path, "read") from None


def read_unzipped(path: str) -> bytes:
    """The bytes of a file, decompressed when it is gzip. Faults: E0601, E0602, E0603."""
    content = read_bytes(path)
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        what = "truncated" if isinstance(error, EOFError) else "damaged"
        raise Fault("E0603", f"the gzip compression of `{path}` is {what}") from None


def decoded(content: bytes, path: str) -> str:
    """UTF-8 as text with `\\n` as line ends. Fault: E0608."""
    try:
        decoded = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Fault(
            "E0608",
            f"`{path}` is not UTF-8 text: the byte 0x{content[error.start]:02X} on line {line} "
            "cannot stand there",
            helps=(_encoding_help(content, path),),
        ) from None
    return decoded.replace("\r\n", "\n").replace("\r", "\n") if "\r" in decoded else decoded


def _encoding_help(content: bytes, path: str) -> str:
    kind = kind_of(content)
    if kind is not None:
        return f"it looks like {kind}"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return f"it looks like UTF-16; convert it: `iconv -f UTF-16 -t UTF-8 {path}`"
    if b"\0" in content[:4096]:
        return "it looks like a binary file"
    return f"it may be Latin-1; convert it: `iconv -f LATIN1 -t UTF-8 {path}`"


_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x93NUMPY", "a NumPy array; read it with `load_npy`"),
    (b"PK\x03\x04", "a zip archive; if it is NumPy's (.npz), read it with `load_npz`"),
    (b"\x1f\x8b", "a gzip file; decompress it with `gunzip`"),
    (b"\x89PNG", "a PNG image; read it with `load_image`"),
    (b"\xff\xd8\xff", "a JPEG image; read it with `load_image`"),
    (b"\x89HDF\r\n", "an HDF5 file; save its arrays with NumPy first"),
    (b"PAR1", "a Parquet file; save it as CSV first"),
    (b"%PDF", "a PDF"),
    (b"\x80\x04\x95", "a Python pickle; save its arrays with `numpy.save` instead"),
    (b"\x00\x00\x08", "an IDX file; read it with `load_idx`"),
)


def kind_of(content: bytes) -> str | None:
    """What a file seems to be, by its first bytes, and how to read it."""
    return next((kind for magic, kind in _MAGIC if content.startswith(magic)), None)


# --- Writing -------------------------------------------------------------------------------------


def write_atomically(path: str, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a new file that then takes the place of `path`. Fault: E0602."""
    try:
        target = os.path.realpath(expanded(path))
        if os.path.isdir(target):
            raise IsADirectoryError
        if os.path.exists(target) and not os.path.isfile(target):
            with open(target, "wb") as device:  # a pipe or a device cannot be replaced
                write(device)
            return
        # Renaming would pass over the protection of a read-only file.
        if os.path.exists(target) and not os.access(target, os.W_OK):
            raise PermissionError
        _replace(target, write)
    except (OSError, ValueError) as error:
        raise fault_of(error, path, "write") from None


def _replace(target: str, write: Callable[[BinaryIO], object]) -> None:
    name = f".charl-{os.getpid()}-{next(_serial)}.tmp"
    temporary = os.path.join(os.path.dirname(target), name)
    try:
        with open(temporary, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(target):
            os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
        os.replace(temporary, target)
    except BaseException:  # an interrupt too leaves nothing behind
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise


# --- Text ----------------------------------------------------------------------------------------


def read_text(path: str) -> str:
    return decoded(read_bytes(path), path)


def _read_lines(path: str) -> list[str]:
    lines = read_text(path).split("\n")
    if lines[-1] == "":
        lines.pop()
    return lines


def _write_text(path: str, content: str) -> tuple[()]:
    encoded = content.encode("utf-8")
    write_atomically(path, lambda file: file.write(encoded))
    return ()


def _file_exists(path: str) -> bool:
    try:
        return os.path.exists(expanded(path))
    except ValueError:
        return False


def _bundled_path(name: str) -> str:
    names = sorted(os.listdir(BUNDLED))
    if name in names:
        return os.path.join(BUNDLED, name)
    similar = nearest(name, names)
    helps = (f"did you mean `{similar}`?",) if similar else (f"there are {', '.join(names)}",)
    raise Fault("E0601", f"Charl brings no file `{name}`", helps=helps)


def file_op(
    name: str,
    doc: str,
    parameters: Sequence[Parameter],
    results: Sequence[Type],
    evaluate: Callable[..., Any],
    effect: Effect = Effect.EFFECT,
) -> Op:
    """Declare an op of files whose operands and results have exact types."""
    return declare(
        Op(
            name,
            doc,
            tuple(parameters),
            signature(parameters, *results),
            evaluate,
            no_gradient=NO_GRADIENT,
            surface=name,
            effect=effect,
        )
    )


file_op("read_text", "The text of a UTF-8 file.", (PATH,), (STRING,), read_text)
file_op(
    "read_lines",
    "The lines of a UTF-8 file, without their ends.",
    (PATH,),
    (List(STRING),),
    _read_lines,
)
file_op(
    "write_text",
    "Writes a text to a file as UTF-8, in place of what was there.",
    (PATH, text("content")),
    (),
    _write_text,
)
file_op("file_exists", "Whether there is a file or folder.", (PATH,), (BOOL,), _file_exists)
file_op(
    "bundled_path",
    "The path of a data file that comes with Charl: digits.npz, iris.npz, iris.csv.",
    (text("name"),),
    (STRING,),
    _bundled_path,
    Effect.CHECK,
)
