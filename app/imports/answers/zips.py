"""ZIP files, also those with Zstandard inside, which Inspect writes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.errors import InvalidInput

if sys.version_info >= (3, 14):
    import zipfile
else:  # what Python has from then on
    from backports.zstd import zipfile

MAX_MEMBER = 500_000_000  # bytes when unpacked: a small file can unpack to any size
MAX_ALL = 4_000_000_000
ZipFile = zipfile.ZipFile
__all__ = ["ZipFile", "open_zip", "zipfile"]


@contextmanager
def open_zip(path: Path) -> Iterator[ZipFile]:
    """Raises InvalidInput for what is damaged, encrypted or unpacks to too much."""
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = [info.file_size for info in archive.infolist()]
            if max(sizes, default=0) > MAX_MEMBER or sum(sizes) > MAX_ALL:
                raise InvalidInput("This ZIP unpacks to more than can be imported.")
            yield archive
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as exc:
        raise InvalidInput(f"This ZIP cannot be read: {exc}.") from exc
