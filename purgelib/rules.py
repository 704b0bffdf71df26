"""Why a user may go and why a user must stay: one function of the user table for each reason.

A rule answers for every row: True (may go, as far as this rule is concerned), False (must stay) or
missing (cannot tell). The same functions judge a table made from exports and a table made from what
Alma answers now. In the end, cannot tell means: stays.
"""

import dataclasses
import datetime
import re
from collections.abc import Callable

import pandas as pd

from purgelib.errors import BadChoice

FEE_STATUSES = {"ACTIVE", "INDISPUTE", "EXPORTED", "CLOSED"}


@dataclasses.dataclass(frozen=True)
class Policy:
    """What an institution decided: conditions, protected users, limits, periods. Written as TOML in a choice."""

    expired_for_days: int = 730
    protected_groups: tuple[str, ...] = ()
    protected_ids: tuple[str, ...] = ()
    protected_prefixes: tuple[str, ...] = ("exl_", "carli_", "rialto_", "leganto_")
    record_types: tuple[str, ...] = ("PUBLIC",)
    fees_up_to: float = 0.0
    fee_statuses: tuple[str, ...] = ("ACTIVE", "INDISPUTE", "EXPORTED")
    max_users: int = 1000
    max_share: float = 0.25
    max_group_share: float = 0.5
    max_data_age_days: int = 7
    plan_life_days: int = 14
    notice_days: int = 0
    canary: int = 10
    read_back: int = 200
    keep_files_days: int = 180
    copies_to: tuple[str, ...] = ()

    def __post_init__(self):
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, _checked(field, getattr(self, field.name)))

    @classmethod
    def from_dict(cls, given):
        """Returns the policy written in a dict; a name that no policy has is an error, not a wish ignored."""
        unknown = set(given) - {field.name for field in dataclasses.fields(cls)}
        if unknown:
            raise BadChoice(f"[policy] has no setting {', '.join(sorted(unknown))}; the settings are: "
                            f"{', '.join(field.name for field in dataclasses.fields(cls))}.", value=sorted(unknown))
        return cls(**given)

    def to_dict(self):
        """Returns the policy as plain values, as TOML and JSON can hold them."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(self).items()}


def _checked(field, value):
    """Refuses 06 read as the number 6 and other slips of the pen, rather than turning them into something."""
    where = f"[policy] {field.name} = {value!r}"
    if isinstance(field.default, tuple):
        if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) and item.strip() for item in value):
            raise BadChoice(f'{where}: must be a list of texts in quotes, such as ["06", "10"].', value=value)
        if field.name == "fee_statuses" and not {"ACTIVE"} <= set(value) <= FEE_STATUSES:
            raise BadChoice(f"{where}: ACTIVE must be among them, and nothing else than "
                            f"{', '.join(sorted(FEE_STATUSES))}.", value=value)
        if field.name == "copies_to" and not all(re.fullmatch("age1[a-z0-9]{58}", item) for item in value):
            # What stands there is not quoted: somebody may have pasted the secret line.
            raise BadChoice("[policy] copies_to: each must be the public line of an age key, age1 and 58 letters and "
                            "digits; copies.new_key makes one.", value=None)
        return tuple(value)
    right = (int, float) if isinstance(field.default, float) else int
    if isinstance(value, bool) or not isinstance(value, right) or not value >= 0:
        raise BadChoice(f"{where}: must be a number, zero or more.", value=value)
    if field.name == "canary" and value < 1:
        raise BadChoice(f"{where}: at least one user must go first.", value=value)
    if field.name in ("max_share", "max_group_share") and value > 1:
        raise BadChoice(f"{where}: is a share of all users, from 0 to 1; 10 % is 0.10.", value=value)
    return type(field.default)(value)


@dataclasses.dataclass(frozen=True)
class Rule:
    """One reason: what is asked, how staff read a no and a cannot-tell, and whether Alma can settle it."""

    name: str
    ask: Callable
    stays: str
    unknown: str
    settled_live: bool
    only_live: bool
    fact: str | None


RULES: list[Rule] = []
# Behind a reason that only Alma can tell.
LATER = ": Alma will tell"


def rule(stays, unknown, settled_live=False, fact=None):
    """Registers a function of (table, policy, as_of) under its own name; order is the order staff think in.

    fact: the column that only Alma tells, or an export that libraries seldom make.
    """
    def register(ask):
        RULES.append(Rule(ask.__name__, ask, stays, unknown, settled_live or bool(fact), bool(fact), fact))
        return ask
    return register


def _bare(texts):
    """Texts as they are compared with a list of protected ones: Excel's loss of a leading zero protects nobody less."""
    return texts.str.strip().str.casefold().str.lstrip("0")


