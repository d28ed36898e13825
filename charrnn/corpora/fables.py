"""Short fables generated from a grammar: a text to train on that is always available and the same everywhere.

The words and the plots are in ``fables.grammar`` next to this file, which explains its marks in its first lines.
"""

import random
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources

from charrnn.errors import CharrnnError

_WIDTH = 76

_AGREEMENT = re.compile(r"<([^<>|]*)\|([^<>|]*)>")
_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{([\w.]+)\}")
_SPEECH = re.compile(r"([abgj])([:>]) (.*)")
_SENTENCE_START = re.compile(r'(?:^"?|[.!?] "?|\." "?)[a-z]')
_A_BEFORE_VOWEL = re.compile(r"\b(a)(?= (?:[aio]|e(?!we|u)|u(?!s|ni)|hour|hones))", re.IGNORECASE)


@dataclass
class _Plot:
    """A plot of the grammar: its possible characters, titles, morals and steps."""

    cast: list[tuple[str, list[str]]]
    titles: list[str] = field(default_factory=list)
    morals: list[str] = field(default_factory=list)
    steps: list[tuple[bool, list[str]]] = field(default_factory=list)  # whether it is optional; the ways to tell it


@dataclass
class _Grammar:
    """The lists and the plots. ``fields`` names the fields of each list that has one entry for a whole fable."""

    lists: dict[str, list[str]] = field(default_factory=dict)
    fields: dict[str, list[str]] = field(default_factory=dict)
    plots: list[_Plot] = field(default_factory=list)


def _split(text: str, mark: str) -> list[str]:
    return [part.strip() for part in text.split(mark) if part.strip()]


def _read_grammar() -> _Grammar:
    source = resources.files(__package__).joinpath("fables.grammar").read_text(encoding="ascii")
    source = re.sub(r"^#.*\n", "", source, flags=re.MULTILINE)
    lists, _, plots = source.partition("\n* ")
    grammar = _Grammar()
    for block in _split(lists, "@ "):
        head, body = block.split("\n", 1)
        name, colon, fields = head.partition(":")
        grammar.lists[name] = _split(" ".join(body.split()), ";")
        if colon:
            grammar.fields[name] = _split(fields, ":")
    for line in re.sub(r"\n +", " ", "* " + plots).splitlines():
        mark, text = line[:1], line[2:]
        if mark == "*":
            cast = [role.split(":") for role in _split(text, ";")]
            plot = _Plot([(group, _split(traits, ",")) for group, traits in cast])
            grammar.plots.append(plot)
        elif mark == "=":
            plot.titles = _split(text, ";")
        elif mark == "!":
            plot.morals = _split(text, ";")
        elif mark == "/":
            plot.steps[-1][1].append(text)
        elif mark:
            plot.steps.append((mark == "?", [text]))
    return grammar


