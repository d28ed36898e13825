"""A model: it writes, scores, traces and fills texts."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Unpack

from charrnn.errors import CharrnnError
from charrnn.library.keywords import Condition, Near, Unknown, WritingOptions, controls_of, seed_of
from charrnn.library.one_text import require_unknown
from charrnn.library.opened import OpenedModel
from charrnn.library.own_cells import name_of
from charrnn.library.predicting import Predicting
from charrnn.library.reading_texts import Reading
from charrnn.library.saving import whole, write_model
from charrnn.library.signatures import PathOf, path_of, public
from charrnn.library.terms import in_terms
from charrnn.model import model_file
from charrnn.model.model_file import Checkpoint
from charrnn.storage.files import shown
from charrnn.text.vocabulary import Ids, Vocabulary
from charrnn.writing.controls import BEAM, Controls

if TYPE_CHECKING:  # what needs the kernels is imported when it is used: opening a model does not take the compiler
    import numpy as np
    from numpy.typing import NDArray

    from charrnn.model.network import Network
    from charrnn.writing.completion import Completion
    from charrnn.writing.sampler import Sampler
    from charrnn.writing.samples import Ending, Piece, Sample


@public
def load(path: PathOf, *, cell: str | Callable[..., Any] | None = None) -> Model:
    """Open a model file.

        model = charrnn.load("model.npz")

    Nothing in the file is executed. For a model with a cell of your own, ``cell`` gives its code: "FILE:FUNCTION", or
    the function. Raises CharrnnError, which says what is wrong, for anything that is not a complete model file.
    """
    name_of(cell)
    return Model(model_file.load(path_of(path)), path_of(path))


def _under(checkpoint: Checkpoint, path: str, condition: Condition) -> Model:
    return Model(checkpoint, path).given(condition)


class Model(Predicting, Reading):
    """A network with its vocabulary, as `load` opens it or a `Run` trains it.

    A text is a string, or the `pathlib.Path` of a file, whose encoding is detected unless ``encoding`` names it. It is
    read as the command line reads a file: CRLF counts as a line feed. A character that is not in the vocabulary is read
    in a near form, as `charrnn sample` does; if it has none, it is an error unless ``unknown`` is "skip" or "replace".
    A score is of the text as it is: ``near`` is "none".

    A model for labels, tags or numbers has the methods of `Predicting` instead. A model that was trained with
    conditions writes and reads under one: `given` returns it as a model without conditions. Threads can share a model.
    """

    def __init__(self, checkpoint: Checkpoint, path: str = "") -> None:
        self._opened = OpenedModel(checkpoint, path)
        self._file = Path(path).absolute()  # wherever the process goes later

    def __repr__(self) -> str:
        words = self._opened.words
        losses = [record.get("val_loss") for record in self._opened.checkpoint.history]
        if known := [loss for loss in losses if isinstance(loss, int | float)]:
            words.append(f"validation {min(known):.3f}")
        return f"<charrnn.Model: {', '.join([*words, shown(self.path)] if self.path else words)}>"

    def __reduce__(self) -> tuple[Any, ...]:
        if (whole := self._opened.conditional) is not None:
            return _under, (whole.checkpoint, self.path, self._opened.condition)
        return Model, (self._opened.checkpoint, self.path)

    @property
    def path(self) -> str:
        """The file that the model was loaded from, or ""."""
        return self._opened.path

    @property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary: ``vocabulary.characters`` has its symbols in the order of their numbers."""
        return self._opened.vocabulary

    @cached_property
    def parameters(self) -> Mapping[str, NDArray[np.float32]]:
        """The weights by name, as read-only arrays; V is the number of symbols, H the units of a layer.

        - ``layer0.U_i`` [V, H]: from each symbol to gate i of the first layer; ``layer1.U_i`` [H, H]: from the outputs
          of the layer below
        - ``layer0.W_i`` [H, H]: from the layer's own outputs one step before
        - ``layer0.b_i`` [H]: the bias; ``layer0.p_i`` [H]: a peephole; ``layer0.h0`` [H]: an initial state
        - ``output.V`` [H, V] and ``output.c`` [V]: from the top layer's outputs to each symbol, and the bias

        ``charrnn cells`` lists the gates of each cell; the only gate of a cell has no name, as in ``layer0.U``. In a
        bidirectional model, the layers that read from the right are ``reverse.layer0`` and so on, with
        ``output.V_reverse``. Symbols are in the order of `vocabulary`.
        """
        views = {name: values.view() for name, values in self._opened.checkpoint.parameters.items()}
        for view in views.values():
            view.flags.writeable = False
        return MappingProxyType(views)

    @property
    def info(self) -> dict[str, Any]:
        """What the model is and how it was trained, as ``charrnn info --json`` prints it."""
        return self._opened.info

    @public
    def given(self, condition: Condition) -> Model:
        """Return this model under a condition: a model that writes and reads texts as any other.

            italian = charrnn.load("names.npz").given("Italian")
            between = charrnn.load("names.npz").given({"Italian": 0.5, "Japanese": 0.5})

        A condition is the name of one; a mixture, as a dict of names with shares that sum to 1; or if the model was
        trained with numbers, these, in their own units. The network is exactly the one with conditions. The new model
        cannot be saved. Raises CharrnnError for a condition that is not one of the model's.
        """
        found = Model(self._opened.checkpoint, self.path)
        found._opened = self._opened.under(condition)
        return found

    @public
    def save(self, path: PathOf, *, slim: bool = False, force: bool = False) -> None:
        """Write a model file, whole or not at all.

        The file also has what ``resume`` needs, unless ``slim``. A model that was loaded takes that from its file,
        which must still have the same model; if that file is slim, the new one is, too. Raises CharrnnError if the file
        cannot be written, if it exists without ``force``, if it exists and is not a model, or if the model's own file
        has changed.
        """
        if self._opened.conditional is not None:
            raise CharrnnError("a model under a condition cannot be saved; save the model that it comes from")
        checkpoint = self._opened.checkpoint
        if self.path and not (slim or checkpoint.slim or checkpoint.resume):
            checkpoint = whole(checkpoint, self._file)
        write_model(checkpoint, path, slim=slim, force=force, own=self._file if self.path else None)

    @public
    def sample(self, prime: str = "", **options: Unpack[WritingOptions]) -> str:
        r"""Write a text that continues the prime, and return it with the prime.

            model.sample("Once upon a time", length=300, temp=0.8, seed=1)

        The options are those of ``charrnn sample``, and give the same text:

        temp=1.0            how bold: 0 takes the most probable character, 0.5 is careful, more than 1 is wild
        top_k=None          choose only among this many most probable characters
        min_p=0.0           leave out characters with less than this share of the highest probability
        top_p=1.0           choose among the fewest most probable characters that together have this probability
        repeat_penalty=1.0  divide the probability of each character among the last ones by this number
        repeat_window=64    how many last characters repeat_penalty looks at
        length=None         characters after the prime, at most; None is 1,000, or 100,000 if something else can end it
        lines=None          lines, at most
        stop=()             a string to end before, or a list of strings
        no_prime=False      leave out the prime
        seed=None           the same seed writes the same text; None writes another text each time
        unknown="error"     unknown characters in the prime: "error", "skip" or "replace"
        allow_unknown=False  after training with ``rare``: also write �, where the model predicts it
        near="forms"        how to read them before: "none", as characters that look like them, or "case": in any case
        given=None          of a model trained with conditions: the one to write under, as `given` takes it

        `samples` writes several texts. Only the command has prime_file, novel, copied, copied_run, encoding,
        surprise and json.

        Raises CharrnnError for a value out of range, for an unknown character in the prime, and for a bidirectional
        model; TypeError for an unknown option, and for a value of the wrong type.
        """
        return "".join(self._stream("sample", prime, options))

    @public
    def samples(self, count: int, prime: str = "", **options: Unpack[WritingOptions]) -> list[Sample]:
        """Write ``count`` texts in parallel, with the options of `sample`.

        Each text has the seed that reproduces it alone; the first text's is ``seed``.
        """
        from charrnn.model.team import Team
        from charrnn.model.threads import processors
        from charrnn.writing.samples import Sample, samples

        if count < 1:
            raise CharrnnError(f"the count must be 1 or more, not {count}")
        ending, sampler, read, seed = self._asked("samples", prime, options)
        found: list[Sample] = []
        parts: list[Piece] = []
        with Team(min(count, processors())) if count > 1 else nullcontext() as team:
            for piece in samples(sampler, self.vocabulary, ending, seed=seed, count=count, team=team):
                parts.append(piece)
                if piece.ended is not None:
                    found.append(Sample.of(parts, read, self.vocabulary))
                    parts = []
        return found

    @public
    def stream(self, prime: str = "", **options: Unpack[WritingOptions]) -> Iterator[str]:
        """Write a text as `sample` does, and yield each character as it is drawn.

            for character in model.stream(length=0, temp=0.8):
                print(character, end="", flush=True)

        The prime comes first. With a ``length`` of 0, the text never ends.
        """
        return self._stream("stream", prime, options)

    @public
    def next_characters(
        self,
        text: str = "",
        k: int = 10,
        *,
        unknown: Unknown = "error",
        near: Near = "forms",
        given: Condition | None = None,
    ) -> list[tuple[str, float]]:
        r"""Return the ``k`` most probable characters after a text, each with its probability.

            model.next_characters("Th", k=3)  # such as [("e", 0.71), ("a", 0.11), ("o", 0.06)]

        The most probable one comes first. The end of a document is in the list as the string that separates documents,
        such as a line feed, and a byte beyond ASCII as an escape, such as ``\xc3``. Raises CharrnnError for an unknown
        character in the text, unless ``unknown`` says otherwise, and for a bidirectional model.
        """
        import numpy as np

        if k < 1:
            raise CharrnnError(f"k must be 1 or more, not {k}")
        sampler, _ = self._primed(self._opened.under(given).network, text, unknown, near, Controls())
        chances = sampler.probabilities()[0]
        names = [*self.vocabulary.symbol_names[: self.vocabulary.boundary], self.vocabulary.ending]
        best = np.argsort(-chances, kind="stable")[:k]
        return [(names[symbol], float(chances[symbol])) for symbol in best.tolist()]

    @public
    def fill(
        self,
        text: str,
        *,
        mark: str = "_",
        beam: int = BEAM,
        temp: float | None = None,
        seed: int | None = None,
        unknown: Unknown = "error",
        near: Near = "forms",
        allow_unknown: bool = False,
    ) -> str:
        """Fill the gaps of a text; each ``mark`` stands for one unknown character.

            charrnn.load("both.npz").fill("The c_t s_t on the m_t")

        The gaps get the most probable characters that a ``beam`` search finds or, with ``temp``, characters drawn at
        that temperature. Raises CharrnnError if the model is not bidirectional, and for a text without a gap.
        """
        rules: dict[str, Any] = {"unknown": unknown, "near": near, "allow_unknown": allow_unknown}
        return self.completions(text, 1, mark=mark, beam=beam, temp=temp, seed=seed, **rules)[0].text

    @public
    def completions(
        self,
        text: str,
        k: int = 5,
        *,
        mark: str = "_",
        beam: int = BEAM,
        temp: float | None = None,
        seed: int | None = None,
        unknown: Unknown = "error",
        near: Near = "forms",
        allow_unknown: bool = False,
    ) -> list[Completion]:
        """Return the ``k`` most probable ways to fill the gaps or, with ``temp``, ``k`` drawn ones."""
        from charrnn.writing.completion import Completion
        from charrnn.writing.filling import Filler
        from charrnn.writing.samples import seeds

        if k < 1 or beam < 1:
            raise CharrnnError(f"k and beam must be 1 or more, not {k} and {beam}")
        filler = Filler(self._opened.writer(allow_unknown=allow_unknown))
        gapped = self._opened.gapped(self.vocabulary.typed(text), mark, unknown, near)
        if temp is None:
            found = filler.best(gapped.ids, k, beam)
        elif temp > 0.0:
            found = filler.draw(
                gapped.ids, Controls(temperature=temp).temperature, list(islice(seeds(seed_of(seed)), k))
            )
        else:
            raise CharrnnError(
                f"the temperature must be more than 0, not {temp:g}; without temp, the best is filled in"
            )
        return [Completion.of(gapped, filling, self.vocabulary) for filling in found]

    def _asked(self, function: str, prime: str, options: WritingOptions) -> tuple[Ending, Sampler, Ids, int]:
        """Return the ending of texts, a sampler that has read the prime, the prime to show, and the seed."""
        from charrnn.writing.samples import Ending

        length, lines, stop = options.get("length"), options.get("lines"), options.get("stop", ())
        stops = (stop,) if isinstance(stop, str) else tuple(stop)
        if length is not None and length < 0:
            raise CharrnnError(f"length must be 0 or more, not {length}")
        if lines is not None and lines < 1:
            raise CharrnnError(f"lines must be 1 or more, not {lines}")
        if "" in stops:
            raise CharrnnError("a string of stop is empty; give the text to end before")
        if length == 0 and function != "stream":
            raise CharrnnError("a text of length 0 never ends; stream() yields it character by character")
        ending = Ending.of(self.vocabulary, length=length, lines=lines, stops=stops)
        rules = options.get("unknown", "error"), options.get("near", "forms")
        network = self._opened.under(options.get("given")).writer(allow_unknown=options.get("allow_unknown", False))
        sampler, primed = self._primed(network, prime, *rules, controls_of(options))
        return ending, sampler, primed[:0] if options.get("no_prime") else primed, seed_of(options.get("seed"))

    def _primed(self, network: Network, prime: str, unknown: str, near: str, controls: Controls) -> tuple[Sampler, Ids]:
        """Return a sampler that has read a prime, and the prime's symbols."""
        from charrnn.writing.prime import read_prime, typed_prime
        from charrnn.writing.sampler import Sampler

        require_unknown(unknown)
        sampler = Sampler(network, controls=controls)
        ids = read_prime(sampler, self.vocabulary, [typed_prime(prime, self.vocabulary, unknown, near)], keep=True)
        return sampler, ids

    def _stream(self, function: str, prime: str, options: WritingOptions) -> Iterator[str]:
        from charrnn.writing.samples import samples

        ending, sampler, read, seed = self._asked(function, prime, options)
        pieces = samples(sampler, self.vocabulary, ending, seed=seed)
        return in_terms(self._decoded(chain([read], (piece.symbols for piece in pieces))))

    def _decoded(self, parts: Iterable[NDArray[Any]]) -> Iterator[str]:
        """Yield the characters of symbols that arrive in parts; bytes that are not UTF-8 become escapes."""
        decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        for part in parts:
            yield from decoder.decode(self.vocabulary.decode_bytes(part))
        yield from decoder.decode(b"", True)
