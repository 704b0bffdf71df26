"""How a workbook for colleagues looks: a cover sheet, a sheet per user group, two columns to fill in, the rest locked.

Nothing in it can start a formula: every text is written as a text. Rows go straight to the disk, so that a million of
them need little memory.
"""

import math
import re

import numpy as np
import pandas as pd
import xlsxwriter

COVER, ABOUT = "Read me first", "About this review"
KEEP, REASON = "KEEP", "REASON"
# Heading, our name of the column (none where colleagues write), width.
COLUMNS = (("Primary ID", "primary_id", 18), ("Name", "name", 28), (KEEP, "", 8), (REASON, "", 34),
           ("Expiry date", "expiry_date", 12), ("Purge date", "purge_date", 12), ("User group", "group", 26),
           ("Verdict", "verdict", 20), ("Reasons", "reason", 60))
HEADINGS = [heading for heading, _, _ in COLUMNS]
# Above the users of each sheet: the group and how many, then always the same, but for the mark.
TASK = f" users. {KEEP}: put an x beside everybody who must stay; {REASON}: say why. (review "
SIGNS = 104  # that fit into a line of the cover
TOP = 2  # rows above the users: what to do, and the headings
MOST = 1_048_576 - TOP
NAME_AT_MOST = 31
FORBIDDEN = re.compile(r"[\[\]:*?/\\\x00-\x1f\x7f]+")
# Excel counts its days from here, and is wrong about those before March 1900.
FIRST, SOUND = np.datetime64("1899-12-30"), np.datetime64("1900-03-01")
WRITTEN, PALE, DARK = "#FFF4CC", "#EAF0F6", "#1F3A5F"


def names(wanted):
    """Returns a safe name for each sheet: at most 31 characters, none that Excel forbids, no two the same for it."""
    found, used = [], {COVER.casefold(), "history"}
    for text in wanted:
        plain = " ".join(FORBIDDEN.sub(" ", text).split()).strip("' ") or "no user group"
        name, count = _cut(plain, NAME_AT_MOST), 1
        while name.casefold() in used:
            count += 1
            name = f"{_cut(plain, NAME_AT_MOST - len(f' ({count})'))} ({count})"
        used.add(name.casefold())
        found.append(name)
    return found


def _cut(text, length):
    """Excel counts a sign outside the usual plane, such as an emoji, as two."""
    while len(text.encode("utf-16-le")) > 2 * length:
        text = text[:-1]
    return text.rstrip("' ")


def write(file, about, steps, sheets, told=lambda users: None):
    """Writes the workbook into an open file: about, (label, text) pairs; steps, sentences; sheets, (name, what, frame).

    A pair whose label begins with * is to be filled in. frame: a row per user, the columns of COLUMNS, dates as
    datetime64. told: called with the number of users written since the last call.
    """
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
               "strings_to_numbers": False}
    with xlsxwriter.Workbook(file, options) as book:
        formats = {name: book.add_format({"valign": "top"} | more) for name, more in FORMATS.items()}
        _cover(book.add_worksheet(COVER), formats, about, steps, sheets)
        for name, what, frame in sheets:
            _users(book.add_worksheet(name), formats, what, frame, told)


FORMATS = {
    "title": {"bold": True, "font_size": 16, "font_color": DARK},
    "heading": {"bold": True, "font_color": "white", "bg_color": DARK, "text_wrap": True, "valign": "vcenter"},
    "asked": {"bold": True, "font_color": "#3D2F00", "bg_color": "#FFD75E", "valign": "vcenter"},
    "what": {"bold": True, "font_color": DARK}, "label": {"bold": True, "bg_color": PALE},
    "text": {"text_wrap": True}, "plain": {}, "number": {"num_format": "#,##0", "align": "left"},
    "link": {"font_color": "#0B5CAD", "underline": 1}, "day": {"num_format": "yyyy-mm-dd", "align": "left"},
    "answer": {"locked": False, "bg_color": WRITTEN, "border": 1, "border_color": "#8A6D00", "text_wrap": True},
    # Unlocked down to the last row; coloured only where there is a user.
    "open": {"locked": False, "text_wrap": True}, "coloured": {"bg_color": WRITTEN, "border": 1,
                                                               "border_color": "#D9C36A"},
}


