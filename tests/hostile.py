"""Files that only pretend to be models: ``python -m tests.hostile FOLDER`` writes one of each kind.

Every one of them must be refused in one sentence. Each attack is a row of a table: a name, what it makes of a good
file, and what is to be said of it.
"""

import copy
import gzip
import io
import json
import os
import pickle
import struct
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from functools import cache, partial
from pathlib import Path

import numpy as np

from charrnn.cells.architecture import Architecture
from charrnn.cells.initial import initialize
from charrnn.examples.scaling import Scaling
from charrnn.model.model_file import Checkpoint, Resume, save
from charrnn.model.target_names import Targets
from charrnn.text.vocabulary import Vocabulary

NO_NPZ = "is not a charrnn model: it is not an .npz file"
NO_JSON = "its entry 'meta' is not JSON with finite numbers"
LISTING = "is damaged: its list of entries was changed or cut off"
GIGABYTE = 1 << 30
V = "param/output.V.npy"
FLOATS = np.zeros((3, 5), np.float32)  # of the shape that V has
HEADER = b"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 5), }"


# A good file, taken apart and put together


TWO = Scaling(np.array([5.0, -1.5]), np.array([0.5, 2.0]))
FOUR = Scaling(np.array([5.0, -1.5, 5.0, -1.5]), np.array([0.5, 2.0, 0.5, 2.0]))
LABELS = "no", "\x1b[31myes\n", "n\xf6"
# Networks that read examples, and what they predict.
EXAMPLES = {
    "classify": ({"task": "classify", "targets": 3, "pooling": "mean"}, Targets(LABELS)),
    "classify-numbers": ({"task": "classify", "targets": 3, "features": 2}, Targets(LABELS, input_scaling=TWO)),
    "tag": ({"task": "tag", "targets": 3, "layers": 2, "bidirectional": True, "joined": True}, Targets(LABELS)),
    "binary": ({"task": "predict", "head": "logistic", "targets": 2, "embedding": 2}, Targets((), ("a", "\x07b"))),
    "numbers": (
        {"task": "predict", "features": 2, "targets": 2, "bidirectional": True},
        Targets((), (), TWO, TWO),
    ),
    "series": (
        {"task": "predict", "pooling": "each", "features": 2, "targets": 4},
        Targets((), ("a t+1", "b t+1", "a t+2", "b t+2"), TWO, FOUR, series=True, ahead=2),
    ),
    "translate": (
        {"task": "translate", "targets": 4, "bidirectional": True, "attention": True, "embedding": 2, "hidden": 4},
        Targets(("\n", "a", "\xf6")),
    ),
    "named-conditions": ({"conditions": 3}, Targets(given=LABELS)),
    "numeric-conditions": (
        {"conditions": 2, "given_at": "first"},
        Targets(names=("a", "\x07b"), input_scaling=TWO),
    ),
}


@cache
def model(
    cell="lstm", *, moments=2, slim=False, byte_level=False, separator="", seen="", rare=0, embedding=0, examples=""
) -> bytes:
    """Return a small model file, with some value everywhere; that of a network for `examples` if they are named."""
    characters = "" if byte_level else "\n aé\ufffd" if rare else "\n aé\U0001f600"
    options, targets = EXAMPLES[examples] if examples else ({"embedding": embedding}, None)
    size, options = options.get("hidden", 3), {name: v for name, v in options.items() if name != "hidden"}
    characters = "" if "features" in options else characters[bool(separator) :]
    vocabulary = Vocabulary(characters, byte_level, separator, seen, rare)
    architecture = Architecture(cell, len(vocabulary), size, **options)
    rng = np.random.default_rng(0)
    flats = rng.standard_normal((1 + moments, architecture.parameter_count())).astype(np.float32)
    layers = architecture.directions * architecture.layers
    carried = rng.standard_normal((layers, len(architecture.row.states), 2, size)).astype(np.float32)
    progress = {"step": 17, "seconds": 0.1 + 0.2, "best_loss": None}
    text: dict[str, object] = {"sources": ["naïve.txt", "byte \udcff.txt"], "sha256": "ab" * 32, "characters": 1234}
    text |= {"bytes": 1240, "outputs": {"naïve.txt": ["m.npz", "m.jsonl"]}}
    text |= {"encodings": [["cp1252", 1], ["", 2], ["utf-8", 1]]}
    text |= {"skipped": {"files": 2, "examples": [["a.bin", "a binary file"]]}}
    held_out: dict[str, object] = {"characters": 123, "source": "its end", "digest": "cd" * 32}
    training = {"cell": cell, "hidden": size, "lr": 0.002, "epochs": 9, "clip": None}
    if examples:
        text |= {"examples": 12, "columns": {"labels": "kind", "texts": "text"}}
        held_out |= {"examples": 3}
        training |= {"task": architecture.task}
    checkpoint = Checkpoint(
        architecture,
        vocabulary,
        initialize(architecture, 0),
        training,
        [{"epoch": 1, "seconds": 2.5, "loss": 3.25, "val_loss": 1 / 3}, {"epoch": 2, "loss": 1, "val_loss": None}],
        text | {"held_out": held_out, "validation": text},
        None if slim else Resume(progress, flats[0], tuple(flats[1:]), carried),
        targets,
    )
    with tempfile.TemporaryDirectory() as folder:
        save(Path(folder, "model"), checkpoint)
        return Path(folder, "model").read_bytes()


def stored(array, version=None) -> bytes:
    """Return an array as a .npy file's bytes."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asanyarray(array), version)
    return buffer.getvalue()


def unpacked(data) -> dict[str, bytes]:
    """Return the bytes of each entry of a zip file by name, `.npy` included."""
    with zipfile.ZipFile(io.BytesIO(data)) as zipped:
        return {name: zipped.read(name) for name in zipped.namelist()}


def packed(entries, method=zipfile.ZIP_STORED) -> bytes:
    """Return a zip file of pairs of name and bytes, or a dictionary of them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method, compresslevel=1) as zipped:
        for name, data in entries.items() if isinstance(entries, dict) else entries:
            zipped.writestr(zipfile.ZipInfo(name), data, method, compresslevel=1)
    return buffer.getvalue()


def encoded_entries() -> dict:
    """Return the entries of a good encoded text of two documents: arrays, and a record for the JSON."""
    text = {"sources": ["naïve.txt"], "sha256": "ab" * 32, "characters": 3, "bytes": 5}
    vocabulary = {"byte_level": False, "characters": "ab", "separator": "\n"}
    return {
        "text.npy": {"format": 1, "charrnn": "1", "vocabulary": vocabulary, "text": text},
        "files.npy": np.array([4, 3], "<u8"),
        "counts.npy": np.array([1, 2, 2], "<u8"),
        "symbols.npy": np.array([2, 0, 1, 3, 2, 1, 3], np.uint8),
    }


def encoded_text(entries) -> bytes:
    """Return the file of an encoded text with these entries."""
    json_of = {name: json.dumps(value).encode() for name, value in entries.items() if isinstance(value, dict)}
    arrays = entries | {name: np.frombuffer(written, np.uint8) for name, written in json_of.items()}
    return packed({name: stored(values) for name, values in arrays.items()})


def meta_of(data) -> dict:
    """Return the meta of a model file's bytes."""
    return json.loads(np.lib.format.read_array(io.BytesIO(unpacked(data)["meta.npy"])).tobytes())


def with_meta(data, change) -> bytes:
    """Return a model file with another meta: what a function makes of the old one, as JSON; or bytes as they are."""
    meta = change if isinstance(change, bytes) else change(meta_of(data))
    written = meta if isinstance(meta, bytes) else json.dumps(meta).encode()
    return packed(unpacked(data) | {"meta.npy": stored(np.frombuffer(written, np.uint8))}, zipfile.ZIP_DEFLATED)


def placed(meta, place, value):
    """Return meta with another value at a place, or without it for the value `...`."""
    *outer, last = place
    meta = copy.deepcopy(meta)
    record = meta
    for name in outer:
        record = record[name]
    if value is ...:
        del record[last]
    else:
        record[last] = value
    return meta


def listing(data) -> dict[str, int]:
    """Return where the zip directory of these bytes has its records: their offsets, by entry name."""
    count, _, at = struct.unpack("<HII", data[-12:-2])
    found = {}
    for _ in range(count):
        lengths = struct.unpack("<3H", data[at + 28 : at + 34])
        found[data[at + 46 : at + 46 + lengths[0]].decode()] = at
        at += 46 + sum(lengths)
    return found


def patched(data, at, form, value) -> bytes:
    """Return bytes with a number overwritten."""
    whole = bytearray(data)
    struct.pack_into(form, whole, at % len(whole), value)
    return bytes(whole)


# Zip files that lie: what each makes of a good file

