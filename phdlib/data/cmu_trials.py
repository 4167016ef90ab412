"""CMU's trials: what each of the 2435 in the database's index shows, as a category of motion that plays a role here.

``assets/cmu_trials.csv`` lists them for people to read: take, frame rate of its AMC, role, category, and the words of
the index. ``python -m phdlib.data.cmu_trials TRIALS`` writes it from that index (``trials.csv``: the table that the
cgspeed release made of mocap.cs.cmu.edu's pages) by the rules below. A rule is a pattern on the words: the first that
matches decides, so that the special comes before the general. What no rule matches plays no role.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import pandas as pd

from phdlib.paths import write_atomically

DEFAULT = Path(__file__).parent / "assets" / "cmu_trials.csv"
NONE = "none"
UNNAMED = {"94": "Indian dance"}  # the index leaves subject 94 blank
RATES = (60.0, 120.0)
TABLE = 1 << 22  # bytes: no index of trials is larger

# Role, category, pattern. Human3.6M's role has what people do for long; Penn Action's has fast acyclic actions, which
# are cut into short clips; "none" is what has no words that say what is done, and what needs two people or a prop.
RULES: tuple[tuple[str, str, str], ...] = (
    (NONE, "unusable", r"lost marker|bad amc|dont match|no movie|calibration|^t-?pose$|\bball walk|ball mount"),
    (NONE, "two people", r"subject [ab]\)|shak(e|ing) hands|hand shake|high five|slap hands|charleston_side"),
    (
        "human36m",
        "acting",
        r"vignette|story|vacation|nursery|superhero|motorcycle|devil|ring around|\bmope|wash windows.*;",
    ),
    ("human36m", "exercising", r"^walking, (running|stretch|jump|swing|squat)|^walk, squats|jumping jacks"),
    ("penn", "kick", r"kick(?!flip)|mawashigeri|yokogeri"),
    ("penn", "golf", r"^(swing|putt)$|placing (tee|ball)|picking up ball"),
    ("penn", "baseball", r"baseball|fast pitch"),
    ("penn", "shot", r"basketball.*shoot|free throw|jump shot|lay.?up"),
    ("penn", "throw", r"\bthrow|toss|frisbee|football|\bcatch"),
    ("penn", "dribble", r"basketball - (low|crossover|forward dribble, 90)"),
    (
        "penn",
        "acrobatics",
        r"cartwheel|flip|hand ?spring|s[uo]mm?ersault|handstand|breakdance|acrobat|helicopter|break"
        r"seq|one hand|spins?\b|monkey seq|uprightseq|twst|90twists",
    ),
    ("penn", "jete", r"jete(?!.*pirouette)"),
    ("penn", "pirouette", r"pirouette"),
    (
        "human36m",
        "basketball",
        r"basketball(?! signals)|dribble|cleaned ?grs|offensivemove|defensive(?! guard)|fakeshot"
        r"|feint(left|right)|(right|left)(drive|wideturn|tightturn)|lefttightturn|supertight|running(straight|wide|tig|nob)"
        r"|walkevasive|sraightdrive|^pivoting",
    ),
    ("human36m", "dance", r"danc|salsa|charleston|lindy|moonwalk|curtsey|arabesque"),
    ("human36m", "swordplay", r"sword"),
    (
        "human36m",
        "uneven walking",
        r"uneven|slope|stairs|steps?\b.*(ledge|\bup\b|\bdown\b)|climb 3 steps|stepping up"
        r"|up and over|stepping over|step over(?!.*stepstool)|ledge",
    ),
    ("human36m", "climbing", r"climb|playground(?!.*forward jump)|ladder"),
    ("human36m", "sitting", r"\bsit|stool|get(ting)? up|\blay|chair"),
    (
        "human36m",
        "punching",
        r"punch|boxing|bassai|empi|gedanbarai|heiansyodan|oiduki|syutouuke|attack|blocks|lunges"
        r"|guard pose|(left|right)_spin",
    ),
    (
        "human36m",
        "bending",
        r"bend(?!ing back)|bent, lift|scoop|pick(ing)? (box |something )?up|lift(?! legs)|lbs?$|carry"
        r"|\bpush(?!ing broom)|\bpull(?! over|ing a)|heavy(?!set)",
    ),
    ("human36m", "washing", r"wash|wip(e|ing)|clean(ing) |sweep|\bmop|vacuum|painting|broom|rak(e|ing)"),
    (
        "human36m",
        "working",
        r"bolt|screw(?!.*soda)|hammer|saw\b|sawing|\bnail|digging|chopping|slicing|sewing|writing"
        r"|mixing|planting|umbrella|\bbox(?! jump)|coiling|picture|driving|typing|dough",
    ),
    ("human36m", "eating and drinking", r"drink|\beat|soda|soup|beer|sipping|chug|coffee"),
    ("human36m", "balancing", r"(?<!jump, )balanc|yoga|tai chi|flamingo|sun salutation"),
    ("human36m", "exercising", r"stretch|range ?of ?motion|twists?$|rowing|stroke|swimming|free style"),
    (
        "human36m",
        "gesturing",
        r"signals|traffic,|conduct|directions|\bwav(e|ing)|phone|explain|teach|\bwait|looking around$"
        r"|shrug|laugh|crying|scared$|thinker|idle|peek|standing|bow$",
    ),
    ("human36m", "sneaking", r"sneak|creep|stealth|careful|limp|wounded|hurt|peeping|silent|crouch|bent forward|crawl"),
    (
        "human36m",
        "animals",
        r"human subject|bear|elephant|monkey|mouse|prairie|\bdog|snake|\bcat\b|\bfish\b|\bbird"
        r"|chicken|gorilla|penguin|t-rex|tiger|\bcow\b|horse|panther|dinosaur|quail|alien|robot|zombie|mummy",
    ),
    (
        "penn",
        "run",
        r"^run$|^run/jog$|start to run|(run|jog)(start|stop|through)|start(run|jog)|\brun (jump|dive|roll|over"
        r"|right|left|turn|quick|stop|to|duck|side)|jogthrough|run, |run/jog, |walk to run",
    ),
    ("human36m", "running", r"\brun|jog"),
    (
        "penn",
        "jump",
        r"high jump|long jump|^jump$|jump up to|box jump|(360|180|angle) .*jump|jump, balance|jump ?twist"
        r"|jump (stop|distance|sideways)|2 foot jump|pump jump|forward jump$",
    ),
    ("human36m", "jumping", r"jump|hop\b|hopscotch"),
    (
        "human36m",
        "walking",
        r"walk|march|stride|navigate|follow path|pacing|sidestep|turn in place|medium step"
        r"|figure ?(8|eight)|quick large|short step|pigeon",
    ),
)


@dataclass(frozen=True)
class Trial:
    """A trial of the index: ``take`` as "07_05", ``fps`` of its AMC, the role and category it plays, or "none"."""

    take: str
    fps: float
    role: str
    category: str
    description: str

    @property
    def performer(self) -> str:
        return self.take.partition("_")[0]


def categorise(description: str) -> tuple[str, str]:
    """(role, category) of a description; ("none", "other") where no rule knows its words."""
    words = " ".join(description.lower().split())
    return next(((role, name) for role, name, rule in RULES if re.search(rule, words)), (NONE, "other"))


def load_trials(path: Path = DEFAULT) -> dict[str, Trial]:
    """The committed list by take. ``ValueError`` names file, row, what was found and what was expected."""
    names = [field.name for field in fields(Trial)]
    trials: dict[str, Trial] = {}
    rows = _rows(path, names)
    for number, row in rows:
        take, fps, role, category, description = (row[name] for name in names)
        if not re.fullmatch(r"\d{2,3}_\d{2}", take) or take in trials or fps not in {f"{rate:g}" for rate in RATES}:
            raise ValueError(f"{path}, row {number}: found {take!r} at {fps!r}, expected a new take NN_TT at 60 or 120")
        trials[take] = Trial(take, float(fps), role, category, description)
    return trials


def read_index(path: Path) -> list[Trial]:
    """The trials of the index, each with its category. ``ValueError`` as :func:`load_trials`."""
    trials = []
    for number, row in _rows(path, ["Subject", "Trial #", "Motion Description", "framerate"]):
        subject, trial, words, rate = (row[name] for name in ("Subject", "Trial #", "Motion Description", "framerate"))
        if not (subject.isdecimal() and trial.isdecimal()) or rate not in {f"{rate:g}" for rate in RATES}:
            found = f"Subject {subject!r}, Trial # {trial!r}, framerate {rate!r}"
            raise ValueError(f"{path}, row {number}: found {found}, expected two whole numbers and 60 or 120")
        words = " ".join(words.split()) or UNNAMED.get(subject, "")
        trials.append(Trial(f"{int(subject):02d}_{int(trial):02d}", float(rate), *categorise(words), words))
    return trials


def _rows(path: Path, columns: list[str]) -> list[tuple[int, dict[str, str]]]:
    """Rows of a table, numbered as in the file; every one has all of the columns."""
    if path.stat().st_size > TABLE:
        raise ValueError(f"{path}: found {path.stat().st_size} bytes, expected a table of at most {TABLE}")
    text = path.read_text(encoding="utf-8", errors="replace").replace("\0", "�")
    reader = csv.DictReader(io.StringIO(text))
    try:
        if missing := [name for name in columns if name not in (reader.fieldnames or [])]:
            raise ValueError(f"{path}: found columns {reader.fieldnames}, expected also {missing[0]!r}")
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        raise ValueError(f"{path}, row {reader.line_num}: found {error}, expected comma-separated values") from None
    for number, row in rows:
        if any(row[name] is None for name in columns):
            raise ValueError(
                f"{path}, row {number}: found {list(row.values())}, expected {len(columns)} values or more"
            )
    return rows


def write_trials(trials: list[Trial], path: Path = DEFAULT) -> Path:
    """Write the list for people to read and for :func:`load_trials`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([field.name for field in fields(Trial)])
    writer.writerows((t.take, f"{t.fps:g}", *astuple(t)[2:]) for t in trials)
    return write_atomically(path, lambda temporary: temporary.write_text(text.getvalue(), encoding="utf-8"))


def categories(trials: dict[str, Trial] | None = None) -> pd.DataFrame:
    """Per role and category: how many trials and performers it has, and some of the words it was told by."""
    trials = load_trials() if trials is None else trials
    table = pd.DataFrame([{**vars(trial), "performer": trial.performer} for trial in trials.values()])
    groups = table.groupby(["role", "category"])
    return groups.agg(
        trials=("take", "size"),
        performers=("performer", "nunique"),
        words=("description", lambda words: "; ".join(words.drop_duplicates().iloc[:4])),
    ).reset_index()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m phdlib.data.cmu_trials", description=__doc__.splitlines()[0])
    parser.add_argument("trials", type=Path, help="the index, trials.csv")
    print(f"wrote {write_trials(read_index(parser.parse_args().trials))}")
    print(categories().to_string(index=False))
