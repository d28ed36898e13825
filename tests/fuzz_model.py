"""Fuzz the reading of models and encoded texts: none may make it crash, hang, take much memory or say too much.

    pip install -e '.[fuzz]'
    python tests/fuzz_model.py -max_total_time=600

It runs until the time is over or an input is found that breaks the promise; that input is written to a file, and
``python tests/fuzz_model.py FILE`` tries it again. The options are libFuzzer's. An input may take 1 GB of memory
(``-rss_limit_mb``) and 20 s (``-timeout``). It starts from good models of every kind and from the attacks of
``tests/hostile.py``. Half of the changes are made inside the entries of a file that is then put together anew, with
right checksums and directory, or hardly one input in a thousand would get past these.
"""

import io
import json
import random
import sys
import tempfile
from contextlib import nullcontext
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))  # as a script, it would find the other tests only

if __name__ == "__main__":
    import atheris

    sys.modules.pop("zipfile", None)  # so that it is imported once more, and watched
    watched = atheris.instrument_imports(include=["charrnn", "zipfile"])
else:
    watched = nullcontext()

with watched:
    import zipfile

    from charrnn.errors import CharrnnError
    from charrnn.model.model_file import load, save
    from charrnn.text import corpus_file
    from tests import hostile

RECORDS = ("meta.npy", "text.npy")  # the JSON of a model, and of an encoded text
LONGEST = 1 << 16  # bytes of an input
UNPACKED = 1 << 20  # bytes of entries that are worth to be changed one by one
POOL = [*hostile.VALUES.values(), {}, "", "\ud800", 10**30, -(10**30), 1e-300, "é" * 9, [0] * 9]


def one_input(data: bytes, folder: Path) -> int:
    """Load bytes as a model file, with its state and without, and as an encoded text; return how often that worked.

    Raises AssertionError unless each time it is one printable sentence that names the file, or a model that comes back
    when it is saved and loaded again; any other exception is a fault as well.
    """
    path, again = folder / "model.npz", folder / "again.npz"
    path.write_bytes(data)
    loaded = 0
    for resume in (False, True):
        model = loaded_or_refused(path, partial(load, resume=resume))
        if model is not None:
            loaded += 1
            save(again, model)
            assert contents(load(again, resume=resume)) == contents(model)
    text = loaded_or_refused(path, lambda path: corpus_file.load(str(path)))
    if text is not None:
        loaded += 1
        assert sum(len(data) for _, parts, _ in text.contents(byte_level=True) for data in parts) or not text.ids.size
    return loaded


def loaded_or_refused(path, load):
    """Load a file; return None if it is refused in one printable sentence that names it."""
    try:
        return load(path)
    except CharrnnError as error:
        said = str(error)
    assert said.isprintable()
    assert str(path) in said
    assert len(said) < 400 + len(str(path))
    return None


def contents(model) -> list:
    """Return all that a checkpoint holds, in a form that can be compared."""
    arrays = list(model.parameters.items())
    if model.resume:
        kept = (model.resume.weights, *model.resume.moments, model.resume.carried, model.resume.influence)
        arrays += enumerate(values for values in kept if values is not None)
    told = (model.architecture, model.vocabulary, model.training, model.history, model.corpus)
    return [
        *told,
        model.targets and model.targets.record(),
        model.resume and model.resume.progress,
        [(name, a.shape, a.tobytes()) for name, a in arrays],
    ]


def good() -> dict[str, bytes]:
    """Return good files of every kind, by name."""
    found = {
        f"good-{cell}-{moments}": hostile.model(cell, moments=moments)
        for cell in ("lstm", "gru", "rnn")
        for moments in range(3)
    }
    found |= {f"slim-{cell}": hostile.model(cell, slim=True) for cell in ("lstm", "gru", "rnn")}
    found["bytes"] = hostile.model("rnn", slim=True, byte_level=True)
    found["bytes-seen"] = hostile.model("rnn", slim=True, byte_level=True, seen="\n abc\xff")
    found["rare"] = hostile.model(rare=5)
    found["rare-documents"] = hostile.model(rare=2, separator="\n")
    found["documents"] = hostile.model(separator="\n")
    found["embedding"] = hostile.model(embedding=2)
    found["packed"] = hostile.packed(hostile.unpacked(hostile.model()), zipfile.ZIP_DEFLATED)
    found |= {f"examples-{name}": hostile.model("rnn", examples=name) for name in hostile.EXAMPLES}
    found["conditions-of-documents"] = hostile.model("gru", examples="named-conditions", separator="\n", rare=2)
    found["slim-examples"] = hostile.model("rnn", examples="series", slim=True)
    found["encoded-text"] = hostile.encoded_text(hostile.encoded_entries())
    found["wide"] = hostile.wide(hostile.model())
    return found


