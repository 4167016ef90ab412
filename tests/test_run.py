"""The runner on tiny notebooks: what it writes, and what it leaves alone when something goes wrong."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from phdlib import notebook, notebook_runs, paths, run

HEADER = """\
# %% [markdown]
# # A notebook

# %% tags=["parameters"]
from phdlib import settings

profile = settings.current_profile()
data = settings.current_data()

"""
GOOD = HEADER + '# %%\nprint("ran", profile, data)\n"phd-table-1"\n'
BAD = HEADER + '# %%\nprint("before")\n\n# %%\n# a comment\nresult = {}["phi"]\n\n# %%\nprint("after")\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty notebooks/ beside an empty figures/, with a cache of their own; what a run sets is put back."""
    names = ("PROFILE", "DATA_SOURCE", "DATA", "JOBS", "CLUSTER")
    for name in (*(f"PHDLIB_{name}" for name in names), "JUPYTER_PREFER_ENV_PATH"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("PHDLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(paths, "FIGURES", tmp_path / "figures")
    (tmp_path / "notebooks" / "phd").mkdir(parents=True)
    return tmp_path / "notebooks"


def outputs(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    return "".join(output.get("text", "") for cell in cells if cell.cell_type == "code" for output in cell.outputs)


def test_a_default_run_writes_the_pair_and_nothing_of_this_machine(folder, capsys):
    source, where = folder / "phd" / "01_good.py", f'# %%\nprint("{paths.ROOT}/figures and {paths.ROOT}s")\n'
    source.write_text(GOOD + where)
    assert run.main([], folder) == 0
    path = source.with_suffix(".ipynb")
    assert outputs(path) == f"ran standard embedded\n./figures and {paths.ROOT}s\n"
    assert notebook.disagreement(source, path) is None
    executed = nbformat.read(path, as_version=4)
    assert [cell.execution_count for cell in executed.cells if cell.cell_type == "code"] == [1, 2, 3]
    assert set(executed.metadata) == {"kernelspec", "language_info"}
    assert {key for cell in executed.cells for key in cell.metadata} == {"tags"}
    assert "1 notebook ran in" in capsys.readouterr().out
    before = path.read_bytes()
    assert run.main([], folder) == 0
    assert path.read_bytes() == before


def test_another_profile_writes_beside_the_figures_and_not_over_the_pair(folder):
    source = folder / "01_good.py"
    source.write_text(GOOD)
    assert run.main(["--profile", "smoke"], folder) == 0
    assert not source.with_suffix(".ipynb").exists()
    assert outputs(paths.FIGURES / "smoke" / "notebooks" / "01_good.ipynb") == "ran smoke embedded\n"


def test_one_failure_is_told_and_does_not_stop_the_others(folder, capsys):
    for name, text in (("01_bad", BAD), ("02_good", GOOD), ("03_dead", HEADER + "# %%\nimport os\nos._exit(9)\n")):
        (folder / f"{name}.py").write_text(text)
    (folder / "01_bad.ipynb").write_text("the one before")
    assert run.main([], folder) == 1
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "[1/3] 01_bad: FAILED: cell 3 (# a comment): KeyError: 'phi'"
    assert shown[2].startswith("[2/3] 02_good: ")
    assert shown[3] == "[3/3] 03_dead: FAILED: its Python process was killed (out of memory?)"
    assert shown[-2].startswith("1 of 3 notebooks ran in ")
    assert shown[-1] == "Failed: 01_bad, 03_dead"
    assert (folder / "01_bad.ipynb").read_text() == "the one before"
    assert "before" in outputs(Path(shown[1].partition(": ")[2]))


def test_where_nothing_ran_nothing_is_pointed_to(folder, capsys):
    (folder / "01_bad.py").write_text(BAD)
    assert run.main([], folder) == 1
    shown = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"0 of 1 notebooks ran in \d+ s\.", shown[-2]) and shown[-1] == "Failed: 01_bad"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("cmu", "expected the folder that holds CMU's tree"),
        ("human36m", r"expected the folder that holds VideoPose3D's data_3d_h36m\.npz"),
        ("humaneva", r"expected the folder that holds VideoPose3D's data_3d_humaneva15\.npz"),
        ("penn", r"expected the folder that holds Penn_Action/labels/\*\.mat"),
    ],
)
def test_data_that_is_not_there_is_said_before_anything_starts(folder, tmp_path, monkeypatch, capsys, data, told):
    (folder / "01_your_data.py").write_text(GOOD)
    missing = {"": "PHDLIB_DATA is not set", str(tmp_path / "nowhere"): "PHDLIB_DATA names .*nowhere, which is no fold"}
    for place, said in missing.items():
        monkeypatch.setenv("PHDLIB_DATA", place)
        assert run.main(["--data", data], folder) == 2
        shown = capsys.readouterr()
        assert re.match(rf"--data {data}: {said}.*{told}.*\n$", shown.err) and shown.out == ""
    monkeypatch.setenv("PHDLIB_DATA", str(tmp_path))  # a folder, but nothing is in it
    assert run.main(["--data", data], folder) == 2
    assert re.match(rf"--data {data}: .*{tmp_path}.*", capsys.readouterr().err)
    assert not list(folder.glob("*.ipynb"))


