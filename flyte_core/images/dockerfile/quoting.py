"""How texts are written into a Dockerfile and into the shell's words, so that they come back as they were."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Collection, Sequence

from flyte_core.errors import InvalidValueError

__all__ = [
    "NEWLINE",
    "env_value",
    "mount_value",
    "path_pair",
    "path_word",
    "run_text",
    "shell_word",
    "source_path",
    "variables_in",
]

#: The build argument that holds a line break: an instruction ends at one, however it is quoted.
NEWLINE = "FLYTE_CORE_NEWLINE"

# What expands: $NAME and ${NAME}, and ${NAME:-other} with a plain text. \$ is a dollar.
_EXPANDED = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(?::[-+][^\"'\\${}`\n]*)?\})")
_PIECE = re.compile(rf"\\\$|{_EXPANDED.pattern}|[\s\S]")
_ESCAPED_IN_QUOTES = frozenset('"\\$')
_ESCAPED_OUTSIDE = frozenset("\"'\\$")


def variables_in(text: str) -> frozenset[str]:
    """Give the names of the variables that a text refers to, as ``$NAME`` or ``${NAME}``.

    Example:
        >>> sorted(variables_in("$A and ${B}, and no \\\\$C"))
        ['A', 'B']
    """
    pieces = _PIECE.finditer(text)
    return frozenset(piece[1] or piece[2] for piece in pieces if piece[1] or piece[2])


def _written(text: str, escaped: frozenset[str], newline: str) -> str:
    parts: list[str] = []
    for piece in _PIECE.finditer(text):
        found = piece[0]
        if found == "\n":
            parts.append(newline)
        elif len(found) == 1 and found in escaped:
            parts.append(f"\\{found}")
        else:
            # A reference expands as it stands; an escaped dollar stays one.
            parts.append(found)
    return "".join(parts)


def env_value(text: str) -> str:
    r"""Write a value for ``ENV`` or ``LABEL``: ``$NAME`` expands while the image is built, ``\$`` is a dollar.

    Args:
        text: the value.

    Example:
        >>> print(env_value('say "hi" for $5 in $PATH'))
        "say \"hi\" for \$5 in $PATH"
    """
    return f'"{_written(text, _ESCAPED_IN_QUOTES, f"${{{NEWLINE}}}")}"'


def path_word(text: str) -> str:
    """Write a path for ``COPY`` or ``WORKDIR``: ``$NAME`` expands, everything else is itself.

    Raises:
        InvalidValueError: there is a line break in it.
    """
    if "\n" in text or "\r" in text:
        raise InvalidValueError("Dockerfile", "path", text, "a path without line breaks")
    return _written(text, _ESCAPED_OUTSIDE, "")


def source_path(text: str) -> str:
    """Write a path of the context for ``COPY``, in which nothing expands and nothing is a pattern."""
    # In brackets a character of a pattern is itself.
    plain = re.sub(r"[\[*?]", lambda found: f"[{found[0]}]", text.replace("\\", "\\\\"))
    return re.sub(r"[\"'\\$]", r"\\\g<0>", plain)


def path_pair(source: str, target: str) -> str:
    """Write what ``COPY`` copies and where to, both as `path_word` gives them; as JSON where a blank is in one."""
    if any(character.isspace() for character in source + target) or source.startswith("["):
        return json.dumps([source, target], ensure_ascii=False)
    return f"{source} {target}"


def mount_value(field: str, text: str) -> str:
    """Check a value of a ``--mount`` option, which has no way to quote.

    Raises:
        InvalidValueError: there is a character in it that would end it.
    """
    if not text or any(character.isspace() or character in ",\"'\\$" for character in text):
        raise InvalidValueError("Secret", field, text, "a path without blanks, commas, quotes, backslashes and $")
    return text


def shell_word(text: str, variables: Collection[str] = ()) -> str:
    """Quote a word for the shell, which expands the given variables in it and nothing else.

    Args:
        text: the word.
        variables: names that expand where they stand as ``$NAME`` or ``${NAME}``.

    Example:
        >>> print(shell_word("numpy<2"), shell_word("git+https://$TOKEN@host/$x", ["TOKEN"]))
        'numpy<2' "git+https://$TOKEN@host/\\$x"
    """
    named = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")
    references = [found for found in named.finditer(text) if (found[1] or found[2]) in variables]
    if not references:
        # Within double quotes an apostrophe is itself, and easier to read.
        return f'"{text}"' if "'" in text and not set('"\\$`!') & set(text) else shlex.quote(text)
    parts: list[str] = []
    at = 0
    for found in references:
        parts += [re.sub(r'(["\\$`])', r"\\\1", text[at : found.start()]), found[0]]
        at = found.end()
    return '"' + "".join([*parts, re.sub(r'(["\\$`])', r"\\\1", text[at:])]) + '"'


# A backslash with blanks after it joins lines too, in a Dockerfile alone.
_JOINED = re.compile(r"(?:^|[^\\])\\$")
_OPEN = re.compile(r"\\[ \t]*$")


def run_text(command: str, preludes: Sequence[str] = ()) -> str:
    """Write a shell command for ``RUN``, as it is where a Dockerfile gives it to the shell unchanged.

    Args:
        command: the command, perhaps of several lines.
        preludes: what the shell does before it, in the same shell; each ends with a semicolon.

    Returns:
        One logical line: the command itself, also where its lines are joined by backslashes; otherwise the shell's
        call as JSON.

    Example:
        >>> print(run_text("make install"))
        make install
        >>> print(run_text("cd /src\\nmake"))
        ["/bin/sh", "-c", "cd /src\\nmake"]
    """
    text = command.strip("\n").lstrip()
    lines = text.split("\n")
    joined = all(_JOINED.search(line) for line in lines[:-1]) and not _OPEN.search(lines[-1])
    # Within an instruction of several lines a Dockerfile leaves out those that are blank or begin with #; and the
    # shell does not join lines within single quotes.
    kept = all(line.strip() and not line.lstrip().startswith("#") for line in lines[1:])
    plain = len(lines) == 1 or "'" not in text
    if joined and kept and plain and "\r" not in text and not text.startswith(("--", "[", "<<")):
        return " \\\n    ".join([*preludes, text])
    return json.dumps(["/bin/sh", "-c", " ".join([*preludes, text])], ensure_ascii=False)
