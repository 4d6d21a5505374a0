"""How the documentation is built: Sphinx, MyST for Markdown, furo; warnings are errors."""

from __future__ import annotations

from flyte_core import __version__

project = "flyte_core"
author = "The flyte_core authors"
copyright = "The flyte_core authors"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_build", "examples"]
html_theme = "furo"
html_title = f"flyte_core {release}"

# Headings as link targets: [text](page.md#heading).
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

# Docstrings write `Name` for a name of the project.
default_role = "code"
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
