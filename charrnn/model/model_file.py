"""The model file: a checkpoint, and the arrays and the JSON that store it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charrnn.cells.architecture import MAXIMUM_STEPS, Architecture
from charrnn.cells.own_cell import OwnCell
from charrnn.cells.real_time import influence_shape, why_not_in_real_time
from charrnn.errors import CharrnnError
from charrnn.examples.input_files import check_record
from charrnn.model.target_names import Targets
from charrnn.storage import archive
from charrnn.storage.archive import Form, UnfitError, check_writable
from charrnn.storage.json_record import check, decode, format_of, of_kind
from charrnn.text.text_record import LONGEST_SEPARATOR, VOCABULARY, VOCABULARY_OPTIONS, check_text, check_vocabulary
from charrnn.text.vocabulary import Vocabulary
from charrnn.version import __version__

__all__ = [
    "FORMAT",
    "LONGEST_SEPARATOR",
    "Checkpoint",
    "Resume",
    "check_writable",
    "load",
    "require_replaceable",
    "require_storable",
    "save",
]

FORMAT = 6  # of the file; raise it whenever a reader of the old format would misunderstand the new one
# Formats 1 to 5 are still read: format 1 had no vocabularies of documents, 1 and 2 no options of the network, 1 to 3
# neither the bytes that were seen, nor an unknown symbol, nor an embedding, 1 to 4 only texts and no examples, and 1 to
# 5 neither pairs of texts nor conditions, nor random initial states, nor cells of the user's own.
_PLAIN, _TEXT, _LABELLED = 3, 4, 5  # of files that have none of what came later, which older versions can read

_FLOATS = "<f4"
# Room for a vocabulary of all existing characters, each as twelve bytes of escapes, and for 10,000 validations.
_META = Form("|u1", (None,), limit=16 << 20)
_CHUNK = 1 << 20  # numbers to test for NaN and infinity at a time

_FIELDS = {
    "format": int,
    "charrnn": str,
    "network": dict,
    "vocabulary": dict,
    "training": dict,
    "history": list,
    "corpus": dict,
}
_NETWORK = {"cell": str, "hidden": int, "layers": int}
_OPTIONS = {
    "activation": str,
    "projection": int,
    "periods": list,
    "bidirectional": bool,
    "learned_state": bool,
    "first_state": str,
    "embedding": int,
    "task": str,
    "features": int,
    "targets": int,
    "head": str,
    "pooling": str,
    "joined": bool,
    "attention": bool,
    "conditions": int,
    "given_at": str,
    "own": dict,
}
_HELD_OUT = {"characters": int, "source": str}


@dataclass
class Resume:
    """What a run needs to continue exactly where it stopped."""

    progress: dict[str, Any]  # JSON: step, epoch, seconds and so on; only training knows what it means
    weights: NDArray[np.float32]  # [P] the last weights, end to end in the order of parameter_shapes()
    moments: tuple[NDArray[np.float32], ...]  # each [P]: the optimizer's
    carried: NDArray[np.float32]  # [layers, states, B, H] the hidden state that the next window starts from
    influence: NDArray[np.float32] | None = None  # [B, states·H, P], of P parameters, in real-time recurrent learning


@dataclass
class Checkpoint:
    """A network, its vocabulary, and how it was trained."""

    architecture: Architecture
    vocabulary: Vocabulary
    parameters: dict[str, NDArray[np.float32]]  # the best weights so far, by name, as parameter_shapes() says
    training: dict[str, Any]  # JSON: the settings of the run
    history: list[dict[str, Any]]  # JSON: one record per validation
    corpus: dict[str, Any]  # JSON: sources, SHA-256, number of characters
    resume: Resume | None = None  # None: for sampling and scoring only
    targets: Targets | None = None  # names and scales of what is predicted of examples; None for a text
    slim: bool = False  # whether it was read from a file without the run's state


def require_storable(architecture: Architecture, moments: int) -> None:
    """Raise CharrnnError if a network is too large for a model file.

    The file also holds what a run needs to continue.
    """
    needed = 4 * architecture.stored_count() * (2 + moments)  # the best weights, the last ones, the moments
    if needed > archive.MAXIMUM_BYTES:
        raise CharrnnError(
            f"a network of {architecture.parameter_count():,} parameters needs a model file of {needed / 2**30:.0f} "
            f"GiB, but the largest is {archive.MAXIMUM_BYTES / 2**30:.0f} GiB; use a smaller --hidden"
        )


def require_replaceable(path: str | Path) -> None:
    """Raise CharrnnError if a file exists that is not a model, so that no other file is lost."""
    archive.require_replaceable(path, "meta", archive.MODEL)


def save(path: str | Path, checkpoint: Checkpoint) -> None:
    """Write a model file, completely or not at all.

    It replaces an existing file at ``path``. Raises CharrnnError, and leaves the old file unchanged, if it cannot be
    written, if an array or the JSON contains NaN or infinity (None stands for a loss that is not known yet), or if it
    would be too large to load. Raises ValueError for arrays that do not have the network's shapes, and TypeError for
    values that JSON cannot represent.
    """
    resume, architecture = checkpoint.resume, checkpoint.architecture
    if architecture.vocabulary != len(checkpoint.vocabulary):
        raise ValueError("the network is for a vocabulary of another size")
    arrays = {f"param/{name}": values for name, values in checkpoint.parameters.items()}
    if resume:
        moments = {f"state/moment{k}": values for k, values in enumerate(resume.moments)}
        arrays |= {"state/weights": resume.weights, **moments, "state/carried": resume.carried}
        arrays |= {} if resume.influence is None else {"state/influence": resume.influence}
    forms = _forms(architecture, len(resume.moments) if resume else None, influence="state/influence" in arrays)
    if set(arrays) != set(forms):
        raise ValueError("the parameters are not those of the network")
    stored = {"meta": np.frombuffer(_encode(path, checkpoint), np.uint8)}
    for name, form in forms.items():
        values = np.ascontiguousarray(arrays[name], _FLOATS)
        if form.filled(values.nbytes) != values.shape:
            raise ValueError(f"{name} has shape {values.shape}, not {form.shape}")
        if not _finite(values):
            raise CharrnnError(f"{archive.shown(path)} was not written: a number in {name} is not finite")
        stored[name] = values
    archive.write(path, stored)


def reads_examples(path: str | Path) -> bool:
    """Return whether a model file's network is trained on examples; of the file, only the JSON is read.

    Raises CharrnnError as `load` does.
    """
    with archive.reading(path) as reader:
        return "targets" in _decode(reader.read("meta", _META).tobytes())


def load(path: str | Path, *, resume: bool = False) -> Checkpoint:
    """Read a model file, and with ``resume`` the run's state.

    Raises CharrnnError that names the file and says what is wrong: it cannot be read, is not a model, is damaged, was
    written by a newer charrnn, or is slim (with ``resume``). No array is allocated before the file is known to be large
    enough for it, and no array of the network before all are known to have the names, types and shapes that its sizes
    require.
    """
    with archive.reading(path) as reader:
        meta = _decode(reader.read("meta", _META).tobytes())
        try:
            vocabulary = Vocabulary(**meta["vocabulary"])
            architecture = Architecture(vocabulary=len(vocabulary), **meta["network"])
            targets = _targets_of(meta, architecture)
            if vocabulary.separator and (architecture.bidirectional or architecture.task_row.reads_examples):
                raise ValueError("a bidirectional network, or one for examples, reads one whole text, not documents")
        except (ValueError, CharrnnError) as fault:
            raise UnfitError(f"is not a charrnn model: {fault}") from None
        if resume and "progress" not in meta:
            raise UnfitError("is a slim model: it can be sampled and scored, but not trained further")
        moments = 0
        while f"state/moment{moments}" in reader:
            moments += 1
        influence = "state/influence" in reader
        forms = _forms(architecture, moments if "progress" in meta else None, influence=influence)
        reader.require({"meta": _META, **forms})
        arrays = {}
        for name, form in forms.items():
            if resume or name.startswith("param/"):
                arrays[name] = reader.read(name, form).astype(np.float32, copy=False)
                if not _finite(arrays[name]):
                    raise UnfitError(f"is damaged: a number in its entry {name!r} is not finite")
    return Checkpoint(
        architecture,
        vocabulary,
        {name: arrays[f"param/{name}"] for name in architecture.parameter_shapes()},
        meta["training"],
        meta["history"],
        meta["corpus"],
        Resume(
            meta["progress"],
            arrays["state/weights"],
            tuple(arrays[f"state/moment{k}"] for k in range(moments)),
            arrays["state/carried"],
            arrays.get("state/influence"),
        )
        if resume
        else None,
        targets,
        slim="progress" not in meta,
    )


def _forms(architecture: Architecture, moments: int | None, *, influence: bool) -> dict[str, Form]:
    """Return the form of every array of a file except ``meta``.

    They are in order; if ``moments`` is None, they are those of a slim file. An ``influence`` is allowed if the network
    can learn in real time.
    """
    forms = {f"param/{name}": Form(_FLOATS, shape) for name, shape in architecture.parameter_shapes().items()}
    if moments is not None:
        flat = Form(_FLOATS, (architecture.stored_count(),))
        forms["state/weights"] = flat
        forms |= {f"state/moment{k}": flat for k in range(moments)}
        layers = architecture.directions * architecture.layers
        sizes = layers, len(architecture.row.states), None, architecture.hidden
        forms["state/carried"] = Form(_FLOATS, sizes)
        if influence and why_not_in_real_time(architecture) is None:
            forms["state/influence"] = Form(_FLOATS, (None, *influence_shape(architecture)))
    return forms


def _encode(path: str | Path, checkpoint: Checkpoint) -> bytes:
    network, vocabulary = checkpoint.architecture, checkpoint.vocabulary
    options = {name: value for name in VOCABULARY_OPTIONS if (value := getattr(vocabulary, name))}
    meta = {
        "format": _format_of(checkpoint, options),
        "charrnn": __version__,
        "network": {name: getattr(network, name) for name in _NETWORK} | network.options,
        "vocabulary": {name: getattr(vocabulary, name) for name in VOCABULARY} | options,
        "training": checkpoint.training,
        "history": checkpoint.history,
        "corpus": checkpoint.corpus,
    }
    if checkpoint.targets is not None:
        meta["targets"] = checkpoint.targets.record()
    if checkpoint.resume:
        meta["progress"] = checkpoint.resume.progress
    try:
        # Escapes, not UTF-8: file names can contain what UTF-8 cannot encode.
        encoded = json.dumps(meta, allow_nan=False).encode("ascii")
        if len(encoded) > _META.limit:
            raise UnfitError(f"has more than {_META.limit >> 20} MiB in its entry 'meta'")
        _targets_of(_decode(encoded), network)  # refuse whatever could not be read again
    except (ValueError, RecursionError):
        what = "a number in its settings or history is not finite, or they are nested too deep"
        raise CharrnnError(f"{archive.shown(path)} was not written: {what}") from None
    except UnfitError as fault:
        raise CharrnnError(f"{archive.shown(path)} was not written: the new file {fault!s:.300}") from None
    return encoded


def _format_of(checkpoint: Checkpoint, options: dict[str, Any]) -> int:
    """Return the oldest format that can hold a checkpoint, with such options of its vocabulary."""
    network = checkpoint.architecture
    newer = {"first_state", "own"} & set(network.options) or {"periods", "activation"} <= set(network.options)
    if network.encoder is not None or network.conditions or newer:
        return FORMAT
    if checkpoint.targets:
        return _LABELLED
    return _TEXT if options or network.embedding else _PLAIN


def _decode(encoded: bytes) -> dict[str, Any]:
    """Return ``meta``'s JSON, with exactly this format's fields."""
    meta = decode("meta", encoded)
    version = format_of("meta", meta, FORMAT)
    more = {name: dict for name in ("progress", "targets") if name in meta}
    fields = check("meta", meta, _FIELDS | more)
    if version == 1 and "separator" not in fields["vocabulary"]:
        fields["vocabulary"]["separator"] = ""
    network = fields["network"]
    options = {name: kind for name, kind in _OPTIONS.items() if name in network}
    check("meta: network", network, _NETWORK | options)
    if "periods" in options:
        if not all(type(period) is int for period in network["periods"]):
            raise UnfitError("is not a charrnn model: its periods are not whole numbers")
        network["periods"] = tuple(network["periods"])
    if network.pop("learned_state", False):
        if "first_state" in network:
            raise UnfitError("is not a charrnn model: it has two first states")
        network["first_state"] = "learned"
    if "own" in options:
        try:
            network["own"] = OwnCell.of_record(network["cell"], network["own"])
        except CharrnnError as fault:
            raise UnfitError(f"is not a charrnn model: {fault!s:.200}") from None
    check_vocabulary("meta: vocabulary", fields["vocabulary"])
    if not all(isinstance(record, dict) for record in fields["history"]):
        raise UnfitError("is not a charrnn model: the history in its entry 'meta' is not a list of records")
    if "targets" in fields:
        _check_examples(fields["corpus"])
        steps = fields["training"].get("seq_length", 1)  # whoever asks the network cuts examples there
        if type(steps) is not int or not 1 <= steps <= MAXIMUM_STEPS:
            raise UnfitError("is not a charrnn model: 'seq_length' in its entry 'meta: training' is out of range")
    elif text := fields["corpus"]:  # empty if the text is not known
        check_text("meta: corpus", text)
        if "validation" in text:
            check_text("meta: corpus: validation", of_kind("meta: corpus", text, "validation", dict))
        if "held_out" in text:
            held_out = of_kind("meta: corpus", text, "held_out", dict)
            for name, kind in _HELD_OUT.items():
                of_kind("meta: corpus: held_out", held_out, name, kind)
    return fields


def _targets_of(meta: dict[str, Any], architecture: Architecture) -> Targets | None:
    """Return what is predicted of examples; None for a text."""
    if architecture.task_row.is_part:
        raise UnfitError("is not a charrnn model: its network is only a part of one")
    if architecture.reads_examples != ("targets" in meta):
        raise UnfitError("is not a charrnn model: only a network that reads examples has targets, and it needs them")
    return Targets.of_record("meta: targets", meta["targets"], architecture) if "targets" in meta else None


def _check_examples(record: dict[str, Any]) -> None:
    """Raise UnfitError if the record of the examples of a run is not one."""
    if not record:
        return
    check_record("meta: corpus", record)
    if "validation" in record:
        check_record("meta: corpus: validation", of_kind("meta: corpus", record, "validation", dict))
    if "held_out" in record:
        held_out = of_kind("meta: corpus", record, "held_out", dict)
        for name, kind in {"examples": int, "source": str}.items():
            of_kind("meta: corpus: held_out", held_out, name, kind)


def _finite(values: NDArray[Any]) -> bool:
    """Return whether all numbers of a C-ordered array are finite.

    It does not make a second array of that size.
    """
    flat = values.reshape(-1)
    return all(bool(np.isfinite(flat[k : k + _CHUNK]).all()) for k in range(0, flat.size, _CHUNK))
