"""Parquet, with checksums on every page, because a flipped bit would otherwise pass unseen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa


def table_to_bytes(table: pa.Table, rows: int | None = None) -> bytes:
    """An Arrow table as Parquet with page checksums; `rows` is the most that a row group has."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True, row_group_size=rows)
    return sink.getvalue().to_pybytes()


def read_table(path: Path) -> pa.Table:
    """A Parquet file as an Arrow table, page checksums verified.

    Raises:
        InputError: it is missing or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path, page_checksum_verification=True).read()
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            "a table cannot be read", where=str(path), why=str(error), todo="run `ortwin verify`"
        ) from error
