"""ZIP files, also those with Zstandard inside, which Inspect writes."""

import lzma
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.errors import InvalidInput

if sys.version_info >= (3, 14):
    import zipfile

    from compression.zstd import ZstdError
else:  # what Python has from then on
    from backports.zstd import ZstdError, zipfile

MAX_MEMBER = 500_000_000  # bytes when unpacked: a small file can unpack to any size
MAX_ALL = 4_000_000_000
ZipFile = zipfile.ZipFile
DAMAGED = (  # each way of packing says in its own way that bytes are damaged; bzip2 as an OSError
    zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, zlib.error,
    lzma.LZMAError, ZstdError,
)  # fmt: skip
__all__ = ["DAMAGED", "ZipFile", "open_zip", "zipfile"]


@contextmanager
def open_zip(path: Path) -> Iterator[ZipFile]:
    """Raises InvalidInput for what is damaged, encrypted or unpacks to too much."""
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = [info.file_size for info in archive.infolist()]
            if max(sizes, default=0) > MAX_MEMBER or sum(sizes) > MAX_ALL:
                raise InvalidInput("This ZIP unpacks to more than can be imported.")
            yield archive
    except DAMAGED as exc:
        raise InvalidInput(f"This ZIP cannot be read: {exc}.") from exc