class _Teller:
    """Generates fables. All random numbers come from ``random()``, whose stream is the same in every Python version."""

    def __init__(self, grammar: _Grammar, seed: int) -> None:
        self._grammar = grammar
        self._chance = random.Random(seed).random
        self._deck: list[_Plot] = []
        self._facts: dict[str, str] = {}
        self._used: set[str] = set()
        self._one = True

    def _pick(self, options: Sequence[str]) -> str:
        return options[int(self._chance() * len(options))]

    def _fresh(self, name: str) -> str:
        """Draw an entry of a list.

        If possible, it is one that this fable has not used yet.
        """
        entries = self._grammar.lists[name]
        entry = self._pick([entry for entry in entries if entry not in self._used] or entries)
        self._used.add(entry)
        return entry

    def fable(self) -> str:
        """Return the next fable: title, paragraphs and moral."""
        if not self._deck:  # every plot is used once, in random order, before any is used again
            self._deck = list(self._grammar.plots)
        plot = self._deck.pop(int(self._chance() * len(self._deck)))
        self._used.clear()
        self._facts = {"j": "the judge", "j.his": "her"}
        kinds = [self._cast("a", *plot.cast[0], kinds=[], male=None)]
        kinds.append(self._cast("b", *plot.cast[1], kinds=kinds, male=self._facts["a.he"] != "he"))
        self._bystanders(kinds)
        self._facts["moral"] = self._pick(plot.morals)

        title = self._step(self._pick(plot.titles))[0]
        paragraphs = [self._step("{openings}")[0]]
        steps = [step for step in plot.steps if not step[0] or self._chance() < 0.5]
        aside = int(self._chance() * len(steps))
        talking = False
        for number, (_, ways) in enumerate(steps):
            told, speech = self._step(self._pick(ways))
            if speech or talking or self._chance() < 0.4:
                paragraphs.append(told)
            else:
                paragraphs[-1] += " " + told
            talking = speech
            if number == aside and not speech:
                paragraphs[-1] += " " + self._aside(kinds)
        paragraphs.append(self._step("{endings}")[0])
        return "\n".join([title, *(_wrapped(_polished(paragraph)) for paragraph in paragraphs)])

    def _cast(self, who: str, group: str, traits: list[str], kinds: list[str], male: bool | None) -> str:
        """Choose a character, and return its kind.

        One of the two characters is he and the other she, so that every pronoun is clear.
        """
        barred = () if male is None else ("(f)",) if male else ("(m)",)
        entries = [entry for entry in self._grammar.lists[group] if not entry.endswith(barred)]
        kind, _, sex = self._pick([entry for entry in entries if entry.split(" (")[0] not in kinds]).partition(" (")
        if male is None:
            male = sex == "m)" if sex else self._chance() < 0.5
        words = ("he", "him", "his", "himself") if male else ("she", "her", "her", "herself")
        self._facts |= {f"{who}.{key}": word for key, word in zip(("he", "him", "his", "self"), words, strict=True)}
        self._facts |= {
            f"{who}.name": self._pick(self._grammar.lists["male" if male else "female"]),
            f"{who}.kind": kind,
            f"{who}.trait": self._pick(traits),
            f"{who}.new": self._pick(self._grammar.lists["introductions"]).replace("{x.", f"{{{who}."),
        }
        return kind

    def _bystanders(self, kinds: list[str]) -> None:
        entries = [entry.split(": ") for entry in self._grammar.lists["bystanders"]]
        entries = [entry for entry in entries if entry[0] not in kinds]
        one, many = entries[int(self._chance() * len(entries))]
        self._one = self._chance() < 0.5
        self._facts |= {
            "g": one if self._one else many,
            "g.one": one,
            "g.new": f"a {one}" if self._one else f"{self._fresh('number')} {many}",
            "g.many": many,
            "g.his": "its",
        }

    def _aside(self, kinds: list[str]) -> str:
        """Return a remark on the weather or other bystanders.

        They are not the bystanders of the fable.
        """
        facts, one = dict(self._facts), self._one
        self._bystanders([*kinds, facts["g.one"]])
        told = self._step("{asides}")[0]
        self._facts, self._one = facts, one
        return told

    def _slot(self, match: re.Match[str]) -> str:
        key, way = match[1], ""
        for suffix in (".Title", ".low"):
            if key.endswith(suffix):
                key, way = key.removesuffix(suffix), suffix
        root = key.split(".")[0]
        if root in self._grammar.fields and root not in self._facts:
            values = _split(self._expand(self._fresh(root)), ":")
            self._facts |= zip([root, *(f"{root}.{name}" for name in self._grammar.fields[root])], values, strict=True)
            word = self._facts[key]
        else:
            word = self._facts[key] if key in self._facts else self._fresh(key)
        if way == ".Title":
            words = re.sub("^(the|an?) ", "", word)
            return re.sub(r"\b(?!of|the|through)[a-z]", lambda letter: letter[0].upper(), words)
        return word[0].lower() + word[1:] if way else word

    def _expand(self, text: str) -> str:
        """Replace all marks in a text, innermost first."""
        while any(mark in text for mark in "<[{"):
            text = _AGREEMENT.sub(lambda match: match[1] if self._one else match[2], text)
            while "[" in text:
                text = _CHOICE.sub(lambda match: self._pick(match[1].split("|")), text)
            text = _SLOT.sub(self._slot, text)
        return text

    def _step(self, text: str) -> tuple[str, bool]:
        """Return a step's text, and whether anybody speaks."""
        told, speech = [], False
        for who in "ab":  # one name for each of them, or a sentence would seem to be about four characters
            self._facts[who] = self._pick([self._facts[f"{who}.name"], f"the {self._facts[f'{who}.kind']}"])
        for part in _split(text, "~"):
            if match := _SPEECH.fullmatch(part):
                who, sign, said = match.groups()
                told.append(self._speech(who, sign == ">", self._expand(said), known=speech))
                speech = True
            else:
                told.append(_polished(self._expand(part)))
        return " ".join(told), speech

    def _speech(self, who: str, reply: bool, text: str, known: bool) -> str:
        """Return speech in quotation marks.

        It usually says who speaks, unless that is ``known``.
        """
        subject = self._expand(f"{{{who}}}")
        if who == "g":
            subject = f"the {subject}" if self._one else f"[one|the oldest|the youngest] of the {subject}"
        first, _, rest = (part.strip() for part in _polished(text).partition("/"))
        whole = f"{first} {rest}".strip()
        chance = self._chance()
        if known or (reply and chance < 0.15):
            return f'"{whole}"'
        calm = "!" not in whole
        if rest and chance < 0.7:
            comma = "." if first[-1] in ".!?" else ","
            mark = first[-1] if comma == "." else rest[-1]
            verb = "said" if comma == "," and mark == "?" else self._verb(mark, reply)
            said, rest = first, f' "{rest}"'
        elif 0.7 < chance < 0.8 or chance < 0.4:
            gesture = f"{self._fresh('gesture')} and ".replace("{x.", f"{{{who}.") if calm else ""
            verb = self._verb(whole[-1], reply=False)
            return _polished(self._expand(f'{subject} [|{gesture}]{verb}, "{whole}"'))
        else:
            verb = self._verb(whole[-1], reply)
            said, comma, rest = whole, ".", ""
        manner = f" {self._fresh('manner')}" if calm and self._chance() < 0.3 else ""
        return self._expand(f'"{_with_comma(said)}" {verb} {subject}{manner}{comma}{rest}')

    def _verb(self, mark: str, reply: bool) -> str:
        """Draw a verb that suits the final punctuation mark."""
        names = {"?": "asks", "!": "cries"}
        return self._pick(self._grammar.lists[names.get(mark, "replies" if reply else "says")])


