"""Rows as Arrow bytes, and Parquet files of them; pyarrow is an optional extra, so only functions import it."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from labeling.distribution import install
from labeling.errors import InputError
from labeling.files import writing

# A row group ends with the row at which its texts, plus `ROW` bytes for each row, reach `GROUP` bytes.
GROUP = 4_000_000
ROW = 256


def require_pyarrow(name: str) -> None:
    """Check that pyarrow is installed.

    Raises:
        InputError: pyarrow is not installed; the message names the format that needs it.
    """
    if find_spec("pyarrow") is None:
        raise InputError(f"The format {name} needs pyarrow.", hint=f"Install it: {install('parquet')}")


def to_bytes(batch: Any, schema: Any) -> bytes:
    """The record batch as an Arrow IPC stream."""
    import pyarrow as pa

    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, schema) as writer:
        writer.write_batch(batch)
    return bytes(stream.getvalue().to_pybytes())


class ParquetSink:
    """A Parquet file to which Arrow IPC streams are appended; their schema has a column `text`.

    The row groups depend on the rows alone, not on how many are written at a time, so that equal rows make equal files.
    A file without rows is valid, too.
    """

    def __init__(self, path: Path, schema: Any) -> None:
        import pyarrow.parquet as pq

        self.path = path
        self._pending: list[Any] = []
        self._weight = 0
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = pq.ParquetWriter(path, schema)

    def write(self, data: bytes) -> None:
        """Append the rows of the stream."""
        import pyarrow as pa
        import pyarrow.compute as pc

        table = pa.ipc.open_stream(data).read_all()
        start = 0
        for row, length in enumerate(pc.binary_length(table["text"]).to_pylist(), 1):
            self._weight += ROW + length
            if self._weight >= GROUP:
                self._pending.append(table.slice(start, row - start))
                self._flush()
                start = row
        self._pending.append(table.slice(start))

    def close(self) -> list[Path]:
        """The file."""
        self._flush()
        with writing(self.path):
            self._writer.close()
        return [self.path]

    def _flush(self) -> None:
        import pyarrow as pa

        if sum(table.num_rows for table in self._pending):
            with writing(self.path):
                self._writer.write_table(pa.concat_tables(self._pending).combine_chunks(), row_group_size=None)
        self._pending, self._weight = [], 0