IN_DIRECTORY = {"flags": (8, "<H"), "method": (10, "<H"), "crc": (16, "<I"), "packed": (20, "<I"), "size": (24, "<I")}
IN_DIRECTORY |= {"version": (6, "<H"), "offset": (42, "<I")}
IN_HEADER = {"flags": (6, "<H"), "method": (8, "<H"), "crc": (14, "<I"), "packed": (18, "<I"), "size": (22, "<I")}
IN_HEADER |= {"magic": (0, "<I"), "extra": (28, "<H"), "name": (30, "<B")}
AT_THE_END = {"disk": (-18, "<H"), "count": (-12, "<H"), "length": (-10, "<I"), "offset": (-6, "<I")}
AT_THE_END |= {"comment": (-2, "<H")}


def listed(entry=V, **fields):
    """Change what the directory says of an entry."""

    def change(data):
        for name, value in fields.items():
            at, form = IN_DIRECTORY[name]
            data = patched(data, listing(data)[entry] + at, form, value)
        return data

    return change


def headed(entry=V, **fields):
    """Change what stands in front of an entry, and leave the directory."""

    def change(data):
        for name, value in fields.items():
            at, form = IN_HEADER[name]
            begin = struct.unpack_from("<I", data, listing(data)[entry] + 42)[0]
            data = patched(data, begin + at, form, value)
        return data

    return change


def ended(**fields):
    """Change what stands at the end about the directory."""

    def change(data):
        for name, value in fields.items():
            data = patched(data, *AT_THE_END[name], value)
        return data

    return change


def overlapping(data, by=0):
    """Let two entries share their bytes, which is how a small file becomes a large one."""
    first = struct.unpack_from("<I", data, listing(data)["state/weights.npy"] + 42)[0]
    return listed("state/moment0.npy", offset=first + by)(data)


def shifted(data, gap, *, at=0):
    """Put bytes in front of an offset, and correct all offsets behind it."""
    for entry, record in listing(data).items():
        offset = struct.unpack_from("<I", data, record + 42)[0]
        data = listed(entry, offset=offset + len(gap) * (offset >= at))(data)
    data = ended(offset=struct.unpack_from("<I", data, len(data) - 6)[0] + len(gap))(data)
    return data[:at] + gap + data[at:]


def twice_listed(data):
    """List an entry twice in the directory."""
    begin, last = struct.unpack("<2I", data[-10:-2])[1], len(data) - 22
    record = data[listing(data)[V] : listing(data)["param/output.c.npy"]]
    count, length = len(listing(data)) + 1, last - begin + len(record)
    return ended(count=count, length=length)(data[:last] + record + data[last:])


def wide(data, *, count=0, offset=0, locator=0, disks=1):
    """Tell the directory's place in 64 bits as well, truly or with a lie added."""
    entries, length, begin = struct.unpack("<HII", data[-12:-2])
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, *[entries + count] * 2, length, begin + offset)
    return data[:-22] + record + struct.pack("<4sLQL", b"PK\6\7", 0, begin + length + locator, disks) + data[-22:]


def wide_entry(data, size):
    """Tell an entry's size in 64 bits, in the directory alone."""
    record = listing(data)[V]
    extra = struct.pack("<2HQ", 1, 8, size)
    at = record + 46 + len(V)
    data = patched(listed(size=0xFFFFFFFF)(data), record + 30, "<H", len(extra))
    length = struct.unpack("<I", data[-10:-6])[0] + len(extra)
    return ended(length=length)(data[:at] + extra + data[at:])


def commented(data, comment):
    """Add a comment to the zip file."""
    return ended(comment=len(comment))(data) + comment


def second_directory(data):
    """Hide another directory in the comment, which some programs find and others do not."""
    begin = struct.unpack("<I", data[-6:-2])[0]
    return commented(data, data[begin:])


def renamed(data, old, new):
    """Change a name in the file, of the same length, wherever it stands."""
    return data.replace(old, new)


