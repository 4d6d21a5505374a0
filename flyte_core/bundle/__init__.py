"""Code bundles: a project's own code on its way from where a task is declared to where it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flyte_core._lazy import lazy_names

if TYPE_CHECKING:
    from flyte_core.bundle.build import BuiltBundle, build_bundle, build_pickle_bundle
    from flyte_core.bundle.download import check_pickle, download_code_bundle, fetch_code_bundle
    from flyte_core.bundle.extraction import Unpacked, UnpackLimits, unpack
    from flyte_core.bundle.naming import digest_in_name
    from flyte_core.bundle.selection import CopyStyle, LeftOut
    from flyte_core.bundle.shipping import ship_bundle, ship_pickle_bundle, upload_bundle

__all__ = [
    "BuiltBundle",
    "CopyStyle",
    "LeftOut",
    "UnpackLimits",
    "Unpacked",
    "build_bundle",
    "build_pickle_bundle",
    "check_pickle",
    "digest_in_name",
    "download_code_bundle",
    "fetch_code_bundle",
    "ship_bundle",
    "ship_pickle_bundle",
    "unpack",
    "upload_bundle",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        **dict.fromkeys(("BuiltBundle", "build_bundle", "build_pickle_bundle"), ".build"),
        **dict.fromkeys(("check_pickle", "download_code_bundle", "fetch_code_bundle"), ".download"),
        **dict.fromkeys(("UnpackLimits", "Unpacked", "unpack"), ".extraction"),
        "digest_in_name": ".naming",
        **dict.fromkeys(("CopyStyle", "LeftOut"), ".selection"),
        **dict.fromkeys(("ship_bundle", "ship_pickle_bundle", "upload_bundle"), ".shipping"),
    },
)
