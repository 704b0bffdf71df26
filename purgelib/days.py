"""One date as people and programs write it: every way in which its text can be read, and no guess between them."""

import datetime
import re
import unicodedata

import numpy as np

DAY_FIRST, MONTH_FIRST, YEAR_FIRST = "day first", "month first", "year first"
TIME = (r"(?:[T ]+(?:[01]?\d|2[0-4]):[0-5]\d(?::[0-5]\d(?:[.,]\d+)?)?(?: ?[AaPp]\.?[Mm]\.?)?)?"
        r" ?(?:Z|[+-]\d{2}:?\d{2})?")
ISO = re.compile(r"(\d{4})(?:([-/.])(\d{1,2})\2(\d{1,2})|(\d{2})(\d{2}))" + TIME)
PARTED = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})" + TIME)
WORD = r"[^\W\d_]{3,12}"
NAMED = re.compile(rf"(?:(\d{{1,2}})(?:er|º)?[-./ ]+(?:de )?({WORD})|({WORD})\.? (\d{{1,2}}),?)[-./, ]+(?:de )?"
                   r"(\d{4}|\d{2})" + TIME)
SERIAL = re.compile(r"(\d{1,7})(\.\d+)?")
# English, German, French, Spanish, Italian, Dutch, Portuguese and Swedish, without accents.
MONTHS = {name: month for month, names in enumerate((
    "jan january januar janner janvier janv enero ene gennaio gen januari janeiro",
    "feb february februar feber fevrier fevr fev febrero febbraio februari fevereiro",
    "mar march marz mrz mars marzo maart mrt marco", "apr april avril avr abril abr aprile",
    "may mai mayo maggio mag mei maio maj", "jun june juni juin junio giugno giu junho",
    "jul july juli juillet juil julio luglio lug julho", "aug august aout agosto ago augustus augusti",
    "sep sept september septembre septiembre setiembre settembre sett set setembro",
    "oct october oktober okt octobre octubre ottobre ott outubro out",
    "nov november novembre noviembre novembro", "dec december dezember dez decembre diciembre dic dicembre dezembro",
), 1) for name in names.split()}
EPOCHS = {1900: datetime.date(1899, 12, 30), 1904: datetime.date(1904, 1, 1)}
NO_DATE = "not a date that I can read without guessing; export dates as YYYY-MM-DD"
CUT_YEAR = "a year of two digits may be 1999 or 9999, 1900 or 2000; export dates as YYYY-MM-DD"
NO_DAYS = "a number that may be something else than a number of days; export dates as YYYY-MM-DD"
# What a text is that the other cells of its column have to tell, and a date whose year is cut off.
UNSETTLED, CUT = object(), object()


def plain(text, epoch, order=None):
    """Returns a date that is certain by itself, a sentence why there is none, None for nothing, CUT, or UNSETTLED.

    epoch: 1900 or 1904 where a number may be counted as days. order: as staff say it.
    """
    if not text:
        return None
    if found := ISO.fullmatch(text):
        return _day(found[1], found[3] or found[5], found[4] or found[6])
    if found := NAMED.fullmatch(unicodedata.normalize("NFC", text)):
        if order == YEAR_FIRST and len(found[5]) == 2:
            return NO_DATE
        month, year = MONTHS.get(_bare(found[2] or found[3])), _year(found[5])
        return year if year is CUT else _day(year, month, found[1] or found[4]) if month else NO_DATE
    if found := SERIAL.fullmatch(text):
        return _counted(int(found[1]), epoch, bool(found[2]))
    return UNSETTLED if PARTED.fullmatch(text) else NO_DATE


def readings(text):
    """Returns every way to read a date of three numbers: order -> (its year, or CUT where that is cut off; the date).

    Year first is possible only where no part has four digits; a year that is cut off stands as 2000 in the date.
    """
    one, _, two, last = PARTED.fullmatch(text).group(1, 2, 3, 4)
    ways = {DAY_FIRST: (last, two, one), MONTH_FIRST: (last, one, two)}
    if len(last) == 2:
        ways[YEAR_FIRST] = (one.zfill(2), two, last)
    found = {}
    for order, (told, month, day) in ways.items():
        year = _year(told)
        read = _day("2000" if year is CUT else year, month, day)
        if read is not NO_DATE:
            found[order] = (year, read)
    return found


def value(reading):
    """Returns the date of one of the readings, or CUT."""
    year, date = reading
    return CUT if year is CUT else date


def different(readings_of_one):
    """Returns the different dates that a text may mean: a set."""
    return {value(one) for one in readings_of_one.values()}


def kind(text):
    """Returns what dates of one column must share to be of one program: their separator, and the width of the year."""
    found = PARTED.fullmatch(text)
    return found[2], len(found[4])


def _bare(word):
    """A word without capitals and accents."""
    return "".join(sign for sign in unicodedata.normalize("NFKD", word.casefold()) if not unicodedata.combining(sign))


def _day(year, month, day):
    try:
        return datetime.date(int(year), int(month), int(day))
    except ValueError:
        return NO_DATE


def _year(text):
    """A year of two digits means 2002 to 2089: 00, 01 and 90 to 99 may as well be cut off from 1900, 9999 and so on."""
    if len(text) == 4:
        return text
    return "20" + text if "02" <= text <= "89" else CUT


def _counted(number, epoch, more):
    """The day of that number in Excel's count; the year 1900 had no 29 February, but Excel counts one."""
    if not 1 <= number <= 2_958_465:
        return NO_DATE
    # Counted, these days lie before 1932: 2019, 9999, 12.06 or 6.2019 must not look long expired.
    if 1900 <= number <= 2199 or number == 9999 or more and number < 1900:
        return NO_DAYS
    if epoch is None:
        either = " or ".join(str(np.datetime64(start) + number) for start in EPOCHS.values())
        return f"a number of days, which may mean {either}; export dates as YYYY-MM-DD"
    if epoch == 1900 and number <= 60:
        return NO_DATE if number == 60 else EPOCHS[1900] + datetime.timedelta(number + 1)
    return EPOCHS[epoch] + datetime.timedelta(number)
