"""A checkpoint in the authors' layout and files in theirs give the errors that the model has, beside the paper's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from vp3d_files import write_human36m, write_humaneva

from phdlib import published
from phdlib.data import human36m, humaneva
from phdlib.evaluation import average, evaluate_lifter
from phdlib.lifting import TemporalModel
from phdlib.pretrained import CHECKPOINTS, evaluate_pretrained

# The bones of these files' people swing about more than bones do.
pytestmark = pytest.mark.filterwarnings("ignore:.*the joints may be in another order")


def save(path: Path, joints_in: int = 17, joints_out: int = 17, widths: tuple[int, ...] = (3, 3)) -> TemporalModel:
    """A published file's layout: weights beside a random state and what else lay around in training."""
    generator = torch.Generator().manual_seed(0)
    model = TemporalModel(joints_in, 2, joints_out, widths, channels=8, generator=generator).eval()
    for norm in (module for module in model.modules() if isinstance(module, torch.nn.BatchNorm1d)):
        norm.running_mean.normal_(generator=generator)
    content = {"epoch": 80, "lr": 1e-5, "random_state": np.random.RandomState(1234), "optimizer": None}
    torch.save({**content, "model_pos": model.state_dict()}, path, _use_new_zipfile_serialization=False)
    return model


def test_human36m_beside_the_paper(tmp_path):
    write_human36m(tmp_path, "cpn_ft_h36m_dbb", subjects=("S1", "S9"), noise=2.0)
    model = save(tmp_path / "pretrained_h36m_cpn.bin")
    table = evaluate_pretrained(tmp_path / "pretrained_h36m_cpn.bin", tmp_path, device="cpu")
    rows = evaluate_lifter(model, human36m.load(tmp_path, "cpn_ft_h36m_dbb", ("test",)))
    for column, metric in {"MPJPE": "mpjpe", "P-MPJPE": "p_mpjpe", "MPJVE": "mpjve"}.items():
        assert table.loc["Avg", column] == pytest.approx(average(rows, metric), rel=1e-3)
    assert list(table.index) == ["Directions", "Walking", "Avg"] and list(table["frames"]) == [160, 160, 320]
    averages = table.loc["Avg", [f"{m}, published" for m in ("MPJPE", "P-MPJPE", "MPJVE")]]
    assert averages.isna().all()  # of 15 actions of two subjects, where two of one are here
    assert table.loc["Walking", "MPJPE, published"] == published.table("videopose3d-table-1a")["Walk"].iloc[-2]
    about = table.attrs["about"]
    assert "9 frames" in about and "missing: S11, Discussion" in about and "Walking," not in about


def test_a_whole_test_part_stands_beside_the_published_averages(tmp_path):
    actions = tuple(human36m.ACTIONS)
    write_human36m(tmp_path, "cpn_ft_h36m_dbb", subjects=("S9", "S11"), actions=actions, frames=8, noise=2.0)
    save(tmp_path / "pretrained_h36m_cpn.bin")
    table = evaluate_pretrained(tmp_path / "pretrained_h36m_cpn.bin", tmp_path, device="cpu")
    assert tuple(table.loc["Avg", [f"{m}, published" for m in ("MPJPE", "P-MPJPE", "MPJVE")]]) == (46.8, 36.5, 2.8)
    assert "missing" not in table.attrs["about"]


def test_flipping_is_the_authors_and_can_be_left_out(tmp_path):
    write_human36m(tmp_path, subjects=("S9",))
    model = save(tmp_path / "own.bin")
    plain = evaluate_pretrained(tmp_path / "own.bin", tmp_path, "gt", flip=False, device="cpu")
    rows = evaluate_lifter(model, human36m.load(tmp_path, parts=("test",)), flip=False)
    assert plain.loc["Avg", "MPJPE"] == pytest.approx(average(rows, "mpjpe"), rel=1e-4)
    assert plain.loc["Avg", "MPJPE"] != evaluate_pretrained(tmp_path / "own.bin", tmp_path, "gt").loc["Avg", "MPJPE"]
    assert not any("published" in column for column in plain)


