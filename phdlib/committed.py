"""Whether the files of a run agree with one another and with ``provenance.json``, for :mod:`phdlib.verify`.

Each check is a pair: whether it agrees, and a line that says what was looked at, or what differs and how.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from phdlib import paths, provenance, publish, readme, report_pictures
from phdlib.cache import code_fingerprint
from phdlib.data import sources
from phdlib.determinism import first_line

Check = tuple[bool, str]

# Saved by no cell: what lists the others, what is made from them, what others share, what is measured by itself.
UNTRACED = ("report.html", "report.md", "plotly.min.js")


def checks(folder: Path, profile: str, data: str) -> Iterator[Check]:
    """All checks that need no training."""
    content = provenance.read(folder / provenance.NAME)
    yield from files(folder, content)
    yield from tables(folder, content)
    yield from manifest(folder, content)
    for name in ("claims", "beyond"):
        yield from entries(folder, name, content)
    yield from pieces(content)
    yield from environment(content)
    yield from generated(folder, profile, data)


def files(folder: Path, content: dict[str, Any]) -> Iterator[Check]:
    """Every traced file is there as it was written, and none is there that is not traced."""
    traced, wrong = content.get("files", {}), []
    for name, entry in traced.items():
        path = folder / name
        found = provenance.of_file(path)[:16] if path.exists() else "no file"
        if found != entry["sha256"][:16]:
            wrong.append(f"{name}: sha256 committed {entry['sha256'][:16]}, found {found}")
    kinds = (".csv", ".md", ".png", ".html")
    found = sorted(path.name for path in folder.glob("*") if path.suffix in kinds and path.name not in UNTRACED)
    wrong += [f"{name}: found, but provenance.json says nothing of it" for name in found if name not in traced]
    yield from _together(wrong, f"files: {len(traced)} with the sha256 that was recorded")


def tables(folder: Path, content: dict[str, Any]) -> Iterator[Check]:
    """A table's .md holds the cells of its .csv."""
    wrong, names = [], [name for name in content.get("files", {}) if name.endswith(".csv")]
    for name in names:
        path, page = folder / name, (folder / name).with_suffix(".md")
        if not (path.exists() and page.exists()):
            continue  # named by `files`
        with path.open(encoding="utf-8", newline="") as file:
            head, *rows = csv.reader(file)
        lines = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
        shown = [line[2:-2].replace("\\|", "\0").split(" | ") for line in (lines[:1] + lines[2:])]
        shown = [[cell.replace("\0", "|").strip() for cell in row] for row in shown]
        if len(shown) != 1 + len(rows):
            wrong.append(f"{name}: {len(rows)} rows, {page.name} has {len(shown) - 1}")
        for number, (ours, theirs) in enumerate(zip([head, *rows], shown, strict=False)):
            differ = [k for k, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a.strip() != b]
            wrong += [f"{name}: row {number}, {head[k]}: {ours[k]}; {page.name} has {theirs[k]}" for k in differ]
    yield from _together(wrong, f"tables: {len(names)} equal in .csv and .md")


def manifest(folder: Path, content: dict[str, Any]) -> Iterator[Check]:
    """The files that the manifest lists are traced, by the notebook, data, seeds and revision that it says."""
    wrong, count, fields = [], 0, ("notebook", "profile", "data", "seeds", "revision")
    for listed in ("manifest.json", "wild.json"):
        for entry in publish.read_entries(folder / listed):
            count += 1
            known = [content.get("files", {}).get(name) for name in entry["files"]]
            if None in known:
                wrong.append(f"{listed}: {entry['id']}: {entry['files'][known.index(None)]} is not in provenance.json")
                continue
            for field in fields:
                found = [traced[field] for traced in known]
                if entry[field] not in found:
                    wrong.append(f"{listed}: {entry['id']}: {field} {entry[field]}, its files have {found[0]}")
    yield from _together(wrong, f"manifest: {count} tables and figures, all of whose files are traced")