def _letters(texts):
    return _bare(texts.str.normalize("NFKC").str.replace(r"[\W_]+", "", regex=True))


def _told(answer, *facts):
    """An answer counts only where every fact that it rests on is known."""
    answer = answer.astype("boolean")
    for fact in facts:
        answer = answer.mask(fact.isna())
    return answer


@rule("the primary ID cannot be trusted", "the primary ID cannot be trusted")
def sound_id(table, policy, as_of):
    """The primary ID is as Alma wrote it, and belongs to one user only."""
    return _told(table["id_problem"] == "", table["id_problem"], table["key"])


@rule("the export is doubtful about this user", "the export is doubtful about this user")
def nothing_doubtful(table, policy, as_of):
    """Every value that the exports give of the user could be read, and no two rows contradict each other."""
    return _told(table["doubt"] == "", table["doubt"])


@rule("is purged already", "status not known", settled_live=True)
def not_deleted(table, policy, as_of):
    """The user is Active or Inactive, not the ghost of one purged before."""
    known = table["status"].isin(["ACTIVE", "INACTIVE", "DELETED"])
    return _told(table["status"] != "DELETED", table["status"].where(known))


@rule("is on the list of protected IDs", "the primary ID cannot be compared")
def id_not_protected(table, policy, as_of):
    """Neither the ID nor how it begins is protected (service accounts, exl_ and the like)."""
    ids = _bare(pd.Series(policy.protected_ids, dtype="str"))
    prefixes = tuple(one.strip().casefold() for one in policy.protected_prefixes)
    hit = _bare(table["key"]).isin(ids)
    if prefixes:
        hit = hit | table["key"].str.startswith(prefixes, na=False)
    return _told(~hit, table["key"])


@rule("staff keep this user (exceptions list)", "exceptions not known")
def not_excepted(table, policy, as_of):
    """No colleague put the user on the list of exceptions."""
    return table["keep_reason"].isna().astype("boolean")


@rule("is not in the set file", "set file not known")
def in_the_set(table, policy, as_of):
    """The user is in the set file, where there is one."""
    return table["in_set"].astype("boolean").fillna(True)


@rule("is in a protected user group", "user group not known")
def group_not_protected(table, policy, as_of):
    """The user group is known and not protected."""
    groups = pd.Series(policy.protected_groups, dtype="str")
    codes = table["user_group"].astype("category").cat.categories.to_series().astype("str")
    # A stray sign beside a code protects nobody less: 30; is 30.
    near = _bare(codes).isin(_bare(groups)) | _letters(codes).isin(_letters(groups))
    return _told(~table["user_group"].isin(codes[near]), table["user_group"])


@rule("is of a record type that stays", "record type not known", settled_live=True)
def record_type_may_go(table, policy, as_of):
    """The record type (Public, Staff, Contact) is one that the policy lets go."""
    wanted = [one.casefold() for one in policy.record_types]
    return _told(table["record_type"].str.casefold().isin(wanted), table["record_type"])


@rule("expiry date not believable", "no expiry date")
def expiry_believable(table, policy, as_of):
    """There is an expiry date, and it is a date that a person meant (1990 to 2100)."""
    year = table["expiry_date"].dt.year
    return _told((year >= 1990) & (year <= 2100), table["expiry_date"])


