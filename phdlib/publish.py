"""What a run shows: tables, figures and verdicts, each written whole and with the provenance of its numbers.

Files lie in :func:`output_dir`; ``manifest.json`` there lists every table and figure, ``claims.json`` every verdict.
Both are sorted lists with one entry per id: notebooks may write in any order or at once, with the same result.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

from phdlib import captions, paths, settings
from phdlib import provenance as origins
from phdlib.records import Claim, Provenance, Record

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Paper = Literal["phd", "videopose3d", "wild"]  # "wild": real video, in neither paper, so not in manifest.json
PUBLISHED = "published numbers, none of ours"  # the stamp of what shows these alone
REAL_VIDEO = "{}; the models on it"  # and of what is neither paper's; which video goes in


def output_dir(profile: str, data: str) -> Path:
    """``figures/`` for the standard profile on the embedded data, a folder below it for all else. Not created here."""
    folder = paths.FIGURES if data == settings.DEFAULT_DATA else paths.FIGURES / data
    return folder if profile == settings.DEFAULT_PROFILE else folder / profile


def save_figure(
    id: str,
    fig: Figure,
    *,
    paper: Paper,
    notebook: str,
    provenance: Provenance,
    title: str = "",
    caption: str = "",
    part: str = "",
    dpi: int = 110,
    stamp: str = "",
) -> Path:
    """Write a matplotlib figure as .png, with its provenance in small print at the foot; a notebook shows it, too.

    ``caption``: what stands after the title below the figure in a notebook: axes, colours, what to see. ``part`` tells
    apart several pictures of one figure ("a", "b"). ``stamp`` stands before the provenance, or for :data:`PUBLISHED`
    in its place. The file holds no time stamp: equal pictures are equal bytes.
    """
    foot = fig.text(0.995, 0.003, _stamped(stamp, paper, provenance), ha="right", va="bottom", fontsize=5, color="0.45")
    cut = "tight" if foot.get_window_extent().x0 < 0 else None  # a figure narrower than its small print gets room
    name = _file_name(id, part, ".png", paper)
    path = output_dir(provenance.profile, provenance.data) / name
    paths.write_atomically(path, lambda file: fig.savefig(file, dpi=dpi, metadata={"Software": None}, bbox_inches=cut))
    _enter(id, [name], paper=paper, notebook=notebook, provenance=provenance, title=title)
    words = " ".join(captions.sentence(text) for text in (title, caption) if text)
    captions.show(fig, f"{captions.label(id)}: {words}" if words else captions.label(id))
    return path


def save_table(
    id: str,
    table: pd.DataFrame,
    *,
    paper: Paper,
    notebook: str,
    provenance: Provenance,
    title: str = "",
    part: str = "",
    digits: int | Mapping[str, int] = 1,
    stamp: str = "",
) -> Path:
    """Write a table as .csv and .md, floats rounded to ``digits`` (one number, or one per column name).

    ``stamp`` as in :func:`save_figure`. The index is written where it says something (it has a name, or is not 0, 1,
    2, ...). Returns the .md file.
    """
    text = _as_text(table, digits)
    csv, markdown = (_file_name(id, part, suffix, paper) for suffix in (".csv", ".md"))
    folder = output_dir(provenance.profile, provenance.data)
    heading = f"**{title}**\n\n" if title else ""
    page = f"{heading}{to_markdown(text)}\n\n_{_stamped(stamp, paper, provenance)}_\n"
    paths.write_atomically(folder / csv, lambda file: text.to_csv(file, index=False, lineterminator="\n"))
    paths.write_atomically(folder / markdown, lambda file: file.write_text(page, encoding="utf-8"))
    _enter(id, [csv, markdown], paper=paper, notebook=notebook, provenance=provenance, title=title)
    return folder / markdown


def save_html(
    id: str, fig: Any, *, paper: Paper, notebook: str, provenance: Provenance, title: str = "", part: str = ""
) -> Path:
    """Write a plotly figure as an interactive page. A folder's pages share one ``plotly.min.js``; no network needed."""
    from plotly.offline import get_plotlyjs

    folder = output_dir(provenance.profile, provenance.data)
    name, script = _file_name(id, part, ".html", paper), get_plotlyjs()
    page = fig.to_html(include_plotlyjs="directory", div_id=id, full_html=True)
    footer = f'<p style="font: 11px sans-serif; color: #777">{provenance.line()}</p>\n</body>'
    page = page.replace("</body>", footer, 1)
    shared = folder / "plotly.min.js"
    if not shared.exists() or shared.read_text(encoding="utf-8") != script:
        paths.write_atomically(shared, lambda file: file.write_text(script, encoding="utf-8"))
    paths.write_atomically(folder / name, lambda file: file.write_text(page, encoding="utf-8"))
    _enter(id, [name], paper=paper, notebook=notebook, provenance=provenance, title=title)
    return folder / name