def beginnings() -> dict[str, bytes]:
    """Return the files to begin with, by name: good ones, those with odd values, and attacks; none that takes long."""
    small = hostile.model("rnn", moments=1)  # has the fewest entries, and so is the fastest
    odd = {f"odd-{name}": hostile.with_meta(small, change) for name, change in hostile.odd() if "many" not in name}
    long = ("bomb", "million", "network-of-all")
    attacks = {name: hostile.attack(name) for name in hostile.attacks() if not any(word in name for word in long)}
    return {name: data for name, data in (good() | odd | attacks).items() if len(data) <= LONGEST}


def mutated(data: bytes, most: int, seed: int, *, change) -> bytes:
    """Return a file that differs a little; `change` takes any bytes and a size, and returns others."""
    rng = random.Random(seed)
    entries = opened(data) if rng.random() < 0.7 else None
    if not entries:
        return change(data, most)
    name = rng.choice([*entries, *[part for part in RECORDS if part in entries] * len(entries)])
    other, how = rng.choice([*entries]), rng.random()
    if how < 0.1:
        entries[other] = entries.pop(name)
    elif how < 0.2:
        entries[name] = entries[other]
    elif how < 0.8 and name in RECORDS:
        entries[name] = changed_meta(entries[name], rng, change)
    else:
        entries[name] = change(entries[name], len(entries[name]) + 64)
    whole = hostile.packed(entries, rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
    return whole if len(whole) <= most else change(data, most)


def opened(data: bytes) -> dict[str, bytes] | None:
    """Return a zip file's entries, or None where there are none or they are large or damaged."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as zipped:
            found = zipped.infolist()
            if sum(info.file_size for info in found) > UNPACKED or any("\0" in info.orig_filename for info in found):
                return None
            return {info.orig_filename: zipped.read(info) for info in found}
    except Exception:
        return None


def changed_meta(array: bytes, rng: random.Random, change) -> bytes:
    """Change the array that holds JSON: its text, or one of its values for another one."""
    text = array[array.find(b"\n") + 1 :]
    try:
        meta = json.loads(text)
        places = list(places_in(meta))
    except (ValueError, RecursionError):  # it is none any more
        places = []
    if not places or rng.random() < 0.3:
        text = change(text, len(text) + 64)
        return hostile.start("|u1", len(text)) + text
    *outer, last = rng.choice(places)
    inner = meta
    for key in outer:
        inner = inner[key]
    how = rng.randrange(5)
    if how == 0:
        inner[last] = rng.choice(POOL)
    elif how == 1:
        del inner[last]
    elif how == 2:
        inner[last] = json.loads(json.dumps(rng.choice(list(values_in(meta)))))
    elif how == 3 and isinstance(inner[last], str):
        inner[last] = change(inner[last].encode("utf-8", "surrogatepass"), 200).decode("utf-8", "surrogateescape")
    else:
        inner[last] = [inner[last], inner[last]]
    text = json.dumps(meta).encode()
    return hostile.start("|u1", len(text)) + text


def places_in(value, at=()):
    """Yield the way to everything in JSON that is in something."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield (*at, key)
        yield from places_in(value[key], (*at, key))


def values_in(value):
    """Yield everything in JSON."""
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from values_in(inner)


def main() -> None:
    """Fuzz."""
    memory = Path("/dev/shm")  # where saving does not wait for a disk
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        inputs, room = Path(folder, "inputs"), Path(folder, "room")
        inputs.mkdir()
        room.mkdir()
        for name, data in beginnings().items():
            (inputs / name).write_bytes(data)
        limits = [f"-max_len={LONGEST}", "-rss_limit_mb=1024", "-timeout=20"]
        given = sys.argv[1:]
        if all(argument.startswith("-") for argument in given):  # else they are inputs to try again
            given.append(str(inputs))
        atheris.Setup(
            [sys.argv[0], *limits, *given],
            partial(one_input_alone, folder=room),
            custom_mutator=partial(mutated, change=lambda data, size: atheris.Mutate(data, size)),
        )
        atheris.Fuzz()


def one_input_alone(data: bytes, folder: Path) -> None:
    """Do as one_input, and return nothing, as libFuzzer wants it."""
    one_input(data, folder)


if __name__ == "__main__":
    main()
