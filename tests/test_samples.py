"""A sample is drawn by seed, not by chance of the rows; no answer is lost; whoever is wrong, or not clear, is kept."""

import csv
import math

import invented
import numpy as np
import pandas as pd
import pytest

from purgelib import bounds, choice, lists, samples
from purgelib.errors import BadChoice

START = "https://library.alma.example.edu/"


def people(count=40, **changes):
    rows = [invented.row(primary_id=f"004{number:05}", name=f"Ada Example {number}",
                         user_group="06" if number % 4 else "10", **changes) for number in range(count)]
    return invented.people(*rows)


def every(judged):
    """Returns the choice in which everybody is ticked."""
    cube = judged.cube
    return choice.Choice("x", None, invented.POLICY, frozenset(
        (group, year) for group in cube.values["user_group"] for year in cube.values["expired"]))


def drawn(judged, **more):
    return samples.draw(judged, every(judged), **more).table["primary_id"].tolist()


def filled(folder, answers, encoding="utf-8-sig", separator=","):
    """Fills in checked.csv as a person does, row by row: (answer, note) pairs."""
    table = lists.read(folder / samples.FILE)
    for at, (said, note) in enumerate(answers):
        table.iloc[at, -2:] = [said, note]
    table.to_csv(folder / samples.FILE, index=False, encoding=encoding, sep=separator)
    return table["Primary ID"].tolist()


def test_the_same_seed_draws_the_same_users_whatever_the_order_of_rows():
    shuffled = people().table.sample(frac=1, random_state=3).to_dict("records")
    assert drawn(people(), n=3) == drawn(invented.people(*shuffled), n=3)
    assert drawn(people(), n=3, seed=2) != drawn(people(), n=3)


def test_the_draw_does_not_depend_on_this_machine_or_version():
    assert sorted(drawn(people(), n=2, seed=2026)) == ["00400007", "00400010", "00400012", "00400028"]


def test_each_ticked_subset_gives_as_many_as_it_has():
    table = samples.draw(people(9), every(people(9)), n=5).table
    assert table["user_group"].str[:2].value_counts().to_dict() == {"06": 5, "10": 3}
    assert table["primary_id"].is_unique and set(table["expired"]) == {"2019"}


def test_nobody_who_stays_or_is_kept_is_drawn():
    judged = invented.people(invented.row(primary_id="goes"), invented.row(primary_id="stays", loans=1),
                             invented.row(primary_id="kept"), invented.row(primary_id="other", user_group="10"))
    one = choice.Choice(policy=invented.POLICY, ticks=frozenset({("06", "2019")}), keep=(("KEPT", "x"),))
    assert samples.draw(judged, one).table["primary_id"].tolist() == ["goes"]


def test_a_link_is_what_staff_gave_and_never_invented():
    judged = invented.people(invented.row(primary_id="a/b c"))
    assert samples.draw(judged, every(judged)).table["link"].tolist() == [""]
    assert samples.draw(judged, every(judged), start_page=START).table["link"].tolist() == [START]
    mine = samples.draw(judged, every(judged), start_page=START + "?q={primary_id}").table["link"].tolist()
    assert mine == [START + "?q=a%2Fb%20c"]
    with pytest.raises(BadChoice, match="https"):
        samples.draw(judged, every(judged), start_page="javascript:alert(1)")


def test_a_name_is_shown_as_text_and_not_as_html():
    judged = invented.people(invented.row(name="<script>x</script>"))
    shown = samples.draw(judged, every(judged), start_page=START + '"><b>')._repr_html_()
    assert "<script>" not in shown and "<b>" not in shown and "&lt;script&gt;" in shown and "open Alma" in shown
    assert "Link" not in samples.draw(judged, every(judged))._repr_html_()


