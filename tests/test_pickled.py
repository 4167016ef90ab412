"""What stands in pickles and .npz files is read, what asks for more is refused, and nothing runs."""

from __future__ import annotations

import io
import os
import pickle
import struct
import time
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from phdlib.data.pickled import Object, read_npz, read_pickle, unpickle

SHAPES = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
KINDS = st.sampled_from(["<f8", ">f4", "<i4", "|u1", "|b1", "<U3", "|S2", "<c16"])
ARRAYS = KINDS.flatmap(lambda kind: arrays.arrays(kind, SHAPES))
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=4)
    | st.binary(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3) | st.tuples(inner)
    ),
    max_leaves=8,
)


@given(PLAIN, st.integers(0, 5))
def test_plain_data_come_back_in_every_protocol(data, protocol):
    assert unpickle(pickle.dumps(data, protocol), "data") == data


@given(ARRAYS, st.integers(0, 5), st.booleans())
def test_arrays_come_back_in_every_protocol(array, protocol, fortran):
    array = np.asfortranarray(array) if fortran else array
    found = unpickle(pickle.dumps({"a": [array, array.T]}, protocol), "data")["a"][0]
    assert found.dtype == array.dtype and found.shape == array.shape and found.flags.writeable
    assert found.tobytes() == np.ascontiguousarray(array).reshape(array.shape).tobytes()


@pytest.mark.parametrize("protocol", range(6))
def test_scalars_objects_and_ordered_dictionaries(protocol):
    inner = np.empty(2, dtype=object)
    inner[:] = [{"k": np.arange(3)}, None]
    data = OrderedDict(a=np.float32(1.5), b=inner, c=np.array("text"), d=np.bool_(True))
    found = unpickle(pickle.dumps(data, protocol), "data")
    assert type(found) is dict and list(found) == ["a", "b", "c", "d"]
    assert found["a"] == 1.5 and found["c"] == "text" and found["d"] and found["b"][1] is None
    assert np.array_equal(found["b"][0]["k"], np.arange(3))


def string(word: bytes) -> bytes:
    """A byte string as Python 2 pickles it."""
    return b"U" + bytes([len(word)]) + word


def test_a_pickle_as_python_2_wrote_it():
    """Protocol 2, byte strings for keys and for the numbers, module names of the time."""
    raw = struct.pack("<3d", 1.0, -2.5, 1e300)
    dtype = b"cnumpy\ndtype\n" + string(b"f8") + b"K\x00K\x01\x87R"
    dtype += b"(K\x03" + string(b"<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + string(b"b") + b"\x87R"
    array += b"(K\x01K\x03\x85" + dtype + b"\x89" + string(raw) + b"tb"
    found = unpickle(b"\x80\x02}" + string(b"poses") + array + b"s.", "old.pkl")
    assert np.array_equal(found["poses"], [1.0, -2.5, 1e300])


def test_what_is_shared_stays_shared_and_a_loop_ends():
    shared = [1]
    loop: list = [shared, shared]
    loop.append(loop)
    found = unpickle(pickle.dumps(loop), "data")
    assert found[0] is found[1] and found[2] is found


def test_known_names_are_handed_out_and_not_imported():
    data = b"\x80\x02cchumpy.ch\nCh\n)\x81}U\x01xK\x07sb."
    with pytest.raises(ValueError, match=r"m\.pkl: refused, found a reference to chumpy\.ch\.Ch, expected"):
        unpickle(data, "m.pkl")
    found = unpickle(data, "m.pkl", known=("chumpy.",))
    assert isinstance(found, Object) and (found.name, found.args, found.state) == ("chumpy.ch.Ch", (), {"x": 7})


class Hostile:
    def __init__(self, call, *args) -> None:
        self.call, self.args = call, args

    def __reduce__(self):
        return self.call, self.args


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("where", ["alone", "in a list", "as a key", "in an array"])
def test_code_in_a_pickle_does_not_run(tmp_path, protocol, where):
    target = tmp_path / "touched"
    hostile = Hostile(os.system, f"touch {target}")
    boxed = np.empty(1, dtype=object)
    boxed[0] = hostile
    data = {"alone": hostile, "in a list": [1, hostile], "as a key": {hostile: 1}, "in an array": boxed}[where]
    (tmp_path / "h.pkl").write_bytes(pickle.dumps(data, protocol))
    with pytest.raises(ValueError, match=r"h\.pkl: refused, found a reference to (posix|nt)\.system, expected"):
        read_pickle(tmp_path / "h.pkl", known=("chumpy.", "scipy.sparse."))
    assert not target.exists()


@pytest.mark.parametrize("call", [eval, exec, getattr, __import__, np.load, pickle.loads, open])
def test_no_function_is_reachable(call):
    with pytest.raises(ValueError, match=r"refused|not a readable"):
        unpickle(pickle.dumps([Hostile(call, "1")]), "h.pkl")


def array_claiming(shape: tuple, raw: bytes, code: str = "f8") -> bytes:
    """A pickled array whose state claims a shape."""
    dtype = Hostile(np.dtype, code, False, True)
    state = (1, shape, dtype, False, raw)

    class Array:
        def __reduce__(self):
            return np.zeros(0).__reduce__()[0], (np.ndarray, (0,), b"b"), state

    return pickle.dumps(Array(), 4)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (array_claiming((10**10,), b"12345678"), r"found 8 bytes, expected 80000000000 of an array"),
        (array_claiming((-1,), b""), "no tuple of sizes"),
        (array_claiming((2,), b"1" * 16, "V8"), "dtype 'V8', expected numbers"),
        (array_claiming((2,), b"1" * 16, "M8"), "dtype 'M8', expected numbers"),
        (array_claiming((2,), b"1" * 16, "O8"), "without its 2 objects"),
        (b"\x80\x04\x96" + (10**10).to_bytes(8, "little") + b".", "EOFError: found 1 bytes, expected 10000000000 more"),
        (b"\x80\x04\x8d" + (10**10).to_bytes(8, "little") + b".", "EOFError"),
        (b"\x80\x04\x95" + (10**10).to_bytes(8, "little") + b"N.", "not a readable pickle"),
        (b"\x80\x02Nr\xff\xff\xff\x7f}.", None),  # a memo index of two thousand million is only a key
        (b"\x80\x02}" + b"Nq\x00" + b"h\x00\x86q\x00" * 60 + b"h\x00Ns.", "tuple, expected texts and numbers"),
        (b"cos\nsystem\n(S'true'\ntR.", "refused, found a reference to os.system"),
        (b"(S'true'\nios\nsystem\n.", "not a readable pickle"),
        (b"\x80\x02\x82\x01.", "not a readable pickle"),
        (b"Pid\n.", "not a readable pickle"),
        (b"\x80\x02K\x01K\x02R.", "a call of a int"),
        (b"\x80\x02]}b.", "a state for a list"),
        (b"(" * 100_000 + b"l" * 50_000 + b".", "not a readable pickle"),
        (b"", "not a readable pickle"),
        (b"PK\x03\x04 not a pickle", "not a readable pickle"),
    ],
)  # fmt: skip
def test_traps_are_stepped_over(data, message):
    start = time.perf_counter()
    if message is None:
        unpickle(data, "trap.pkl")
    else:
        with pytest.raises(ValueError, match=message) as error:
            unpickle(data, "trap.pkl")
        assert str(error.value).startswith("trap.pkl: ") and len(str(error.value)) < 400
    assert time.perf_counter() - start < 5


