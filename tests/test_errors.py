"""Messages name what is wrong, and keep credentials to themselves."""

from __future__ import annotations

import pickle
import time

import pytest

from flyte_core.errors import RuntimeSystemError, StorageError, StorageNotFoundError, near_misses, without_secrets


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("s3://key:secret@bucket/a", "s3://***@bucket/a"),
        ("https://host/a?X-Amz-Signature=0f3a&part=2", "https://host/a?X-Amz-Signature=***&part=2"),
        ("https://acc.blob/a?sv=1&sig=abc%3D", "https://acc.blob/a?sv=1&sig=***"),
        ("secret_access_key='abc'", "secret_access_key='abc'"),
        ("secret_access_key=abc, region=x", "secret_access_key=***, region=x"),
        ("Authorization: Bearer", "Authorization: ***"),
        ("nothing to hide: a@b", "nothing to hide: a@b"),
    ],
)
def test_credentials_in_a_text_are_masked(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


@pytest.mark.parametrize("piece", ["a", "secret", "a:", "x-amz-signature", "s3://a"])
def test_masking_takes_no_longer_than_in_proportion_to_the_text(piece: str) -> None:
    def took(length: int) -> float:
        # Of this thread alone: what else the machine does is not the pattern's fault.
        started = time.thread_time()
        without_secrets(piece * (length // len(piece)))
        return time.thread_time() - started

    small, large = (min(took(length) for _ in range(5)) for length in (20_000, 200_000))
    assert large < 40 * small  # a quadratic pattern takes 100 times as long


def test_a_storage_error_masks_its_url_and_its_reason_and_survives_pickling() -> None:
    error = StorageNotFoundError("s3://k:s@b/a", "download", "GET https://u:p@host/a gave 404", attempts=2)
    assert str(error) == "cannot download s3://***@b/a after 2 attempts: GET https://***@host/a gave 404"
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, StorageError)
    assert isinstance(again, FileNotFoundError)
    assert str(again) == str(error)


class LostError(RuntimeSystemError, ConnectionError):
    """An error of a task that has the memory layout of an OSError as well."""

    def __init__(self, message: str, host: str) -> None:
        super().__init__("Lost", message)
        self.host = host


def test_an_error_of_a_task_that_is_also_of_the_system_survives_pickling() -> None:
    again = pickle.loads(pickle.dumps(LostError("gone", "db")))
    assert isinstance(again, LostError)
    assert (str(again), again.code, again.host) == ("gone", "Lost", "db")


def test_near_misses_are_the_closest_names_first() -> None:
    assert near_misses("memroy", ["cpu", "memory", "memo"])[0] == "memory"
    assert near_misses("zzz", ["cpu"]) == []