def test_a_folder_of_data_is_meant_from_where_the_user_is(folder, tmp_path, monkeypatch):
    (tmp_path / "mine" / "Penn_Action" / "labels").mkdir(parents=True)
    (tmp_path / "mine" / "Penn_Action" / "labels" / "0001.mat").touch()
    (folder / "01_your_data.py").write_text(HEADER + '# %%\nimport os\nprint(os.environ["PHDLIB_DATA"])\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PHDLIB_DATA", "mine")
    assert run.main(["--data", "penn"], folder) == 0
    (made,) = paths.FIGURES.rglob("01_your_data.ipynb")
    assert outputs(made) == f"{tmp_path}/mine\n"


def test_only_takes_names_globs_and_ids(folder):
    ids = {
        "phd/04_latent": "phd-table-2 phd-table-10",
        "phd/05_other": "phd-figure-1",
        "00_data": "videopose3d-table-1a",
    }
    for name, text in ids.items():
        (folder / f"{name}.py").write_text(f'"{text}"\n')
    found = notebook.sources(folder)

    def chosen(pattern: str) -> list[str]:
        return [notebook.name(source, folder) for source in notebook.select(found, pattern, folder)]

    assert [notebook.name(source, folder) for source in found] == ["00_data", "phd/04_latent", "phd/05_other"]
    assert chosen("04_lat") == ["phd/04_latent"]
    assert chosen("phd") == ["phd/04_latent", "phd/05_other"]
    assert chosen("phd-table-10") == chosen("phd-table-2") == ["phd/04_latent"]
    assert chosen("phd-table-1") == ["phd/04_latent"]  # no table 1: taken as the beginning of an id
    assert chosen("*table*") == ["00_data", "phd/04_latent"]
    assert chosen("videopose3d-table-1a") == ["00_data"]
    assert chosen("nothing") == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--only", "nothing"], r"--only nothing: no notebook.* the notebooks are 01_good"),
        (["--profile", "fast"], "smoke, standard, paper"),
        (["--data", "imagenet"], "embedded"),
        (["--data", "penn"], r"not on --data penn: 01_good; Penn Action has 2D of 13 joints and pictures, no 3D"),
        (["--data", "humaneva"], r"not on --data humaneva: 01_good; Table 4's notebook"),
        (["--jobs", "0"], "at least one"),
        (["--cluster", "pbs"], "slurm, local"),
        (["--jobs", "many"], "invalid int value"),
        (["--speed"], "unrecognized arguments: --speed"),
    ],
)
def test_wrong_use_is_one_line_and_runs_nothing(folder, capsys, arguments, told):
    (folder / "01_good.py").write_text(GOOD)
    try:
        status = run.main(arguments, folder)
    except SystemExit as stop:
        status = stop.code
    shown = capsys.readouterr()
    assert status == 2 and shown.out == ""
    assert len(shown.err.splitlines()) == 1 and re.search(told, shown.err)
    assert not list(folder.glob("*.ipynb"))


def test_the_cluster_reaches_the_notebooks_and_a_wrong_variable_stops_all(folder, monkeypatch, capsys):
    (folder / "01_good.py").write_text(HEADER + '# %%\nimport os\nprint(os.environ["PHDLIB_CLUSTER"])\n')
    assert run.main(["--cluster", "local"], folder) == 0
    assert outputs(folder / "01_good.ipynb") == "local\n"
    monkeypatch.setenv("PHDLIB_CLUSTER_QUEUE", "gpu")
    assert run.main([], folder) == 2
    assert "PHDLIB_CLUSTER_QUEUE is no option" in capsys.readouterr().err


