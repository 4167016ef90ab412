"""How the papers' claims came out: read from the files of a run, counted, and put into words.

README, report and the front-door notebook all take their counts and sentences from here, so that they cannot disagree.
Every number and outcome comes from ``claims.json``; only which claims are headlines is chosen here.
"""

from __future__ import annotations

import csv
import math
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from phdlib import cells, checks, paths, provenance, publish, published, records, settings
from phdlib.cells import Cell

NOT_YET = "not judged yet"
OUTCOMES = (*checks.OUTCOMES, NOT_YET)
MEANING = checks.MEANING | {NOT_YET: "no run has judged it"}
NAMES = {"phd": "PHD, ICCV 2019", "videopose3d": "VideoPose3D, CVPR 2019"}
TITLES = {
    "reproduced": "Held",
    "contradicted": "Did not hold",
    "undecided": "Undecided",
    "not testable here": "Not testable here",
    NOT_YET: "Not judged yet",
}
# What each paper is remembered for. A list made by hand.
HEADLINES = (
    "PHD-C01",  # a causal encoder is as good
    "PHD-C02",  # latent space beats pose space
    "PHD-C07",  # and the baselines
    "PHD-C28",  # statues
    "PHD-C31",  # training on own outputs
    "VP3D-C05",  # temporal context helps
    "VP3D-C15",  # and smooths
    "VP3D-C28",  # semi-supervision
    "VP3D-C34",  # the bone-length term
)
DATA = {
    "embedded": "half an hour of CMU's motion capture (the data that comes with the project) on an open body, seen by "
    "virtual cameras",
    "cmu": "a tree of CMU's motion capture on an open body, seen by virtual cameras",
    "human36m": "Human3.6M in VideoPose3D's files",
    "humaneva": "HumanEva-I in VideoPose3D's files",
    "penn": "Penn Action",
}
SHARES = ("% of sequences", "% of windows")
SCALE = {
    "smoke": "profile smoke: everything runs at its smallest, and the numbers mean nothing",
    "standard": "profile standard: networks, data and training cut until two cores suffice, PHD's features read from "
    "detected 2D keypoints and not from images",
    "paper": "profile paper: the papers' sizes",
}


@dataclass(frozen=True)
class Run:
    """What a run left in its folder: claims by id, entries of the manifest (and of wild.json), of beyond.json, and
    provenance.json."""

    profile: str
    data: str
    folder: Path
    claims: dict[str, dict[str, Any]] = field(repr=False)
    manifest: list[dict[str, Any]] = field(repr=False)
    beyond: list[dict[str, Any]] = field(repr=False)
    origins: dict[str, dict[str, dict[str, Any]]] = field(repr=False)

    def origin(self, file: str, entry: dict[str, Any]) -> dict[str, Any]:
        """What made one of its files: as provenance.json has it, else as its entry in the manifest."""
        return self.origins.get("files", {}).get(file, entry)

    def cell(self, id: str, entry: dict[str, Any]) -> Cell:
        """Where a claim, or what goes beyond them, was judged."""
        saved = next((part[id] for part in self.origins.values() if id in part), entry)
        return cells.that_names(id, saved)

    def link(self, cell: Cell, page: Path) -> str:
        """The address of a cell of its executed notebooks, for a page in the folder ``page``."""
        executed = self.folder.parent if self.folder == paths.FIGURES else self.folder
        return cell.address(Path(os.path.relpath(executed / "notebooks", page)).as_posix())

    def outcome(self, id: str) -> str:
        return self.claims[id]["outcome"] if id in self.claims else NOT_YET

    def counts(self, paper: str | None = None) -> dict[str, int]:
        """How many claims of a paper, or of both, came out how; in the order of :data:`OUTCOMES`, zeros included."""
        found = Counter(self.outcome(claim.id) for claim in published.claims(paper))
        return {outcome: found[outcome] for outcome in OUTCOMES}


def read(profile: str, data: str) -> Run:
    """The run of a profile on a data source, empty where there was none. ``ValueError`` names a broken file."""
    return read_folder(publish.output_dir(profile, data), profile, data)


def read_folder(folder: Path, profile: str, data: str) -> Run:
    """The same from a folder of one's own."""
    claims = {claim.id: claim.model_dump(mode="json") for claim in publish.read_claims(folder / "claims.json")}
    manifest, wild, beyond = (publish.read_entries(folder / f"{name}.json") for name in ("manifest", "wild", "beyond"))
    return Run(profile, data, folder, claims, manifest + wild, beyond, provenance.read(folder / provenance.NAME))


def runs(profile: str, data: str) -> list[Run]:
    """The run itself; with the default data, also those of other sources at the same profile that judged claims."""
    others = [name for name in settings.DATA_SOURCES if name != data] if data == settings.DEFAULT_DATA else []
    return [read(profile, data), *(run for name in others if (run := read(profile, name)).claims)]


def in_words(counts: dict[str, int]) -> str:
    """ "32 reproduced, 18 contradicted, ..." without those that are none."""
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)


def sentence(run: Run) -> str:
    """The score of both papers, and how much of it was certain beforehand."""
    told = f"Of the papers' {len(published.claims())} claims: {in_words(run.counts())}."
    return f"{told} {certainty(run)}".strip()


def certainty(run: Run) -> str:
    """How many of the reproduced claims could not well have come out otherwise; empty where there are none."""
    certain = sum(exact(entry) for entry in run.claims.values())
    told = f"{certain} of those reproduced are exact: arithmetic or construction, with no chance in them."
    return told if certain else ""


def exact(entry: dict[str, Any]) -> bool:
    """Whether a claim is reproduced by findings that all lack an interval, since neither clips nor seeds enter."""
    return entry["outcome"] == "reproduced" and all(found["interval"] is None for found in entry["findings"])


