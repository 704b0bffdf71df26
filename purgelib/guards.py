"""What must be true before anything is written. Each guard returns nothing, or refuses and says why.

Guards only look: they neither write nor ask Alma themselves. ``policy`` is a ``rules.Policy``; ``header``
is the header of a plan; ``target`` is what ``Alma.target()`` returns; ``today`` is Alma's own day.
"""

import datetime

from purgelib.errors import (
    DataTooOld,
    LimitExceeded,
    NotConfirmed,
    NothingToDo,
    PlanRefused,
    Refused,
    Unprotected,
    WrongTarget,
)

CLEARLY_PAST_DAYS = 2


def someone_to_purge(count):
    """Refuses an empty list."""
    if not count:
        raise NothingToDo("Nobody is chosen who may go: tick at least one subset whose users may go, in 02_choose.")


def within_limits(policy, count, population):
    """Refuses more users than the policy allows, by number and by share of the population."""
    if count > policy.max_users:
        raise LimitExceeded(f"{count:,} users are chosen; the policy allows {policy.max_users:,} (max_users). Choose "
                            "fewer, or raise the limit in the choice after a colleague has looked.",
                            found=count, limit=policy.max_users, what="max_users")
    share = count / max(population, 1)
    if share > policy.max_share:
        raise LimitExceeded(f"{count:,} of {population:,} users are chosen, {share:.0%}; the policy "
                            f"allows {policy.max_share:.0%} (max_share). Is this the export that you meant?",
                            found=share, limit=policy.max_share, what="max_share")


def protected_named(policy):
    """Refuses a policy that protects no group, or no ID: somebody always has to be protected."""
    for missing, lists in (("protected_groups", [policy.protected_groups]),
                           ("protected_ids or protected_prefixes", [policy.protected_ids, policy.protected_prefixes])):
        if not any(lists):
            raise Unprotected(f"The policy leaves {missing} empty. Name at least the groups of staff and of partner "
                              "libraries, and the service accounts (exl_ and the like).", missing=missing)


def data_fresh(policy, data_date, today):
    """Refuses data older than the policy allows, or from the future."""
    age = (today - data_date).days
    if age > policy.max_data_age_days:
        raise DataTooOld(f"The data is of {data_date:%d %B %Y}, {age} days ago; the policy allows "
                         f"{policy.max_data_age_days} days (max_data_age_days). Export again.",
                         data_date=data_date, limit=policy.max_data_age_days)
    # One day of grace: the institution's day may be ahead of UTC.
    if age < -1:
        raise DataTooOld(f"The data is dated {data_date:%d %B %Y}, which is still to come: check the date.",
                         data_date=data_date, limit=0)


def purge_date_past(purge_date, today, data_date):
    """Refuses a purge date that is not clearly in the past: Alma's job is known to misbehave near the boundary.

    It must not be later than the data either, as a purge date after the day of the data keeps a user.
    """
    last = min(today - datetime.timedelta(days=CLEARLY_PAST_DAYS), data_date)
    if purge_date is None:
        raise Refused("The choice names no purge_date. Set one that is clearly past, such as the first of last month.")
    if purge_date > last:
        raise Refused(f"The purge date {purge_date} is not clearly past: take {last} or earlier.",
                      purge_date=purge_date)


def plan_fits(header, target, today=None):
    """Refuses a plan that is meant for another institution or environment and, given today, one that is too old."""
    for name in ("institution", "environment"):
        if header["target"][name] != target[name]:
            raise PlanRefused(f"This plan is for {name} {header['target'][name]!r}, but this Alma is "
                              f"{target[name]!r}. Connect to the right one.", differs=name)
    if today is None:
        return
    created, until = (datetime.date.fromisoformat(header[k]) for k in ("created", "valid_until"))
    if not created <= today <= until:
        raise PlanRefused(f"This plan may be carried out from {created} to {until}; Alma says it is {today}. "
                          "Make a new plan from a fresh export.", differs="date")


def meant_for(institution, target):
    """Refuses a choice that was made for another institution, or for none that it names."""
    if institution not in (target["institution"], target["name"]):
        raise WrongTarget(f"This choice is for {institution or 'no institution that it names'!r}, but this Alma "
                          f"belongs to {target['name']!r}. Groups and limits are one institution's own: write yours, "
                          f"with institution = \"{target['name']}\" (data/sample/choice.toml shows how).",
                          wanted=institution, found=target["institution"])


def same_target(wanted, target):
    """Refuses another institution than the one named."""
    if wanted not in (target["institution"], target["name"]):
        raise WrongTarget(f"{wanted!r} was named, but this Alma belongs to {target['name']!r} "
                          f"({target['institution']}).", wanted=wanted, found=target["institution"])


def to_be_typed(header):
    """Returns what a person must type to have a plan carried out: the institution's name and the number of users."""
    return f"{header['target']['name']} {header['users']}"


def confirmed(header, typed):
    """Refuses unless the institution's name and the number of users were typed."""
    wanted = to_be_typed(header)
    if _plain(typed) != _plain(wanted):
        raise NotConfirmed(f"Typed was {typed!r}. To carry this out, type the institution's name and the number of "
                           f"users of the plan: {wanted}", wanted=wanted, typed=typed)


def _plain(text):
    """Blanks, commas and case are not what a person is asked to get right."""
    return " ".join(str(text).replace(",", "").split()).casefold()