ZIPS = {
    "nothing": (lambda data: b"", NO_NPZ),
    "one-byte": (lambda data: b"P", NO_NPZ),
    "text": (lambda data: b"some text\n" * 20, NO_NPZ),
    "array": (lambda data: stored(np.arange(3)), NO_NPZ),
    "pickle": (lambda data: pickle.dumps(Payload()), NO_NPZ),
    "gzip": (lambda data: gzip.compress(data, mtime=0), NO_NPZ),
    "document": (lambda data: packed({"word/document.xml": b"<w/>"}), "'word/document.xml' is not an array"),
    "zip-of-nothing": (lambda data: packed({}), NO_NPZ),
    "other-arrays": (lambda data: packed({"x.npy": stored(np.arange(3))}), "has no entry 'meta'"),
    "first-half": (lambda data: data[: len(data) // 2], LISTING),
    "without-the-last-byte": (lambda data: data[:-1], LISTING),
    "without-a-directory": (lambda data: data[: struct.unpack("<I", data[-6:-2])[0]], LISTING),
    "first-bytes-only": (lambda data: b"PK\3\4" + bytes(100), LISTING),
    "directory-only": (
        lambda data: b"PK\3\4" + data[struct.unpack("<I", data[-6:-2])[0] :],
        "does not start|list of|claims",
    ),
    "script-before": (lambda data: shifted(data, b"#!/bin/sh\nrm -rf ~\n"), NO_NPZ),
    "other-file-before": (lambda data: b"PK\3\4" + b"\0" * 60 + data, "does not start at"),
    "model-before": (lambda data: data + data, "does not start at"),
    "gap-between-entries": (lambda data: shifted(data, b"hidden", at=data.find(b"PK\3\4", 4)), "does not start at"),
    "hidden-entry": (lambda data: shifted(data, data[: data.find(b"PK\3\4", 4)]), "does not start at"),
    "gap-before-directory": (
        lambda data: shifted(data, b"hidden", at=struct.unpack("<I", data[-6:-2])[0]),
        LISTING,
    ),
    "data-behind": (lambda data: data + b"\0" * 40, LISTING),
    "comment": (lambda data: commented(data, b"hello"), LISTING),
    "comment-with-a-directory": (second_directory, f"{LISTING}|does not start at"),
    "comment-longer-than-the-file": (ended(comment=60_000), LISTING),
    "fewer-entries-counted": (ended(count=3), LISTING),
    "more-entries-counted": (ended(count=60_000), LISTING),
    "directory-nowhere": (ended(offset=0xFFFFFFF0), "does not start at"),
    "directory-elsewhere": (ended(offset=4), "does not start at|list of entries"),
    "directory-of-4-GB": (ended(length=0xFFFFFFF0), LISTING),
    "directory-too-long": (
        lambda data: packed((f"{'x' * 60_000}{k}.npy", b"") for k in range(20)),
        LISTING,
    ),
    "on-another-disk": (ended(disk=7), LISTING),
    "64-bit-count-lies": (partial(wide, count=1), LISTING),
    "64-bit-offset-lies": (partial(wide, offset=1 << 40), f"{LISTING}|does not start"),
    "64-bit-offset-overflows": (partial(wide, offset=(1 << 63) + 5), f"{LISTING}|does not start"),
    "64-bit-place-lies": (partial(wide, locator=1 << 50), LISTING),
    "64-bit-many-disks": (partial(wide, disks=3), LISTING),
    "64-bit-size-lies": (partial(wide_entry, size=1 << 40), "claims more bytes than the file can contain"),
    "64-bit-size-overflows": (partial(wide_entry, size=(1 << 64) - 1), "claims more bytes than the file can contain"),
    "64-bit-size-cut-short": (
        lambda data: renamed(wide_entry(data, 188), struct.pack("<2H", 1, 8), struct.pack("<2H", 1, 9)),
        LISTING,
    ),
    "twice-in-the-directory": (twice_listed, "appears twice"),
    "two-entries-of-one-name": (
        lambda data: renamed(packed([*unpacked(data).items(), (V[:-5] + "X.npy", b"")]), b"t.X.npy", b"t.V.npy"),
        "appears twice",
    ),
    "name-with-a-nul": (
        lambda data: renamed(packed([*unpacked(data).items(), (V + "~", stored(FLOATS))]), b".npy~", b".npy\0"),
        "is not an array",
    ),
    "overlapping-at-the-start": (overlapping, "does not start at"),
    "overlapping-in-the-middle": (partial(overlapping, by=40), "does not start at"),
    "entry-beyond-the-end": (listed(offset=0xFFFFFF00), "does not start at"),
    "entry-of-another-kind": (headed(magic=0), "was changed or cut off"),
    "entry-of-another-name": (headed(name=ord("q")), "was changed or cut off"),
    "entry-of-another-size": (headed(size=7), "was changed or cut off"),
    "entry-of-another-packed-size": (headed(packed=7), "was changed or cut off"),
    "entry-of-another-checksum": (headed(crc=7), "was changed or cut off"),
    "entry-of-another-method": (headed(method=8), "was changed or cut off"),
    "entry-of-other-flags": (headed(flags=8), "was changed or cut off"),
    "entry-with-more-in-front": (headed(extra=8), "does not start at"),
    "wrong-checksum": (lambda data: headed(crc=7)(listed(crc=7)(data)), "was changed or cut off"),
    "unknown-method": (listed(method=77), "has an unsupported compression method"),
    "bzip2": (lambda data: packed(unpacked(data), zipfile.ZIP_BZIP2), "has an unsupported compression method"),
    "lzma": (lambda data: packed(unpacked(data), zipfile.ZIP_LZMA), "has an unsupported compression method"),
    "encrypted": (listed(flags=1), "is encrypted"),
    "strongly-encrypted": (listed(flags=0x40), "is encrypted"),
    "a-patch": (listed(flags=0x20), "is encrypted"),
    "of-a-later-zip": (listed(version=99), LISTING),
    "name-that-is-not-utf-8": (lambda data: renamed(listed(flags=0x800)(data), b"t.V", b"t.\xff"), LISTING),
    "claims-2-MB": (listed(size=2_000_000, packed=2_000_000), "claims more bytes than the file can contain"),
    "claims-4-GB": (listed(size=0xFFFFFFFE, packed=0xFFFFFFFE), "claims more bytes than the file can contain"),
    "claims-to-unpack-to-4-GB": (listed(size=0xFFFFFFFE), "claims more bytes than the file can contain"),
    "stream-of-nonsense": (
        lambda data: headed(method=8)(listed(method=8)(data)),
        "was changed or cut off",
    ),
    "stream-too-long": (
        lambda data: _restated(packed(unpacked(data) | {V: stored(FLOATS) + bytes(10**6)}, zipfile.ZIP_DEFLATED)),
        "was changed or cut off",
    ),
    "stream-too-short": (
        lambda data: _restated(packed(unpacked(data) | {V: stored(FLOATS)[:-4]}, zipfile.ZIP_DEFLATED)),
        "was changed or cut off",
    ),
}


def _restated(data):
    """Say of an entry that it is as long as it should be."""
    size = len(stored(FLOATS))
    return headed(size=size)(listed(size=size)(data))


class Payload:
    """A pickle that leaves a mark when it is loaded: a folder."""

    mark = "charrnn-payload"

    def __reduce__(self):
        """Return what is called by whoever unpickles this."""
        return os.mkdir, (self.mark,)


# Entries that are not what they should be: what each makes of the good ones


def without(name):
    """Leave out an entry."""
    return lambda entries: {key: data for key, data in entries.items() if key != name}


def instead(name, value):
    """Add an entry, or replace one: by bytes, or an array."""
    return lambda entries: entries | {name: value if isinstance(value, bytes) else stored(value)}


def npy(header, version=b"\1\0", length=None):
    """Return a .npy file with any header."""
    length = len(header) if length is None else length
    return b"\x93NUMPY" + version + length.to_bytes(2 if version[0] == 1 else 4, "little") + header + FLOATS.tobytes()


def shape(text):
    """Replace an array by one whose header tells another shape."""
    return instead(V, npy(HEADER.replace(b"(3, 5)", text)))


def dtype(text):
    """Replace an array by one whose header tells another type."""
    return instead(V, npy(HEADER.replace(b"'<f4'", text)))


ODD_FORM = "has the wrong type or shape"
MANY = "(" + "1, " * 10_000 + ")"
ENTRIES = {
    "no-meta": (without("meta.npy"), "has no entry 'meta'"),
    "no-weights": (without(V), "has no entry 'param/output.V'"),
    "no-state": (without("state/weights.npy"), "has no entry 'state/weights'"),
    "no-carried-state": (without("state/carried.npy"), "has no entry 'state/carried'"),
    "no-first-moment": (without("state/moment0.npy"), "it has an unexpected entry 'state/moment1'"),
    "a-fourth-moment": (instead("state/moment3.npy", FLOATS), "it has an unexpected entry 'state/moment3'"),
    "moment-spelt-otherwise": (instead("state/moment00.npy", FLOATS), "it has an unexpected entry"),
    "another-layer": (instead("param/layer1.U_i.npy", FLOATS), "it has an unexpected entry"),
    "unknown-entry": (instead("x.npy", FLOATS), "it has an unexpected entry 'x'"),
    "long-name": (instead("x" * 60_000 + ".npy", FLOATS), "it has an unexpected entry 'xxx"),
    "name-that-clears-the-screen": (instead("\x1b[2J\n.npy", FLOATS), "it has an unexpected entry '\\x1b[2J\\n'"),
    "name-that-turns-lines-round": (instead("\u202e.npy", FLOATS), "it has an unexpected entry '\\u202e'"),
    "path-upwards": (instead("../../param/output.V.npy", FLOATS), "it has an unexpected entry '../../"),
    "path-from-the-root": (instead("/tmp/x.npy", FLOATS), "it has an unexpected entry '/tmp/x'"),
    "path-with-a-drive": (instead("C:\\x.npy", FLOATS), "it has an unexpected entry 'C:\\\\x'"),
    "path-with-backslashes": (instead("param\\output.V.npy", FLOATS), "it has an unexpected entry"),
    "folder-entry": (instead("param/", b""), "its entry 'param/' is not an array"),
    "program-entry": (instead("code.py", b"1"), "its entry 'code.py' is not an array"),
    "pickled-weights": (instead(V, pickle.dumps(Payload())), "is not an array|" + ODD_FORM),
    "array-of-objects": (instead(V, stored(np.array([Payload()], object))), ODD_FORM),
    "meta-of-objects": (instead("meta.npy", stored(np.array([Payload()], object))), ODD_FORM),
    "object-dtype": (dtype(b"'|O'"), ODD_FORM),
    "big-endian": (instead(V, FLOATS.astype(">f4")), ODD_FORM),
    "doubles": (instead(V, FLOATS.astype(np.float64)), ODD_FORM),
    "integers": (instead(V, FLOATS.astype(np.int32)), ODD_FORM),
    "complex-numbers": (instead(V, np.zeros(7, np.complex64)), ODD_FORM),
    "strings": (instead(V, np.array(["x" * 15])), ODD_FORM),
    "records": (instead(V, FLOATS.view([("x", "<f4")])), ODD_FORM),
    "records-in-records": (dtype(b"[('a', [('b', '<f4', (2, 2))])]"), ODD_FORM),
    "a-dtype-to-be-evaluated": (dtype(b"__import__('os').mkdir('charrnn-payload')"), ODD_FORM),
    "fortran-order": (instead(V, np.asfortranarray(FLOATS)), ODD_FORM),
    "another-shape": (instead(V, FLOATS[:2, :2]), ODD_FORM),
    "transposed": (instead(V, FLOATS.T), ODD_FORM),
    "flat": (instead(V, FLOATS.reshape(-1)), ODD_FORM),
    "a-scalar": (instead(V, np.float32(1)), ODD_FORM),
    "no-numbers": (instead(V, FLOATS[:0]), ODD_FORM),
    "too-many-numbers": (instead(V, np.zeros(9000, np.float32)), ODD_FORM),
    "one-number-too-many": (instead(V, npy(HEADER) + bytes(4)), ODD_FORM),
    "one-number-too-few": (instead(V, npy(HEADER)[:-4]), ODD_FORM),
    "no-header": (instead(V, b""), "is not an array|changed or cut"),
    "half-a-header": (instead(V, npy(HEADER)[:40]), ODD_FORM),
    "another-dimension": (shape(b"(3, 5, 1)"), ODD_FORM),
    "ten-thousand-dimensions": (shape(MANY.encode()), ODD_FORM),
    "negative-shape": (shape(b"(-3, -5)"), ODD_FORM),
    "shape-of-truths": (shape(b"(True, 15)"), ODD_FORM),
    "huge-shape": (shape(b"(3, 9" + b"9" * 3000 + b")"), ODD_FORM),
    "shape-beyond-64-bits": (shape(b"(4294967297, 4294967296)"), ODD_FORM),
    "header-of-brackets": (instead(V, npy(b"(" * 4000)), ODD_FORM),
    "header-that-is-no-text": (instead(V, npy(b"\xff" * 60)), ODD_FORM),
    "header-too-long": (instead(V, npy(HEADER + b" " * 5000)), ODD_FORM),
    "header-beyond-the-entry": (instead(V, npy(HEADER, length=65535)), ODD_FORM),
    "header-of-4-GB": (instead(V, npy(HEADER, length=2**32 - 1, version=b"\2\0")), ODD_FORM),
    "header-of-version-3": (instead(V, npy(HEADER, version=b"\3\0")), "is not an array"),
    "carried-by-no-stream": (instead("state/carried.npy", np.zeros((1, 2, 0, 3), np.float32)), ODD_FORM),
    "carried-flat": (instead("state/carried.npy", np.zeros(7, np.float32)), ODD_FORM),
    "carried-turned-round": (instead("state/carried.npy", np.zeros((2, 1, 2, 3), np.float32)), ODD_FORM),
    "influence-by-no-stream": (instead("state/influence.npy", np.zeros((0, 6, 108), np.float32)), ODD_FORM),
    "influence-flat": (instead("state/influence.npy", np.zeros(7, np.float32)), ODD_FORM),
    "influence-turned-round": (instead("state/influence.npy", np.zeros((1, 108, 6), np.float32)), ODD_FORM),
    "few-last-weights": (instead("state/weights.npy", np.zeros(7, np.float32)), ODD_FORM),
    "meta-of-two-dimensions": (instead("meta.npy", np.zeros((5, 5), np.uint8)), ODD_FORM),
    "meta-of-signed-bytes": (instead("meta.npy", np.zeros(5, np.int8)), ODD_FORM),
    "meta-of-no-bytes": (instead("meta.npy", np.zeros(0, np.uint8)), ODD_FORM),
    "weights-that-are-no-numbers": (instead(V, FLOATS + np.float32(np.nan)), "is not finite"),
    "weights-without-bounds": (instead(V, FLOATS - np.float32(np.inf)), "is not finite"),
}

# The same in what is read for going on with training only
STATE = {
    "carried-without-bounds": (
        instead("state/carried.npy", np.full((1, 2, 2, 3), np.inf, np.float32)),
        "is not finite",
    ),
    "influence-without-bounds": (
        instead("state/influence.npy", np.full((1, 6, 108), -np.inf, np.float32)),
        "is not finite",
    ),
    "last-weights-cut-short": (
        lambda entries: entries | {"state/weights.npy": entries["state/weights.npy"][:-4] + b"\0\0\xc0\x7f"},
        "is not finite",
    ),
}


# Meta that lies: what each makes of a good one, or all its bytes


def put(*place, value):
    """Put a value in a place of meta."""
    return lambda meta: placed(meta, place, value)


def written(meta):
    """Return meta as JSON."""
    return json.dumps(meta).encode()


def everything():
    """Return all characters that UTF-8 can hold."""
    return "".join(chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF)


def nested(levels, value=1):
    """Return lists in lists."""
    for _ in range(levels):
        value = [value]
    return value


BYTES = {"byte_level": True, "characters": "", "separator": ""}
SYMBOL = {"byte_level": False, "characters": "\n aé\ufffd", "separator": ""}
META = {
    "not-utf-8": (b"\xff\xfe", NO_JSON),
    "utf-16": ('{"format": 2}'.encode("utf-16"), NO_JSON),
    "byte-order-mark": (b"\xef\xbb\xbf{}", NO_JSON),
    "half-a-record": (b"{", NO_JSON),
    "no-json": (b"not json", NO_JSON),
    "nul-bytes": (b"\0" * 100, NO_JSON),
    "two-values": (b'{"format": 1} x', NO_JSON),
    "not-a-number": (b'{"format": NaN}', NO_JSON),
    "infinity": (b'{"format": -Infinity}', NO_JSON),
    "too-large-a-number": (b'{"format": 1e999}', NO_JSON),
    "number-of-5000-digits": (b'{"format": ' + b"9" * 5000 + b"}", NO_JSON),
    "number-of-a-million-digits": (b'{"format": ' + b"9" * 1_000_000 + b"}", NO_JSON),
    "lists-nested-100,000-deep": (b"[" * 100_000 + b"]" * 100_000, NO_JSON),
    "records-nested-100,000-deep": (b'{"a":' * 100_000, NO_JSON),
    "nested-500-deep": (put("training", "deep", value=nested(500)), "is nested too deep"),
    "nested-10-deep": (put("training", "deep", value=nested(10)), "is nested too deep"),
    "five-million-lists": (lambda _: b"[" + b"[]," * 5_000_000 + b"[]]", "more than 500,000 values"),
    "two-million-records": (lambda _: b"[" + b'{"a":1},' * 2_000_000 + b"1]", "more than 500,000 values"),
    "millions-of-numbers": (lambda _: b"[" + b"7," * 8_000_000 + b"7]", "more than 500,000 values"),
    "a-name-twice": (lambda meta: written(meta).replace(b'"hidden": 3', b'"hidden": 9, "hidden": 3', 1), NO_JSON),
    "all-fields-twice": (lambda meta: written(meta)[:-1] + b", " + written(meta)[1:], NO_JSON),
    "a-list": (b"[]", "has no valid format number"),
    "a-record-of-nothing": (b"{}", "has no valid format number"),
    "format-alone": (b'{"format": 2}', "'charrnn' in its entry 'meta' is missing"),
    "format-of-tomorrow": (b'{"format": 7, "x": 1}', "was written by a newer charrnn (format 7); this one reads"),
    "format-of-4000-digits": (b'{"format": ' + b"9" * 4000 + b"}", "was written by a newer charrnn (format 999"),
    "format-0": (put("format", value=0), "has no valid format number"),
    "format-true": (put("format", value=True), "has no valid format number"),
    "format-one-and-a-half": (put("format", value=1.5), "has no valid format number"),
    "format-in-words": (put("format", value="1"), "has no valid format number"),
    "unknown-field": (put("peepholes" * 30, value=True), "an unexpected field 'peepholes"),
    "field-that-clears-the-screen": (put("\x1b[2J", value=1), "an unexpected field '\\x1b[2J'"),
    "field-of-half-a-character": (put("\ud83d", value=1), "an unexpected field '\\ud83d'"),
    "unknown-field-of-the-network": (put("network", "peepholes", value=True), "an unexpected field 'peepholes'"),
    "unknown-field-of-the-vocabulary": (put("vocabulary", "more", value=True), "an unexpected field 'more'"),
    "no-hidden-size": (put("network", "hidden", value=0), "hidden size"),
    "hidden-size-below-zero": (put("network", "hidden", value=-3), "hidden size"),
    "hidden-size-of-a-trillion": (put("network", "hidden", value=1 << 40), "hidden size"),
    "hidden-size-of-4200-digits": (put("network", "hidden", value=int("9" * 4200)), "hidden size"),
    "hidden-size-true": (put("network", "hidden", value=True), "'hidden'"),
    "hidden-size-three-point-nought": (put("network", "hidden", value=3.0), "'hidden'"),
    "another-hidden-size": (put("network", "hidden", value=4), ODD_FORM),
    "no-layers": (put("network", "layers", value=0), "layers"),
    "too-many-layers": (put("network", "layers", value=65), "layers"),
    "another-layer-than-there-is": (put("network", "layers", value=2), "unexpected entry|no entry"),
    "another-cell": (put("network", "cell", value="gru"), "unexpected entry"),
    "unknown-cell": (put("network", "cell", value="none\n\x1b"), "unknown cell 'none\\n\\x1b'"),
    "cell-of-a-million-letters": (put("network", "cell", value="x" * 1_000_000), "unknown cell 'xxx"),
    "an-option-of-another-cell": (put("network", "periods", value=[1, 2]), "the cell lstm has no periods"),
    "an-option-that-is-no-truth-value": (put("network", "bidirectional", value=1), "'bidirectional'"),
    "an-embedding-that-is-not-there": (put("network", "embedding", value=2), ODD_FORM),
    "an-embedding-below-zero": (put("network", "embedding", value=-2), "the embedding must have"),
    "an-embedding-of-a-trillion": (put("network", "embedding", value=1 << 40), "the embedding must have"),
    "an-embedding-true": (put("network", "embedding", value=True), "'embedding'"),
    "a-learned-state-that-is-not-there": (put("network", "learned_state", value=True), "no entry"),
    "a-learned-state-that-is-no-truth-value": (put("network", "learned_state", value="zero"), "'learned_state'"),
    "a-random-state-that-is-not-there": (put("network", "first_state", value="random"), "no entry"),
    "an-unknown-first-state": (put("network", "first_state", value="x" * 1_000_000), "unknown first state 'xxx"),
    "a-first-state-that-is-no-name": (put("network", "first_state", value=True), "'first_state'"),
    "two-first-states": (
        lambda meta: meta | {"network": meta["network"] | {"learned_state": True, "first_state": "zero"}},
        "two first states",
    ),
    "a-second-direction-that-is-not-there": (put("network", "bidirectional", value=True), "no entry"),
    "documents-from-both-sides": (
        lambda meta: (
            meta
            | {
                "network": meta["network"] | {"bidirectional": True},
                "vocabulary": meta["vocabulary"] | {"separator": "a"},
            }
        ),
        "reads one whole text",
    ),
    **{
        f"periods-{name}": (
            put("network", value={"cell": "clockwork", "hidden": 4, "layers": 1, "periods": periods}),
            expected,
        )
        for name, periods, expected in (
            ("that-fall", [1, 4, 2, 8], "each larger than the one before"),
            ("of-words", [1, "2"], "not whole numbers"),
            ("of-lists", [[1], [2]], "not whole numbers"),
            ("none", [], "each larger than the one before"),
            ("endless", list(range(1, 100_000)), "multiple of the number of periods"),
            ("of-4200-digits", [1, int("9" * 4200)], "each larger than the one before"),
            ("that-are-no-list", {"1": 2}, "'periods'"),
        )
    },
    "activation-of-a-million-letters": (
        put("network", value={"cell": "rnn", "hidden": 3, "layers": 1, "activation": "x\x1b" * 500_000}),
        "unknown activation",
    ),
    "a-projection-larger-than-the-hidden-size": (
        put("network", value={"cell": "lstm-projection", "hidden": 3, "layers": 1, "projection": 1 << 40}),
        "the projection must be",
    ),
    "network-of-many-gigabytes": (
        put("network", value={"cell": "lstm", "hidden": 16_384, "layers": 64}),
        "has no entry|" + ODD_FORM,
    ),
    "network-of-all-characters": (
        lambda meta: (
            meta
            | {
                "network": {"cell": "lstm", "hidden": 16_384, "layers": 1},
                "vocabulary": {"byte_level": False, "characters": everything(), "separator": ""},
            }
        ),
        ODD_FORM,
    ),
    "no-characters": (put("vocabulary", "characters", value=""), "at least one symbol"),
    "characters-out-of-order": (put("vocabulary", "characters", value="edcba"), "code point order"),
    "a-character-twice": (put("vocabulary", "characters", value="aabcd"), "distinct"),
    "half-a-character": (put("vocabulary", "characters", value="abcd\ud800"), "surrogate"),
    "half-a-character-as-separator": (put("vocabulary", "separator", value="\udfff"), "surrogate"),
    "another-number-of-characters": (put("vocabulary", "characters", value="abcdef"), ODD_FORM),
    "characters-and-bytes": (put("vocabulary", "byte_level", value=True), "bytes"),
    "seen-bytes-of-characters": (put("vocabulary", "seen", value="ab"), "there are none of characters"),
    "seen-bytes-out-of-order": (put("vocabulary", value=BYTES | {"seen": "ba"}), "distinct and in order"),
    "a-seen-byte-twice": (put("vocabulary", value=BYTES | {"seen": "aa"}), "distinct and in order"),
    "seen-bytes-beyond-255": (put("vocabulary", value=BYTES | {"seen": "a\u0100"}), "distinct and in order"),
    "half-a-character-seen": (put("vocabulary", value=BYTES | {"seen": "\ud800"}), "distinct and in order"),
    "millions-of-seen-bytes": (put("vocabulary", value=BYTES | {"seen": "a" * 3_000_000}), "is too long"),
    "seen-bytes-in-a-list": (put("vocabulary", "seen", value=[]), "'seen' in its entry"),
    "rare-without-the-symbol": (put("vocabulary", "rare", value=5), "needs the character U+FFFD"),
    "rare-bytes": (put("vocabulary", value=BYTES | {"rare": 5}), "needs the character U+FFFD"),
    "rare-below-zero": (put("vocabulary", value=SYMBOL | {"rare": -1}), "from 2 to"),
    "rare-once": (put("vocabulary", value=SYMBOL | {"rare": 1}), "from 2 to"),
    "rare-endless": (put("vocabulary", value=SYMBOL | {"rare": 10**30}), "from 2 to"),
    "rare-true": (put("vocabulary", value=SYMBOL | {"rare": True}), "'rare' in its entry"),
    "four-million-characters": (put("vocabulary", "characters", value="\U0001f600" * 1_200_000), "is too long"),
    "endless-separator": (put("vocabulary", "separator", value="ab" * 1_000_000), "is too long"),
    "encodings-of-another-type": (put("corpus", "encodings", value={"cp1252": 1}), "encodings"),
    "an-encoding-without-a-count": (put("corpus", "encodings", value=[["cp1252"]]), "encodings"),
    "an-encoding-of-no-files": (put("corpus", "encodings", value=[["cp1252", 0]]), "encodings"),
    "an-encoding-that-is-a-module": (put("corpus", "encodings", value=[["os.path", 1]]), "encodings"),
    "an-encoding-that-is-no-text": (put("corpus", "encodings", value=[["rot13", 1]]), "encodings"),
    "an-encoding-of-a-list": (put("corpus", "encodings", value=[[[], 1]]), "encodings"),
    "an-encoding-of-the-validation-text": (
        put("corpus", "validation", "encodings", value=[["cp1252", True]]),
        "encodings",
    ),
    "files-left-out-of-another-type": (put("corpus", "skipped", value=[]), "skipped"),
    "fewer-files-left-out-than-examples": (
        put("corpus", "skipped", value={"files": 0, "examples": [["a", "b"]]}),
        "examples",
    ),
    "a-file-left-out-without-a-reason": (put("corpus", "skipped", value={"files": 1, "examples": [["a"]]}), "examples"),
    "history-of-numbers": (put("history", value=[1]), "history"),
    "history-of-nothing": (put("history", value=[{}, None]), "history"),
}
META |= {
    f"{'-'.join(place)}-{what}": (put(*place, value=value), f"{place[-1]!r} in its entry|history")
    for place in (
        *(("charrnn",), ("network",), ("vocabulary",), ("training",), ("history",), ("corpus",)),
        *(("network", "cell"), ("network", "hidden"), ("network", "layers")),
        *(("vocabulary", "byte_level"), ("vocabulary", "characters"), ("vocabulary", "separator")),
    )
    for what, value in (("missing", ...), ("null", None), ("a-number", 1.5), ("lists", [[]]))
}
META |= {
    "a-text-without-a-size": (put("corpus", "characters", value=...), "'characters' in its entry 'meta: corpus'"),
    "a-text-of-one-source": (put("corpus", "sources", value="text"), "'sources' in its entry"),
    "sources-that-are-numbers": (put("corpus", "sources", value=[1]), "are not names"),
    "too-many-sources": (put("corpus", "sources", value=["a"] * 400_000), "more than 100,000 sources"),
    "unknown-characters-below-zero": (put("corpus", "unknown", value=-1), "is below 0"),
    "bytes-below-zero": (put("corpus", "bytes", value=-1), "is below 0"),
    "outputs-that-are-a-list": (put("corpus", "outputs", value=["a"]), "'outputs' in its entry"),
    "outputs-of-no-list": (put("corpus", "outputs", value={"a": "b"}), "are not names"),
    "a-held-out-text-of-nothing": (put("corpus", "held_out", value={}), "'characters' in its entry"),
    "a-validation-text-of-nothing": (put("corpus", "validation", value={}), "'sources' in its entry"),
}
META |= {
    "progress-null": (put("progress", value=None), "'progress' in its entry"),
    "progress-missing": (put("progress", value=...), "it has an unexpected entry 'state/|is a slim model"),
}


# The same for networks that read examples: of which of them, what each makes of its meta


def scaled(which, **changes):
    """Change a scaling: lists of numbers, by the names of its fields."""

    def change(meta):
        for name, value in changes.items():
            meta = placed(meta, ("targets", which, name), value)
        return meta

    return change


def added(place, **values):
    """Add values to a record in meta."""

    def change(meta):
        meta = copy.deepcopy(meta)
        meta[place] |= values
        return meta

    return change


NOT_ITS = "in its entry 'meta: targets' are not those of its network"
NOT_NAMES = "in its entry 'meta: targets' are not names"
NO_SERIES = "'series' in its entry 'meta: targets' does not fit"
NO_AHEAD = "'ahead' in its entry 'meta: targets' does not fit"
NOT_TWO = "in its entry 'meta: targets' is not 2 numbers"
ONLY_EXAMPLES = "only a network that reads examples has targets"
OF_EXAMPLES = {
    "no-targets": ("classify", put("targets", value=...), ONLY_EXAMPLES),
    "targets-null": ("classify", put("targets", value=None), "'targets' in its entry"),
    "targets-in-a-list": ("classify", put("targets", value=[]), "'targets' in its entry"),
    "a-generator-with-targets": (
        "",
        lambda meta: meta | {"targets": Targets(LABELS).record(), "corpus": {}},
        ONLY_EXAMPLES,
    ),
    "a-generator-with-features": ("", put("network", "features", value=2), "cannot have these options"),
    "a-generator-with-a-number-of-targets": ("", put("network", "targets", value=5), "cannot have these options"),
    "a-generator-with-a-linear-head": ("", put("network", "head", value="linear"), "has no head 'linear'"),
    "a-generator-joined": ("", put("network", "joined", value=True), "cannot have these options"),
    "a-generator-from-both-sides": ("", added("network", task="generate", bidirectional=True), "cannot have these"),
    "fill-from-one-side": ("", put("network", "task", value="fill"), "cannot have these options"),
    "a-task-of-a-million-letters": ("classify", put("network", "task", value="\x1b" * 1_000_000), "unknown task '"),
    "an-unknown-task": ("classify", put("network", "task", value="transcribe"), "unknown task 'transcribe'"),
    "a-task-that-is-a-list": ("classify", put("network", "task", value=["tag"]), "'task' in its entry"),
    "another-task": ("classify", put("network", "task", value="generate"), "has no pooling 'mean'"),
    "no-task": ("classify", put("network", "task", value=...), "has no pooling 'mean'"),
    "an-unknown-head": ("classify", put("network", "head", value="\x1b[2J"), "has no head '\\x1b[2J'"),
    "a-head-of-another-task": ("classify", put("network", "head", value="logistic"), "has no head 'logistic'"),
    "a-head-true": ("classify", put("network", "head", value=True), "'head' in its entry"),
    "an-unknown-pooling": ("classify", put("network", "pooling", value="x" * 1_000_000), "has no pooling 'xxx"),
    "a-pooling-of-another-task": ("classify", put("network", "pooling", value="each"), "has no pooling 'each'"),
    "joined-from-one-side": ("classify", put("network", "joined", value=True), "only a bidirectional network"),
    "joined-one": ("tag", put("network", "joined", value=1), "'joined' in its entry"),
    "apart-that-was-joined": ("tag", put("network", "joined", value=False), ODD_FORM),
    "no-number-of-targets": ("classify", put("network", "targets", value=...), "needs from 1 to 65,536 targets"),
    "targets-below-zero": ("classify", put("network", "targets", value=-3), "needs from 1 to 65,536 targets"),
    "a-trillion-targets": ("classify", put("network", "targets", value=1 << 40), "needs from 1 to 65,536 targets"),
    "targets-of-4200-digits": ("binary", put("network", "targets", value=int("9" * 4200)), "needs from 1 to 65,536"),
    "targets-true": ("binary", put("network", "targets", value=True), "'targets' in its entry"),
    "another-number-of-targets": ("classify", put("network", "targets", value=4), f"the labels {NOT_ITS}"),
    "other-targets-than-outputs": (
        "classify",
        lambda meta: placed(placed(meta, ("network", "targets"), 2), ("targets", "labels"), ["a", "b"]),
        ODD_FORM,
    ),
    "features-with-a-vocabulary": ("classify", put("network", "features", value=2), "symbols or numbers, not both"),
    "a-vocabulary-with-features": ("numbers", put("vocabulary", "characters", value="ab"), "symbols or numbers"),
    "bytes-with-features": ("numbers", put("vocabulary", value=BYTES), "symbols or numbers, not both"),
    "an-embedding-of-features": ("numbers", put("network", "embedding", value=2), "symbols or numbers, not both"),
    "features-below-zero": ("numbers", put("network", "features", value=-2), "reads at most 65,536 numbers"),
    "a-trillion-features": ("numbers", put("network", "features", value=1 << 40), "reads at most 65,536 numbers"),
    "features-true": ("numbers", put("network", "features", value=True), "'features' in its entry"),
    "no-features": ("numbers", put("network", "features", value=...), "at least one symbol"),
    "another-number-of-features": ("numbers", put("network", "features", value=3), NOT_TWO.replace("2", "3")),
    "documents": ("classify", lambda meta: _documents(meta, "\n\n"), "reads one whole text"),
    "no-labels": ("classify", put("targets", "labels", value=...), "'labels' in its entry"),
    "fewer-labels": ("classify", put("targets", "labels", value=["a", "b"]), f"the labels {NOT_ITS}"),
    "a-label-twice": ("classify", put("targets", "labels", value=["a", "b", "a"]), f"the labels {NOT_ITS}"),
    "four-hundred-thousand-labels": (
        "classify",
        put("targets", "labels", value=[str(k) for k in range(400_000)]),
        f"the labels {NOT_ITS}",
    ),
    "labels-that-are-numbers": ("classify", put("targets", "labels", value=[0, 1, 2]), f"the labels {NOT_NAMES}"),
    "labels-in-lists": ("classify", put("targets", "labels", value=[["a"], ["b"], []]), f"the labels {NOT_NAMES}"),
    "labels-in-a-record": ("classify", put("targets", "labels", value={"a": 1}), "'labels' in its entry"),
    "a-label-of-a-million-letters": (
        "classify",
        put("targets", "labels", value=["a", "b", "x" * 1_000_000]),
        f"the labels {NOT_NAMES}",
    ),
    "labels-of-numbers": ("numbers", put("targets", "labels", value=["a", "b"]), f"the labels {NOT_ITS}"),
    "names-of-classes": ("classify", put("targets", "names", value=["a", "b", "c"]), f"the names {NOT_ITS}"),
    "a-name-too-many": ("binary", put("targets", "names", value=["a", "b", "c"]), f"the names {NOT_ITS}"),
    "a-name-twice": ("binary", put("targets", "names", value=["a", "a"]), f"the names {NOT_ITS}"),
    "names-that-are-numbers": ("binary", put("targets", "names", value=[1, 2]), f"the names {NOT_NAMES}"),
    "an-unknown-field": ("classify", put("targets", "\x1b", value=1), "an unexpected field '\\x1b'"),
    "ahead-zero": ("series", put("targets", "ahead", value=0), NO_AHEAD),
    "ahead-too-far": ("series", put("targets", "ahead", value=5), NO_AHEAD),
    "ahead-that-does-not-divide": ("series", put("targets", "ahead", value=3), NO_AHEAD),
    "ahead-of-more-columns-than-it-reads": ("series", put("targets", "ahead", value=1), NO_SERIES),
    "ahead-of-a-class": ("classify", put("targets", "ahead", value=3), NO_AHEAD),
    "ahead-true": ("series", put("targets", "ahead", value=True), "'ahead' in its entry"),
    "ahead-endless": ("series", put("targets", "ahead", value=10**30), NO_AHEAD),
    "a-series-of-labels": ("classify", put("targets", "series", value=True), NO_SERIES),
    "a-series-from-both-sides": ("numbers", put("targets", "series", value=True), NO_SERIES),
    "a-series-of-texts": ("binary", put("targets", "series", value=True), NO_SERIES),
    "a-series-one": ("series", put("targets", "series", value=1), "'series' in its entry"),
    "a-scaling-of-symbols": (
        "classify",
        put("targets", "input_scaling", value={"mean": [], "deviation": []}),
        "is not 0 numbers",
    ),
    "a-scaling-of-classes": (
        "classify-numbers",
        put("targets", "target_scaling", value={"mean": [0, 0, 0], "deviation": [1, 1, 1]}),
        "is not 0 numbers",
    ),
    "a-scaling-of-probabilities": (
        "binary",
        put("targets", "target_scaling", value={"mean": [0, 0], "deviation": [1, 1]}),
        "is not 0 numbers",
    ),
    "a-scaling-null": ("numbers", put("targets", "input_scaling", value=None), "'input_scaling' in its entry"),
    "a-scaling-in-a-list": ("numbers", put("targets", "target_scaling", value=[1, 2]), "'target_scaling' in its"),
    "a-scaling-without-a-mean": ("numbers", scaled("input_scaling", mean=...), "'mean' in its entry"),
    "a-scaling-with-more": ("numbers", scaled("input_scaling", median=[1, 2]), "an unexpected field 'median'"),
    "a-mean-too-many": ("numbers", scaled("input_scaling", mean=[1, 2, 3]), f"'mean' {NOT_TWO}"),
    "a-mean-of-words": ("numbers", scaled("input_scaling", mean=["1", 2]), f"'mean' {NOT_TWO}"),
    "a-mean-true": ("numbers", scaled("target_scaling", mean=[True, 2]), f"'mean' {NOT_TWO}"),
    "a-mean-of-lists": ("numbers", scaled("target_scaling", mean=[[1], [2]]), f"'mean' {NOT_TWO}"),
    "an-enormous-mean": ("numbers", scaled("target_scaling", mean=[1e300, 2]), f"'mean' {NOT_TWO}"),
    "an-enormous-mean-below-zero": ("numbers", scaled("target_scaling", mean=[-1e300, 2]), f"'mean' {NOT_TWO}"),
    "a-mean-of-400-digits": ("numbers", scaled("target_scaling", mean=[10**400, 2]), f"'mean' {NOT_TWO}"),
    "four-hundred-thousand-means": ("numbers", scaled("target_scaling", mean=[0] * 400_000), f"'mean' {NOT_TWO}"),
    "no-deviation-at-all": ("numbers", scaled("input_scaling", deviation=[0, 1]), f"'deviation' {NOT_TWO}"),
    "a-deviation-below-zero": ("numbers", scaled("input_scaling", deviation=[-1, 1]), f"'deviation' {NOT_TWO}"),
    "a-deviation-of-almost-nothing": (
        "numbers",
        scaled("input_scaling", deviation=[5e-324, 1]),
        f"'deviation' {NOT_TWO}",
    ),
    "an-enormous-deviation": ("numbers", scaled("target_scaling", deviation=[1e300, 1]), f"'deviation' {NOT_TWO}"),
    "a-deviation-not-a-number": (
        "numbers",
        lambda meta: written(scaled("input_scaling", deviation=[7.25, 1])(meta)).replace(b"7.25", b"NaN"),
        NO_JSON,
    ),
    "corpus-of-no-examples": ("classify", put("corpus", "examples", value=0), "is below 1"),
    "corpus-without-a-count": ("classify", put("corpus", "examples", value=...), "'examples' in its entry"),
    "corpus-of-columns-in-a-list": ("classify", put("corpus", "columns", value=["a"]), "'columns' in its entry"),
    "corpus-of-columns-that-are-numbers": ("classify", put("corpus", "columns", value={"labels": 1}), "the columns in"),
    "corpus-of-other-columns": ("classify", put("corpus", "columns", value={"x": "y"}), "the columns in"),
    "corpus-ahead-below-one": ("series", put("corpus", "ahead", value=0), "'ahead' in its entry"),
    "held-out-without-a-count": ("classify", put("corpus", "held_out", "examples", value=...), "'examples' in its"),
    "validation-without-a-count": ("classify", put("corpus", "validation", "examples", value=...), "'examples' in its"),
    "seq-length-zero": ("classify", put("training", "seq_length", value=0), "'seq_length' in its entry"),
    "seq-length-endless": ("classify", put("training", "seq_length", value=1 << 40), "'seq_length' in its entry"),
    "seq-length-true": ("series", put("training", "seq_length", value=True), "'seq_length' in its entry"),
    "seq-length-in-words": ("series", put("training", "seq_length", value="x\x1b"), "'seq_length' in its entry"),
    "a-part-of-a-network": ("translate", put("network", "task", value="encode"), "the task encode has no attention"),
    "only-a-part-of-a-network": (
        "translate",
        lambda meta: placed(
            placed(placed(meta, ("network", "task"), "encode"), ("network", "targets"), 0),
            ("network", "attention"),
            ...,
        ),
        "only a part of one",
    ),
    "attention-of-a-tagger": ("tag", put("network", "attention", value=True), "the task tag has no attention"),
    "attention-of-a-generator": ("", put("network", "attention", value=True), "the task generate has no attention"),
    "attention-2": ("translate", put("network", "attention", value=2), "'attention' in its entry"),
    "no-attention-with-its-arrays": ("translate", put("network", "attention", value=...), "an unexpected entry"),
    "one-direction-of-two": ("translate", put("network", "bidirectional", value=False), "an unexpected entry"),
    "pairs-of-an-odd-size": ("translate", put("network", "hidden", value=5), "use even numbers"),
    "pairs-of-numbers": ("translate", put("network", "features", value=2), "symbols or numbers, not both"),
    "pairs-in-documents": ("translate", put("vocabulary", "separator", value="\n"), "one whole text, not documents"),
    "a-conditioned-translator": (
        "translate",
        put("network", "conditions", value=2),
        "the task translate has no condition",
    ),
    "as-many-characters-as-symbols": (
        "translate",
        put("targets", "labels", value=["\n", "a", "b", "c"]),
        f"the labels {NOT_ITS}",
    ),
    "characters-out-of-order": (
        "translate",
        put("targets", "labels", value=["a", "\n", "b"]),
        "not characters in order",
    ),
    "a-character-twice": ("translate", put("targets", "labels", value=["a", "a", "b"]), f"the labels {NOT_ITS}"),
    "words-as-characters": ("translate", put("targets", "labels", value=["a", "bc", "d"]), "are not characters"),
    "numbers-as-characters": ("translate", put("targets", "labels", value=[1, 2, 3]), "are not characters"),
    "a-surrogate-to-write": (
        "translate",
        put("targets", "labels", value=["a", "b", "\udcff"]),
        "not characters in order",
    ),
    "a-condition-without-its-arrays": ("", put("network", "conditions", value=2), ONLY_EXAMPLES),
    "no-conditions-with-their-arrays": ("named-conditions", put("network", "conditions", value=...), "at no step"),
    "conditions-of-nothing": ("named-conditions", put("network", "conditions", value=0), "at no step"),
    "fewer-conditions-than-none": ("named-conditions", put("network", "conditions", value=-1), "from 1 to 65,536"),
    "endless-conditions": ("named-conditions", put("network", "conditions", value=1 << 40), "from 1 to 65,536"),
    "conditions-in-words": ("named-conditions", put("network", "conditions", value="3"), "'conditions' in its entry"),
    "half-a-condition": ("named-conditions", put("network", "conditions", value=2.5), "'conditions' in its entry"),
    "one-condition-more": ("named-conditions", put("network", "conditions", value=4), f"the given {NOT_ITS}"),
    "given-at-the-last-step": ("named-conditions", put("network", "given_at", value="last"), "unknown step 'last'"),
    "given-at-a-number": ("named-conditions", put("network", "given_at", value=1), "'given_at' in its entry"),
    "given-at-a-step-of-a-plain-one": ("", put("network", "given_at", value="first"), "at no step"),
    "conditions-of-a-classifier": ("classify", put("network", "conditions", value=2), "task classify has no condition"),
    "conditions-from-both-sides": ("named-conditions", put("network", "bidirectional", value=True), "has no condition"),
    "two-conditions-with-a-name": (
        "named-conditions",
        put("targets", "given", value=["a", "a", "b"]),
        f"the given {NOT_ITS}",
    ),
    "conditions-that-are-numbers": ("named-conditions", put("targets", "given", value=[1, 2, 3]), "are not names"),
    "a-condition-of-a-million-letters": (
        "named-conditions",
        put("targets", "given", value=["a" * 1_000_000, "b", "c"]),
        "are not names",
    ),
    "conditions-without-names-or-scales": (
        "named-conditions",
        put("targets", "given", value=...),
        "neither names of conditions nor scales",
    ),
    "no-names-of-conditions": (
        "named-conditions",
        put("targets", "given", value=[]),
        "neither names of conditions nor scales",
    ),
    "a-condition-and-its-scale": (
        "named-conditions",
        put("targets", "input_scaling", value={"mean": [0.0] * 3, "deviation": [1.0] * 3}),
        "is not 0 numbers",
    ),
    "labels-of-a-generator": ("named-conditions", put("targets", "labels", value=["a"]), f"the labels {NOT_ITS}"),
    "a-scale-of-nothing": (
        "numeric-conditions",
        put("targets", "input_scaling", "deviation", value=[0.0, 1.0]),
        "is not 2 numbers",
    ),
    "a-scale-of-one-number-of-two": (
        "numeric-conditions",
        put("targets", "input_scaling", "mean", value=[0.0]),
        "is not 2 numbers",
    ),
    "one-name-of-two-numbers": ("numeric-conditions", put("targets", "names", value=["a"]), f"the names {NOT_ITS}"),
    "numbers-without-scales": (
        "numeric-conditions",
        put("targets", "input_scaling", value=...),
        "neither names of conditions nor scales",
    ),
    "a-step-of-its-own-with-another-network": (
        "numeric-conditions",
        put("network", "features", value=2),
        "cannot have these options",
    ),
    "conditions-of-a-translator": ("translate", put("targets", "given", value=["a"]), f"the given {NOT_ITS}"),
    "a-condition-in-a-string": ("translate", put("targets", "given", value="a"), "'given' in its entry"),
    "a-million-letters-to-write": (
        "translate",
        put("targets", "labels", value=["a" * 1_000_000]),
        "are not characters",
    ),
    "sources-that-are-numbers": ("classify", put("corpus", "sources", value=[1]), "are not names"),
}


# Bombs: small files that would become large ones


def stream(size, byte):
    """Return a DEFLATE stream of so many mebibytes of one byte: a piece of it many times, as compressing takes long."""
    packer = zlib.compressobj(9, wbits=-15)
    piece = packer.compress(byte * (1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return piece * size + b"\3\0"


def bomb(entry, header, size, byte=b" "):
    """Return a model file with an entry of a header and mebibytes of one byte, with a checksum that is made up.

    Whoever gets as far as to compare that has unpacked it all.
    """
    first = zlib.compressobj(9, wbits=-15)
    content = first.compress(header) + first.flush(zlib.Z_FULL_FLUSH) + stream(size, byte)
    data = packed(unpacked(model()) | {entry: content})
    fields = {"method": 8, "size": len(header) + (size << 20)}
    return headed(entry, **fields)(listed(entry, **fields)(data))


def start(dtype, *shape):
    """Return what stands before the values of an array."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": dtype, "fortran_order": False, "shape": shape})
    return buffer.getvalue()


def zeros():
    """Return a network of a hundred megabytes of zeros, which are in its file of a hundred kilobytes."""
    hidden, symbols = 2048, 5
    shapes = Architecture("rnn", symbols, hidden, 4).parameter_shapes()
    arrays = {f"param/{name}.npy": stored(np.zeros(shape, np.float32)) for name, shape in shapes.items()}
    changed = with_meta(model("rnn", slim=True), put("network", value={"cell": "rnn", "hidden": hidden, "layers": 4}))
    return packed({"meta.npy": unpacked(changed)["meta.npy"]} | arrays, zipfile.ZIP_DEFLATED)


BOMBS = {
    "a-gigabyte-of-json": (
        lambda: bomb("meta.npy", start("|u1", GIGABYTE), 1024),
        "is too large: its arrays claim more than 16 times",
    ),
    "sixty-megabytes-of-json": (lambda: bomb("meta.npy", start("|u1", 60 << 20), 60), f"'meta' {ODD_FORM}"),
    "a-gigabyte-of-weights": (lambda: bomb(V, start("<f4", 16384, 16384), 1024, b"\0"), "is too large"),
    "a-gigabyte-of-state": (lambda: bomb("state/weights.npy", start("<f4", 1 << 28), 1024, b"\0"), "is too large"),
    "a-network-of-zeros": (zeros, "is too large: its arrays claim more than 16 times"),
    "nine-thousand-entries": (
        lambda: packed(unpacked(model()) | {f"{k}.npy": b"" for k in range(9000)}),
        "it has an unexpected entry '0'",
    ),
    "zip-in-a-zip": (lambda: packed({"model.npz": model()}), "'model.npz' is not an array"),
}


def attacks() -> dict[str, str]:
    """Return what is to be said of each attack that is bytes, by its name: one of the parts between bars."""
    rows = {
        f"{kind}-{name}": why
        for kind, table in (("zip", ZIPS), ("entry", ENTRIES), ("state", STATE), ("meta", META), ("bomb", BOMBS))
        for name, (_, why) in table.items()
    }
    rows |= {f"examples-{name}": why for name, (_, _, why) in OF_EXAMPLES.items()}
    return rows | {f"deflated-{name}": why for name, (_, why) in ENTRIES.items()}


def attack(name: str) -> bytes:
    """Return the bytes of an attack."""
    kind, _, row = name.partition("-")
    data = model()
    if kind == "zip":
        return ZIPS[row][0](data)
    if kind == "meta":
        return with_meta(data, META[row][0])
    if kind == "examples":
        of, change, _ = OF_EXAMPLES[row]
        return with_meta(model("rnn", examples=of), change)
    if kind == "bomb":
        return BOMBS[row][0]()
    method = zipfile.ZIP_DEFLATED if kind == "deflated" else zipfile.ZIP_STORED
    return packed((STATE if kind == "state" else ENTRIES)[row][0](unpacked(data)), method)


# What is no file at all, and what is large but takes no room on the disk


def write_special(folder: Path) -> dict[str, str]:
    """Make what cannot be told in bytes, where the system has it; return what is to be said of each, by its name."""
    made = {"folder.npz": "is a folder, not a file", "link-to-nothing.npz": "does not exist"}
    (folder / "folder.npz").mkdir(exist_ok=True)
    if os.name != "posix":
        del made["link-to-nothing.npz"]
        return made
    links = {"link-to-nothing": "nothing", "link-in-a-circle": "link-in-a-circle.npz", "link-to-zeros": "/dev/zero"}
    for name, target in links.items():
        (folder / f"{name}.npz").symlink_to(target)
    os.mkfifo(folder / "pipe.npz")
    with (folder / "sparse-gigabyte-of-json.npz").open("wb") as file:  # stored, so that the file is as large
        header = start("|u1", GIGABYTE)
        size = GIGABYTE + len(header)
        common = struct.pack("<5H3L2H", 20, 0, 0, 0, 33, 0, size, size, 8, 0)
        file.write(b"PK\3\4" + common + b"meta.npy" + header)
        file.seek(GIGABYTE, os.SEEK_CUR)
        directory = b"PK\1\2" + struct.pack("<H", 20) + common + bytes(14) + b"meta.npy"
        file.write(directory + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(directory), 38 + size, 0))
    return made | {
        "link-in-a-circle.npz": "cannot be read: too many",
        "link-to-zeros.npz": "is a device or a pipe, not a file",
        "pipe.npz": "is a device or a pipe, not a file",
        "sparse-gigabyte-of-json.npz": "'meta' has the wrong type or shape",
    }


def write(folder: Path) -> dict[str, str]:
    """Write every attack into a folder that is empty; return what is to be said of each, by its name."""
    rows = attacks()
    for name in rows:
        (folder / f"{name}.npz").write_bytes(attack(name))
    return {f"{name}.npz": why for name, why in rows.items()} | write_special(folder)


# Good files with odd values, which are no attack on the file but on whoever believes them

ESCAPES = "\x1b]0;title\x07\x9b31m\x08\x7f\u202e\u2066\ud83d\r\n"
HUGE = 10**400
HISTORIES = {
    "of-strings": {"epoch": "x", "seconds": "x", "loss": "x", "val_loss": "x"},
    "of-numbers-in-strings": {"epoch": "1", "seconds": "2", "loss": "3", "val_loss": "4"},
    "of-lists": {"epoch": [1], "seconds": [], "loss": [[2]], "val_loss": {"a": 1}},
    "of-huge-numbers": dict.fromkeys(("epoch", "seconds", "loss", "val_loss"), HUGE),
    "of-large-numbers": dict.fromkeys(("epoch", "seconds", "loss", "val_loss"), 1e308),
    "below-zero": dict.fromkeys(("epoch", "seconds", "loss", "val_loss"), -1e308),
    "of-truths": dict.fromkeys(("epoch", "seconds", "loss", "val_loss"), True),
    "of-nulls": dict.fromkeys(("epoch", "seconds", "loss", "val_loss")),
    "of-nothing": {},
    "of-escapes": dict.fromkeys(("epoch", "seconds", "loss", "val_loss", ESCAPES), ESCAPES),
}
VALUES = {
    "a-string": "x",
    "an-escape": ESCAPES,
    "a-long-string": "x" * 50_000,
    "a-list": [],
    "lists": [[1, ESCAPES]],
    "null": None,
    "true": True,
    "a-fraction": 2.5,
    "below-zero": -1,
    "huge": HUGE,
    "enormous": 1e308,
}


def odd() -> Iterator[tuple[str, object]]:
    """Yield names and changes of a good model's meta: odd values where no check of the file looks."""
    for name, record in HISTORIES.items():
        yield f"history-{name}", put("history", value=[record] * 3)
    yield "history-of-many", put("history", value=[{"epoch": 1, "seconds": 1, "loss": 1, "val_loss": 1}] * 10**4)
    for name, value in VALUES.items():
        for field in (
            "sources",
            "sha256",
            "characters",
            "bytes",
            "outputs",
            "unknown",
            "near",
            "held_out",
            "validation",
        ):
            yield f"corpus-{field}-{name}", put("corpus", field, value=value)
        yield f"validation-of-{name}", put("corpus", "validation", value={"sources": value, "sha256": value})
        yield f"held-out-of-{name}", put("corpus", "held_out", value={"characters": value, "source": value})
        yield f"corpus-of-{name}", put("corpus", "sources", value=[value])
        yield f"outputs-of-{name}", put("corpus", "outputs", value={"corpus.txt": [value]})
        for field in ("seq_length", "lr", "epochs", "optimizer", "seed", "shuffle", "legs"):
            yield f"training-{field}-{name}", put("training", field, value=value)
        yield f"leg-of-{name}", put("training", "legs", value=[{"epoch": value, "lr": value}])
        for field in ("step", "seconds", "best_loss", "rate_scale", "judged_sum", "judged_count", "halvings"):
            yield f"progress-{field}-{name}", put("progress", field, value=value)
    yield "corpus-of-nothing", put("corpus", value={})
    for name, source in (("a-device", "/dev/zero"), ("a-nul", "a\0b"), ("nothing", ""), ("stdin", "-")):
        yield f"corpus-in-{name}", put("corpus", "sources", value=[source])
    yield "training-of-nothing", put("training", value={})
    yield "training-of-escapes", put("training", value={ESCAPES: ESCAPES})
    yield "progress-of-nothing", put("progress", value={})
    yield "progress-of-escapes", put("progress", value={ESCAPES: ESCAPES})
    escapes = ESCAPES.replace("\ud83d", "")
    for name, separator in (("of-lines", "\n"), ("named-lines", "lines"), ("of-escapes", escapes)):
        yield f"documents-{name}", partial(_documents, separator=separator)
    yield "characters-that-are-none", _control_characters


def _documents(meta, separator):
    """Make documents of it: the last character becomes the symbol between them."""
    meta["vocabulary"] |= {"separator": separator, "characters": meta["vocabulary"]["characters"][:-1]}
    return meta


def _control_characters(meta):
    """Let the first characters be those that command a terminal."""
    wanted = sorted({*"\x00\x07\x08\x1b\x9b\u202e\u2066", *meta["vocabulary"]["characters"]})
    meta["vocabulary"]["characters"] = "".join(wanted[: len(meta["vocabulary"]["characters"])])
    return meta


def main() -> None:
    """Write all attacks and all odd models into the folder that is named."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        write(folder)
    for name, change in odd():
        (folder / f"odd-{name}.npz").write_bytes(with_meta(model(), change))


if __name__ == "__main__":
    main()
