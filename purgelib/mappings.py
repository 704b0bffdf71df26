"""What staff say of their own exports in headings.toml: names of columns, words, user groups, how dates are written.

What is not understood in it is refused: a line that means nothing would be a wish ignored.
"""

import dataclasses
import hashlib
import tomllib
from pathlib import Path

from purgelib.errors import BadExport
from purgelib.spellings import folded, HEADINGS, plain, SPELLED, WORDS

NOTHING = "nothing"
ORDERS, EPOCHS = ("day first", "month first", "year first"), (1900, 1904)
TOO_LONG = 100_000  # bytes
KNOWN = ("headings", "values", "groups", "dates", "ignore")


@dataclasses.dataclass(frozen=True)
class Mapping:
    """What staff say of their exports; without a file, nothing.

    headings: plain heading -> our name, "" for not used. values: name of WORDS -> plain word -> value.
    groups: code -> description. order: one of ORDERS; epoch: 1900 or 1904; None where not said.
    ignore: files ("notes.txt") and sheets ("book.xlsx/Pivot") that are left alone. name, sha256: of the file.
    """

    headings: dict[str, str] = dataclasses.field(default_factory=dict)
    values: dict[str, dict] = dataclasses.field(default_factory=dict)
    groups: dict[str, str] = dataclasses.field(default_factory=dict)
    order: str | None = None
    epoch: int | None = None
    ignore: tuple[str, ...] = ()
    name: str = ""
    sha256: str = ""

    def ignores(self, file, sheet=""):
        """Returns whether staff leave this file, or this sheet of it, alone."""
        said = {folded(one) for one in self.ignore}
        return folded(file) in said or bool(sheet) and folded(f"{file}/{sheet}") in said


NONE = Mapping()


def speaks_of_headings(path):
    """Returns whether a TOML file has the tables of a headings.toml, or cannot be read to tell. Only reads."""
    try:
        data = Path(path).read_bytes()
        said = tomllib.loads(data.decode("utf-8-sig")) if len(data) <= TOO_LONG else dict.fromkeys(KNOWN)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError):
        return True
    return not set(said).isdisjoint(KNOWN)


def load(path):
    """Reads staff's headings.toml; returns a Mapping. What is unknown in it raises BadExport. Only reads."""
    path = Path(path)
    try:
        data = path.read_bytes()
        if len(data) > TOO_LONG:
            raise BadExport(f"{path.name} is larger than {TOO_LONG // 1000} kB, which no list of names is. Is it "
                            "another file?", file=path.name)
        said = tomllib.loads(data.decode("utf-8-sig"))
    except OSError:
        raise BadExport(f"{path.name} cannot be read: is it there?", file=path.name) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadExport(f"{path.name} is not whole TOML in UTF-8: {error}. Correct it there; data/EXPORTS.md has an "
                        "example.", file=path.name) from error
    page = _Page(path.name)
    page.only(said, "", KNOWN)
    dates = page.only(page.table(said, "dates"), "dates.", ("order", "excel_epoch"))
    return Mapping(_headings(page, said), _values(page, said), _groups(page, said),
                   page.one_of("dates.order", (*ORDERS, None), dates.get("order")),
                   page.one_of("dates.excel_epoch", (*EPOCHS, None), dates.get("excel_epoch")),
                   _ignore(page, said), path.name, hashlib.sha256(data).hexdigest())


@dataclasses.dataclass(frozen=True)
class _Page:
    file: str

    def only(self, table, within, known):
        for key in table:
            if key not in known:
                self.refuse(within + key, table[key], f"known here are {', '.join(known)}")
        return table

    def refuse(self, key, value, wanted):
        raise BadExport(f"{self.file}: {key} = {value!r} means nothing to me; {wanted}.", file=self.file, key=key,
                        value=value)

    def one_of(self, key, known, value):
        # True is not 1, nor is 1904.0 an epoch: what is only equal is not what was asked for.
        if not any(value == one and type(value) is type(one) for one in known):
            self.refuse(key, value, f"known here are {', '.join(str(one) for one in known if one is not None)}")
        return value

    def table(self, said, key):
        if not isinstance(said.get(key, {}), dict):
            self.refuse(key, said[key], f"it is a table: a line [{key}], and its lines below")
        return said.get(key, {})

    def texts(self, key, *texts):
        for text in texts:
            if not (isinstance(text, str) and text.strip()):
                self.refuse(key, text, 'a text in quotation marks is needed, such as "06"')


def _headings(page, said):
    found = {}
    for heading, meant in page.table(said, "headings").items():
        name = _name(meant)
        if name is None or not plain(heading):
            page.refuse(f'headings."{heading}"', meant, f"known are {', '.join(HEADINGS)}, Alma's own headings, and "
                        f'"{NOTHING}" for a column that is not to be used')
        if found.setdefault(plain(heading), name) != name:
            page.refuse(f'headings."{heading}"', meant, "the same heading stands there twice, with two meanings")
    return found


def _name(meant):
    if not isinstance(meant, str):
        return None
    if folded(meant) in ("", NOTHING):
        return ""
    return meant if meant in HEADINGS else SPELLED.get(plain(meant))


def _values(page, said):
    found = {}
    tables = page.only(page.table(said, "values"), "values.", tuple(WORDS))
    for name in tables:
        for word, meant in page.table(tables, name).items():
            key, value = f'values.{name}."{word}"', _value(name, meant)
            if value is None or not folded(word):
                page.refuse(key, meant, f"known are {', '.join(sorted({_shown(v) for v in WORDS[name].values()}))}")
            known = WORDS[name].get(folded(word), found.get(name, {}).get(folded(word), value))
            if known != value:
                page.refuse(key, meant, f"this word means {_shown(known)} already")
            found.setdefault(name, {})[folded(word)] = value
    return found


def _value(name, meant):
    codes = {folded(_shown(value)): value for value in WORDS[name].values()}
    return codes.get(folded(_shown(meant))) if isinstance(meant, bool | str) else None


def _shown(value):
    return {True: "yes", False: "no"}.get(value, value)


def _groups(page, said):
    found = {}
    for code, description in page.table(said, "groups").items():
        page.texts(f'groups."{code}"', code, description)
        if found.setdefault(code.strip(), description.strip()) != description.strip():
            page.refuse(f'groups."{code}"', description, "the same code stands there twice")
    return found


def _ignore(page, said):
    ignore = said.get("ignore", [])
    if not isinstance(ignore, list):
        page.refuse("ignore", ignore, 'a list is needed, such as ["notes.txt", "book.xlsx/Pivot"]')
    page.texts("ignore", *ignore)
    return tuple(ignore)