def test_humaneva_in_cells(tmp_path):
    write_humaneva(tmp_path, "detectron_pt_coco", "coco", noise=2.0)
    save(tmp_path / "pretrained_humaneva15_detectron.bin", joints_out=15, widths=(3, 3, 3))
    table = evaluate_pretrained(tmp_path / "pretrained_humaneva15_detectron.bin", tmp_path, device="cpu")
    cells = [f"{action}_{subject}" for action in ("Walk", "Jog", "Box") for subject in ("S1", "S2", "S3")]
    assert set(table.index) == {*cells, "Avg"} and "missing" not in table.attrs["about"]
    printed = published.table("videopose3d-table-4").loc["Ours (MA)"]
    assert dict(table["P-MPJPE, published"].drop("Avg")) == dict(printed)
    assert table.loc["Avg", "P-MPJPE, published"] == pytest.approx(printed.mean())
    assert table.loc["Avg", "MPJPE, published"] == 28.6 and table["MPJPE, published"].notna().sum() == 1
    assert table.loc["Walk_S1", "frames"] == 2 * 3 * 40  # two chunks, three cameras
    assert table.loc["Avg", "MPJPE"] == pytest.approx(table["MPJPE"].drop("Avg").mean())


def test_coco_keypoints_go_in_as_they_are(tmp_path):
    """The network is asked about all of COCO's joints, in COCO's order, and its answer is mirrored in Human3.6M's."""
    write_human36m(tmp_path, "detectron_pt_coco", "coco", subjects=("S11",), actions=("Eating",))
    model = save(tmp_path / "pretrained_h36m_detectron_coco.bin")
    table = evaluate_pretrained(tmp_path / "pretrained_h36m_detectron_coco.bin", tmp_path, device="cpu")
    left = [1, 3, 5, 7, 9, 11, 13, 15]
    coco, own = list(range(17)), [0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 11, 12, 13]
    for a in left:
        coco[a], coco[a + 1] = a + 1, a
    errors = []
    for video in human36m.videos(tmp_path, "detectron_pt_coco", ("test",)):
        screen = video.keypoints / 500 - torch.tensor([1.0, video.clip.camera.height / 1000])
        mirrored = screen[:, coco] * torch.tensor([-1.0, 1.0])
        with torch.no_grad():
            straight, other = (
                model(torch.nn.functional.pad(x.flatten(1).T, (4, 4), mode="replicate").T.reshape(1, -1, 17, 2))[0]
                for x in (screen, mirrored)
            )
        pose = (straight + other[:, own] * torch.tensor([-1.0, 1.0, 1.0])) / 2
        errors.append((pose - video.clip.joints3d).norm(dim=-1).mean().item())
    assert table.loc["Eating", "MPJPE"] == pytest.approx(1000 * np.mean(errors), rel=1e-4)
    assert "nothing is published" in table.attrs["about"]


def test_what_does_not_fit_is_said(tmp_path):
    write_human36m(tmp_path, "gt", subjects=("S9",))
    write_human36m(tmp_path, "sh_pt_mpii", "mpii", subjects=("S9",))
    save(tmp_path / "own.bin")
    save(tmp_path / "pretrained_h36m_detectron_coco.bin")
    save(tmp_path / "odd.bin", joints_out=13)
    cases = {
        (
            "own.bin",
            None,
        ): r"own\.bin: found a file that the authors did not publish, expected one of pretrained_h36m_cpn",
        ("own.bin", "sh_pt_mpii"): r"own\.bin: found keypoints 'sh_pt_mpii' of MPII-16, expected 17 joints",
        ("pretrained_h36m_detectron_coco.bin", "gt"): r"found keypoints 'gt' of H36M-17, expected those of COCO-17",
        ("odd.bin", "gt"): r"odd\.bin: model_pos answers with 13 joints, expected 17 or 15",
    }
    for (name, keypoints), message in cases.items():
        with pytest.raises(ValueError, match=message):
            evaluate_pretrained(tmp_path / name, tmp_path, keypoints)
    with pytest.raises(FileNotFoundError, match=r"no data_2d_h36m_detectron_pt_coco\.npz .* there is .*h36m_gt\.npz"):
        evaluate_pretrained(tmp_path / "pretrained_h36m_detectron_coco.bin", tmp_path)


def test_every_published_row_exists():
    for checkpoint in CHECKPOINTS.values():
        for id, label in checkpoint.rows.values():
            assert label in published.table(id).index
    columns = set(published.table("videopose3d-table-1a").columns)
    assert columns == {*human36m.ACTIONS.values(), "Avg"}
    eva = {f"{a}_{s}" for a in humaneva.ACTIONS.values() for s in ("S1", "S2", "S3")}
    assert set(published.table("videopose3d-table-4").columns) == eva