def _with_comma(said: str) -> str:
    """Return speech as it ends before "said the fox".

    A period becomes a comma.
    """
    return said if said[-1] in ",!?" else said.removesuffix(".") + ","


def _polished(text: str) -> str:
    """Return sentences with capital letters and correct articles.

    Before a vowel, ``a`` becomes ``an``.
    """
    text = _SENTENCE_START.sub(lambda match: match[0][:-1] + match[0][-1].upper(), text)
    return _A_BEFORE_VOWEL.sub(r"\1n", text)


def _wrapped(paragraph: str) -> str:
    return textwrap.fill(paragraph, _WIDTH, initial_indent="  ", break_long_words=False, break_on_hyphens=False)


def fables(seed: int = 0, characters: int = 300_000) -> str:
    """Return fables, with an empty line between them.

    The text has at least the given number of ``characters``, as all fables are complete. The same seed gives the same
    text in every Python version and on every machine. The text is ASCII, and no line has more than 76 characters.
    Raises CharrnnError for a negative seed and for fewer than 1 character.
    """
    if seed < 0:
        raise CharrnnError(f"the seed of the fables must be 0 or more, not {seed}")
    if characters < 1:
        raise CharrnnError(f"fables need at least 1 character, not {characters}")
    teller = _Teller(_read_grammar(), seed)
    told, length = [], -1
    while length < characters:
        told.append(teller.fable() + "\n")
        length += len(told[-1]) + 1
    return "\n".join(told)
