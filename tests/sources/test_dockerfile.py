"""Whether a Dockerfile takes files of its folder."""

import pytest

from flyte_core.sources import reads_context

READS = {
    "copy": "FROM a\nCOPY . /app",
    "lower case": "from a\ncopy a b",
    "tab": "FROM a\nCOPY\ta b",
    "flags": "FROM a\nCOPY --chown=1:1 --link a b",
    "json": 'FROM a\nCOPY ["a b", "/c"]',
    "damaged json": 'FROM a\nCOPY ["a b" /c',
    "add": "FROM a\nADD a.tar /",
    "add of a variable": "FROM a\nADD $URL /",
    "add of both": "FROM a\nADD https://host/a b /",
    "continued": "FROM a\nCOPY \\\n  a \\\n  b",
    "continued over comments and empty lines": "FROM a\nCOPY \\\n# comment\n\n  a b",
    "blanks behind the escape": "FROM a\nCOPY \\  \n  a b",
    "escape": "# escape=`\nFROM a\nCOPY `\n  a b",
    "after a heredoc": "FROM a\nRUN <<EOF\nCOPY\nEOF\nCOPY a b",
    "after an indented heredoc": "FROM a\nRUN <<-EOF\n\tCOPY\n\tEOF\nCOPY a b",
    "after two heredocs": "FROM a\nCOPY <<A <<B /\n\nB\nA\nx\nB\nCOPY a b",
    "heredoc and file": "FROM a\nCOPY a <<EOF /b/\nEOF",
    "mount": "FROM a\nRUN --mount=type=bind,source=a,target=/a true",
    "mount without type": "FROM a\nRUN --mount=target=/a true",
    "second mount": "FROM a\nRUN --mount=type=cache,target=/c --mount=type=bind,target=/a true",
    "mount of a variable type": "FROM a\nRUN --mount=type=$KIND,target=/a true",
    "another frontend": "# syntax=example.com/frontend\nFROM a",
    "the end without a line": "FROM a\nCOPY a \\\nb \\",
    "mark of byte order": "\ufeffCOPY a b",
}
READS_NOT = {
    "empty": "",
    "run": "FROM a\nRUN cp a b",
    "comment": "FROM a\n# COPY a b\n  # ADD a b",
    "from a stage": "FROM a AS x\nFROM b\nCOPY --from=x /a /b",
    "from a stage, continued": "FROM b\nCOPY \\\n --from=x \\\n /a /b",
    "from a stage, after another flag": "FROM b\nCOPY --chown=1 --from=x /a /b",
    "add of an address": "FROM a\nADD https://host/a /",
    "add of a repository": "FROM a\nADD --keep-git-dir=true git@host:a/b.git /",
    "heredoc": "FROM a\nCOPY <<EOF /a\nCOPY a b\nEOF",
    "quoted heredoc": "FROM a\nCOPY <<'EOF' /a\nADD a b\nEOF\nRUN <<\"X\"\nCOPY a b\nX",
    "escaped line break in a comment": "FROM a\n# \\\nRUN true",
    "mount of a cache": "FROM a\nRUN --mount=type=cache,target=/a true",
    "mount of a secret": "FROM a\nRUN --mount=type=secret,id=a true",
    "mount from a stage": "FROM a\nRUN --mount=type=bind,from=x,target=/a true",
    "the escape is another sign": "# escape=`\nFROM a\nRUN dir C:\\\nRUN b",
    "a directive behind a comment is none": "# comment\n# syntax=example.com/frontend\nFROM a",
    "docker's frontend": "# syntax=docker/dockerfile:1.10\nFROM a",
    "copied by the images built from it": "FROM a\nONBUILD COPY . /app",
    "not a mount": "FROM a\nRUN echo --mount=type=bind",
}


@pytest.mark.parametrize("text", READS.values(), ids=READS)
def test_a_dockerfile_reads_its_folder(text):
    assert reads_context(text)


@pytest.mark.parametrize("text", READS_NOT.values(), ids=READS_NOT)
def test_a_dockerfile_does_not_read_its_folder(text):
    assert not reads_context(text)
