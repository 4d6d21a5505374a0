"""What `init` does to the logger of flyte_core, and to no other."""

from __future__ import annotations

import logging
from typing import Literal

from flyte_core._logging import logger
from flyte_core.errors import InvalidValueError

__all__ = ["LogFormat", "configure_logging"]

LogFormat = Literal["console", "json"]


class _JsonFormatter(logging.Formatter):
    """One JSON object a line, with the keys of the Flyte SDK."""

    def format(self, record: logging.LogRecord) -> str:
        import json
        from datetime import datetime, timezone

        data: dict[str, object] = {
            "timestamp": datetime.fromtimestamp(record.created, timezone.utc).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "filename": record.filename,
            "lineno": record.lineno,
            "funcName": record.funcName,
        }
        if record.exc_info:
            data["exc_info"] = self.formatException(record.exc_info)
        return json.dumps(data)


class _OwnHandler(logging.StreamHandler):  # type: ignore[type-arg] # generic in the stubs only, not in Python 3.10
    """The handler that this module puts on the logger, so that it finds it again."""


def configure_logging(log_level: int | str | None, log_format: LogFormat | None) -> None:
    """Set the level and format of flyte_core's own log.

    An application that has handlers keeps them: a console handler is only added where nothing would show the records.
    ``"json"`` always gets a handler of its own, on standard error, and the records then go nowhere else.

    Args:
        log_level: a level of `logging`; None leaves it.
        log_format: None leaves the handlers alone, unless a level was given and nothing shows the records.

    Raises:
        InvalidValueError: there is no such level or format.
    """
    if log_format not in (None, "console", "json"):
        raise InvalidValueError("init", "log_format", log_format, "'console', 'json' or None")
    if log_level is not None:
        try:
            logger.setLevel(log_level)
        except (TypeError, ValueError) as error:
            raise InvalidValueError("init", "log_level", log_level, "a level such as logging.INFO") from error
    if log_format is None and log_level is None:
        return
    if log_format is not None:
        _remove_own_handlers()
    if log_format == "json":
        _add_handler(_JsonFormatter())
        logger.propagate = False
    elif not logger.hasHandlers():
        _add_handler(logging.Formatter("%(levelname)s %(name)s: %(message)s"))


def _remove_own_handlers() -> None:
    for handler in [handler for handler in logger.handlers if isinstance(handler, _OwnHandler)]:
        logger.removeHandler(handler)
        logger.propagate = True


def _add_handler(formatter: logging.Formatter) -> None:
    handler = _OwnHandler()
    handler.setFormatter(formatter)
    logger.addHandler(handler)
