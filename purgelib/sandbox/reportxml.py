"""An Analytics report as XML: the rowset with its schema, as the API and the XML export give it."""

from xml.sax.saxutils import escape, quoteattr

_XSD_TYPES = {"varchar": "string", "date": "date", "double": "double", "integer": "int"}
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def rowset(report, columns, rows, headings=True):
    """Returns the rowset of these rows; a cell without a value is left out altogether.

    Without columns there is no schema: the API gives it with the first page only.
    """
    lines = ['<rowset xmlns="urn:schemas-microsoft-com:xml-analysis:rowset">']
    if columns:
        lines += ['<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:saw-sql="urn:saw-sql" '
                  'targetNamespace="urn:schemas-microsoft-com:xml-analysis:rowset">',
                  '<xsd:complexType name="Row"><xsd:sequence>']
        # Analytics puts a constant column 0 before those of the report.
        lines += [_element(n, *column, report, headings)
                  for n, column in enumerate([("0", "integer"), *columns])]
        lines.append("</xsd:sequence></xsd:complexType></xsd:schema>")
    lines += [_row(row) for row in rows]
    return "\n".join([*lines, "</rowset>"])


def _element(number, heading, kind, report, headings):
    words = f'saw-sql:displayFormula="s_{number}" '
    if headings:
        table = "" if number == 0 else f"saw-sql:tableHeading={quoteattr(report)} "
        words = f"saw-sql:columnHeading={quoteattr(heading)} {table}"
    return (f'<xsd:element maxOccurs="1" minOccurs="0" name="Column{number}" {words}'
            f'saw-sql:type="{kind}" type="xsd:{_XSD_TYPES[kind]}"/>')


def _row(row):
    cells = [(n, cell) for n, cell in enumerate(["0", *row]) if cell is not None]
    return "<Row>" + "".join(f"<Column{n}>{escape(cell)}</Column{n}>" for n, cell in cells) + "</Row>"


def query_result(inside, finished=True, token=None):
    """Returns what the API puts around a rowset; without one Analytics is still at work."""
    mark = f"<ResumptionToken>{token}</ResumptionToken>\n" if token else ""
    result = f"<ResultXml>\n{inside}\n</ResultXml>" if inside else "<ResultXml/>"
    return f"<QueryResult>\n{mark}<IsFinished>{str(finished).lower()}</IsFinished>\n{result}\n</QueryResult>"