def test_answers_survive_drawing_again_with_any_seed(tmp_path):
    judged = people()
    first = samples.draw(judged, every(judged), n=3)
    first.save(tmp_path)
    one, two = first.table["primary_id"].tolist()[:2]
    samples.answer(tmp_path, one, "right")
    samples.answer(tmp_path, two.upper(), "wrong", "is back since May")
    for seed in (1, 2, 3):
        samples.draw(judged, every(judged), n=3, seed=seed).save(tmp_path)
        found = samples.read(tmp_path, judged, every(judged))
        assert (found.looked_at, found.wrong) == (2, 1)
        assert found.choice.keep == ((two, "found wrong in the sample: is back since May"),)


def test_answers_are_read_as_excel_saves_them(tmp_path):
    judged = people()
    samples.draw(judged, every(judged), n=2).save(tmp_path)
    ids = filled(tmp_path, [("Right", ""), ("WRONG ", "loan at the desk")], "utf-8", ";")
    text = (tmp_path / samples.FILE).read_text(encoding="utf-8")
    # Excel takes the IDs for numbers, and their zeros away.
    (tmp_path / samples.FILE).write_text(text.replace("\n004", "\n4"), encoding="utf-8")
    found = samples.read(tmp_path, judged, every(judged))
    assert (found.looked_at, found.wrong, found.waiting) == (2, 1, 2)
    assert found.choice.keep == ((ids[1], "found wrong in the sample: loan at the desk"),)
    samples.draw(judged, every(judged), n=2).save(tmp_path)
    again = lists.read(tmp_path / samples.FILE)
    assert again["Primary ID"].tolist() == ids and again["Note"].tolist()[1] == "loan at the desk"


def test_whoever_is_not_clear_is_kept_and_named(tmp_path):
    judged = people()
    samples.draw(judged, every(judged), n=2).save(tmp_path)
    ids = filled(tmp_path, [("hm", ""), ("", "ask Ada"), ("right", "")])
    found = samples.read(tmp_path, judged, every(judged))
    assert found.looked_at == 1 and found.kept["primary_id"].tolist() == ids[:2] == found.named["primary_id"].tolist()
    assert found.kept["reason"].tolist() == ["answer in the sample not clear: hm",
                                             "answer in the sample not clear: ask Ada"]
    assert "2 answers are not clear" in found.summary()


def test_a_wrong_one_whom_nobody_knows_is_refused_and_a_right_one_does_not_count(tmp_path):
    judged = people()
    samples.draw(judged, every(judged), n=1).save(tmp_path)
    filled(tmp_path, [("wrong", ""), ("right", "")])
    text = (tmp_path / samples.FILE).read_text(encoding="utf-8-sig")
    first, second = lists.read(tmp_path / samples.FILE)["Primary ID"]
    (tmp_path / samples.FILE).write_text(text.replace(second, "nobody"), encoding="utf-8")
    found = samples.read(tmp_path, judged, every(judged))
    assert (found.looked_at, found.wrong) == (1, 1) and found.named["primary_id"].tolist() == ["nobody"]
    (tmp_path / samples.FILE).write_text(text.replace(first, "nobody"), encoding="utf-8")
    with pytest.raises(BadChoice, match="nobody has the ID nobody"):
        samples.read(tmp_path, judged, every(judged))


def test_a_reason_that_was_there_stays_and_the_choice_given_is_not_changed(tmp_path):
    judged = people()
    sample = samples.draw(judged, every(judged), n=1)
    sample.save(tmp_path)
    who = sample.table["primary_id"][0]
    samples.answer(tmp_path, who, "wrong")
    before = every(judged).keeping(who, "staff asked")
    assert samples.read(tmp_path, judged, before).choice == before
    assert samples.read(tmp_path, judged, every(judged)).choice.keep == ((who, "found wrong in the sample"),)


@pytest.mark.parametrize(("who", "said"), [("nobody", "right"), ("00400001", "maybe"), ("00400001", "")])
def test_an_answer_is_right_or_wrong_and_about_somebody_drawn(tmp_path, who, said):
    samples.draw(people(), every(people()), n=40).save(tmp_path)
    before = (tmp_path / samples.FILE).read_bytes()
    with pytest.raises(BadChoice):
        samples.answer(tmp_path, who, said)
    assert (tmp_path / samples.FILE).read_bytes() == before