@rule("not expired", "no expiry date")
def expired(table, policy, as_of):
    """The expiry date is past."""
    return _told(table["expiry_date"] < pd.Timestamp(as_of), table["expiry_date"])


@rule("expired too recently", "no expiry date")
def expired_long_enough(table, policy, as_of):
    """The expiry date, if it is past at all, is past by as many days as the policy asks, or more."""
    day = pd.Timestamp(as_of)
    last = day - datetime.timedelta(days=policy.expired_for_days)
    return _told((table["expiry_date"] <= last) | (table["expiry_date"] >= day), table["expiry_date"])


@rule("purge date in the future", "purge date not known", settled_live=True)
def purge_date_not_ahead(table, policy, as_of):
    """Nobody promised the user a later day by a purge date in the future; no purge date at all is fine."""
    none = table["purge_date"].isna() & (table["purge_known"].fillna(False))
    # A year such as 0027 is what is left of 2027: nobody meant a day so long ago.
    meant = table["purge_date"].where(table["purge_date"].dt.year >= 1990)
    return _told((meant <= pd.Timestamp(as_of)) | none, meant.where(~none, pd.Timestamp(as_of)))


@rule("has a role other than Patron", "roles not known", settled_live=True)
def no_other_roles(table, policy, as_of):
    """The user has no staff or instructor role: Alma's purge job does not look at roles."""
    return _told(~table["other_roles"].astype("boolean"), table["other_roles"])


@rule("has loans", "loans not known", settled_live=True)
def no_loans(table, policy, as_of):
    """Nothing is on loan."""
    return _told(table["loans"] <= 0, table["loans"])


@rule("owes fees", "fees not known", settled_live=True)
def no_fees(table, policy, as_of):
    """Nothing is owed beyond what the policy forgives; a credit is money too and keeps the user."""
    return _told(table["fees"].abs() <= policy.fees_up_to, table["fees"])


@rule("has requests", "requests not known", settled_live=True)
def no_requests(table, policy, as_of):
    """Nothing is requested: Alma's purge job cancels open requests silently."""
    return _told(table["requests"] <= 0, table["requests"])


@rule("is blocked", "blocks not known", fact="blocks")
def no_blocks(table, policy, as_of):
    """No active block: whoever was barred would come back with a clean record."""
    return _told(table["blocks"] <= 0, table["blocks"])


@rule("is a proxy for somebody", "proxies not known", fact="proxies")
def no_proxies(table, policy, as_of):
    """The user acts as proxy for nobody."""
    return _told(table["proxies"] <= 0, table["proxies"])


@rule("is linked to another institution", "links not known", fact="linked")
def not_linked(table, policy, as_of):
    """The user is neither copy nor source of a user elsewhere in the network."""
    return _told(~table["linked"].astype("boolean"), table["linked"])


def answers(table, policy, as_of, live=False, told=()):
    """Asks every rule of every row; returns a frame of booleans (missing = cannot tell), a column per rule.

    live: the table was made from what Alma answers now, so rules that only Alma can answer are asked too; of
    exports, they are asked where there is one of that fact (told: their names).
    """
    asked = [one for one in RULES if live or not one.only_live or one.fact in told or table[one.fact].notna().any()]
    return pd.DataFrame({one.name: one.ask(table, policy, as_of) for one in asked}, index=table.index)


def by_name():
    """Returns the rules by their names, in order."""
    return {one.name: one for one in RULES}


def reasons(answer, live=False):
    """Returns in words why one row of answers stays or is not settled yet; empty when nothing speaks against it.

    What Alma will tell later is a reason only for those who might go.
    """
    asked = [(one, answer[name]) for name, one in by_name().items() if name in answer]
    stays = [one.unknown if pd.isna(said) else one.stays for one, said in asked
             if (live or not one.settled_live if pd.isna(said) else not said)]
    later = [f"{one.unknown}{LATER}" for one, said in asked if pd.isna(said)]
    return list(dict.fromkeys(stays or later))
