"""Broken files of motion capture, each beside what its error has to say: ASF, AMC, BVH, archives, the trial list.

``BROKEN`` maps a name to ``(file name, contents, reader, message)``; the message is a pattern that has to be found in
the error, after the file's name.
"""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from phdlib.data.bvh import read_bvh
from phdlib.data.bvh_motion import load_bvh
from phdlib.data.cmu import AsfSkeleton, read_amc, read_asf
from phdlib.data.cmu_fetch import unpack
from phdlib.data.cmu_trials import load_trials, read_index

ASF = """:version 1.10
:name test
:units
  mass 1.0
  length 0.45
  angle deg
:root
   order TX TY TZ RX RY RZ
   axis XYZ
   position 0 0 0
   orientation 0 0 0
:bonedata
  begin
     id 1
     name thigh
     direction 0 -1 0
     length 4.5
     axis 0 0 0 XYZ
     dof rx rz
     limits (-160.0 20.0)
            (-70.0 70.0)
  end
  begin
     id 2
     name shank
     direction 0 -1 0
     length 9
     axis 0 0 0 XYZ
     dof rx
  end
:hierarchy
  begin
    root thigh
    thigh shank
  end
"""
AMC = """#!OML:ASF a.ASF
:FULLY-SPECIFIED
:DEGREES
1
root 0 18 0 0 0 0
thigh 0 0
shank 0
2
root 0 18 9 0 90 0
thigh -90 0
shank 90
"""
BVH = """HIERARCHY
ROOT Hips
{
OFFSET 0 0 0
CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
JOINT Knee
{
OFFSET 0 -2 0
CHANNELS 3 Zrotation Xrotation Yrotation
End Site
{
OFFSET 0 -3 0
}
}
}
MOTION
Frames: 2
Frame Time: 0.01
1 2 3 4 5 6 7 8 9
9 8 7 6 5 4 3 2 1
"""
TRIALS = "take,fps,role,category,description\n07_05,120,human36m,walking,slow walk\n"
INDEX = 'Subject,Trial #,Motion Description,framerate\n7,5,"slow walk",120\n'


class Case(NamedTuple):
    name: str
    contents: bytes
    read: Callable[[Path], object]
    message: str


def amc(path: Path) -> object:
    skeleton = path.with_name("good.asf")
    skeleton.write_text(ASF)
    return read_amc(path, read_asf(skeleton))


def with_skeleton(path: Path) -> AsfSkeleton:
    return read_asf(path)


def into_a_folder(path: Path) -> object:
    return unpack(path, path.parent / "tree")


def changed(text: str, old: str, new: str) -> bytes:
    assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
    return text.replace(old, new).encode()


