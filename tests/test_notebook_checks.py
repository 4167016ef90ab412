"""Each notebook judges the claims whose checks name it, all of them and no other, and holds no threshold of its own."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from phdlib import checks, notebook, paths

ID = re.compile(r"(PHD|VP3D)-C\d\d")
SOURCES = [p for p in notebook.sources(paths.NOTEBOOKS) if p.parent.name in ("phd", "videopose3d")]
BY_NAME = {notebook.name(path, paths.NOTEBOOKS): path for path in SOURCES}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def ids_of_functions() -> dict[str, set[str]]:
    """By "module.function", the ids for which a function makes judgements, itself or by functions that it calls."""
    own, calls = {}, {}
    for path in [
        *paths.PACKAGE.glob("claims_*.py"),
        *(paths.PACKAGE / f"{n}.py" for n in ("future_cameras", "statue_timing")),
    ]:
        for function in (node for node in tree(path).body if isinstance(node, ast.FunctionDef)):
            if "Judgement" in ast.unparse(function.returns or ast.Constant("")):
                name, nodes = f"{path.stem}.{function.name}", list(ast.walk(function))
                own[name] = {n.value for n in nodes if isinstance(n, ast.Constant) and ID.fullmatch(str(n.value))}
                calls[name] = {called(n) for n in nodes}
    for _ in own:
        for name in own:
            own[name] |= set().union(*(own[other] for other in own if other.split(".")[1] in calls[name]))
    return own


def judged_in(path: Path) -> set[str]:
    """The ids that a notebook names, other than to look at a check, and those of the functions that it calls."""
    nodes = list(ast.walk(tree(path)))
    looked_at = {id(a) for n in nodes if called(n) in ("checks.check", "checks.bound") for a in n.args}
    named = {n.value for n in nodes if isinstance(n, ast.Constant) and id(n) not in looked_at}
    imports = [n for n in nodes if isinstance(n, ast.ImportFrom) and n.module]
    full = {alias.name: f"{n.module.rpartition('.')[2]}.{alias.name}" for n in imports for alias in n.names}
    functions = [ids_of_functions().get(full.get(name := called(node), name), set()) for node in nodes]
    return set().union(*functions) | {str(text) for text in named if ID.fullmatch(str(text))}


def called(node: ast.AST) -> str:
    """ "module.function" of a call of that form, "" of all else."""
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


@pytest.mark.parametrize("name", BY_NAME)
def test_a_notebook_judges_the_claims_whose_checks_name_it(name: str) -> None:
    assert judged_in(BY_NAME[name]) == {check.id for check in checks.checks() if check.notebook == name}


@pytest.mark.parametrize("name", BY_NAME)
def test_effects_are_entered_for_the_bounds_of_the_check(name: str) -> None:
    """Where a claim and the names of its bounds stand as text; all else is found out by the run."""
    for node in ast.walk(tree(BY_NAME[name])):
        match node:
            case ast.Call(ast.Attribute(attr="judge"), [ast.Constant(id), ast.Dict(keys), *_]):
                names = {key.value for key in keys if isinstance(key, ast.Constant)}
                known = set(checks.check(id).bounds)
                assert names == known if len(names) == len(keys) else names < known, id


def test_what_a_check_needs_is_made_by_a_notebook() -> None:
    made = {id for path in SOURCES for id in notebook.shown_ids(path)}
    made |= {"phd-figure-11", "phd-figure-12"}  # 08_futures counts them up
    assert {(check.id, id) for check in checks.checks() for id in check.needs if id not in made} == set()


@pytest.mark.parametrize("name", BY_NAME)
def test_no_threshold_stands_in_a_notebook_that_stands_in_a_check(name: str) -> None:
    """No end of an interval is compared with a number, other than with 0 to tell a sign."""
    for node in ast.walk(tree(BY_NAME[name])):
        if isinstance(node, ast.Compare):
            ends = [n for n in ast.walk(node) if isinstance(n, ast.Attribute) and n.attr in ("low", "high")]
            numbers = [
                n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, int | float)
            ]
            assert not ends or set(numbers) <= {0}, ast.unparse(node)
