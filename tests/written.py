"""Writes a table of texts in every form in which an export comes, for tests that read it back."""

import csv
import html
import io
import zipfile
from xml.sax.saxutils import escape, quoteattr

import xlsxwriter

ROWSET = "urn:schemas-microsoft-com:xml-analysis:rowset"
FORMS = ("csv", "csv bom", "csv cp1252", "semicolons", "tabs utf-16", "xlsx", "xlsx with titles", "html named xls",
         "csv named xls", "xml", "zipped csv", "zipped xlsx")


def write(folder, name, form, rows):
    """Writes rows (lists of texts, the first one the headings) into folder in that form; returns the path."""
    if form.startswith("zipped"):
        inside = write(folder, name, form.removeprefix("zipped "), rows)
        path = folder / f"{name}.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(inside, inside.name)
        inside.unlink()
        return path
    return {"xlsx": _xlsx, "xlsx with titles": _xlsx_with_titles, "html named xls": _html, "xml": _xml}.get(
        form, _text)(folder, name, form, rows)


def _text(folder, name, form, rows):
    encoding, separator, suffix = {
        "csv": ("utf-8", ",", "csv"), "csv bom": ("utf-8-sig", ",", "csv"), "csv cp1252": ("cp1252", ",", "csv"),
        "semicolons": ("utf-8-sig", ";", "csv"), "tabs utf-16": ("utf-16", "\t", "txt"),
        "csv named xls": ("utf-8", ",", "xls")}[form]
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator).writerows(rows)
    path = folder / f"{name}.{suffix}"
    path.write_bytes(out.getvalue().encode(encoding))
    return path


def _xlsx(folder, name, form, rows, above=0):
    path = folder / f"{name}.xlsx"
    with xlsxwriter.Workbook(path, {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        sheet = book.add_worksheet("Export")
        if above:
            sheet.merge_range(0, 0, 0, max(1, len(rows[0]) - 1), "Users of Invented University")
            sheet.write_string(1, 0, "Group is equal to Undergraduate")
        for at, row in enumerate(rows):
            for column, text in enumerate(row):
                sheet.write_string(at + above, column, text)
    return path


def _xlsx_with_titles(folder, name, form, rows):
    return _xlsx(folder, name, form, rows, above=3)


def _html(folder, name, form, rows):
    lines = "\n".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    path = folder / f"{name}.xls"
    path.write_text(f'<html><head><meta charset="utf-8"></head><body><table>{lines}</table></body></html>\n', "utf-8")
    return path


def _xml(folder, name, form, rows):
    elements = "".join(f'<xsd:element name="Column{at}" saw-sql:columnHeading={quoteattr(heading)} minOccurs="0" '
                       'saw-sql:type="varchar" type="xsd:string"/>' for at, heading in enumerate(rows[0], 1))
    cells = "".join("<Row><Column0>0</Column0>" + "".join(
        f"<Column{at}>{escape(text)}</Column{at}>" for at, text in enumerate(row, 1) if text) + "</Row>\n"
        for row in rows[1:])
    path = folder / f"{name}.xml"
    path.write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<report><QueryResult><IsFinished>true</IsFinished><ResultXml>'
        f'<rowset xmlns="{ROWSET}"><xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema" '
        f'xmlns:saw-sql="urn:saw-sql" targetNamespace="{ROWSET}"><xsd:complexType name="Row"><xsd:sequence>'
        f'<xsd:element name="Column0" saw-sql:columnHeading="0"/>{elements}</xsd:sequence></xsd:complexType>'
        f"</xsd:schema>{cells}</rowset></ResultXml></QueryResult></report>\n", encoding="utf-8")
    return path
