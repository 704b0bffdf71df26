"""The sandbox's memory: one SQLite file. Every write is committed before the client gets its answer."""

import contextlib
import json
import sqlite3

from purgelib.sandbox import clock
from purgelib.sandbox.tables import SUFFIX

TABLES = """
CREATE TABLE state (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE, primary_id TEXT,
    first_name TEXT, last_name TEXT, user_group TEXT, modified TEXT, record TEXT, hidden TEXT);
CREATE INDEX users_by_last_name ON users (last_name, first_name, key);
CREATE INDEX users_by_group ON users (user_group);
CREATE INDEX users_by_change ON users (modified);
CREATE INDEX users_by_first_name ON users (first_name, last_name, key);
CREATE VIRTUAL TABLE words USING fts5 (primary_id, first_name, middle_name, last_name, email, phone_number,
    job_category, identifiers, birth_date, user_group, campus_code, block_type, id_type, note_text, note_type,
    statistic_category, tokenize = "unicode61 remove_diacritics 2");
CREATE TABLE purged (n INTEGER PRIMARY KEY, primary_id TEXT, day TEXT, record TEXT);
CREATE TABLE identifiers (value TEXT, id_type TEXT, user_id INTEGER);
CREATE INDEX identifiers_by_value ON identifiers (value);
CREATE INDEX identifiers_by_user ON identifiers (user_id);
CREATE TABLE loans (id TEXT PRIMARY KEY, user_id INTEGER, status TEXT, record TEXT);
CREATE INDEX loans_by_user ON loans (user_id);
CREATE TABLE fees (id TEXT PRIMARY KEY, user_id INTEGER, status TEXT, balance REAL, record TEXT);
CREATE INDEX fees_by_user ON fees (user_id);
CREATE TABLE requests (id TEXT PRIMARY KEY, user_id INTEGER, status TEXT, record TEXT);
CREATE INDEX requests_by_user ON requests (user_id);
CREATE TABLE deposits (id TEXT PRIMARY KEY, user_id INTEGER, status TEXT, record TEXT);
CREATE INDEX deposits_by_user ON deposits (user_id);
CREATE TABLE sets (id TEXT PRIMARY KEY, name TEXT UNIQUE, record TEXT);
CREATE TABLE members (set_id TEXT, user_id INTEGER, PRIMARY KEY (set_id, user_id)) WITHOUT ROWID;
CREATE INDEX members_by_user ON members (user_id);
CREATE TABLE instances (id TEXT PRIMARY KEY, number INTEGER, job_id TEXT, submitted TEXT, status TEXT,
    parameters TEXT, record TEXT);
CREATE TABLE runs (instance_id TEXT PRIMARY KEY, act TEXT, fault TEXT, total INTEGER, done INTEGER, seen INTEGER);
CREATE TABLE tasks (instance_id TEXT, position INTEGER, user_id INTEGER, primary_id TEXT, outcome TEXT,
    PRIMARY KEY (instance_id, position)) WITHOUT ROWID;
CREATE INDEX tasks_by_user ON tasks (user_id);
CREATE TABLE reports (report TEXT, position INTEGER, cells TEXT,
    PRIMARY KEY (report, position)) WITHOUT ROWID;
CREATE TABLE ledger (n INTEGER PRIMARY KEY, time TEXT, method TEXT, path TEXT, primary_id TEXT,
    changed TEXT);
"""


def pack(value):
    """Returns the value as compact JSON text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Store:
    """Holds the state of one sandbox: its users, its clock, its ledger of writes."""

    def __init__(self, path):
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        # WAL with NORMAL survives a killed process; only a power cut could lose the last answers.
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=NORMAL")
        self.clock = clock.Clock()
        if self.rows("SELECT 1 FROM sqlite_master WHERE name = 'state'") and self.get("clock"):
            self.clock.set(clock.parse(self.get("clock")))

    @property
    def is_new(self):
        """Whether nobody has been invented here yet."""
        return not self.rows("SELECT 1 FROM sqlite_master WHERE name = 'state'")

    def rows(self, question, values=()):
        """Returns all rows of an SQL question. Only reads."""
        return self.db.execute(question, values).fetchall()

    def row(self, question, values=()):
        """Returns the first row of an SQL question, or None. Only reads."""
        return self.db.execute(question, values).fetchone()

    def one(self, question, values=()):
        """Returns the first cell of the first row, or None. Only reads."""
        row = self.db.execute(question, values).fetchone()
        return row[0] if row else None

    def do(self, order, values=()):
        """Carries out one SQL order; returns how many rows it changed."""
        return self.db.execute(order, values).rowcount

    @contextlib.contextmanager
    def transaction(self):
        """Makes everything inside happen together or not at all; `undo` on the way out rolls back."""
        if self.db.in_transaction:
            yield self
            return
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield self
            if self.db.in_transaction:
                self.put("clock", (self.clock.now() + clock.AHEAD).isoformat())
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        # Somebody inside may have rolled back on purpose: the sandbox then lies about having written.
        if self.db.in_transaction:
            self.db.execute("COMMIT")

    def undo(self):
        """Takes back everything done in the running transaction, but no number that was given out comes again."""
        given = self.rows("SELECT name, value FROM state WHERE name LIKE 'last\\_%' ESCAPE '\\'")
        self.db.execute("ROLLBACK")
        self.db.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", given)

    def get(self, name, default=None):
        """Returns a value of the state by name. Only reads."""
        text = self.one("SELECT value FROM state WHERE name = ?", (name,))
        return default if text is None else json.loads(text)

    def put(self, name, value):
        """Keeps a value of the state under this name."""
        self.do("INSERT OR REPLACE INTO state VALUES (?, ?)", (name, pack(value)))

    def next_id(self, kind, front):
        """Returns a new id of Alma's kind: digits that end in the institution's own."""
        number = self.get(f"last_{kind}", 0) + 1
        self.put(f"last_{kind}", number)
        return f"{front}{number:08d}{SUFFIX}", number

    def note(self, method, path, primary_id, changed):
        """Writes a line into the ledger: this write was really done."""
        self.do("INSERT INTO ledger (time, method, path, primary_id, changed) VALUES (?, ?, ?, ?, ?)",
                (clock.stamp(self.clock.now()), method, path, primary_id, pack(changed)))

    def keep_clock(self):
        """Writes down the clock, so that a restart goes on from here."""
        with self.transaction():
            pass

    def close(self):
        """Writes down the exact time and closes the file."""
        self.put("clock", self.clock.now().isoformat())
        self.db.close()