def test_several_ranks_run_no_notebooks(folder, monkeypatch, capsys):
    (folder / "01_good.py").write_text(GOOD)
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert run.main([], folder) == 2
    assert "torchrun -m phdlib.train" in capsys.readouterr().err


def test_killed_in_the_middle_it_leaves_the_old_notebook_and_no_kernel(folder, tmp_path):
    source, mark = folder / "01_slow.py", tmp_path / "kernel.pid"
    target = source.with_suffix(".ipynb")
    target.write_text("the one before")
    wait = f"import os, pathlib, time\npathlib.Path({str(mark)!r}).write_text(str(os.getpid()))\ntime.sleep(60)\n"
    source.write_text(HEADER + "# %%\n" + wait)
    script = f"import sys, pathlib; from phdlib import run; sys.exit(run.main([], pathlib.Path({str(folder)!r})))"
    process = subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
    try:
        assert _within(30, lambda: mark.exists() and mark.read_text())
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert target.read_text() == "the one before"
    assert [path.name for path in folder.iterdir() if path.is_file()] == ["01_slow.ipynb", "01_slow.py"]
    assert _within(10, lambda: not Path(f"/proc/{mark.read_text()}").exists() or _is_zombie(int(mark.read_text())))


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def _within(seconds: float, condition: Callable[[], object]) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_an_unreadable_list_of_timings_is_told_in_one_line(folder, tmp_path, capsys):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "run-seconds.json").write_text("{")
    timings = notebook_runs.Timings("smoke/embedded")
    assert timings.expected("a") == notebook_runs.GUESS
    assert len(capsys.readouterr().err.splitlines()) == 1
    timings.record("a", 12.34)
    assert notebook_runs.Timings("smoke/embedded").expected("a") == 12.3
    assert notebook_runs.Timings("paper/embedded").expected("a") == notebook_runs.GUESS


def test_an_output_folder_that_cannot_be_written_is_told_in_one_line(folder, capsys):
    (folder / "01_good.py").write_text(GOOD)
    paths.FIGURES.write_text("a file where the folder should be")
    assert run.main(["--profile", "smoke"], folder) == 1
    failure = next(line for line in capsys.readouterr().out.splitlines() if "FAILED" in line)
    assert str(paths.FIGURES) in failure


def test_notebooks_that_show_run_side_by_side_after_those_that_train(folder, capsys):
    """Each of two waits for the other's mark; what trains is over by then, and the front door comes last."""
    wait = """
import os, pathlib, time
marks = pathlib.Path(os.environ["PHDLIB_CACHE"])
print(os.environ["PHDLIB_JOBS"], sorted(path.name for path in marks.glob("*.mark")))
"""
    meet = """
(marks / "{ours}.mark").touch()
while not (marks / "{theirs}.mark").exists():
    time.sleep(0.01)
"""
    (folder / "phd" / "02_trains.py").write_text(HEADER + "# %%" + wait + '(marks / "02.mark").touch()\n')
    for ours, theirs in ((4, 5), (5, 4)):
        text = HEADER + "# %%" + wait + meet.format(ours=ours, theirs=theirs)
        (folder / "phd" / f"0{ours}_shows.py").write_text(text)
    (folder / f"{notebook.FRONT_DOOR}.py").write_text(HEADER + "# %%" + wait)
    assert run.main(["--jobs", "2"], folder) == 0
    assert outputs(folder / "phd" / "02_trains.ipynb") == "2 []\n"
    assert "02.mark" in outputs(folder / "phd" / "04_shows.ipynb")
    assert all(outputs(folder / "phd" / f"0{n}_shows.ipynb").startswith("1 ") for n in (4, 5))
    assert outputs(folder / f"{notebook.FRONT_DOOR}.ipynb") == "2 ['02.mark', '4.mark', '5.mark']\n"
    assert "4 notebooks ran in" in capsys.readouterr().out


def test_a_log_shows_that_a_long_notebook_is_still_running(folder, monkeypatch, capsys):
    monkeypatch.setattr(notebook_runs, "STILL", 0.2)
    (folder / "01_slow.py").write_text(HEADER + "# %%\nimport time\ntime.sleep(1)\n")
    assert run.main([], folder) == 0
    told = capsys.readouterr().err
    assert told.startswith("[1/1] 01_slow: started, for the first time here\n")
    assert "[1/1] 01_slow: still running after " in told