def save_claims(claims: Sequence[Mapping[str, Any]], *, notebook: str, provenance: Provenance) -> list[Claim]:
    """Check verdicts (the fields of :class:`Claim`) and merge them into ``claims.json``; the newer one stands."""
    checked = [Claim(**claim, notebook=notebook_path(notebook), provenance=provenance) for claim in claims]
    merge("claims", checked, notebook=notebook, provenance=provenance)
    return checked


def merge(name: str, records: Sequence[Record], *, notebook: str, provenance: Provenance) -> None:
    """Merge records, each with an ``id``, into the output folder's ``name`` + ".json" and trace them in
    ``provenance.json``; of one id the newer one stands."""
    folder = output_dir(provenance.profile, provenance.data)
    entered = {record.id: record.model_dump(mode="json") for record in records}
    with _merged(folder / f"{name}.json") as entries:
        entries.update(entered)
    _trace(folder, name, {id: origins.of_entry(entry) for id, entry in entered.items()}, notebook, provenance)


def read_claims(path: Path) -> list[Claim]:
    """A ``claims.json``, checked: every verdict has to follow from its findings, and be what its check declares.
    ``ValueError`` names the file and the claim that does not. The seconds of a provenance lie elsewhere, and are 0."""
    claims = []
    for entry in read_entries(path):
        try:
            claims.append(Claim(**{**entry, "provenance": {"seconds": 0, **entry["provenance"]}}))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{path}: {entry['id']} is not as its notebook wrote it; run that again\n{error}"
            ) from error
    return claims


def read_entries(path: Path) -> list[dict[str, Any]]:
    """Entries of a ``manifest.json`` or ``claims.json``, none where no file is. ``ValueError`` names a broken file."""
    if not path.exists():
        return []
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        if not all(isinstance(entry["id"], str) for entry in entries):
            raise ValueError("an entry without an id")
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"{path}: expected a list of entries with an id, found {error}; delete or restore it"
        ) from error
    return entries


def to_markdown(table: pd.DataFrame) -> str:
    """A table of strings as markdown; columns of numbers lean right."""
    numeric = [all(re.fullmatch(r"[-+\d.,% ±]*|–", cell) for cell in table[column]) for column in table.columns]
    rows = [list(table.columns), ["---:" if right else ":---" for right in numeric], *table.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows)


def _as_text(table: pd.DataFrame, digits: int | Mapping[str, int]) -> pd.DataFrame:
    """Every cell as it is to be printed: floats rounded, missing values as an en dash, column levels joined."""
    import pandas as pd

    plain_index = isinstance(table.index, pd.RangeIndex) and table.index.name is None
    table = table if plain_index else table.reset_index()
    table = table.set_axis(
        [" ".join(filter(None, map(str, c))) if isinstance(c, tuple) else str(c) for c in table], axis=1
    )

    def show(column: str, cell: Any) -> str:
        if pd.isna(cell):
            return "–"
        places = digits if isinstance(digits, int) else digits.get(column, 1)
        return f"{cell:.{places}f}" if isinstance(cell, float) else str(cell)

    return pd.DataFrame({column: [show(column, cell) for cell in table[column]] for column in table}, dtype=str)


def _stamped(stamp: str, paper: str, provenance: Provenance) -> str:
    """The small print under a figure or table; ``settings["video"]`` names the video that the models look at."""
    video = provenance.settings.get("video")
    stamp = stamp or (REAL_VIDEO.format(f"video {video}" if video else "real video") if paper == "wild" else "")
    if stamp == PUBLISHED:
        return f"{stamp}; revision {provenance.revision}"
    return f"{stamp}: {provenance.line()}" if stamp else provenance.line()


