"""HTML reports that tasks write: tabs of HTML, shown as one page that needs no other file."""

from __future__ import annotations

import html
from typing import Any

from flyte_core import storage
from flyte_core._syncify import syncify
from flyte_core.context import ctx
from flyte_core.errors import InvalidTypeError, InvalidValueError

__all__ = ["REPORT_FILE_NAME", "Report", "Tab", "current_report", "flush", "get_tab", "log", "replace"]

#: Name of the file, as the Flyte console expects it beside the task's outputs.
REPORT_FILE_NAME = "report.html"

_MAIN_TAB = "main"

# Every selector begins at the body, so that none of them matches what users put into a tab.
_STYLE = """
:root { color-scheme: light dark; }
body { margin: 0; font: 14px/1.5 system-ui, sans-serif; }
body > input { position: absolute; opacity: 0; pointer-events: none; }
body > nav { display: flex; flex-wrap: wrap; justify-content: center; border-bottom: 1px solid #8886; }
body > nav:has(> label:only-child) { display: none; }
body > nav > label { cursor: pointer; padding: .6rem 1.2rem; font-weight: 600; opacity: .65; }
body > nav > label { border-bottom: 4px solid #0000; }
body > section { display: none; padding: 2rem; }
"""

# What each tab adds. Radio buttons change tabs without a script, which some viewers of reports do not run.
_RULES = """#flyte-tab-{i}:checked ~ nav > label[for=flyte-tab-{i}] {{ opacity: 1; border-color: currentColor; }}
#flyte-tab-{i}:focus-visible ~ nav > label[for=flyte-tab-{i}] {{ outline: 2px solid; }}
#flyte-tab-{i}:checked ~ #flyte-page-{i} {{ display: block; }}
"""
_CHOICE = '<input type="radio" name="flyte-tab" id="flyte-tab-{i}"{checked}>\n'
_LABEL = '<label for="flyte-tab-{i}">{name}</label>\n'
_PAGE = '<section id="flyte-page-{i}">\n{content}\n</section>\n'


