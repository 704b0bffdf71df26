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


def something_set(choice):
    """Refuses a choice that sets nothing: no purge date and nothing under [set]."""
    if choice.purge_date is None and not choice.sets:
        raise Refused("The choice names no purge_date, and nothing under [set]. Set a purge_date that is clearly past, "
                      "such as the first of last month.")


def purge_date_fits(policy, purge_date, not_before, today, data_date):
    """Refuses a purge date near today, and one that leaves users less time than the notice period.

    Without a notice period (notice_days = 0) it must be clearly past, as Alma's job is known to misbehave near the
    boundary, and not later than the data, as a purge date after the day of the data keeps a user. With one it must be
    ahead by as many days, so that no other purge job takes the users while they are being told.
    """
    if purge_date is not None and not policy.notice_days:
        last = min(today - datetime.timedelta(days=CLEARLY_PAST_DAYS), data_date)
        if purge_date > last:
            raise Refused(f"The purge date {purge_date} is not clearly past: take {last} or earlier. To give notice "
                          "first, set notice_days in the policy.", purge_date=purge_date)
    first = today + datetime.timedelta(days=policy.notice_days)
    if purge_date is not None and policy.notice_days and purge_date < first:
        raise Refused(f"The purge date {purge_date} is nearer than the notice period of {policy.notice_days} days "
                      f"(notice_days) allows: take {first} or later.", purge_date=purge_date)
    wait = max(filter(None, (purge_date and purge_date + datetime.timedelta(days=CLEARLY_PAST_DAYS), first)))
    if policy.notice_days and (not_before is None or not_before < wait):
        raise Refused(f"The policy gives {policy.notice_days} days of notice (notice_days), so the choice must say "
                      f"from when on users may be purged: not_before = {wait} or later.", not_before=not_before)


def within_groups(policy, chosen, everybody, names):
    """Refuses a larger share of any one user group than the policy allows.

    chosen, everybody: series of counts by group code. names: code -> the group as staff read it.
    """
    for group, count in chosen.items():
        share = count / everybody[group] if count else 0
        if share > policy.max_group_share:
            raise LimitExceeded(f"{count:,} of the {everybody[group]:,} users of group {names[group]} are chosen, "
                                f"{share:.0%}; the policy allows {policy.max_group_share:.0%} of a group "
                                "(max_group_share). If the whole group is to go, a colleague should say so there.",
                                found=share, limit=policy.max_group_share, what="max_group_share")


def problems_read(said, count):
    """Refuses exports with problems that nobody said to have read.

    said: the number that the choice names; count: how many problems the exports have.
    """
    if said != count:
        raise Refused(f"The exports have {count:,} problems, and the choice says problems_read = {said:,}. Read them "
                      f"(01_explore shows them, problems.csv has them all), then write problems_read = {count} into "
                      "the choice.", found=count, said=said)


def copies_sealed(policy, target):
    """Refuses to act on real people without a key that the copies of their records are encrypted to."""
    if target["environment"] == "production" and not policy.copies_to:
        raise Unprotected("The policy names nobody who can open the copies of the records (copies_to). Make a key with "
                          "copies.new_key, keep the key file away from here, and write its public line, age1..., into "
                          "the policy.", missing="copies_to")


def may_be_purged(header, today):
    """Refuses to hand users to a purge before the day that their plan names."""
    wait = header.get("not_before")
    if wait and today < datetime.date.fromisoformat(wait):
        raise PlanRefused(f"The users of this plan are given notice until {wait}; Alma says it is {today}. Nothing is "
                          "purged before that day.", differs="not_before")


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
