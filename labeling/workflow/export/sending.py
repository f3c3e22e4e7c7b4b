"""An export to an address: it is made in a temporary folder and sent file by file, the manifest last."""

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from labeling import storage
from labeling.core.wording import listed
from labeling.errors import InputError
from labeling.files import write_atomic
from labeling.folders import RemoteFolder
from labeling.inputs.broken import shown
from labeling.workflow.export.files import ALWAYS
from labeling.workflow.export.ownership import MANIFEST, sums_in
from labeling.workflow.export.refusals import FAILED_FILE
from labeling.workflow.export.report import Exported

PARTS = "parts.jsonl"
MOST_NAMED = 5  # files that are in the way, in a message


def at_output(output: Path | str, make: Callable[[Path], Exported], *, overwrite: bool) -> Exported:
    """The report of an export that `make` writes to a folder; at an address, its files are there afterwards.

    There, the old manifest is removed first, then the files are sent, then those of the earlier export without a
    successor are removed, and the new manifest comes last: with a manifest, an export is whole. Files that no export
    wrote are not replaced, unless `overwrite`.

    Raises:
        InputError: As raised by `make`; something is in the way; the address cannot be read or written.
    """
    address = storage.local_path(str(output)) or str(output)
    if not storage.is_address(address):
        return make(Path(address))
    address = RemoteFolder(address).url
    where = shown(address)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "export"
        try:
            storage.check_output(address)
            there, old = storage.sizes(address), _fetched(address, folder)
            _refuse(where, [name for name in ALWAYS if name in there.keys() - old], overwrite=overwrite)
            done = _made(folder, make, address, where)
            new = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
            _refuse(where, [name for name in new if name in there.keys() - old], overwrite=overwrite)
            storage.remove(f"{address}/{MANIFEST}")
            for name in new:
                if name != MANIFEST:
                    storage.send(folder / name, f"{address}/{name}")
            for name in sorted(old - set(new)):
                storage.remove(f"{address}/{name}")
            storage.send(folder / MANIFEST, f"{address}/{MANIFEST}")
        except OSError as error:
            hint = "Run the same command again: until there is a manifest, the files there are not a whole export."
            raise InputError(f"Cannot write to {where}: {error.strerror or error}.", hint) from error
        return done.model_copy(update={"folder": where})


def _fetched(address: str, folder: Path) -> set[str]:
    """The files that an earlier export wrote there; what the next one needs of it is in the folder."""
    if (parts := storage.read(f"{address}/{PARTS}")) is not None:
        write_atomic(folder / PARTS, parts)
    manifest = storage.read(f"{address}/{MANIFEST}")
    if manifest is None:
        return set()
    sums = sums_in(write_atomic(folder.parent / MANIFEST, manifest))
    return {PARTS, MANIFEST, *sums} if sums is not None else set()


def _made(folder: Path, make: Callable[[Path], Exported], address: str, where: str) -> Exported:
    try:
        return make(folder)
    except InputError as error:
        for failed in folder.glob(FAILED_FILE):
            storage.send(failed, f"{address}/{failed.name}")
        raise InputError(*(text.replace(str(folder), where) for text in (error.message, error.hint))) from error


def _refuse(where: str, names: Iterable[str], *, overwrite: bool) -> None:
    if (names := list(names)) and not overwrite:
        raise InputError(
            f"{listed(names, MOST_NAMED)} in {where} would be replaced, and no export wrote it. Nothing was written.",
            "Choose another folder with -o. --overwrite replaces it.",
        )