@given(st.binary(max_size=60))
def test_any_bytes_are_data_or_one_clear_error(data):
    try:
        unpickle(data, "any.pkl")
    except ValueError as error:
        assert str(error).startswith("any.pkl: ")


@given(st.integers(0, 10**6), st.integers(0, 255))
def test_a_changed_byte_is_data_or_one_clear_error(place, byte):
    data = bytearray(pickle.dumps({"a": np.arange(6.0), "b": ["x", (1, 2)]}, place % 6))
    data[place % len(data)] = byte
    try:
        unpickle(bytes(data), "any.pkl")
    except ValueError as error:
        assert str(error).startswith("any.pkl: ")


def test_an_archive_with_and_without_objects(tmp_path):
    tree = {"S1": {"Walking": np.arange(12.0, dtype=np.float32).reshape(2, 3, 2)}}
    np.savez_compressed(tmp_path / "a.npz", poses=np.asfortranarray(np.arange(6.0).reshape(2, 3)), tree=tree, g="male")
    found = read_npz(tmp_path / "a.npz")
    assert sorted(found) == ["g", "poses", "tree"] and found["g"] == "male"
    assert np.array_equal(found["poses"], np.arange(6.0).reshape(2, 3))
    assert np.array_equal(found["tree"].item()["S1"]["Walking"], tree["S1"]["Walking"])


def npy(header: str, data: bytes = b"") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def write_npz(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return path


HEADER = "{'descr': '%s', 'fortran_order': False, 'shape': %s}"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (npy(HEADER % ("<f8", "(1250000000,)")), "found 0 bytes, expected 10000000000"),
        (npy(HEADER % ("<f8", "(2,)"), b"1234567"), "found 7 bytes, expected 16"),
        (npy("{'descr': '<f8', 'shape': (2,)}", b"0" * 16), "not a readable array"),
        (npy("__import__('os').system('true')"), "not a readable array"),
        (npy(HEADER % ("|O", "()"), pickle.dumps([1])), "found a list, expected an array"),
        (npy(HEADER % ("|O", "()"), pickle.dumps(os.system)), "refused"),
        (b"no array", "not a readable array"),
        (b"", "not a readable array"),
    ],
)  # fmt: skip
def test_a_broken_archive_is_one_clear_error(tmp_path, data, message):
    path = write_npz(tmp_path / "broken.npz", poses=data)
    with pytest.raises(ValueError, match=message) as error:
        read_npz(path)
    assert str(error.value).startswith(f"{path}: poses: ")


def test_an_archive_that_swells_is_not_unpacked(tmp_path):
    header = npy(HEADER % ("|u1", "(314572800,)"))
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as stream:
        stream.write(header)
        for _ in range(300):
            stream.write(bytes(2**20))
    with pytest.raises(ValueError, match=r"bomb\.npz: x: found \d+ bytes packed into \d+, expected"):
        read_npz(path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_cut_archive_and_a_missing_one(tmp_path, share):
    np.savez(tmp_path / "a.npz", x=np.arange(1000.0))
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"a\.npz: not a readable \.npz"):
        read_npz(tmp_path / "a.npz")
    for read in (read_npz, read_pickle):
        with pytest.raises(FileNotFoundError, match=r"no file .*absent"):
            read(tmp_path / "absent")


def test_numpy_can_write_what_it_reads(tmp_path):
    stream = io.BytesIO()
    np.save(stream, np.array([{"a": 1}], dtype=object))
    assert read_npz(write_npz(tmp_path / "o.npz", o=stream.getvalue()))["o"][0] == {"a": 1}
