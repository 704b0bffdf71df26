"""What is zipped is looked through before anything opens it: how many parts, how large in truth, and nothing odd.

A file can claim to be small and unpack to terabytes, or hold one name twice so that two programs read two different
tables. Such a file is refused by name.
"""

import struct
import zipfile
import zlib

from purgelib.errors import BadExport

PARTS = 10_000
CHUNK = 1 << 22
# Tables of texts shrink to a tenth or a fiftieth; only what was made to fill a memory shrinks further, at length.
RATIO, RATIO_FROM = 200, 100_000_000
BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, OSError)


def opened(path, file, parts=PARTS):
    """Returns a zipfile.ZipFile, to be closed, its parts to be read with `chunks`; an odd one raises BadExport."""
    try:
        archive = zipfile.ZipFile(path)
    except (*BROKEN, OSError) as error:
        raise _broken(file, error) from error
    try:
        _refuse_odd(archive, file, path.stat().st_size, parts)
    except BadExport:
        archive.close()
        raise
    return archive


def _refuse_odd(archive, file, size, parts):
    entries = archive.infolist()
    if len(entries) > parts:
        refuse(file, f"holds {len(entries):,} files, more than {parts:,}. Unpack it and take what is needed")
    if len({entry.filename.casefold() for entry in entries}) < len(entries):
        refuse(file, "holds one name twice, so that two programs may read two different tables. Save it anew")
    if any(entry.flag_bits & 1 for entry in entries):
        refuse(file, "is protected by a password. Save it without one")
    if sum(entry.compress_size for entry in entries) > size:
        refuse(file, "claims to hold more than it does: it is damaged. Save it anew")


def chunks(archive, entry, file, room):
    """Yields one part of an opened zip in pieces of bytes, counted as they really come; a false size raises BadExport.

    room: how many bytes it may unpack to at most.
    """
    size = 0
    try:
        with archive.open(entry) as part:
            while piece := part.read(CHUNK):
                size += len(piece)
                if size > room:
                    refuse(file, "unpacks to more than can be read. Export fewer columns, or in parts")
                if size > RATIO_FROM and size > RATIO * max(entry.compress_size, 1):
                    refuse(file, f"unpacks to more than {RATIO} times its size, as no table does. Export it again")
                yield piece
    except BROKEN as error:
        raise _broken(file, error) from error
    if size != entry.file_size:
        refuse(file, "unpacks to another size than it claims: it is damaged. Save it anew")


def _broken(file, error):
    return BadExport(f"{file} cannot be unpacked: it is damaged, or cut off ({error}). Save or export it again.",
                     file=file)


def refuse(file, why):
    """Raises BadExport: that file, and why; a sentence without its full stop."""
    raise BadExport(f"{file} {why}.", file=file)
