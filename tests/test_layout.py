"""The house rules: who may import whom, how large a room may be, what a public function owes its reader."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "purgelib"
# Who may import whom, of ours. The sandbox imports nothing of ours; nothing imports charts or widgets.
TABLE = {
    "errors": "", "users": "errors", "rules": "errors users",
    "sheets": "", "problems": "", "people": "users groups headings identifiers values",
    "days": "", "values": "days problems spellings", "widths": "", "identifiers": "problems users widths",
    "groups": "errors problems spellings values", "fines": "values",
    "facts": "fines headings identifiers spellings strangers users values widths",
    "sources": "errors forms headings mappings sheets values",
    "exports": "errors facts headings lists people problems sources",
    "cube": "", "population": "cube errors expiries users exports rules", "meant": "errors lists users",
    "choice": "errors fields meant users population rules",
    "expiries": "", "oddities": "errors expiries identifiers population",
    "changes": "errors exports lists plan population users",
    "guards": "errors users", "strangers": "identifiers users widths", "spellings": "", "mappings": "errors spellings",
    "headings": "errors mappings spellings", "lists": "errors",
    "fields": "errors", "copies": "errors fields", "planned": "fields users",
    "plan": "copies errors fields guards lists meant planned population rules", "due": "choice errors plan rules",
    "answers": "errors", "keys": "errors", "pace": "errors", "door": "errors answers keys pace",
    "alma": "errors answers door", "preflight": "errors", "analytics": "errors forms",
    "runfile": "errors", "journal": "copies errors fields runfile", "looks": "errors runfile",
    "live": "errors planned rules users", "parallel": "errors", "watching": "", "runlog": "watching",
    "carrying": "errors journal parallel",
    "review": "errors users choice problems returned reviewbook", "reviewbook": "",
    "returned": "errors users forms values reviewbook",
    "bounds": "errors", "samples": "bounds errors users choice forms identifiers lists",
    "update": "carrying copies errors fields guards journal live looks plan runlog",
    "jobs": "carrying errors fields guards journal live plan runlog update users",
    "putback": "copies errors fields journal live plan users", "recreate": "errors fields journal live plan",
    "sisxml": "recreate",
    "restore": "carrying copies errors fields guards journal plan planned putback recreate runlog sisxml users",
    "report": "errors fields users plan journal lists",
    "__init__": "alma sandbox errors guards keys pace", "__main__": "due errors guards plan report restore sandbox",
}
ONLY = {"requests": {"door"}, "matplotlib": {"charts"}, "ipywidgets": {"widgets"}, "anywidget": {"widgets"},
        "traitlets": {"widgets"}, "pyrate_limiter": {"pace"}, "tenacity": {"door"}, "papermill": {"__main__"}}
MODULES = sorted(ROOT.glob("*.py"))
EVERYWHERE = sorted(ROOT.rglob("*.py"))
DRAWERS = {"utils", "util", "helpers", "helper", "common", "core", "misc", "models", "config"}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            yield from (f"{base}.{alias.name}" for alias in node.names) if base == "purgelib" else [base]


def ours(path):
    return {name.split(".")[1] for name in imported(path) if name.startswith("purgelib.")}


def test_the_package_itself_loads_nothing_heavy():
    asked = "import sys, purgelib; print({'pandas', 'requests', 'matplotlib', 'uvicorn'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "set()"


def test_every_module_stands_in_the_table():
    assert {path.stem for path in MODULES} == set(TABLE)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.stem)
def test_imports_point_one_way(path):
    assert ours(path) <= set(TABLE[path.stem].split())


@pytest.mark.parametrize(("room", "may"), [
    ("sandbox", {"sandbox"}), ("forms", {"forms", "errors", "sheets"}),
    ("charts", {"charts", "errors", "expiries", "population"}),
    ("widgets", {"widgets", "errors", "users", "rules", "population", "choice", "watching"})])
def test_a_package_within_ours_imports_only_what_it_may(room, may):
    for path in (ROOT / room).rglob("*.py"):
        assert ours(path) <= may, path.name


@pytest.mark.parametrize(("package", "rooms"), ONLY.items())
def test_heavy_packages_live_in_one_room(package, rooms):
    found = {room(path) for path in EVERYWHERE if any(name.split(".")[0] == package for name in imported(path))}
    assert found <= rooms


def room(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@pytest.mark.parametrize("name", ["state", "counting", "subsets"])
def test_what_widgets_share_needs_no_widget(name):
    assert not {one.split(".")[0] for one in imported(ROOT / "widgets" / f"{name}.py")} & {"anywidget", "ipywidgets"}


@pytest.mark.parametrize("path", EVERYWHERE, ids=lambda p: p.stem)
def test_rooms_are_small_and_plainly_named(path):
    assert path.stem not in DRAWERS
    assert len(path.read_text().splitlines()) <= 300
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < 40, node.name


@pytest.mark.parametrize("path", EVERYWHERE, ids=lambda p: p.stem)
def test_everything_public_says_what_it_does(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "the module has no docstring"
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name


@pytest.mark.parametrize("path", [p for p in EVERYWHERE if p.stem != "__main__"], ids=lambda p: p.stem)
def test_library_code_neither_prints_nor_exits(path):
    called = {node.func.id for node in ast.walk(ast.parse(path.read_text()))
              if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert called.isdisjoint({"print", "exit", "quit", "input"})


@pytest.mark.parametrize("name", ["alma", "analytics", "update", "jobs", "restore"])
def test_verbs_that_touch_alma_say_so(name):
    tree = ast.parse((ROOT / f"{name}.py").read_text())
    for node in ast.walk(tree):
        takes_alma = isinstance(node, ast.FunctionDef) and "alma" in [a.arg for a in node.args.args]
        if takes_alma and not node.name.startswith("_"):
            said = ast.get_docstring(node)
            assert "Writes to Alma" in said or "writes to Alma" in said or "Only reads" in said or \
                "refuses" in said or node.name == "look", node.name


def test_the_map_names_every_module_once():
    said = [line.split()[0] for line in ast.get_docstring(ast.parse((ROOT / "__init__.py").read_text())).splitlines()
            if line.startswith("    ")]
    rooms = {path.stem for path in MODULES} | {"sandbox", "forms", "widgets", "charts"}
    assert sorted(said) == sorted(rooms - {"__init__", "__main__"})


def test_the_tree_of_errors_is_drawn_as_it_is():
    from purgelib import errors

    drawn = {}
    stack = []
    for line in errors.__doc__.splitlines():
        if line.startswith("    ") and ("── " in line or line.strip() == "PurgeError"):
            depth, name = line.index("── ") // 4 if "── " in line else 0, line.split("── ")[-1].split()[0]
            del stack[depth:]
            drawn[name] = stack[-1] if stack else "Exception"
            stack.append(name)
    real = {name: thing.__mro__[1].__name__ for name, thing in vars(errors).items() if isinstance(thing, type)}
    assert drawn == real
