"""The three jobs of CoPilot over URLs: download, upload, and upload when the task's container has ended."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from flyte_core.errors import FlyteCoreError, without_secrets
from flyte_core_container.copilot.choices import ERROR_NAME, OUTPUT_NAME
from flyte_core_container.copilot.control import Control, in_thread
from flyte_core_container.copilot.errors import CopilotError, ReportedError
from flyte_core_container.copilot.files import read_report
from flyte_core_container.copilot.names import ERROR_FILE
from flyte_core_container.copilot.transfers import read_all, write_all

if TYPE_CHECKING:
    from flyteidl2.core.interface_pb2 import VariableMap

__all__ = ["TIMEOUT", "Download", "Upload", "download", "sidecar", "upload"]

TIMEOUT = 3600.0
_REPORT_TIMEOUT = 60.0


@attrs.frozen(kw_only=True)
class Download:
    """Brings the inputs of a task into a folder.

    Args:
        from_remote: URL of ``inputs.pb``.
        to_local_dir: the folder.
        to_output_prefix: where the error document goes when it fails; ``None`` for nowhere.
        format: ``JSON``, ``YAML`` or ``PROTO``.
        layout: ``DIRECT`` or ``NAMED_DIR``.
        mode: ``DOWNLOAD_EAGER``, ``DOWNLOAD_STREAM`` or ``DO_NOT_DOWNLOAD``.
        error_name: name of the error document.
    """

    from_remote: str
    to_local_dir: Path = attrs.field(converter=Path)
    to_output_prefix: str | None = None
    format: str = "JSON"
    layout: str = "DIRECT"
    mode: str = "DOWNLOAD_EAGER"
    error_name: str = ERROR_NAME

    def run(self, control: Control) -> None:
        """Do it in this thread.

        Raises:
            CopilotError: it failed, and so does the error document say.
        """
        try:
            self._run(control)
        except Exception as error:  # whatever it is, the executor has to learn of it
            self.report(error)
            raise

    def report(self, error: Exception) -> None:
        """Write the error document; that this fails too is only logged, for the first error counts."""
        _report(error, "InputDownloadFailed", self.to_output_prefix, self.error_name)

    def _run(self, control: Control) -> None:
        from flyteidl2.core.literals_pb2 import LiteralMap
        from google.protobuf.message import DecodeError

        from flyte_core_container.copilot.inputs import InputWriter

        writer = InputWriter(
            directory=self.to_local_dir, format=self.format, layout=self.layout, mode=self.mode, control=control
        )
        try:
            literals = LiteralMap.FromString(read_all(self.from_remote, control)).literals
        except DecodeError as error:
            url = without_secrets(self.from_remote)
            raise CopilotError("download", [f"there is no LiteralMap at {url}: {error}"]) from error
        writer.write(literals)


@attrs.frozen(kw_only=True)
class Upload:
    """Brings the outputs of a task out of a folder.

    Args:
        from_local_dir: the folder.
        to_output_prefix: where ``outputs.pb``, or the error document, goes.
        to_raw_output: below which files and folders are stored.
        outputs: what is declared; ``None`` for nothing.
        mode: ``UPLOAD_ON_EXIT``, ``UPLOAD_EAGER`` or ``DO_NOT_UPLOAD``.
        output_name: name of the outputs.
        error_name: name of the error document.
        needs_folder: whether a missing folder is an error even where nothing is declared.
    """

    from_local_dir: Path = attrs.field(converter=Path)
    to_output_prefix: str
    to_raw_output: str
    outputs: VariableMap | None = None
    mode: str = "UPLOAD_ON_EXIT"
    output_name: str = OUTPUT_NAME
    error_name: str = ERROR_NAME
    needs_folder: bool = False

    def run(self, control: Control, wait: Callable[[Control], None] | None = None) -> None:
        """Do it in this thread.

        Args:
            control: ends it.
            wait: returns when the task's container has ended; the deadline counts from then on.

        Raises:
            ReportedError: the task's container reported a failure.
            CopilotError: it failed. In both cases the error document says so too.
        """
        try:
            if wait is not None:
                wait(control)
                control.start()
            self._run(control)
        except Exception as error:  # whatever it is, the executor has to learn of it
            self.report(error)
            raise

    def report(self, error: Exception) -> None:
        """Write the error document; that this fails too is only logged, for the first error counts."""
        _report(error, "OutputUploadFailed", self.to_output_prefix, self.error_name)

    def _run(self, control: Control) -> None:
        from flyteidl2.core.interface_pb2 import VariableMap
        from flyteidl2.core.literals_pb2 import LiteralMap

        from flyte_core.storage import join
        from flyte_core_container.copilot.outputs import OutputReader

        if self.needs_folder and not self.from_local_dir.is_dir():
            raise CopilotError("upload", [f"there is no folder {self.from_local_dir}"])
        self._check_reported()
        reader = OutputReader(
            directory=self.from_local_dir, raw_prefix=self.to_raw_output, mode=self.mode, control=control
        )
        found = reader.read(self.outputs if self.outputs is not None else VariableMap())
        data = LiteralMap(literals=found).SerializeToString(deterministic=True)
        write_all(join(self.to_output_prefix, self.output_name), data, control)

    def _check_reported(self) -> None:
        try:
            report = read_report(self.from_local_dir)
        except (ValueError, OSError) as error:
            path = self.from_local_dir / ERROR_FILE
            raise CopilotError(
                "upload", [f"{path}, where the task reports its failure, cannot be read: {error}"]
            ) from error
        if report is not None:
            raise ReportedError(report)


def _report(error: Exception, code: str, prefix: str | None, name: str) -> None:
    if prefix is None:
        return
    from flyte_core import logger
    from flyte_core.runtime.documents import ErrorReport
    from flyte_core.storage import join

    url = join(prefix, name)
    try:
        write_all(url, ErrorReport(code=code, message=str(error)).to_bytes(), Control(_REPORT_TIMEOUT))
    except (FlyteCoreError, OSError) as failure:
        logger.error("the error document %s cannot be written: %s", without_secrets(url), failure)


async def download(
    from_remote: str,
    to_local_dir: Path,
    *,
    to_output_prefix: str | None = None,
    format: str = "JSON",
    layout: str = "DIRECT",
    mode: str = "DOWNLOAD_EAGER",
    timeout: float | None = TIMEOUT,
    error_name: str = ERROR_NAME,
) -> None:
    """Bring the inputs of a task into a folder.

    Args:
        from_remote: URL of ``inputs.pb``.
        to_local_dir: the folder; see `write_inputs` for what is in it afterwards.
        to_output_prefix: where the error document goes when it fails; ``None`` for nowhere.
        format: ``JSON``, ``YAML`` or ``PROTO``.
        layout: ``DIRECT`` or ``NAMED_DIR``.
        mode: ``DOWNLOAD_EAGER``, ``DOWNLOAD_STREAM`` or ``DO_NOT_DOWNLOAD``.
        timeout: seconds; ``None`` or at most zero for no limit.
        error_name: name of the error document.

    Raises:
        CopilotError: something cannot be downloaded; the message names all variables that failed.
        CopilotDeadlineError: it took too long.
    """
    job = Download(
        from_remote=from_remote,
        to_local_dir=to_local_dir,
        to_output_prefix=to_output_prefix,
        format=format,
        layout=layout,
        mode=mode,
        error_name=error_name,
    )
    control = Control(timeout)
    await in_thread(control, lambda: job.run(control))


async def upload(
    from_local_dir: Path,
    to_output_prefix: str,
    to_raw_output: str,
    outputs: VariableMap | None,
    *,
    mode: str = "UPLOAD_ON_EXIT",
    timeout: float | None = TIMEOUT,
    output_name: str = OUTPUT_NAME,
    error_name: str = ERROR_NAME,
) -> None:
    """Bring the outputs of a task out of a folder.

    Args:
        from_local_dir: the folder; see `read_outputs` for what has to be in it.
        to_output_prefix: where ``outputs.pb``, or the error document, goes.
        to_raw_output: below which files and folders are stored.
        outputs: what is declared; ``None`` for nothing, which gives an empty ``outputs.pb``.
        mode: ``UPLOAD_ON_EXIT``, ``UPLOAD_EAGER`` or ``DO_NOT_UPLOAD``.
        timeout: seconds; ``None`` or at most zero for no limit.
        output_name: name of the outputs.
        error_name: name of the error document.

    Raises:
        ReportedError: the task has written a file ``_ERROR``; nothing was uploaded.
        CopilotError: the folder is missing, or something cannot be uploaded; the message names all variables that
            failed.
        CopilotDeadlineError: it took too long.
    """
    job = _upload(from_local_dir, to_output_prefix, to_raw_output, outputs, mode, output_name, error_name)
    job = attrs.evolve(job, needs_folder=True)
    control = Control(timeout)
    await in_thread(control, lambda: job.run(control))


async def sidecar(
    from_local_dir: Path,
    to_output_prefix: str,
    to_raw_output: str,
    outputs: VariableMap | None,
    *,
    mode: str = "UPLOAD_ON_EXIT",
    timeout: float | None = TIMEOUT,
    output_name: str = OUTPUT_NAME,
    error_name: str = ERROR_NAME,
    wait: Callable[[Control], None] | None = None,
) -> None:
    """Wait until the task's container has ended, then do what `upload` does.

    Args:
        from_local_dir: the folder.
        to_output_prefix: where ``outputs.pb``, or the error document, goes.
        to_raw_output: below which files and folders are stored.
        outputs: what is declared; ``None`` for nothing.
        mode: as for `upload`.
        timeout: seconds for the upload; waiting has no limit.
        output_name: name of the outputs.
        error_name: name of the error document.
        wait: returns when the container has ended. Default: waits for SIGTERM, which is from now on blocked in this
            thread, and has to be in all others.

    Raises:
        CopilotError: as `upload`.
    """
    from flyte_core_container.copilot.termination import hold_sigterm, wait_for_sigterm

    if wait is None:
        hold_sigterm()
    job = _upload(from_local_dir, to_output_prefix, to_raw_output, outputs, mode, output_name, error_name)
    control = Control(timeout)
    await in_thread(control, lambda: job.run(control, wait or wait_for_sigterm))


def _upload(
    from_local_dir: Path,
    to_output_prefix: str,
    to_raw_output: str,
    outputs: VariableMap | None,
    mode: str,
    output_name: str,
    error_name: str,
) -> Upload:
    return Upload(
        from_local_dir=from_local_dir,
        to_output_prefix=to_output_prefix,
        to_raw_output=to_raw_output,
        outputs=outputs,
        mode=mode,
        output_name=output_name,
        error_name=error_name,
    )
