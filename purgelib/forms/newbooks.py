"""New workbooks (XLSX) looked through part by part, before a reader lays their cells out in memory.

It tells what the reader of cells does not, and proves what that takes for granted: that no part is larger than it
claims, and that each is whole XML.
"""

import posixpath

from lxml import etree

from purgelib.errors import BadExport
from purgelib.forms import cellscan, numberformats, packed

UNPACKED, STYLES = 2_000_000_000, 100_000_000
RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
STRICT_RELATION = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"


class _Unheeded:
    """Takes what a parser finds, which is nothing to it: only whether the parser gets to the end matters."""

    def close(self):
        """Takes the end."""


def looked_through(path, file, done):
    """Returns the epoch, 1900 or 1904; per sheet what `cellscan.Scan.finished` does; and style -> number format.

    Only reads. done: function of the share that is looked through. Whatever no workbook needs raises BadExport: a cell
    farther out than can be laid out, a part larger than it claims. Whether the parts are whole XML, ``prove`` tells.
    """
    found, small, room = {}, {}, UNPACKED
    with packed.opened(path, file) as archive:
        parts = {entry.filename.casefold(): entry for entry in archive.infolist()}
        formats = _formats(archive, parts.get("xl/styles.xml"), file)
        claimed = sum(entry.file_size for entry in parts.values()) + 1
        for name, entry in parts.items():
            scan = cellscan.Scan(file, entry.filename, formats)
            for piece in packed.chunks(archive, entry, file, room):
                room -= len(piece)
                scan.add(piece)
                done((UNPACKED - room) / claimed)
            errors, styled = scan.finished()
            found.update({name: (errors, styled)} if errors or len(styled) else {})
        for name in ("xl/workbook.xml", "xl/_rels/workbook.xml.rels"):
            if name in archive.namelist() and archive.getinfo(name).file_size < packed.CHUNK:
                small[name] = b"".join(packed.chunks(archive, archive.getinfo(name), file, packed.CHUNK))
    book, targets = _book(small.get("xl/workbook.xml"), small.get("xl/_rels/workbook.xml.rels"), file)
    told = next((one.get("date1904", "") for one in book.iter("{*}workbookPr")), "")
    if odd := [part for part in targets if part in parts and not part.endswith(".xml")]:
        packed.refuse(file, f"has a sheet in a part with an odd name ({', '.join(odd)}). Save it again as .xlsx")
    if stray := sorted(found.keys() - set(targets)):
        packed.refuse(file, f"has cells that need a second look in {', '.join(stray)}, which belongs to no sheet. Save "
                            "it again")
    by_sheet = [found.get(part, ({}, cellscan.NONE)) for part in targets]
    return 1904 if told in ("1", "true", "on") else 1900, by_sheet, formats


def _formats(archive, entry, file):
    if entry is None:
        return {}
    try:
        return numberformats.of_styles(b"".join(packed.chunks(archive, entry, file, STYLES)))
    except etree.XMLSyntaxError as error:
        raise _not_whole(file, entry, error) from error


def prove(path, file):
    """Raises BadExport unless every part of a workbook that is XML is whole. Only reads; for a thread of its own.

    The reader of cells minds no missing end of a cell, and would then take two cells for one.
    """
    with packed.opened(path, file) as archive:
        for entry in archive.infolist():
            if entry.filename.casefold().endswith(".xml"):
                parser = etree.XMLParser(target=_Unheeded(), resolve_entities=False, no_network=True, load_dtd=False)
                try:
                    for piece in packed.chunks(archive, entry, file, UNPACKED):
                        _feed(parser, piece)
                    parser.close()
                except (etree.XMLSyntaxError, ValueError) as error:
                    raise _not_whole(file, entry, error) from error


def _feed(parser, piece):
    parser.feed(piece)
    # A prefix that nothing explains does not stop the parser; each is noted, and the notes would fill the memory.
    if told := parser.feed_error_log.filter_from_errors():
        raise ValueError(told[0].message)


def _not_whole(file, entry, error):
    return BadExport(f"{file} holds a part that is not whole XML ({entry.filename}: {error}). Save it again as .xlsx.",
                     file=file)


def _book(book, relations, file):
    """The workbook's own part, and for each sheet the part that holds its cells, in order."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        book, relations = (etree.fromstring(part or b"", parser) for part in (book, relations))
    except etree.XMLSyntaxError as error:
        raise BadExport(f"{file} is no whole workbook ({error}). Save it again as .xlsx.", file=file) from error
    targets = {one.get("Id"): posixpath.normpath(posixpath.join("/xl", one.get("Target", ""))).lstrip("/").casefold()
               for one in relations.iter("{*}Relationship")}
    return book, [targets.get(one.get(RELATION) or one.get(STRICT_RELATION)) for one in book.iter("{*}sheet")]
