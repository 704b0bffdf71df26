"""Each guard passes at its boundary and refuses right beyond it, with the facts."""

import datetime

import pandas as pd
import pytest

from purgelib import errors, guards, rules
from purgelib.choice import Choice

TODAY = datetime.date(2026, 11, 22)
TARGET = {"institution": "01INV_INST", "name": "Invented University", "environment": "sandbox"}
HEADER = {"target": TARGET, "created": "2026-11-22", "valid_until": "2026-12-06", "users": 1234}


def days(number):
    return datetime.timedelta(days=number)


def test_an_empty_list_is_refused():
    guards.someone_to_purge(1)
    with pytest.raises(errors.NothingToDo):
        guards.someone_to_purge(0)


@pytest.mark.parametrize(("limits", "count", "population"), [
    ({"max_users": 10, "max_share": 1.0}, 10, 10), ({"max_share": 0.29}, 29, 100), ({"max_share": 0.07}, 7, 100),
    ({"max_share": 0.1}, 3, 30), ({"max_share": 0.57}, 57, 100), ({"max_users": 0}, 0, 10), ({"max_share": 1.0}, 5, 5),
])
def test_limits_pass_at_the_boundary_and_refuse_one_more(limits, count, population):
    policy = rules.Policy(**limits)
    guards.within_limits(policy, count, population)
    with pytest.raises(errors.LimitExceeded) as refused:
        guards.within_limits(policy, count + 1, population)
    name = refused.value.what
    assert name in limits and refused.value.limit == limits[name] < refused.value.found


def test_a_list_out_of_nobody_is_refused():
    with pytest.raises(errors.LimitExceeded):
        guards.within_limits(rules.Policy(), 1, 0)


@pytest.mark.parametrize(("lists", "missing"), [
    ({"protected_groups": ()}, "protected_groups"),
    ({"protected_ids": (), "protected_prefixes": ()}, "protected_ids or protected_prefixes"),
])
def test_somebody_must_be_protected(lists, missing):
    named = {"protected_groups": ("30",), "protected_ids": ("a",), "protected_prefixes": ("exl_",)}
    guards.protected_named(rules.Policy(**named))
    guards.protected_named(rules.Policy(**named | {"protected_ids": ()}))
    guards.protected_named(rules.Policy(**named | {"protected_prefixes": ()}))
    with pytest.raises(errors.Unprotected) as refused:
        guards.protected_named(rules.Policy(**named | lists))
    assert refused.value.missing == missing


@pytest.mark.parametrize(("age", "passes"), [(7, True), (8, False), (0, True), (-1, True), (-2, False)])
def test_data_is_neither_too_old_nor_from_the_future(age, passes):
    policy, day = rules.Policy(max_data_age_days=7), TODAY - days(age)
    if passes:
        return guards.data_fresh(policy, day, TODAY)
    with pytest.raises(errors.DataTooOld) as refused:
        guards.data_fresh(policy, day, TODAY)
    assert refused.value.data_date == day


@pytest.mark.parametrize(("past", "passes"), [(2, True), (1, False), (0, False), (-1, False), (4000, True)])
def test_a_purge_date_is_clearly_past(past, passes):
    def fits():
        guards.purge_date_fits(rules.Policy(), TODAY - days(past), None, TODAY, TODAY)
    if passes:
        return fits()
    with pytest.raises(errors.Refused, match="not clearly past"):
        fits()


@pytest.mark.parametrize(("ahead", "passes"), [(30, True), (29, False), (0, False), (-30, False), (400, True)])
def test_a_purge_date_with_a_notice_period_is_as_far_ahead(ahead, passes):
    def fits(wait):
        guards.purge_date_fits(rules.Policy(notice_days=30), TODAY + days(ahead), TODAY + days(wait), TODAY, TODAY)
    if passes:
        fits(ahead + guards.CLEARLY_PAST_DAYS)
        with pytest.raises(errors.Refused, match="not_before = "):
            fits(ahead + guards.CLEARLY_PAST_DAYS - 1)
        return
    with pytest.raises(errors.Refused, match="nearer than the notice period"):
        fits(500)


def test_notice_without_a_day_to_wait_for_is_refused():
    with pytest.raises(errors.Refused, match="not_before = 2026-12-24"):
        guards.purge_date_fits(rules.Policy(notice_days=30), TODAY + days(30), None, TODAY, TODAY)
    # A plan that sets no purge date gives notice as well.
    with pytest.raises(errors.Refused, match="not_before = 2026-12-22"):
        guards.purge_date_fits(rules.Policy(notice_days=30), None, None, TODAY, TODAY)


def test_a_choice_that_sets_nothing_is_refused():
    guards.something_set(Choice(purge_date=TODAY))
    guards.something_set(Choice(sets=(("user_group", "99"),)))
    with pytest.raises(errors.Refused, match="no purge_date"):
        guards.something_set(Choice())