def extent(run: Run) -> str:
    """How much is behind the tests: actions and takes, as the tables per action have them; empty without these. Rows
    over all actions, and the published ones, are no actions."""
    parts = []
    for name, file in {"Human3.6M": "phd-table-4.csv", "Penn": "phd-table-5.csv"}.items():
        if (run.folder / file).exists():
            with (run.folder / file).open(encoding="utf-8") as rows:
                own = [r for r in csv.DictReader(rows) if not r["action"].startswith(("All", "published"))]
            takes = [int(row["takes"]) for row in own]
            actions = f"{len(takes)} action{'s' * (len(takes) > 1)}"
            parts.append(f"{sum(takes)} takes of {actions} in the {name} role")
    return f" Tested on {' and '.join(parts)}." if parts else ""


def warning(run: Run) -> tuple[str, str]:
    """What the numbers are not, where they are not what the papers measured; and on which data, at which scale."""
    seeds = max((len(entry["provenance"]["seeds"]) for entry in run.claims.values()), default=0)
    drawn = f", up to {seeds} seed{'s' * (seeds > 1)}" if seeds else ""
    told = f"Measured on {DATA[run.data]}; {SCALE[run.profile]}{drawn}.{extent(run)}"
    if run.data in ("human36m", "humaneva", "penn"):
        return "", told
    speaks = (
        "A verdict says whether a claim held as it was put to the test here, often by a smaller margin than printed; "
        "it says nothing about the papers' numbers on their data."
    )
    return "This is not Human3.6M.", f"{told} {speaks}"


def headlines(run: Run) -> dict[str, list[str]]:
    """The ids of :data:`HEADLINES` by outcome, outcomes without any left out."""
    by_outcome = {o: [id for id in HEADLINES if run.outcome(id) == o] for o in OUTCOMES}
    return {outcome: ids for outcome, ids in by_outcome.items() if ids}


def in_brief(run: Run, others: Sequence[Run] = ()) -> str:
    """The score, what it is of, and the headlines, how they came out on other data beside: as markdown, the same in
    README and report.md."""
    lead, told = warning(run)
    parts = [sentence(run), f"**{lead}** {told}" if lead else told]
    for outcome, ids in headlines(run).items():
        lines = [f"- {published.claim(id).claim} ({evidence(run, id, others)})" for id in ids]
        parts.append("\n".join([f"**{TITLES[outcome]}**", "", *lines]))
    return "\n\n".join(parts)


def evidence(run: Run, id: str, others: Sequence[Run] = ()) -> str:
    """ "VP3D-C15: 53.1 % (51.4 to 54.4), asked above 50; contradicted on cmu": a claim's id with what was measured,
    if anything was, and how it came out elsewhere."""
    told, entry = [id], run.claims.get(id)
    if entry and entry["effect"] is not None:
        told = [f"{id}: {measured(entry)}, {_asked(entry)}"]
    return "; ".join([*told, *(f"{other.outcome(id)} on {other.data}" for other in others)])


def _asked(entry: dict[str, Any]) -> str:
    """What was asked of the finding that a claim shows."""
    shown = next(f for f in entry["findings"] if all(f[key] == entry[key] for key in ("effect", "interval", "unit")))
    if state(shown) == "less than asked":
        return f"less than asked ({bounds(shown)})"
    return f"asked {bounds(shown)}"


def state(finding: dict[str, Any]) -> str:
    """What an interval says of what was asked of it: "holds", "open" where it reaches over a bound, "does not hold"
    where all of it lies outside; of these "less than asked" where the effect has the asked sign for sure, but not the
    asked size; a share has no sign."""
    bound, (low, high) = records.Found(**finding).tested()
    if finding["holds"]:
        return "holds"
    if not bound.denied((low, high)):
        return "open"
    signed = math.isinf(bound.below) and not bound.unit.startswith(SHARES)
    return "less than asked" if signed and low > 0 and high <= bound.above else "does not hold"


def number(value: float | None, decimals: int | None = None) -> str:
    """A number as it is to be read: three digits that count, or so many ``decimals``; whole numbers whole."""
    if value is None or not math.isfinite(value):
        return "–"
    if decimals is None:
        if value == round(value) and abs(value) < 1e6:
            return f"{value:.0f}"
        if not 1e-3 <= abs(value) < 1e6:
            return f"{value:.2e}".replace("-", "−")
        decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:z.{decimals}f}".replace("-", "−")


def estimate(effect: float | None, interval: Sequence[float] | None) -> tuple[str, ...]:
    """Effect, and where there is one the interval's ends, with as many decimals as its width deserves."""
    if effect is None or interval is None:
        return (number(effect),)
    width = interval[1] - interval[0]
    decimals = min(6, max(0, 1 - math.floor(math.log10(width / 3)))) if width > 0 else None
    return tuple(number(value, decimals) for value in (effect, *interval))


def measured(entry: dict[str, Any]) -> str:
    """ "53.1 % (51.4 to 54.4)": a claim's effect and interval in words; empty where nothing was measured."""
    if entry["effect"] is None:
        return ""
    effect, *ends = estimate(entry["effect"], entry["interval"])
    return f"{effect} {entry['unit']}".strip() + (f" ({ends[0]} to {ends[1]})" if ends else "")


def bounds(finding: dict[str, Any]) -> str:
    """What a finding's interval was asked to keep to: "above 1", "from −1 to 1"."""
    above, below = (finding.get(name) for name in ("above", "below"))
    if above is None and below is None:
        return ""
    low, high = (None if bound is None else f"{bound:.3g}".replace("-", "−") for bound in (above, below))
    if low == high:
        return f"exactly {low}"
    if high is None:
        return f"above {low}"
    return f"below {high}" if low is None else f"from {low} to {high}"