class Tab:
    """One page of a report.

    Args:
        name: the tab's name; shown escaped.

    Example:
        >>> tab = Tab("numbers")
        >>> tab.log("<b>1</b>")
        >>> tab.get_html()
        '<b>1</b>'
    """

    __slots__ = ("content", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.content: list[str] = []

    def log(self, content: str) -> None:
        """Append HTML.

        Args:
            content: HTML for the inside of a page's body. It is not escaped: `html.escape` what users typed.

        Raises:
            InvalidTypeError: it is not a text.
        """
        self.content.append(_checked(content))

    def replace(self, content: str) -> None:
        """Put HTML in place of everything in the tab; ``content`` and errors as for `log`."""
        self.content = [_checked(content)]

    def get_html(self) -> str:
        """Give the tab's HTML, one line break between what was logged."""
        return "\n".join(self.content)

    def __repr__(self) -> str:
        return f"Tab({self.name!r})"


def _checked(content: object) -> str:
    if not isinstance(content, str):
        raise InvalidTypeError("report", "content", content, "HTML as a str")
    return content


class Report:
    """The report of one task: tabs by name, among them ``main``.

    Every running task gets one, so making it makes nothing else.

    Args:
        name: shown as the page's title.

    Example:
        >>> report = Report("sales")
        >>> report.get_tab("2024").log("<p>up</p>")
        >>> list(report.tabs)
        ['main', '2024']
    """

    __slots__ = ("_tabs", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._tabs: dict[str, Tab] | None = None

    @property
    def tabs(self) -> dict[str, Tab]:
        """The tabs by name, in the order in which they were made."""
        if self._tabs is None:
            self._tabs = {_MAIN_TAB: Tab(_MAIN_TAB)}
        return self._tabs

    @property
    def has_content(self) -> bool:
        """Whether anything was put into one of the tabs."""
        return self._tabs is not None and any(tab.content for tab in self._tabs.values())

    def get_tab(self, name: str, create_if_missing: bool = True) -> Tab:
        """Give a tab.

        Args:
            name: the tab's name.
            create_if_missing: whether a tab that is not there is made.

        Returns:
            The tab.

        Raises:
            InvalidValueError: there is no such tab, and none was to be made.
        """
        tabs = self.tabs
        if name not in tabs:
            if not create_if_missing:
                raise InvalidValueError("report", "tab", name, f"one of the report's tabs: {', '.join(tabs)}")
            return tabs.setdefault(name, Tab(name))
        return tabs[name]

    def get_final_report(self) -> str:
        """Give the whole page; it loads nothing from elsewhere and needs no script to change tabs."""
        tabs = list(self.tabs.values())
        rules = "".join(_RULES.format(i=i) for i in range(len(tabs)))
        choices = "".join(_CHOICE.format(i=i, checked=" checked" if i == 0 else "") for i in range(len(tabs)))
        labels = "".join(_LABEL.format(i=i, name=html.escape(tab.name)) for i, tab in enumerate(tabs))
        pages = "".join(_PAGE.format(i=i, content=tab.get_html()) for i, tab in enumerate(tabs))
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{html.escape(self.name)}</title>\n<style>{_STYLE}{rules}</style>\n</head>\n<body>\n"
            f"{choices}<nav>\n{labels}</nav>\n{pages}</body>\n</html>\n"
        )

    def _repr_html_(self) -> str:
        """Show the report in a notebook."""
        return self.get_final_report()

    def __repr__(self) -> str:
        return f"Report({self.name!r})"


def current_report() -> Report:
    """Give the running task's report; outside of a task a new one that nobody sees.

    Example:
        >>> current_report().name
        'dummy'
    """
    context = ctx()
    report: Any = None if context is None else context.report
    return report if isinstance(report, Report) else Report("dummy")


def get_tab(name: str, /, create_if_missing: bool = True) -> Tab:
    """Give a tab of the running task's report.

    Args:
        name: the tab's name.
        create_if_missing: whether a tab that is not there is made.

    Returns:
        The tab.

    Raises:
        InvalidValueError: there is no such tab, and none was to be made.

    Example:
        >>> get_tab("numbers").log("<b>1</b>")
    """
    return current_report().get_tab(name, create_if_missing=create_if_missing)


def _page() -> tuple[str, bytes] | None:
    """Where the running task's report goes, and its page."""
    context = ctx()
    if context is None or not isinstance(context.report, Report):
        return None
    return storage.join(context.output_path, REPORT_FILE_NAME), context.report.get_final_report().encode()


def _flush() -> None:
    found = _page()
    if found is None:
        return
    path, page = found
    if storage.is_remote(path):
        storage.write_bytes_sync(path, page)
    else:
        _write_local(path, page)


def _write_local(path: str, page: bytes) -> None:
    # Not waiting for the disk: a report lost with the machine's power is lost with the run.
    storage.atomic_write(storage.make_parents(path), page, sync=False)


def _log(content: str, do_flush: bool = False) -> None:
    get_tab(_MAIN_TAB).log(content)
    if do_flush:
        _flush()


def _replace(content: str, do_flush: bool = False) -> None:
    get_tab(_MAIN_TAB).replace(content)
    if do_flush:
        _flush()


@syncify(direct=_flush)
async def flush() -> None:
    """Write the running task's report as it is now; outside of a task nothing happens.

    The page is the file ``report.html`` where the task's outputs go. A task with ``report=True`` has its report
    written at its end; flushing shows it while the task runs.

    Raises:
        StorageError: the page cannot be written.

    Example:
        >>> flush()
    """
    import asyncio

    found = _page()
    if found is None:
        return
    path, page = found
    if storage.is_remote(path):
        await storage.write_bytes(path, page)
    else:
        await asyncio.to_thread(_write_local, path, page)


@syncify(direct=_log)
async def log(content: str, do_flush: bool = False) -> None:
    """Append HTML to the main tab of the running task's report.

    Args:
        content: HTML for the inside of a page's body. It is not escaped: `html.escape` what users typed.
        do_flush: whether to write the report after that.

    Raises:
        InvalidTypeError: the content is not a text.

    Example:
        >>> log("<h1>Sales</h1>")
    """
    _log(content)
    if do_flush:
        await flush.aio()


@syncify(direct=_replace)
async def replace(content: str, do_flush: bool = False) -> None:
    """Put HTML in place of everything in the main tab of the running task's report.

    Args:
        content: HTML for the inside of a page's body. It is not escaped: `html.escape` what users typed.
        do_flush: whether to write the report after that.

    Raises:
        InvalidTypeError: the content is not a text.

    Example:
        >>> replace("<h1>Sales</h1>")
    """
    _replace(content)
    if do_flush:
        await flush.aio()
