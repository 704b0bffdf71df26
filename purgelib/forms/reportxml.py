"""Report XML, as Analytics delivers it over its API and as it is saved by hand, read to a table of texts.

Headings stand in the schema; a cell without a value is left out of its row. The file is read as a stream, and no
entity in it is ever resolved.
"""

import numpy as np
import pyarrow as pa
from lxml import etree

from purgelib.errors import BadExport
from purgelib.sheets import Lost, Sheet

SAW = "{urn:saw-sql}"
DUMMY = "Column0"
WANTED = ("{*}element", "{*}IsFinished", "{*}Row")
CHUNK = 20_000
PAGES = {25, 1_000}  # a saved page, of which nobody knows whether it is the last


def read(path, file, is_header, ignored=frozenset(), progress=None):
    """Reads one report; returns a list of one Sheet. Only reads; ``BadExport`` says why not.

    path: a pathlib.Path. file: its name for messages. is_header: function of the headings, true if they are known.
    ignored: nothing, as a report has one table only. progress: function of the bytes done, called once. ``numbers``
    count the rows from 1. A report that says of itself that more pages follow is refused.
    """
    report = _Report(file)
    try:
        with path.open("rb") as stream:
            for _, element in etree.iterparse(stream, events=("end",), tag=WANTED, resolve_entities=False,
                                              no_network=True, load_dtd=False, huge_tree=False,
                                              remove_comments=True, remove_pis=True):
                report.take(element)
    except etree.XMLSyntaxError as error:
        raise BadExport(f"{file} is not whole XML: {error}. Fetch the report again.", file=file) from error
    sheet = report.sheet(is_header)
    if progress:
        progress(path.stat().st_size)
    return [sheet]


def _stray(row):
    return any(text and not text.isspace() for text in (row.text, *(cell.tail for cell in row)))


class _Report:
    """Takes the elements of a report as they end; keeps the texts, a list per column, and lets the elements go."""

    def __init__(self, file):
        self.file, self.finished, self.rows, self.lost = file, None, 0, []
        self.headings, self.numbers, self.parts, self.lists = {}, [], [], None

    def take(self, element):
        tag = element.tag.rpartition("}")[2]
        if not self.rows and element.getroottree().docinfo.doctype:
            raise BadExport(f"{self.file} has a document type, which no report of Analytics has: its texts cannot be "
                            "trusted.", file=self.file)
        if tag == "element" and element.get("name", DUMMY) != DUMMY:
            self._heading(element.get("name"), " ".join((element.get(SAW + "columnHeading") or "").split()))
        elif tag == "IsFinished" and self.finished in (None, "true"):
            self.finished = (element.text or "").strip().casefold()
        elif tag == "Row":
            self._row(element)
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]

    def _heading(self, name, heading):
        """Pages that were put together by hand have a schema each: if they differ, nobody knows which one holds."""
        if self.headings.get(name, heading if self.lists is None else None) != heading:
            raise BadExport(f"{self.file} holds pages with different headings ({heading or name}): fetch the report "
                            "again.", file=self.file, column=heading or name)
        self.headings[name] = heading

    def _row(self, row):
        if self.lists is None:
            self.lists = {name: [] for name in self.headings}
        self.rows += 1
        cells = {cell.tag.rpartition("}")[2]: cell for cell in row}
        twice = len(cells) < len(row)
        cells.pop(DUMMY, None)
        why = ("a column stands twice in it" if twice else
               "a column in it is none of the headings" if not cells.keys() <= self.lists.keys() else
               "a cell holds more than text" if any(len(cell) for cell in cells.values()) else
               "a text stands outside of its cells" if _stray(row) else "")
        if why:
            self.lost.append(Lost(self.rows, " ".join(" ".join(row.itertext()).split()), why))
        elif any(cell.text for cell in cells.values()):
            self.numbers.append(self.rows)
            for name, texts in self.lists.items():
                texts.append(cells[name].text or "" if name in cells else "")
            if len(self.numbers) % CHUNK == 0:
                self._keep()

    def _keep(self):
        self.parts.append([pa.array(texts, pa.large_string()) for texts in self.lists.values()])
        self.lists = {name: [] for name in self.lists}

    def sheet(self, is_header):
        self.lists = {name: [] for name in self.headings} if self.lists is None else self.lists
        self._refuse_half(is_header)
        self._keep()
        columns = {str(at): pa.chunked_array([part[at] for part in self.parts], pa.large_string()).dictionary_encode()
                   for at in range(len(self.headings))}
        cells = pa.table(columns).unify_dictionaries()
        ended = self.finished is not None or self.rows not in PAGES
        return Sheet(self.file, "", tuple(self.headings.values()), cells, np.array(self.numbers, dtype="int64"),
                     lost=tuple(self.lost), ended=ended)

    def _refuse_half(self, is_header):
        if self.finished not in (None, "true"):
            raise BadExport(f"{self.file} is one page of a longer report (IsFinished is {self.finished}): fetch all "
                            "pages.", file=self.file)
        named = [heading for heading in self.headings.values() if heading]
        if not named:
            raise BadExport(f"{self.file} has no headings: fetch the report with col_names=true, or export it again.",
                            file=self.file)
        if not is_header(named):
            raise BadExport(f"{self.file}: no heading that I know: {', '.join(named)}. The column Primary Identifier "
                            "is needed in every export.", file=self.file, value=named)