def test_no_sample_yet_is_said(tmp_path):
    with pytest.raises(BadChoice, match="draw a sample"):
        samples.read(tmp_path, people(), every(people()))


@pytest.mark.parametrize(("wrong", "looked", "share"), [
    (0, 5, 0.4507), (0, 40, 0.0722), (2, 40, 0.1492), (1, 10, 0.3942), (40, 40, 1.0), (3, 2000, 0.00387)])
def test_the_bound_is_that_of_clopper_and_pearson(wrong, looked, share):
    found = bounds.at_most(wrong, looked)
    assert found == pytest.approx(share, rel=2e-3)
    if wrong < looked:
        fewer = sum(math.comb(looked, k) * found**k * (1 - found)**(looked - k) for k in range(wrong + 1))
        assert fewer == pytest.approx(0.05, rel=1e-6)


@pytest.mark.parametrize(("wrong", "looked"), [(1, 0), (3, 2), (-1, 2), (0, 0)])
def test_a_share_of_nothing_is_refused(wrong, looked):
    with pytest.raises(BadChoice):
        bounds.at_most(wrong, looked)


def test_the_sentence_is_honest(tmp_path):
    judged = people()
    sample = samples.draw(judged, every(judged), n=5)
    sample.save(tmp_path)
    ids = sample.table["primary_id"].tolist()
    assert samples.read(tmp_path, judged, every(judged)).summary().startswith("Nobody was looked at yet; 10 users")
    for one in ids:
        samples.answer(tmp_path, one, "right")
    assert "up to about 38 % of the others may be wrong (95 % sure)" in samples.read(
        tmp_path, judged, every(judged)).summary()
    # One of five in a subset of 30: five of the other 25.
    samples.answer(tmp_path, sample.table.loc[sample.table["user_group"].str.startswith("06"), "primary_id"].iloc[0],
                   "wrong")
    found = samples.read(tmp_path, judged, every(judged))
    assert "1 of 10 looked at were wrong" in found.summary() and "about 5 users" in found.summary()
    assert "Do not go on" in found.summary()
    assert found.subsets.set_index("user_group")["at most wrong"].to_dict() == {"06": "66 %", "10": "46 %"}


def test_everybody_looked_at_leaves_no_rest(tmp_path):
    judged = people(4)
    sample = samples.draw(judged, every(judged), n=5)
    sample.save(tmp_path)
    for one in sample.table["primary_id"]:
        samples.answer(tmp_path, one, "right")
    assert samples.read(tmp_path, judged, every(judged)).summary().endswith("Everybody was looked at; those wrong are "
                                                                           "kept.")


def test_a_list_saved_as_workbook_too_is_read_and_not_overwritten(tmp_path):
    judged = people()
    sample = samples.draw(judged, every(judged), n=1)
    sample.save(tmp_path)
    table = lists.read(tmp_path / samples.FILE)
    table.iloc[0, -2] = "wrong"
    table.to_excel(tmp_path / "checked.xlsx", index=False)
    assert samples.read(tmp_path, judged, every(judged)).wrong == 1
    with pytest.raises(BadChoice, match="checked.xlsx"):
        sample.save(tmp_path)


def test_checked_csv_starts_no_formula_and_is_its_owners_only(tmp_path):
    judged = invented.people(invented.row(name="=cmd|' /C calc'!A0", primary_id="'=1"))
    path = samples.draw(judged, every(judged)).save(tmp_path / "run")
    assert path.stat().st_mode & 0o777 == 0o600
    assert '"\'=cmd' in path.read_text(encoding="utf-8-sig")
    samples.answer(tmp_path / "run", "'=1", "wrong")
    assert samples.read(tmp_path / "run", judged, every(judged)).choice.keep == (("'=1", "found wrong in the sample"),)