def _cover(sheet, formats, about, steps, sheets):
    sheet.set_column(0, 0, 30, formats["plain"])
    sheet.set_column(1, 1, 96, formats["plain"])
    sheet.hide_gridlines(2)
    sheet.write_string(0, 0, "Users who may be purged from Alma: please look through", formats["title"])
    row = _heading(sheet, formats, 2, ABOUT)
    for label, text in about:
        _high_enough(sheet, row, text)
        sheet.write_string(row, 0, label.lstrip("*"), formats["label"])
        if label.startswith("*"):
            sheet.write_blank(row, 1, None, formats["answer"])
        else:
            sheet.write_string(row, 1, text, formats["text"])
        row += 1
    row = _heading(sheet, formats, row + 1, "How to fill it in")
    for number, step in enumerate(steps, start=1):
        _high_enough(sheet, row, step)
        sheet.write_string(row, 0, f"Step {number}", formats["label"])
        sheet.write_string(row, 1, step, formats["text"])
        row += 1
    row = _heading(sheet, formats, row + 1, "Sheet", "Users")
    for name, _, frame in sheets:
        place = name.replace("'", "''")
        sheet.write_url(row, 0, f"internal:'{place}'!A1", formats["link"], name)
        sheet.write_number(row, 1, len(frame), formats["number"])
        row += 1
    _protect(sheet)
    _paper(sheet)


def _high_enough(sheet, row, text):
    """Not every program makes a row as high as its text."""
    sheet.set_row(row, 16 * math.ceil(max(len(text), 1) / SIGNS))


def _heading(sheet, formats, row, first, second=""):
    sheet.write_string(row, 0, first, formats["heading"])
    sheet.write_string(row, 1, second, formats["heading"])
    return row + 1


def _users(sheet, formats, what, frame, told):
    for at, (heading, _, width) in enumerate(COLUMNS):
        sheet.set_column(at, at, width, formats["open" if heading in (KEEP, REASON) else "plain"])
    sheet.write_string(0, 0, what, formats["what"])
    sheet.set_row(1, 22)
    for at, heading in enumerate(HEADINGS):
        sheet.write_string(1, at, heading, formats["asked" if heading in (KEEP, REASON) else "heading"])
    last = TOP + len(frame) - 1
    sheet.freeze_panes(TOP, 2)
    sheet.autofilter(1, 0, last, len(COLUMNS) - 1)
    answers = HEADINGS.index(KEEP), HEADINGS.index(REASON)
    sheet.conditional_format(TOP, answers[0], last, answers[1], {
        "type": "formula", "criteria": f"=$A{TOP + 1}<>\"\"", "format": formats["coloured"]})
    sheet.data_validation(TOP, answers[0], last, answers[0], {
        "validate": "list", "source": ["x"], "show_error": False})
    sheet.ignore_errors({"number_stored_as_text": f"A1:{chr(64 + len(COLUMNS))}{last + 1}"})
    _rows(sheet, formats, frame, told)
    _protect(sheet)
    _paper(sheet)
    sheet.repeat_rows(0, 1)


def _rows(sheet, formats, frame, told):
    """One row after the other, as they go straight to the disk; those who fill it in see a cell per fact."""
    cells = [(at, _cells(frame[name])) for at, (_, name, _) in enumerate(COLUMNS) if name]
    plain, day = formats["plain"], formats["day"]
    for row in range(len(frame)):
        for at, values in cells:
            value = values[row]
            if type(value) is float:
                sheet.write_number(row + TOP, at, value, day)
            elif value:
                sheet.write_string(row + TOP, at, value, plain)
        told(1)


def _cells(column):
    """Days as the numbers that Excel takes for days; whatever it would show wrongly as a text."""
    if not pd.api.types.is_datetime64_any_dtype(column):
        return column.astype("str").fillna("").tolist()
    days = column.to_numpy("datetime64[D]")
    numbers = (days - FIRST).astype("float64").astype(object)
    wrong = np.isnat(days) | (days < SOUND) | (days > np.datetime64("9999-12-31"))
    numbers[wrong] = ["" if np.isnat(one) else str(one) for one in days[wrong]]
    return numbers.tolist()


def _protect(sheet):
    """Against a slip of the hand, not against people: there is no password.

    Not to be sorted: where only two columns are open, these would be sorted alone, and every x stand beside another.
    """
    sheet.protect("", {"autofilter": True, "format_columns": True, "format_rows": True})


def _paper(sheet):
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.set_margins(left=0.4, right=0.4)
    sheet.set_footer("&L&A&CConfidential: personal data&RPage &P of &N")