def _file_name(id: str, part: str, suffix: str, paper: str) -> str:
    if not re.fullmatch(rf"{paper}-(table|figure)-\d+[a-z]?", id):
        raise ValueError(f"id {id!r}: expected {paper}-table-N or {paper}-figure-N")
    if not re.fullmatch(r"[a-z0-9_]*", part):
        raise ValueError(f"{id}: part {part!r} should be made of a-z, 0-9 and _")
    return f"{id}-{part}{suffix}" if part else f"{id}{suffix}"


def notebook_path(name: str) -> str:
    """The executed notebook (.ipynb) by its path from the repository's root. ``ValueError`` for a path elsewhere."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or path.parts[0] != "notebooks":
        raise ValueError(f"notebook {name!r}: expected a path from the repository's root, notebooks/...")
    return str(path.with_suffix(".ipynb"))


def _enter(id: str, files: list[str], *, paper: str, notebook: str, provenance: Provenance, title: str) -> None:
    """Merge one entry into the manifest. An id's other files (a .html beside a .png) stay as long as they exist.

    ``titles`` has each file's own, whichever was written last. All else is said of the file without a part, where there
    is one: a part that another notebook adds does not make the table its own.
    """
    folder = output_dir(provenance.profile, provenance.data)
    with _merged(folder / ("wild.json" if paper == "wild" else "manifest.json")) as entries:
        before = entries.get(id, {"files": []})
        kept = {name for name in before["files"] if (folder / name).exists()}
        titles = {name: before.get("titles", {}).get(name, "") for name in kept}
        titles |= {name: title or titles.get(name, "") for name in files}
        ours = _whole(id, files) or not _whole(id, kept)
        about = {"notebook": notebook_path(notebook), **provenance.model_dump(mode="json")}
        entries[id] = {
            **before,
            **(about if ours else {}),
            "id": id,
            "paper": paper,
            "title": _main_title(id, titles),
            "titles": titles,
            "files": sorted(kept.union(files)),
        }
    written = {name: {"id": id, "sha256": origins.of_file(folder / name)} for name in files}
    _trace(folder, "files", written, notebook, provenance, timed=ours)


def _whole(id: str, files: Iterable[str]) -> bool:
    """Whether the table or figure itself is among the files, not parts alone."""
    return any(PurePosixPath(name).stem == id for name in files)


def _trace(
    folder: Path,
    section: str,
    written: Mapping[str, Mapping[str, Any]],
    notebook: str,
    provenance: Provenance,
    timed: bool = True,
) -> None:
    """Enter files, or entries of a JSON list, into ``provenance.json``, each with the hash of what was written; where
    ``timed``, also how long it took."""
    about = provenance.model_dump(mode="json", include={"profile", "data", "seeds", "revision"})
    entries = {name: {**about, **own} for name, own in written.items()}
    seconds = {own.get("id", name): provenance.seconds for name, own in written.items() if timed}
    origins.enter(folder, section, entries, seconds, notebook_path(notebook))


def _main_title(id: str, titles: Mapping[str, str]) -> str:
    """What an id is called: as the file without a part, a picture or table rather than a page; else as its first."""
    by_rank = sorted(titles, key=lambda name: (PurePosixPath(name).stem != id, name.endswith(".html"), name))
    return next((titles[name] for name in by_rank if titles[name]), "")


@contextmanager
def _merged(path: Path) -> Iterator[dict[str, dict[str, Any]]]:
    """Entries of a JSON list by id, to change; written back sorted. Other processes wait for the folder's lock."""
    with paths.locked(path.parent):
        entries = {entry["id"]: entry for entry in read_entries(path)}
        yield entries
        ordered = [entries[id] for id in sorted(entries, key=natural)]
        text = json.dumps(ordered, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        paths.write_atomically(path, lambda file: file.write_text(text, encoding="utf-8"))


def natural(id: str) -> list[str | int]:
    """Sort key that puts figure-2 before figure-10."""
    return [int(piece) if piece.isdigit() else piece for piece in re.split(r"(\d+)", id)]