@pytest.mark.parametrize("day", [0, 1, 29])
def test_nobody_is_purged_before_the_notice_is_over(day):
    header = HEADER | {"not_before": str(TODAY + days(30))}
    guards.may_be_purged(header, TODAY + days(30))
    guards.may_be_purged(HEADER, TODAY)
    with pytest.raises(errors.PlanRefused) as refused:
        guards.may_be_purged(header, TODAY + days(day))
    assert refused.value.differs == "not_before"


def test_no_group_goes_as_a_whole_unless_the_policy_says_so():
    names, everybody = {"06": "06 Students", "08": "08 Alumni"}, pd.Series({"06": 100, "08": 10})
    guards.within_groups(rules.Policy(), pd.Series({"06": 50, "08": 5}), everybody, names)
    guards.within_groups(rules.Policy(max_group_share=1.0), everybody, everybody, names)
    with pytest.raises(errors.LimitExceeded, match="6 of the 10 users of group 08 Alumni") as refused:
        guards.within_groups(rules.Policy(), pd.Series({"06": 0, "08": 6}), everybody, names)
    assert (refused.value.what, refused.value.found) == ("max_group_share", 0.6)


@pytest.mark.parametrize(("said", "count"), [(0, 1), (1, 0), (36, 37), (37, 36)])
def test_problems_that_nobody_read_are_refused(said, count):
    guards.problems_read(count, count)
    with pytest.raises(errors.Refused, match=f"problems_read = {count}") as refused:
        guards.problems_read(said, count)
    assert (refused.value.said, refused.value.found) == (said, count)


def test_real_people_are_not_touched_without_a_key_for_their_copies():
    real = TARGET | {"environment": "production"}
    guards.copies_sealed(rules.Policy(), TARGET)
    guards.copies_sealed(rules.Policy(copies_to=("age1" + "q" * 58,)), real)
    with pytest.raises(errors.Unprotected) as refused:
        guards.copies_sealed(rules.Policy(), real)
    assert refused.value.missing == "copies_to"


@pytest.mark.parametrize(("later", "passes"), [(0, True), (14, True), (15, False), (-1, False)])
def test_a_plan_lives_from_its_sealing_to_its_last_day(later, passes):
    if passes:
        return guards.plan_fits(HEADER, TARGET, TODAY + days(later))
    with pytest.raises(errors.PlanRefused) as refused:
        guards.plan_fits(HEADER, TARGET, TODAY + days(later))
    assert refused.value.differs == "date"


@pytest.mark.parametrize(("name", "value"), [("institution", "01OTHER_INST"), ("environment", "production"),
                                             ("environment", "SANDBOX"), ("institution", "")])
def test_a_plan_for_another_alma_is_refused(name, value):
    with pytest.raises(errors.PlanRefused) as refused:
        guards.plan_fits(HEADER, TARGET | {name: value}, TODAY)
    assert refused.value.differs == name


def test_an_institution_is_named_by_its_code_or_its_name():
    guards.same_target("01INV_INST", TARGET)
    guards.same_target("Invented University", TARGET)
    for wrong in ("", "Invented", "01INV", "01INV_INST ", None):
        with pytest.raises(errors.WrongTarget) as refused:
            guards.same_target(wrong, TARGET)
        assert refused.value.found == "01INV_INST"


@pytest.mark.parametrize("typed", ["Invented University 1,234", "Invented University 1234",
                                   " invented  university 1234 ",
                                   guards.to_be_typed(HEADER)])
def test_name_and_number_confirm(typed):
    guards.confirmed(HEADER, typed)


@pytest.mark.parametrize("typed", ["", " ", None, True, "yes", "1234", "1,234", "Invented University",
                                   "Invented University 1",
                                   "Invented University 1235", "Invented University 12345", "Invented University 1 234",
                                   "Other University 1234", "University 1234", "1234 Invented University",
                                   "Invented University 1.234", "Invented University -1234"])
def test_anything_else_does_not(typed):
    with pytest.raises(errors.NotConfirmed) as refused:
        guards.confirmed(HEADER, typed)
    assert refused.value.wanted == guards.to_be_typed(HEADER) and refused.value.typed == typed


def test_a_name_with_blanks_and_commas_can_be_typed_as_shown():
    header = HEADER | {"target": TARGET | {"name": "University of Here,  There "}}
    guards.confirmed(header, guards.to_be_typed(header))


def test_a_purge_date_after_the_day_of_the_data_would_keep_everybody_and_is_refused():
    guards.purge_date_fits(rules.Policy(), TODAY - days(5), None, TODAY, TODAY - days(5))
    with pytest.raises(errors.Refused):
        guards.purge_date_fits(rules.Policy(), TODAY - days(4), None, TODAY, TODAY - days(5))


@pytest.mark.parametrize("other", ["", "Other University", "01OTHER"])
def test_a_choice_made_for_another_institution_or_for_none_is_refused(other):
    guards.meant_for("Invented University", TARGET)
    guards.meant_for("01INV_INST", TARGET)
    with pytest.raises(errors.WrongTarget, match="institution = "):
        guards.meant_for(other, TARGET)