def entries(folder: Path, name: str, content: dict[str, Any]) -> Iterator[Check]:
    """The entries of claims.json, or beyond.json, are as they were written; a verdict follows from its findings."""
    found = {entry["id"]: entry for entry in publish.read_entries(folder / f"{name}.json")}
    traced, wrong = content.get(name, {}), []
    for id in sorted({*found, *traced}):
        if id not in found or id not in traced:
            wrong.append(f"{name}.json: {id} is only in {'provenance' if id in traced else name}.json")
            continue
        recorded, now = traced[id], provenance.of_entry(found[id])
        if now["sha256"] != recorded["sha256"]:
            shown = {f: v for f, v in recorded.get("values", {}).items() if now.get("values", {}).get(f) != v}
            told = [f"{f} committed {v}, found {now['values'].get(f)}" for f, v in shown.items()]
            told = told or [f"sha256 committed {recorded['sha256'][:16]}, found {now['sha256'][:16]}"]
            wrong += [f"{name}.json: {id}: {line}" for line in told]
        if name == "claims":
            wrong += _unsound(found[id])
    yield from _together(wrong, f"{name}: {len(found)} as they were written")


def _unsound(entry: dict[str, Any]) -> list[str]:
    """What :class:`phdlib.records.Claim` says against a committed verdict."""
    try:
        publish.Claim(**{**entry, "provenance": {"seconds": 0, **entry["provenance"]}})
    except ValidationError as error:
        return [f"claims.json: {entry['id']}: {found['msg']}" for found in error.errors()]
    return []


def pieces(content: dict[str, Any]) -> Iterator[Check]:
    """All pieces that are named are described, and the code and the data that made them are today's."""
    known, wrong = content.get("pieces", {}), []
    parts = [part for name, part in content.items() if name not in ("pieces", "environment")]
    named = {piece for part in parts for entry in part.values() for piece in entry["pieces"]}
    named |= {needed for piece in known.values() for needed in piece["needs"]}
    wrong += [f"pieces: {name} is named, but not described" for name in sorted(named - set(known))]
    key = cache(sources.key)  # files are read for it
    for name, piece in sorted(known.items()):
        experiment, about = provenance.experiment_of(piece), piece["data"]
        now = {"code": code_fingerprint(*experiment.code)}
        try:
            now["data key"] = key(about["source"], about["keypoints"], about["role"])
        except (OSError, ValueError) as error:  # data of the user's own that are not here
            yield True, f"pieces: {name}: its data are not here ({error})"
        recorded = {"code": piece["code"], "data key": about["key"]}
        wrong += [f"pieces: {name}: {f} committed {recorded[f]}, now {v}" for f, v in now.items() if recorded[f] != v]
    yield from _together(wrong, f"pieces: {len(known)} of the code and data that are here")


def environment(content: dict[str, Any]) -> Iterator[Check]:
    """The committed data are those that the run read. Other versions of libraries are named, and no difference."""
    recorded = content.get("environment", {"data": {}, "libraries": {}})
    wrong = []
    for name, hash_ in recorded["data"].items():
        path = paths.ROOT / name
        found = provenance.of_file(path) if path.exists() else "no file"
        if found != hash_:
            wrong.append(f"{name}: sha256 committed {hash_[:16]}, found {found[:16]}")
    yield from _together(wrong, f"data: {len(recorded['data'])} committed files that the run read")
    here = {name: metadata.version(name) for name in recorded["libraries"]}
    other = [f"{n} {v}, here {here[n]}" for n, v in recorded["libraries"].items() if here[n] != v]
    yield True, f"libraries: {', '.join(other) or 'the versions that the run had'}"


def generated(folder: Path, profile: str, data: str) -> Iterator[Check]:
    """What is made from the files is what is committed: the report, and in the standard run the README's parts."""
    made = {}
    try:
        if (folder / "report.html").exists():
            from phdlib import report, report_page, score

            runs = score.runs(profile, data)
            made = {folder / "report.html": report_page.page(runs), folder / "report.md": report.brief(runs)}
        if folder == paths.FIGURES:
            made[readme.README] = readme.fill(readme.README.read_text(encoding="utf-8"), folder)
    except ValueError as error:
        yield False, f"report and README: cannot be made anew: {str(error).splitlines()[0]}"
    for path, text in made.items():
        found = path.read_text(encoding="utf-8") if path.exists() else ""
        told = first_line(report_pictures.without(found), report_pictures.without(text))
        yield not told, f"{path.name}: {(told and f'committed and made anew, {told}') or 'as it is made anew'}"


def _together(wrong: Iterable[str], told: str) -> Iterator[Check]:
    """A line for each thing that is wrong, or one that says that nothing is."""
    wrong = list(wrong)
    yield from ((False, line) for line in wrong)
    if not wrong:
        yield True, told
