"""What the README, SAFETY and CONTRIBUTING say is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
TEXTS = [ROOT / name for name in ("README.md", "SAFETY.md", "CONTRIBUTING.md", "CHANGELOG.md", "data/sample/README.md",
                                 "data/EXPORTS.md",
                                "purgelib/sandbox/README.md")]
MAKEFILE = (ROOT / "Makefile").read_text()


def tree():
    """The paths of the annotated tree in the README."""
    block = re.search(r"```\n(README\.md  SAFETY.*?)```", README, re.S)[1]
    parent = ""
    for line in block.splitlines():
        names = line.split("  ")
        found = [name.strip() for name in names if "." in name or "/" in name or name in ("LICENSE", "Makefile")]
        inside = line.startswith("  ")
        if not inside:
            parent = found[0] if found[0].endswith("/") else ""
        for name in line.split() if line.startswith("README") else found[:1]:
            yield parent + name if inside else name


@pytest.mark.parametrize("path", list(tree()))
def test_everything_in_the_tree_exists(path):
    assert (ROOT / path).exists()


def test_nothing_at_the_top_is_missing_from_the_tree():
    own = {".git", ".ci", ".gitignore", ".venv", ".axe", ".foreign", ".pytest_cache",
           ".ruff_cache", ".hypothesis", "desk"}
    there = {path.name for path in ROOT.iterdir()} - own
    assert there <= {path.rstrip("/").split("/")[0] for path in tree()}


def test_the_notebooks_are_listed_in_their_order():
    listed = re.findall(r"\]\(notebooks/(\w+)\.ipynb\)", README)
    assert listed == sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", TEXTS, ids=lambda p: p.name)
def test_links_lead_somewhere(path):
    for link in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
        assert (path.parent / link).exists(), link


@pytest.mark.parametrize("path", TEXTS, ids=lambda p: p.name)
def test_make_targets_exist(path):
    for target in re.findall(r"`?make ([a-z-]+)`?", " ".join(re.findall(r"`[^`]+`|```.*?```", path.read_text(), re.S))):
        assert re.search(rf"^{target}:", MAKEFILE, re.M), target


def test_the_needed_headings_in_the_readme_are_those_of_the_code():
    from purgelib import headings

    called = {"fees": "fines and fees", "identifiers": "identifiers, notes", "notes": "identifiers, notes",
              "set": "a set file"}
    for kind, needed in headings.NEEDED.items():
        row = next(line for line in README.splitlines() if line.startswith(f"| {called.get(kind, kind)}"))
        for name in needed if kind != "set" else ():
            assert headings.title(name) in row, (kind, name)


def test_precautions_are_numbered_without_a_gap():
    numbers = [int(n) for n in re.findall(r"^(\d+)\. \*\*", (ROOT / "SAFETY.md").read_text(), re.M)]
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) >= 14


def test_the_screenshot_is_a_picture():
    assert (ROOT / "notebooks" / "choosing.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_of_the_sandbox_names_its_keys_and_orders_what_it_takes():
    from purgelib.sandbox import gate, trying

    text = (ROOT / "purgelib" / "sandbox" / "README.md").read_text()
    assert set(re.findall(r"`(sandbox-key-[a-z-]+)`", text)) == set(gate.KEYS)
    orders = re.findall(r"curl -d '([^']+)' +localhost:8080(/sandbox/\w+)", text)
    assert len(orders) == text.count("curl -d")
    alma = trying.Tried(users=20)
    for body, where in orders:
        assert alma.ask("POST", where, body.encode()).status == 200, body


def test_what_is_said_of_ids_that_are_alike_is_explained_under_its_own_words():
    from purgelib import identifiers

    assert f"*{identifiers.ALIKE}*" in (ROOT / "data" / "EXPORTS.md").read_text()


def test_safety_says_how_long_a_run_without_a_plan_may_lie_there():
    from purgelib.rules import Policy

    for text in (README, (ROOT / "SAFETY.md").read_text()):
        assert re.search(rf"`keep_files_days`\s\({Policy().keep_files_days}", text)
