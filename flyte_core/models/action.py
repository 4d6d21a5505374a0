"""Identifiers of actions, groups and checkpoints within a run."""

from __future__ import annotations

from attrs import evolve, frozen

from flyte_core.errors import InvalidValueError

__all__ = ["ActionID", "Checkpoints", "GroupData", "generate_random_name"]

_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"


def generate_random_name() -> str:
    """A name that no other action has: a random UUID."""
    from uuid import uuid4

    return str(uuid4())


def _base36(data: bytes) -> str:
    number = int.from_bytes(data, "big")
    digits: list[str] = []
    while number:
        number, rest = divmod(number, 36)
        digits.append(_BASE36[rest])
    return "".join(reversed(digits)) or "0"


@frozen(kw_only=True, slots=False)
class ActionID:
    """The identity of one action within a run.

    Args:
        name: the action's name.
        run_name: the run's name; that of its first action when not given.
        project: the project.
        domain: the domain.
        org: the organization.

    Example:
        >>> ActionID(name="a0").run_name
        'a0'
    """

    name: str
    run_name: str | None = None
    project: str | None = None
    domain: str | None = None
    org: str | None = None

    def __attrs_post_init__(self) -> None:
        if not self.name:
            raise InvalidValueError("ActionID", "name", self.name, "a text that is not empty")
        if self.run_name is None:
            object.__setattr__(self, "run_name", self.name)

    @classmethod
    def create_random(cls) -> ActionID:
        """A new run with a random name."""
        name = generate_random_name()
        return cls(name=name, run_name=name)

    def new_sub_action(self, name: str | None = None) -> ActionID:
        """An action of the same run; with a random name when none is given."""
        return evolve(self, name=generate_random_name() if name is None else name)

    def new_sub_action_from(self, task_call_seq: int, task_hash: str, input_hash: str, group: str | None) -> ActionID:
        """The action of one call of a task, named so that a second attempt of this action finds it again.

        The name is the one that Flyte computes, so that a run started by one can be continued by the other.

        Args:
            task_call_seq: how many equal calls came before.
            task_hash: the hash of the task that is called.
            input_hash: the hash of its inputs.
            group: the name of the group that the call is made in.

        Returns:
            An action whose name depends on the arguments and on this action's name alone.
        """
        import hashlib

        parts = f"{self.name}-{input_hash}-{task_hash}-{task_call_seq}" + (f"-{group}" if group else "")
        return self.new_sub_action(_base36(hashlib.md5(parts.encode(), usedforsecurity=False).digest()))


@frozen(slots=False)
class GroupData:
    """The group that actions are shown under.

    Args:
        name: the group's name.
    """

    name: str


@frozen(slots=False)
class Checkpoints:
    """Where a task keeps its checkpoints.

    Args:
        prev_checkpoint_path: what the attempt before this one left.
        checkpoint_path: what this attempt writes.
    """

    prev_checkpoint_path: str | None
    checkpoint_path: str | None