def archive(members: dict[str, bytes], mode: int | None = None, claim: int | None = None) -> bytes:
    """A zip; ``mode`` of its members' files, ``claim``: the size that its last directory entry states, in bytes."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (mode or stat.S_IFREG | 0o644) << 16
            file.writestr(info, content)
    data = target.getvalue()
    if claim is not None:
        entry = data.rindex(b"PK\x01\x02")
        data = data[: entry + 24] + struct.pack("<I", claim) + data[entry + 28 :]
    return data


GOOD = {"all_asfamc/subjects/07/07.asf": ASF.encode(), "all_asfamc/subjects/07/07_05.amc": AMC.encode()}
TAKE = "all_asfamc/subjects/07/07_05.amc"

BROKEN: dict[str, Case] = {
    "asf, empty": Case("a.asf", b"", read_asf, "section ':units' is missing.*truncated or not ASF"),
    "asf, truncated": Case(
        "a.asf", ASF[: ASF.index(":hierarchy")].encode(), read_asf, "section ':hierarchy' is missing"
    ),
    "asf, a picture": Case("a.asf", bytes(range(256)) * 8, read_asf, "section ':units' is missing"),
    "asf, no root order": Case("a.asf", changed(ASF, "   order TX TY TZ RX RY RZ\n", ""), read_asf, "no field 'order'"),
    "asf, root channels": Case(
        "a.asf",
        changed(ASF, "RX RY RZ", "RX RY"),
        read_asf,
        "line 8: found 'tx ty tz rx ry', expected tx ty tz rx ry rz in some order",
    ),
    "asf, root axis": Case(
        "a.asf",
        changed(ASF, "axis XYZ\n   pos", "axis XYX\n   pos"),
        read_asf,
        "line 9: found 'xyx', expected an order of axes",
    ),
    "asf, unit of zero": Case(
        "a.asf", changed(ASF, "length 0.45", "length 0"), read_asf, "line 5: found '0', expected a length above zero"
    ),
    "asf, a direction of NaN": Case(
        "a.asf",
        changed(ASF, "name thigh\n     direction 0 -1 0", "name thigh\n     direction 0 nan 0"),
        read_asf,
        "line 16: found '0 nan 0', expected 3 finite numbers",
    ),
    "asf, a bone twice": Case(
        "a.asf",
        changed(ASF, "name shank", "name thigh"),
        read_asf,
        "line 25: found 'thigh', expected a name of its own",
    ),
    "asf, limits of no bone": Case(
        "a.asf",
        changed(ASF, "  begin\n     id 1", "     limits (0 1)\n     id 1"),
        read_asf,
        "line 13: found 'limits', expected begin",
    ),
    "asf, a loop": Case(
        "a.asf",
        changed(ASF, "    thigh shank", "    thigh shank\n    shank thigh"),
        read_asf,
        "line 35: found 'shank thigh', expected bones of :bonedata, once each",
    ),
    "amc, no frame": Case("a.amc", b":FULLY-SPECIFIED\n:DEGREES\n", amc, "found no frame, expected at least one"),
    "amc, truncated": Case(
        "a.amc", AMC[:-9].encode(), amc, "found 'the end of the file', expected 1 more bones of frame 2"
    ),
    "amc, NaN": Case(
        "a.amc", changed(AMC, "thigh -90 0", "thigh nan 0"), amc, "line 10: found 'nan 0', expected 2 finite"
    ),
    "amc, infinity": Case(
        "a.amc", changed(AMC, "thigh -90 0", "thigh 1e999 0"), amc, "line 10: found '1e999 0', expected 2"
    ),
    "amc, a channel more": Case(
        "a.amc", AMC.replace("shank 0", "shank 0 0").encode(), amc, "bone 'shank': found 2 channels, expected 1"
    ),
    "amc, another skeleton's": Case(
        "a.amc", AMC.replace("shank", "fin").encode(), amc, "bone '(shank|fin)': found . channels"
    ),
    "amc, a frame left out": Case(
        "a.amc", changed(AMC, "\n2\n", "\n3\n"), amc, "line 8: found '3', expected the frame number 2"
    ),
    "amc, frame 3000000000": Case("a.amc", changed(AMC, "\n2\n", "\n3000000000\n"), amc, "line 8: found '3000000000'"),
    "amc, a number without end": Case(
        "a.amc", changed(AMC, "shank 90", "shank 0." + "1" * 4000), amc, "found '0.111.*expected at most 32 characters"
    ),
    "amc, letters of elsewhere": Case(
        "a.amc", changed(AMC, "shank 90", "shank ٣λ"), amc, "line 11: found '٣λ', expected 1"
    ),
    "bvh, empty": Case("a.bvh", b"", read_bvh, "no line 'MOTION'"),
    "bvh, no frames": Case(
        "a.bvh", changed(BVH, "Frames: 2", "Frames: 0"), read_bvh, "found 0 frames.*expected at least 1"
    ),
    "bvh, 10 GB claimed": Case(
        "a.bvh",
        changed(BVH, "Frames: 2", "Frames: 3000000000"),
        read_bvh,
        "found 2 rows of motion, expected 3000000000 as 'Frames:' says",
    ),
    "bvh, frames and a half": Case("a.bvh", changed(BVH, "Frames: 2", "Frames: 2.5"), read_bvh, "found 2.5 frames"),
    "bvh, less than no frames": Case("a.bvh", changed(BVH, "Frames: 2", "Frames: -2"), read_bvh, "found -2 frames"),
    "bvh, truncated": Case("a.bvh", BVH[:-18].encode(), read_bvh, "found 1 rows of motion, expected 2"),
    "bvh, cut in a row": Case("a.bvh", BVH[:-4].encode(), read_bvh, "line 20: found '7 numbers', expected 9"),
    "bvh, NaN": Case("a.bvh", changed(BVH, "9 8 7", "9 nan 7"), read_bvh, "line 20: found '9 nan 7.*expected 9 finite"),
    "bvh, a time of zero": Case(
        "a.bvh", changed(BVH, "Time: 0.01", "Time: 0"), read_bvh, "found 2 frames of 0.0 s, expected"
    ),
    "bvh, 10000 channels": Case(
        "a.bvh",
        changed(BVH, "CHANNELS 3", "CHANNELS 10000"),
        read_bvh,
        "line 9: found 'CHANNELS 10000.*expected a count",
    ),
    "bvh, braces": Case("a.bvh", changed(BVH, "}\n}\n}\nMOTION", "}\nMOTION"), read_bvh, "2 closing braces first"),
    "bvh, nothing but braces": Case(
        "a.bvh", b"HIERARCHY\n" + b"{\n" * 50000 + b"MOTION\n", read_bvh, "expected a ROOT first"
    ),
    "bvh, nobody's rig": Case(
        "a.bvh", BVH.encode(), load_bvh, "found joints Hips, Knee.*not much like those of cgspeed, character, mix"
    ),
    "zip, truncated": Case("a.zip", archive(GOOD)[:-30], into_a_folder, "found no sound zip"),
    "zip, no zip": Case("a.zip", b"<html>404</html>", into_a_folder, "found no sound zip"),
    "zip, something else": Case(
        "a.zip", archive({"readme.txt": b"hello"}), into_a_folder, "found no .asf or .amc among 1 members"
    ),
    "zip, climbing out": Case(
        "a.zip",
        archive(GOOD | {"../../evil.amc": b"x"}),
        into_a_folder,
        r"refused, member '\.\./\.\./evil.amc', expected plain files below",
    ),
    "zip, absolute": Case(
        "a.zip", archive(GOOD | {"/tmp/evil.amc": b"x"}), into_a_folder, "refused, member '/tmp/evil.amc'"
    ),
    "zip, a drive": Case("a.zip", archive(GOOD | {"C:evil.amc": b"x"}), into_a_folder, "refused, member 'C:evil.amc'"),
    "zip, a link": Case(
        "a.zip", archive({TAKE: b"/etc/passwd"}, mode=stat.S_IFLNK | 0o777), into_a_folder, "refused, member"
    ),
    "zip, 3 GB claimed": Case(
        "a.zip",
        archive({TAKE: b"1"}, claim=3 << 30),
        into_a_folder,
        "member .* claims 3221225472 bytes, expected at most",
    ),
    "zip, more than claimed": Case("a.zip", archive({TAKE: b"1" * 5000}, claim=10), into_a_folder, "zip|holds more"),
    "trials, other columns": Case(
        "a.csv", changed(TRIALS, "take,fps", "name,fps"), load_trials, "expected also 'take'"
    ),
    "trials, a rate": Case(
        "a.csv", changed(TRIALS, ",120,", ",30,"), load_trials, "row 2: found '07_05' at '30', expected"
    ),
    "trials, twice": Case(
        "a.csv", (TRIALS + TRIALS.splitlines()[1]).encode(), load_trials, "row 3: found '07_05'.*a new take"
    ),
    "trials, a row cut": Case("a.csv", TRIALS[:-30].encode(), load_trials, "row 2: found .*expected 5 values"),
    "index, no number": Case(
        "a.csv", changed(INDEX, "7,5", "7,x"), read_index, "row 2: found Subject '7', Trial # 'x'"
    ),
    "index, larger than any": Case(
        "a.csv", b"Subject\n" * (1 << 20), read_index, "found 8388608 bytes, expected a table of"
    ),
}
