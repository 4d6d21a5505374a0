"""PluginInfo: what a listing shows of a plugin, from its metadata and from what happened so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs

from flyte_core.config import KINDS
from flyte_core.discovery import GROUPS, EntryPoint
from flyte_core.errors import PluginError

if TYPE_CHECKING:
    from flyte_core.registry.claims import Claims
    from flyte_core.registry.loading import Loader

__all__ = ["PluginInfo", "PluginState", "plugin_infos"]

PluginState = Literal["ready", "not chosen", "blocked", "conflict", "version mismatch", "broken"]


@attrs.frozen(kw_only=True)
class PluginInfo:
    """One claim of one plugin.

    Args:
        kind: one of `flyte_core.config.KINDS`.
        name: the entry point's name.
        value: the module, or module and attribute.
        distribution: the distribution that declares it.
        version: that distribution's version.
        state: whether it can be used; ``broken`` only after it was asked for, since nothing is imported to find out.
        reason: why it cannot be used; empty when it can.
        paths: where its metadata was found; more than one for editable installs that left two.
        required: whether the settings require it.
        traceback: of the error that broke it.
    """

    kind: str
    name: str
    value: str
    distribution: str
    version: str
    state: PluginState
    reason: str = ""
    paths: tuple[str, ...] = ()
    required: bool = False
    traceback: str | None = None


def plugin_infos(claims: Claims, loader: Loader) -> list[PluginInfo]:
    """Describe every claim of a known group, sorted by kind and name; imports no plugin."""
    return [_info(ep, claims, loader) for kind in KINDS for ep in claims.index.all(GROUPS[kind])]


def _info(ep: EntryPoint, claims: Claims, loader: Loader) -> PluginInfo:
    state, reason = _state(ep, claims, loader)
    failure = loader.failure(ep)
    return PluginInfo(
        kind=ep.kind,
        name=ep.name,
        value=ep.value,
        distribution=ep.distribution,
        version=ep.version,
        state=state,
        reason=reason,
        paths=ep.paths,
        required=claims.settings.required_by(ep.kind, ep.name) is not None,
        traceback=failure.traceback if failure is not None else None,
    )


def _state(ep: EntryPoint, claims: Claims, loader: Loader) -> tuple[PluginState, str]:
    settings = claims.settings
    blocked = settings.blocked_by(ep.kind, ep.name)
    if blocked is not None:
        return "blocked", f"by {blocked!r} in {settings.source(blocked)}"
    try:
        counting = claims.resolve(ep.kind, ep.name)
    except PluginError as error:
        return "conflict", str(error)
    if counting != ep:
        choice = settings.choice(ep.kind, ep.name)
        return "not chosen", f"{settings.source(choice[0])} chooses {choice[1]}" if choice else ""
    mismatch = loader.version_mismatch(ep)
    if mismatch is not None:
        return "version mismatch", str(mismatch)
    failure = loader.failure(ep)
    return ("broken", str(failure.error)) if failure is not None else ("ready", "")