def test_a_large_subset_of_which_few_were_looked_at_is_not_hidden_by_many_small_ones():
    subsets = pd.DataFrame({"users": [5000, *[3] * 50], "looked at": 3, "wrong": 0})
    assert 0.61 < bounds.of_all(subsets) < 0.64
    alike = pd.DataFrame({"users": [1000] * 10, "looked at": 30, "wrong": 0})
    # Where all subsets are alike, it is as if all had been drawn from one.
    assert bounds.of_all(alike) == pytest.approx(bounds.at_most(0, 300), rel=1e-6)
    assert bounds.of_all(subsets.assign(wrong=[1, *[0] * 50])) > 0.86
    assert bounds.of_all(subsets[1:]) == 0.0, "everybody was looked at"


def test_the_bound_of_all_holds_as_often_as_it_says():
    sizes, drawn, draw = [2000, 300, 40], 5, np.random.default_rng(7)
    shares = np.array([0.3, 0.02, 0.5])
    missed = 0
    for _ in range(400):
        wrong = draw.binomial(drawn, shares)
        told = bounds.of_all(pd.DataFrame({"users": sizes, "looked at": drawn, "wrong": wrong}))
        missed += told < (np.array(sizes) * shares).sum() / sum(sizes)
    assert missed <= 0.05 * 400 + 3 * (400 * 0.05 * 0.95) ** 0.5


def test_wrong_counts_whatever_was_answered_later_and_however_it_is_saved(tmp_path):
    judged = invented.people(invented.row(primary_id="00411111"))
    samples.draw(judged, every(judged)).save(tmp_path)
    samples.answer(tmp_path, "00411111", "wrong", "still here")
    rows = lists.read(tmp_path / samples.FILE)
    lists.write(pd.concat([rows, rows.assign(**{"Answer (right or wrong)": "right", "Note": ""})]),
                tmp_path / samples.FILE)
    samples.draw(judged, every(judged)).save(tmp_path)
    found = samples.read(tmp_path, judged, every(judged))
    assert dict(found.choice.keep) == {"00411111": "found wrong in the sample: still here"}


@pytest.mark.parametrize("answer", ["", "right"])
@pytest.mark.parametrize("heading", ["My own column", "Answer (right or wrong)", "Note"])
def test_what_is_written_in_a_column_of_ones_own_keeps_the_user_and_stays(tmp_path, heading, answer):
    judged = invented.people(invented.row(primary_id="00411111"))
    path = samples.draw(judged, every(judged)).save(tmp_path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        headings, row = csv.reader(file)
    row[headings.index("Answer (right or wrong)")] = answer
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([[*headings, heading], [*row, "wrong"]])
    for _ in range(2):
        found = samples.read(tmp_path, judged, every(judged))
        assert [one for one, _ in found.choice.keep] == ["00411111"] and "wrong" in found.choice.keep[0][1]
        samples.draw(judged, every(judged)).save(tmp_path)


def test_a_note_beside_right_is_named_so_that_somebody_reads_it(tmp_path):
    judged = invented.people(invented.row(primary_id="00411111"))
    samples.draw(judged, every(judged)).save(tmp_path)
    samples.answer(tmp_path, "00411111", "right", "but still employed here!")
    found = samples.read(tmp_path, judged, every(judged))
    assert found.choice.keep == () and "read the note" in found.named["problem"].item()


def test_an_empty_choice_draws_nobody():
    assert len(samples.draw(people(), choice.Choice(policy=invented.POLICY))) == 0
    assert isinstance(samples.draw(people(), choice.Choice(policy=invented.POLICY)).table, pd.DataFrame)


def test_an_empty_sample_is_saved_and_read_and_says_so(tmp_path):
    judged = people(4)
    samples.draw(judged, choice.Choice(policy=invented.POLICY)).save(tmp_path)
    found = samples.read(tmp_path, judged, choice.Choice(policy=invented.POLICY))
    assert found.summary() == "Nobody is chosen, so there is nobody to look at: tick some users first."
    assert found.choice == choice.Choice(policy=invented.POLICY) and found.kept.empty
    assert found.subsets.empty and found.named.empty
