"""flyte_core.report: tabs of HTML, and the page that a task's report becomes."""

from __future__ import annotations

import asyncio
import inspect
import re
import threading
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from flyte_core import report, storage
from flyte_core.context import use_task_context
from flyte_core.errors import InvalidTypeError, InvalidValueError, UnsupportedStorageError
from flyte_core.models import ActionID, RawDataPath, TaskContext
from flyte_core.report import Report, Tab


def _context(output_path: object, task_report: Report | None) -> TaskContext:
    return TaskContext(
        action=ActionID(name="a0"),
        version="1",
        raw_data_path=RawDataPath(path="/raw"),
        output_path=str(output_path),
        run_base_dir="/run",
        report=task_report,
    )


@pytest.fixture
def task_report(tmp_path: Path) -> Any:
    made = Report("sales")
    with use_task_context(_context(tmp_path / "run" / "a0", made)):
        yield made


class Page(HTMLParser):
    """The titles, tab names and page contents of a report."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.links: list[str] = []
        self.ids: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links += [given[name] or "" for name in ("src", "href") if name in given]
        if tag not in ("meta", "input", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)


def test_a_report_begins_with_an_empty_main_tab() -> None:
    made = Report("sales")
    assert made.has_content is False
    assert list(made.tabs) == ["main"]
    assert made.has_content is False
    made.get_tab("main").log("x")
    assert made.has_content is True


def test_a_tab_collects_and_replaces_html() -> None:
    tab = Tab("t")
    tab.log("<b>1</b>")
    tab.log("<i>2</i>")
    assert tab.get_html() == "<b>1</b>\n<i>2</i>"
    tab.replace("<p>3</p>")
    assert tab.content == ["<p>3</p>"]


@pytest.mark.parametrize("method", ["log", "replace"])
def test_content_that_is_no_text_is_refused(method: str) -> None:
    with pytest.raises(InvalidTypeError, match="HTML as a str"):
        getattr(Tab("t"), method)(5)


def test_a_missing_tab_is_made_unless_it_must_be_there() -> None:
    made = Report("sales")
    assert made.get_tab("2024") is made.get_tab("2024", create_if_missing=False)
    with pytest.raises(InvalidValueError, match=r"2025.*main, 2024") as caught:
        made.get_tab("2025", create_if_missing=False)
    assert isinstance(caught.value, ValueError)


def test_the_page_shows_each_tab_once_in_order_and_escapes_names_only() -> None:
    made = Report("<sales> & more")
    made.get_tab("main").log("<b>bold</b>")
    made.get_tab("<script>").log("<i>second</i>")
    html = made.get_final_report()
    page = Page(html)
    assert page.open == []
    assert page.texts["title"] == ["<sales> & more"]
    assert page.texts["label"] == ["main", "<script>"]
    assert (page.texts["b"], page.texts["i"]) == (["bold"], ["second"])
    assert html.index("bold") < html.index("second")
    assert len(set(page.ids)) == len(page.ids) == 4
    assert re.findall(r"<input[^>]* checked>", html) == [
        '<input type="radio" name="flyte-tab" id="flyte-tab-0" checked>'
    ]


def test_the_page_loads_nothing_from_elsewhere_and_has_no_script() -> None:
    html = Report("sales").get_final_report()
    assert Page(html).links == []
    assert "url(" not in html
    assert "@import" not in html
    assert "<script" not in html


def test_braces_and_format_marks_in_content_stay_as_they_are() -> None:
    made = Report("{name}")
    made.get_tab("{i}").log("{content} $BODY %s {{}}")
    html = made.get_final_report()
    assert "{content} $BODY %s {{}}" in html
    assert ">{i}</label>" in html


def test_a_notebook_shows_the_page() -> None:
    made = Report("sales")
    assert made._repr_html_() == made.get_final_report()


def test_outside_of_a_task_everything_works_and_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    report.log("<b>1</b>", do_flush=True)
    report.replace("<b>1</b>", do_flush=True)
    report.flush()
    report.get_tab("t").log("x")
    asyncio.run(report.log.aio("x", do_flush=True))
    assert report.current_report().name == "dummy"
    assert report.current_report().has_content is False
    assert list(tmp_path.iterdir()) == []


def test_a_task_without_a_report_has_a_dummy_one(tmp_path: Path) -> None:
    with use_task_context(_context(tmp_path, None)):
        report.log("x", do_flush=True)
        assert report.current_report().name == "dummy"
    assert list(tmp_path.iterdir()) == []


def test_log_and_replace_reach_the_running_tasks_main_tab(task_report: Report) -> None:
    report.log("1")
    report.log("2")
    assert task_report.tabs["main"].content == ["1", "2"]
    report.replace("3")
    assert task_report.tabs["main"].content == ["3"]
    report.get_tab("other").log("4")
    assert report.current_report() is task_report
    with pytest.raises(InvalidValueError):
        report.get_tab("none", create_if_missing=False)


def test_nothing_is_written_before_a_flush(task_report: Report, tmp_path: Path) -> None:
    report.log("1")
    assert list(tmp_path.iterdir()) == []
    report.flush()
    file = tmp_path / "run" / "a0" / "report.html"
    assert file.read_text(encoding="utf-8") == task_report.get_final_report()
    assert [entry.name for entry in file.parent.iterdir()] == ["report.html"]


@pytest.mark.parametrize("function", [report.log, report.replace])
def test_do_flush_writes_the_page_in_both_forms(function: Any, task_report: Report, tmp_path: Path) -> None:
    file = tmp_path / "run" / "a0" / "report.html"
    function("première", do_flush=True)
    assert "première" in file.read_text(encoding="utf-8")

    async def main() -> None:
        await function.aio("deuxième", do_flush=True)

    asyncio.run(main())
    assert "deuxième" in file.read_text(encoding="utf-8")


def test_the_plain_forms_work_inside_an_event_loop(task_report: Report, tmp_path: Path) -> None:
    async def main() -> None:
        report.log("inside", do_flush=True)

    asyncio.run(main())
    assert "inside" in (tmp_path / "run" / "a0" / "report.html").read_text(encoding="utf-8")


def test_an_awaited_flush_writes_in_another_thread(task_report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    monkeypatch.setattr("flyte_core.storage.atomic_write", lambda *_, **__: threads.append(threading.get_ident()))
    asyncio.run(report.flush.aio())
    report.flush()
    assert threads[0] != threads[1] == threading.get_ident()


@pytest.mark.parametrize("flush", [report.flush, lambda: asyncio.run(report.flush.aio())])
def test_a_report_goes_to_remote_storage_too(flush: Any) -> None:
    own = Report("r")
    own.get_tab("main").log("<p>far</p>")
    with use_task_context(_context("memory://report/a0", own)):
        flush()
    assert b"<p>far</p>" in storage.read_bytes_sync("memory://report/a0/report.html")


def test_a_report_that_cannot_be_written_is_an_error_that_names_it() -> None:
    with (
        use_task_context(_context("nosuch://bucket/a0", Report("r"))),
        pytest.raises(UnsupportedStorageError, match=r"nosuch://bucket/a0/report\.html"),
    ):
        report.flush()


@pytest.mark.parametrize(
    ("function", "signature"),
    [
        (report.log, "(content: str, do_flush: bool = False) -> None"),
        (report.replace, "(content: str, do_flush: bool = False) -> None"),
        (report.flush, "() -> None"),
        (report.get_tab, "(name: str, /, create_if_missing: bool = True) -> Tab"),
    ],
)
def test_signatures_are_those_of_the_reference(function: Any, signature: str) -> None:
    assert str(inspect.signature(function)).replace("'", "") == signature
