"""The one diagnostic type. Errors are values with spans until the edge renders them.

A diagnostic's code names its page `explain/CODE.md`, whose first line is its title; a code exists
exactly when its page does (`diagnostics/registry.py`). Families: E01 syntax, E02 names and modules,
E03 types and shapes, E04 models and gradients, E05 run time, E06 data and files, E07 command line,
E08 logic; W01.. are warnings.
"""

from __future__ import annotations

from charl.records import record, replace
from charl.source import Span


@record
class Label:
    """A span to underline and what to say under it. An empty text underlines only."""

    span: Span
    text: str = ""


@record
class Frame:
    """One line of a Charl call stack or of a chain of template uses: innermost first."""

    what: str
    span: Span | None


@record
class Diagnostic:
    """One thing to tell the user.

    `message` is one sentence in the user's words, no full stop. `primary` is where it is wrong
    (None when there is no place in a source, as for a missing file named on the command line);
    `secondary` are the other places that matter; `helps` say how to mend it; `notes` add facts;
    `frames` is the call stack (run time) or the chain of uses (templates).
    """

    code: str
    message: str
    primary: Label | None = None
    secondary: tuple[Label, ...] = ()
    helps: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    frames: tuple[Frame, ...] = ()

    @property
    def is_error(self) -> bool:
        return self.code.startswith("E")

    def seen_by_user(self) -> Diagnostic:
        """The same, shown at the user's own code when it arose inside the standard library: at the
        innermost frame that is theirs. The frames inside the library become a note."""
        if self.primary is None or not self.primary.span.source.library:
            return self
        for depth, frame in enumerate(self.frames):
            if frame.span is None or frame.span.source.library:
                continue
            inside = f"inside `{frame.what}`"
            if depth:
                inside += f" (by way of `{self.frames[0].what}`)"
            return replace(
                self,
                primary=Label(frame.span, "" if depth else self.primary.text),
                secondary=tuple(s for s in self.secondary if not s.span.source.library),
                notes=(*self.notes, inside),
                frames=self.frames[depth + 1 :],
            )
        return self

    def with_frames(self, frames: tuple[Frame, ...]) -> Diagnostic:
        return replace(self, frames=self.frames + frames)


class CharlError(Exception):
    """One or more errors on their way to the edge that renders them."""

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__("; ".join(d.message for d in diagnostics))
        self.diagnostics = diagnostics


def error(
    code: str,
    message: str,
    span: Span | None = None,
    label: str = "",
    *,
    secondary: tuple[Label, ...] = (),
    helps: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
) -> Diagnostic:
    """A diagnostic with its primary label built from a span."""
    primary = None if span is None else Label(span, label)
    return Diagnostic(code, message, primary, secondary, helps, notes)
