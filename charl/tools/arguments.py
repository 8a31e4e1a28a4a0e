"""The command line, read against a command's declaration.

A command declares its operands and options as data (`Command`); reading the words gives an
`Invocation`. What does not fit is a Diagnostic that underlines the word itself, the command line
being a source text like any other:

    error[E0704]: `charl run` has no option `--bakend`
     --> <command line>:1:11
      |
    1 | charl run --bakend interpreter digits.ch
      |           ^^^^^^^^ did you mean `--backend`?

Codes E0700 to E0719 say that charl was called wrongly, and make the exit status 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from charl.diagnostics.diagnostic import CharlError, Diagnostic, error
from charl.diagnostics.suggest import nearest
from charl.records import record
from charl.source import Source, Span


@record
class Word:
    """One word of the command line and where it stands in it."""

    text: str
    span: Span


@record
class Option:
    """`--name VALUE`, or a switch when `value` is empty. `choices` empty allows any value. Where it
    is `optional` the value may be left out, and stands behind `=`."""

    name: str
    help: str
    value: str = ""
    short: str = ""
    choices: tuple[str, ...] = ()
    optional: bool = False


@record
class Invocation:
    """What the words of a command line say."""

    options: dict[str, Word]
    operands: tuple[Word, ...]
    rest: tuple[str, ...]

    def has(self, name: str) -> bool:
        return name in self.options

    def value(self, name: str, default: str) -> str:
        return self.options[name].text if name in self.options else default


@record
class Command:
    """One command of `charl`. `operands` is the (least, most) it takes; most None is any number.

    `passes_rest` is true when words after `--` are handed on to the program.
    """

    name: str
    summary: str
    usage: str
    description: str
    run: Callable[[Invocation], int]
    options: tuple[Option, ...] = ()
    operands: tuple[int, int | None] = (0, 0)
    passes_rest: bool = False


JSON = Option("--json", "print diagnostics as JSON, one object per line")
HELP = Option("--help", "show this page", short="-h")


def command_line(words: Sequence[str]) -> list[Word]:
    """The words after `charl`, with spans in the text of the whole command line."""
    quoted = [quoted_word(word) for word in words]
    source = Source("<command line>", " ".join(["charl", *quoted]))
    result, start = [], len("charl ")
    for word, text in zip(words, quoted, strict=True):
        result.append(Word(word, Span(source, start, start + len(text))))
        start += len(text) + 1
    return result


def quoted_word(word: str) -> str:
    """As one would type it."""
    if word and all(c.isalnum() or c in "_@%+=:,./-" for c in word) and word.isascii():
        return word
    import shlex  # loads `re`

    return shlex.quote(word)


def parse_words(command: Command, words: Sequence[Word], line: Span) -> Invocation:
    """Reads the words after the command's name; `line` is where the command's name stands."""
    options: dict[str, Word] = {}
    operands: list[Word] = []
    rest: tuple[str, ...] = ()
    problems: list[Diagnostic] = []
    declared = {
        name: option
        for option in (*command.options, HELP)
        for name in (option.name, option.short)
        if name
    }
    pending = list(words)
    while pending:
        word = pending.pop(0)
        if word.text == "--":
            rest = tuple(w.text for w in pending)
            if not command.passes_rest:
                operands += pending
            break
        if not word.text.startswith("-") or word.text == "-":
            operands.append(word)
            continue
        name, equals, inline = word.text.partition("=")
        option = declared.get(name)
        if option is None and glued(word.text, declared):  # -O2
            name, equals, inline = word.text[:2], "=", word.text[2:]
            option = declared[name]
        if option is None:
            problems.append(unknown_option(command, word, name, sorted(declared)))
        elif not option.value:
            if equals:
                problems.append(
                    error("E0706", f"`{name}` takes no value", word.span, "is a switch")
                )
            options[option.name] = word
        elif option.optional and not equals:
            options[option.name] = Word("", word.span)
        elif equals or (pending and pending[0].text != "--"):
            given = Word(inline, word.span) if equals else pending.pop(0)
            if option.choices and given.text not in option.choices:
                problems.append(wrong_choice(option, given))
            options[option.name] = given
        else:
            problems.append(
                error("E0706", f"`{name}` needs a value", word.span, f"expected {option.value}")
            )
    if not problems and HELP.name not in options:
        problems += wrong_operands(command, operands, line)
    if problems:
        raise CharlError(*problems)
    return Invocation(options, tuple(operands), () if not command.passes_rest else rest)


def glued(text: str, declared: dict[str, Option]) -> bool:
    """Whether a word is a short option with its value behind it."""
    return not text.startswith("--") and text[:2] in declared and bool(declared[text[:2]].value)


def unknown_option(command: Command, word: Word, name: str, known: list[str]) -> Diagnostic:
    guess = nearest(name, known)
    return error(
        "E0704",
        f"`charl {command.name}` has no option `{name}`",
        word.span,
        f"did you mean `{guess}`?" if guess else "",
        helps=(f"`charl {command.name} --help` lists its options",),
    )


def wrong_choice(option: Option, given: Word) -> Diagnostic:
    guess = nearest(given.text, option.choices)
    listed = ", ".join(f"`{choice}`" for choice in option.choices)
    return error(
        "E0706",
        f"`{option.name}` cannot be `{given.text}`",
        given.span,
        f"did you mean `{guess}`?" if guess else "",
        helps=(f"it can be {listed}",),
    )


def wrong_operands(command: Command, operands: Sequence[Word], line: Span) -> list[Diagnostic]:
    least, most = command.operands
    usage: tuple[str, ...] = (f"usage: {command.usage}",)
    if len(operands) < least:
        end = Span(line.source, len(line.source.text), len(line.source.text))
        message = f"`charl {command.name}` needs to know what to work on"
        return [error("E0705", message, end, "missing here", helps=usage)]
    if most is not None and len(operands) > most:
        extra = operands[most]
        message = f"`charl {command.name}` does not know what to do with `{extra.text}`"
        if command.passes_rest:
            usage = ("arguments for the program go after `--`", *usage)
        return [error("E0705", message, extra.span, "unexpected", helps=usage)]
    return []


def help_page(command: Command) -> str:
    """What `charl COMMAND --help` prints."""
    rows = []
    for option in (*command.options, HELP):
        spelling = f"{option.short}, {option.name}" if option.short else f"    {option.name}"
        value = f"[={option.value}]" if option.optional else f" {option.value}"
        rows.append((f"{spelling}{value}".rstrip(), option_help(option)))
    width = max(len(spelling) for spelling, _ in rows)
    lines = [f"  {spelling.ljust(width)}  {text}" for spelling, text in rows]
    return "\n".join(
        [f"usage: {command.usage}", "", command.description.strip(), "", "options:", *lines]
    )


def option_help(option: Option) -> str:
    if not option.choices:
        return option.help
    return f"{option.help} ({' or '.join(option.choices)})"
