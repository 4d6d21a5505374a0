"""Fixtures that all tests share."""

from __future__ import annotations

from tests.support.dists import site, site_maker

__all__ = ["site", "site_maker"]
