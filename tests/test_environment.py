"""pyproject.toml, requirements.lock and environment.yml say the same, and it is what is installed."""

import importlib.metadata
import re
import tomllib

import pins
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((pins.ROOT / "pyproject.toml").read_text())["project"]
LOCK = (pins.ROOT / "requirements.lock").read_text()
ENVIRONMENT = yaml.safe_load((pins.ROOT / "environment.yml").read_text())
ASKED = [Requirement(r) for r in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]]
PINNED = [Requirement(line) for line in pins.pins(LOCK)]


@pytest.mark.parametrize("asked", ASKED, ids=lambda r: r.name)
def test_every_dependency_is_bounded_and_pinned_within_its_bounds(asked):
    assert {s.operator for s in asked.specifier} == {">=", "<"}
    pinned = [p for p in PINNED if canonicalize_name(p.name) == canonicalize_name(asked.name)]
    assert pinned and all(asked.specifier.contains(next(iter(p.specifier)).version) for p in pinned)


def test_environment_yml_pins_exactly_what_the_lock_pins():
    said = next(one["pip"] for one in ENVIRONMENT["dependencies"] if isinstance(one, dict))
    assert said[0] == "-e ."
    assert [str(Requirement(line)) for line in said[1:]] == [str(p) for p in PINNED]


def test_conda_is_needed_for_python_and_pip_only():
    plain = [one for one in ENVIRONMENT["dependencies"] if isinstance(one, str)]
    assert plain == ["python=3.11", "pip"]
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains("3.11")


def test_every_pin_has_a_fingerprint():
    blocks = re.split(r"\n(?=[A-Za-z0-9])", LOCK.strip())
    assert len(blocks) == len(PINNED) and all("--hash=sha256:" in block for block in blocks)


@pytest.mark.parametrize("pinned", [p for p in PINNED if p.marker is None or p.marker.evaluate()], ids=lambda r: r.name)
def test_what_is_installed_is_what_is_pinned(pinned):
    assert pinned.specifier.contains(importlib.metadata.version(pinned.name), prereleases=True)


def test_no_address_stands_in_the_lock_or_the_environment():
    assert "://" not in LOCK + (pins.ROOT / "environment.yml").read_text()
