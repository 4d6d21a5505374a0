"""Names of images are taken apart as Docker takes them apart, and a wrong one is refused with the reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyte_core.errors import InvalidTypeError, InvalidValueError
from flyte_core.images.references import ImageReference

A = "a" * 64


@pytest.mark.parametrize(
    ("text", "registry", "repository", "tag", "digest"),
    [
        ("python", "docker.io", "library/python", None, None),
        ("python:3.12", "docker.io", "library/python", "3.12", None),
        ("ann/app", "docker.io", "ann/app", None, None),
        ("docker.io/python", "docker.io", "library/python", None, None),
        ("index.docker.io/ann/app", "docker.io", "ann/app", None, None),
        ("docker.io/a/b/c", "docker.io", "a/b/c", None, None),
        ("ghcr.io/ann/app:1", "ghcr.io", "ann/app", "1", None),
        ("localhost/app", "localhost", "app", None, None),
        ("localhost:5000/app:v1", "localhost:5000", "app", "v1", None),
        ("registry:5000/app", "registry:5000", "app", None, None),
        ("127.0.0.1:5000/a/b", "127.0.0.1:5000", "a/b", None, None),
        ("[::1]:5000/app:1", "[::1]:5000", "app", "1", None),
        ("[2001:db8::1]/app", "[2001:db8::1]", "app", None, None),
        ("Registry/app", "Registry", "app", None, None),
        ("a:5000", "docker.io", "library/a", "5000", None),
        (f"app@sha256:{A}", "docker.io", "library/app", None, f"sha256:{A}"),
        (f"h:5/app:1@sha256:{A}", "h:5", "app", "1", f"sha256:{A}"),
        (f"app@sha512:{A}{A}", "docker.io", "library/app", None, f"sha512:{A}{A}"),
        ("ghcr.io/a-b/c.d/e_f/g__h/i--j:_x.y-Z", "ghcr.io", "a-b/c.d/e_f/g__h/i--j", "_x.y-Z", None),
    ],
)
def test_a_name_has_the_parts_that_docker_sees_in_it(text, registry, repository, tag, digest) -> None:
    found = ImageReference.parse(text)
    assert (found.registry, found.repository, found.tag, found.digest) == (registry, repository, tag, digest)


@pytest.mark.parametrize(
    ("text", "part", "says"),
    [
        ("", "name", "without blanks"),
        (" app", "name", "without blanks"),
        ("app\n", "name", "without blanks"),
        ("https://ghcr.io/app", "name", "without a scheme"),
        (A, "name", "64 hexadecimal digits"),
        ("App", "repository", "lower case"),
        ("ghcr.io/ann/App", "repository", "lower case"),
        ("a//b", "repository", "'' is not"),
        ("a/", "repository", "'' is not"),
        ("/a", "repository", "'' is not"),
        ("a___b", "repository", "'a___b' is not"),
        ("a..b/c", "registry", "a host"),
        ("-a/b", "repository", "'-a' is not"),
        ("a/b-", "repository", "'b-' is not"),
        ("a b", "repository", "'a b' is not"),
        ("ghcr.io/", "repository", "a name"),
        (f"ghcr.io/{'a' * 256}", "repository", "at most 255 characters, not 256"),
        ("app:", "tag", "at most 128"),
        ("app:.a", "tag", "the first one not"),
        ("app:" + "a" * 129, "tag", "at most 128"),
        ("app:ä", "tag", "letters, digits"),
        ("app@", "digest", "sha256"),
        ("app@sha256", "digest", "64 hexadecimal digits"),
        ("app@sha256:abc", "digest", "64 hexadecimal digits"),
        (f"app@sha256:{'A' * 64}", "digest", "in lower case"),
        (f"app@md5:{'a' * 32}", "digest", "one of sha256, sha384, sha512"),
        ("host:99999/app", "registry", "a host"),
        ("[::g]/app", "registry", "a host"),
        ("[1:2]/app", "registry", "an IPv6 address"),
        ("-host.com/app", "registry", "a host"),
    ],
)
def test_a_wrong_name_is_refused_with_the_part_and_what_is_allowed(text: str, part: str, says: str) -> None:
    with pytest.raises(InvalidValueError, match="ImageReference") as caught:
        ImageReference.parse(text)
    assert caught.value.field == part
    assert says in caught.value.allowed


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidTypeError):
        ImageReference.parse(7)  # type: ignore[arg-type] # on purpose
    with pytest.raises(InvalidTypeError):
        ImageReference(repository="a", tag=7)  # type: ignore[arg-type] # on purpose


def test_a_password_in_a_wrong_name_is_not_repeated() -> None:
    with pytest.raises(InvalidValueError) as caught:
        ImageReference.parse("https://ann:s3cret@ghcr.io/app")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "familiar"),
    [
        ("docker.io/library/python:3", "python:3"),
        ("docker.io/ann/app", "ann/app"),
        ("docker.io/library/a/b", "library/a/b"),
        ("docker.io/localhost/app", "docker.io/localhost/app"),
        ("docker.io/a.b/app", "docker.io/a.b/app"),
        ("ghcr.io/library/app", "ghcr.io/library/app"),
        (f"docker.io/library/{A}", f"library/{A}"),
    ],
)
def test_the_familiar_name_leaves_out_what_docker_adds_and_no_more(text: str, familiar: str) -> None:
    assert ImageReference.parse(text).familiar == familiar


def test_the_digest_counts_before_the_tag_and_latest_where_there_is_neither() -> None:
    digest = f"sha256:{A}"
    assert ImageReference.parse(f"app:1@{digest}").wanted == digest
    assert ImageReference.parse("app:1").wanted == "1"
    assert ImageReference.parse("app").wanted == "latest"
    assert str(ImageReference.parse("app:1").with_digest(digest)) == f"docker.io/library/app:1@{digest}"


_word = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True)
_component = st.lists(_word, min_size=1, max_size=3).flatmap(
    lambda words: st.sampled_from([".", "_", "__", "-", "---"]).map(lambda separator: separator.join(words))
)
_host = st.one_of(
    st.sampled_from(["docker.io", "localhost", "ghcr.io", "127.0.0.1", "[::1]", "[fe80::1:2]", "Registry"]),
    st.from_regex(r"[a-z0-9][a-z0-9-]{0,8}[a-z0-9](\.[A-Za-z0-9]{1,5}){1,2}", fullmatch=True),
)
_registry = st.one_of(_host, st.tuples(_host, st.integers(1, 65535)).map(lambda pair: f"{pair[0]}:{pair[1]}"))
_references = st.builds(
    ImageReference,
    registry=_registry,
    repository=st.lists(_component, min_size=1, max_size=4).map("/".join),
    tag=st.none() | st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True),
    digest=st.none() | st.from_regex(r"sha256:[a-f0-9]{64}", fullmatch=True),
)


@given(_references)
def test_a_name_comes_back_as_it_was_written(reference: ImageReference) -> None:
    # The hub's own images stand below library/.
    assume_official = reference.registry == "docker.io" and "/" not in reference.repository
    again = ImageReference.parse(str(reference))
    expected = f"library/{reference.repository}" if assume_official else reference.repository
    assert (again.registry, again.repository) == (reference.registry, expected)
    assert (again.tag, again.digest) == (reference.tag, reference.digest)
    assert ImageReference.parse(again.familiar) == again


@given(st.text(alphabet=st.sampled_from("abcAZ019.:/@_-[] \n%äsha256:"), max_size=90))
def test_any_text_is_a_name_that_comes_back_or_is_refused_with_our_error(text: str) -> None:
    try:
        found = ImageReference.parse(text)
    except InvalidValueError:
        return
    assert ImageReference.parse(str(found)) == found
    assert ImageReference.parse(found.familiar) == found
