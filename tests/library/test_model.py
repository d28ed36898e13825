"""What a model writes and makes of a text, beside what the commands print."""

import json
import math
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import pytest

import charrnn
from charrnn.errors import UnknownWarning
from charrnn.model import model_file
from charrnn.text.vocabulary import Vocabulary
from tests.helpers.commands import enter, json_lines, trained_on
from tests.helpers.errors import refused
from tests.helpers.model_files import assert_same_file

SEEDED = {"length": 80, "seed": 5}


@pytest.fixture(scope="module")
def model(trained):
    """Open the small model."""
    return charrnn.load(trained)


@pytest.fixture(scope="module")
def words(tmp_path_factory, text):
    """Train a small model of documents, and open it."""
    lines = "\n".join(sorted(set(text.split())))
    return charrnn.load(trained_on(lines, tmp_path_factory.mktemp("words"), "--documents", "lines", "--epochs", 20))


@pytest.fixture(scope="module")
def both(tmp_path_factory, text):
    """Train a small bidirectional model, and open it."""
    return charrnn.load(trained_on(text, tmp_path_factory.mktemp("both"), "--bidirectional", "--epochs", 2))


@pytest.fixture(scope="module")
def bytewise(tmp_path_factory, text):
    """Train a small model of bytes, and open it."""
    return charrnn.load(trained_on(text, tmp_path_factory.mktemp("bytes"), "--bytes", "--epochs", 2))


def options_of(controls):
    """Return keyword arguments as the options that the command line has for them."""
    return [word for name, value in controls.items() for word in (f"--{name.replace('_', '-')}", value)]


def test_the_end_of_a_document_is_not_penalized(words):
    """A penalty for what was written makes no word longer, as no end was written yet."""
    plain, penalized = (
        np.mean([sample.characters for sample in words.samples(300, seed=1, repeat_penalty=penalty)])
        for penalty in (1.0, 1000.0)
    )
    assert penalized < 1.2 * plain


@pytest.mark.parametrize(
    "controls",
    [
        {},
        {"temp": 0.5},
        {"temp": 0.0},
        {"top_k": 3, "top_p": 0.9, "min_p": 0.01},
        {"repeat_penalty": 1.5, "repeat_window": 9},
    ],
)
def test_a_sample_is_that_of_the_command(model, run, controls):
    """Character by character, with each control; a stream yields the same."""
    printed = run("sample", model.path, "--prime", "Der Mann", *options_of(SEEDED | controls)).out
    assert model.sample("Der Mann", **SEEDED, **controls) == printed
    characters = list(model.stream("Der Mann", **SEEDED, **controls))
    assert "".join(characters) == printed
    assert {len(character) for character in characters} == {1}
    assert model.sample("Der Mann", no_prime=True, **SEEDED, **controls) == printed.removeprefix("Der Mann")


def test_samples_are_those_of_the_command(model, words, bytewise, run):
    """Side by side, with their seeds, bits and ends; of documents and of bytes too."""
    for of, options in ((model, {"lines": 1}), (words, {}), (bytewise, {"length": 40}), (model, {"stop": "\n"})):
        records = json_lines(run("sample", of.path, "--count", 3, "--seed", 5, "--json", *options_of(options)))
        samples = of.samples(3, seed=5, **options)
        assert [{"sample": k, **vars(sample)} for k, sample in enumerate(samples)] == records
        assert of.sample(seed=samples[1].seed, **options) == samples[1].text


def test_a_stream_need_not_end(model):
    """With a length of 0 it goes on for as long as somebody asks for more."""
    stream = model.stream(length=0, seed=1)
    first = "".join(next(stream) for _ in range(5000))
    assert first == model.sample(length=5000, seed=1)


def test_next_characters(model, words, bytewise):
    """They are the probabilities that the text is scored with, and sum to 1."""
    text = "Der Man"
    ranked = model.next_characters(text, k=10_000)
    assert len(ranked) == len(model.vocabulary)
    assert sum(chance for _, chance in ranked) == pytest.approx(1.0)
    assert [chance for _, chance in ranked] == sorted((chance for _, chance in ranked), reverse=True)
    assert model.next_characters(text, 3) == ranked[:3]
    record = model.per_character("\n" + text + "n")[-1]
    after_line_feed = dict(model.next_characters("\n" + text, 10_000))
    assert record.probability == pytest.approx(after_line_feed["n"], rel=1e-4)
    assert "\n" in dict(words.next_characters("Baum", 1000))  # the end of a document
    assert "\\xc3" in dict(bytewise.next_characters("B", 256))


def test_scores_are_those_of_the_command(model, words, bytewise, both, run, folder):
    """Of a text in memory and of a file; a record for each character too."""
    text = Path("corpus.txt").read_text(encoding="utf-8")[:3000]
    Path("other.txt").write_text(text, encoding="utf-8")
    for of in (model, words, bytewise, both):
        unknown = {"unknown": "skip"}
        (record,) = json_lines(run("eval", of.path, "other.txt", "--json", *options_of(unknown)))
        for score in (of.score(text, **unknown), of.score(Path("other.txt"), threads=1, **unknown)):
            figures = score.nats_per_char, score.bits_per_char, score.perplexity, score.characters
            assert (*figures, score.unknown, score.unknown_share) == tuple(record.values())
        printed = json_lines(run("eval", of.path, "other.txt", "--json", "--per-char", *options_of(unknown)))
        characters = of.per_character(text, **unknown)
        assert [c.character for c in characters] == [record["character"] for record in printed]
        assert sum(c.bits or 0.0 for c in characters) == pytest.approx(score.nats / math.log(2.0))


def test_the_name_of_a_file_is_a_text_with_a_warning(model, folder):
    """It is scored as said, but a file of that name may be meant."""
    Path("Der").write_text("Der Mann", encoding="utf-8")
    for call in (model.score, model.per_character, model.states):
        with pytest.warns(UserWarning, match=r"the text is 'Der', which is also .* pass Path\('Der'\)"):
            named = call("Der")
        Path("Der").rename("Den")
        assert str(named) == str(call("Der"))
        Path("Den").rename("Der")
    Path("Kind").mkdir()
    model.score("Kind")  # a folder is hardly meant


def test_states_are_those_of_the_units(model, words, run, folder):
    """Every state and gate has an array [N, H], whose columns are what ``charrnn trace`` shows."""
    text = Path("corpus.txt").read_text(encoding="utf-8")[:200]
    Path("other.txt").write_text(text, encoding="utf-8")
    states = model.states(text)
    assert {name: values.shape for name, values in states.items()} == dict.fromkeys("hcifog", (200, 16))
    printed = json_lines(run("trace", model.path, "other.txt", "--unit", "c12", "--json"))
    np.testing.assert_allclose([record["value"] for record in printed], states["c"][:, 11], rtol=1e-5)
    assert len(words.states("Baum\nHaus")["h"]) == 8


def test_a_second_layer_is_named(tmp_path, text):
    """As in the names of units: 2.h."""
    deep = charrnn.load(trained_on(text, tmp_path, "--cell", "gru", "--layers", 2, "--epochs", 1))
    assert list(deep.states("Der")) == ["h", "n", "r", "z", "hn", "2.h", "2.n", "2.r", "2.z", "2.hn"]


def test_gaps_are_filled_as_by_the_command(both, run):
    """The best, several, and drawn ones."""
    text = "Der M_nn und das K__d"
    assert both.fill(text) + "\n" == run("fill", both.path, text).out
    for options, typed in (({}, ("-k", 3)), ({"temp": 0.7, "seed": 4}, ("--temp", 0.7, "--seed", 4, "--count", 3))):
        records = json_lines(run("fill", both.path, text, *typed, "--json"))
        assert [asdict(completion) for completion in both.completions(text, 3, **options)] == records
    gap = both.completions(text, 1)[0].gaps[1]
    assert (gap.index, len(gap.filling)) == (19, 2)


def test_parameters_are_read_only(model):
    """They are those of the file, by name, and cannot be changed."""
    stored = model_file.load(model.path).parameters
    assert model.parameters.keys() == stored.keys()
    assert all((model.parameters[name] == values).all() for name, values in stored.items())
    with pytest.raises(ValueError, match="read-only"):
        model.parameters["output.c"][0] = 1.0
    with pytest.raises(TypeError):
        model.parameters["output.c"] = 1.0


def test_info_is_that_of_the_command(model, run):
    """All but what belongs to the file."""
    printed = json.loads(run("info", model.path, "--json").out)
    assert {"file": str(model.path), "bytes": Path(model.path).stat().st_size, **model.info} == printed
    assert "lstm" in repr(model)


def test_a_model_is_saved_whole_or_not_at_all(model, tmp_path):
    """The file that is written is the model; one that exists is not replaced without force."""
    target = tmp_path / "copy.npz"
    model.save(target)
    copy = charrnn.load(target)
    assert copy.sample(**SEEDED) == model.sample(**SEEDED)
    with refused("exists; use force=True to replace it"):
        model.save(target)
    model.save(str(target), force=True)
    with refused("nowhere does not exist"):
        model.save(tmp_path / "nowhere" / "copy.npz")
    (tmp_path / "notes.txt").write_text("not to be lost")
    with refused(r"notes\.txt exists and is not a charrnn model, so it is not replaced"):
        model.save(tmp_path / "notes.txt", force=True)
    assert (tmp_path / "notes.txt").read_text() == "not to be lost"
    assert {path.name for path in tmp_path.iterdir()} == {"copy.npz", "notes.txt"}


def test_a_model_can_be_pickled(model):
    """Other processes get the same one."""
    assert pickle.loads(pickle.dumps(model)).sample(**SEEDED) == model.sample(**SEEDED)


def test_threads_share_a_model(trained, text):
    """What many threads make of one model at once, from its first use on, is what one thread makes of it."""
    alone, shared = charrnn.load(trained), charrnn.load(trained)

    def work(model, k):
        part = text[20 * k : 20 * k + 300]
        states = model.states(part[:50])["h"].tobytes()
        return model.sample(part[:9], length=200, seed=k), model.score(part).nats, states, model.next_characters(part)

    expected = [work(alone, k) for k in range(24)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda k: work(shared, k), range(24))) == expected


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda m: m.sample(temp=-1.0), "temperature must be a number, 0 or at least 1e-30"),
        (lambda m: m.sample(top_p=1e-310), "top p must be a number, at least 1e-30"),
        (lambda m: m.sample(temp=math.nan), "temperature"),
        (lambda m: m.sample(top_k=0), "top k"),
        (lambda m: m.sample(length=-1), "length must be 0 or more, not -1"),
        (lambda m: m.sample(length=0), r"never ends; stream\(\)"),
        (lambda m: m.samples(2, length=0), r"never ends; stream\(\)"),
        (lambda m: m.samples(0), "count must be 1 or more"),
        (lambda m: m.sample(lines=0), "lines must be 1 or more, not 0"),
        (lambda m: m.sample(stop=""), "a string of stop is empty"),
        (lambda m: m.sample(stop=["x", ""]), "a string of stop is empty"),
        (lambda m: m.sample(stop=["€"]), "stop='€' can never end a text"),
        (lambda m: m.sample(seed=-1), "seed must be from 0"),
        (lambda m: m.sample("Ω"), 'use unknown="skip" to leave it out, or unknown="replace" to replace it'),
        (lambda m: m.stream("Ω"), "U\\+03A9"),
        (lambda m: m.sample(unknown="ignore"), "unknown must be one of error, skip, replace"),
        (lambda m: m.score(""), "empty"),
        (lambda m: m.score("D"), "scoring needs two"),
        (lambda m: m.score("Ω Ω"), "U\\+03A9"),
        (lambda m: m.score("\ud800"), "surrogate"),
        (lambda m: m.score(Path("nowhere.txt")), "nowhere.txt cannot be read"),
        (lambda m: m.score("Der Mann", threads=0), "threads"),
        (lambda m: m.next_characters("Der", 0), "k must be 1 or more"),
        (lambda m: m.fill("Der M_nn"), r"train a model that can with: train\(bidirectional=True\)"),
    ],
)
def test_wrong_use_is_one_sentence(model, use, words):
    """It says what would be right, at once, before anything is drawn."""
    with refused(words):
        use(model)


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda m: m.sample("Der"), r"bidirectional: .*use fill\(\)"),
        (lambda m: m.stream("Der"), "bidirectional"),
        (lambda m: m.next_characters("Der"), "bidirectional"),
        (lambda m: m.states("Der"), "bidirectional"),
        (lambda m: m.fill("Der Mann"), "no gap: .*; mark=… sets another mark"),
        (lambda m: m.fill(""), "empty"),
        (lambda m: m.fill("D_r", mark=""), "mark is empty"),
        (lambda m: m.fill("D_r", temp=0.0), "temperature must be more than 0"),
        (lambda m: m.fill("D_r", temp=1e-310), "temperature must be a number, 0 or at least 1e-30"),
        (lambda m: m.completions("D_r", 0), "1 or more"),
    ],
)
def test_wrong_use_of_a_bidirectional_model(both, use, words):
    """It cannot write, and fills gaps only where there are some."""
    with refused(words):
        use(both)


def test_a_misspelled_option_is_named(model):
    """The error says which one may be meant."""
    with refused(r"sample\(\) has no argument 'tempo'; did you mean temp\?", TypeError):
        model.sample(tempo=1.0)
    with refused("its arguments are prime, temp, top_k", TypeError):
        model.stream(zzz=1)


def test_options_are_those_of_the_command():
    """Each keyword argument has the name of an option of ``charrnn sample``, and no control is left out."""
    from charrnn.cli.sample import command
    from charrnn.library.keywords import WritingOptions
    from charrnn.writing.controls import CONTROLS

    typed = {flag.removeprefix("--").replace("-", "_") for param in command.params for flag in param.opts}
    names = set(WritingOptions.__annotations__)
    assert names <= typed
    assert {control.name for control in CONTROLS} - names == {"temperature"}  # temp, as it is typed


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 torn"])
def test_a_file_that_is_no_model(tmp_path, content):
    """One sentence names the file; a folder and a missing file too."""
    (tmp_path / "model.npz").write_bytes(content)
    for path in (tmp_path / "model.npz", str(tmp_path), tmp_path / "missing.npz"):
        with refused(str(path)):
            charrnn.load(path)


def test_the_command_line_reads_what_the_library_saved(model, tmp_path):
    """And samples from it."""
    model.save(tmp_path / "copy.npz")
    assert enter("sample", tmp_path / "copy.npz", "--length", 5) == 0


def test_what_is_skipped_or_replaced_is_a_warning(model):
    """It says how much; a score says so itself."""
    with pytest.warns(
        UnknownWarning, match="2 of 10 characters of the prime are unknown to the model and were skipped"
    ):
        model.sample("Ωer ΩMann ", length=5, unknown="skip")
    with pytest.warns(UnknownWarning, match="1 of 9 characters of the text is unknown to the model and was replaced"):
        model.states("Der MannΩ", unknown="replace")
    score = model.score("Der MannΩ", unknown="charge")
    assert (score.characters, score.unknown, score.unknown_share) == (8, 1, 1 / 9)


def test_a_loaded_model_keeps_the_state_of_its_run(folder, monkeypatch):
    """Its copy can be resumed, as long as its file has the same model; a slim one stays slim."""
    run = charrnn.train("corpus.txt", hidden=8, epochs=2, threads=1)
    next(run)
    run.save("half.npz")
    model = charrnn.load("half.npz")
    model.save("copy.npz")
    assert_same_file("half.npz", "copy.npz")
    model.save("slim.npz", slim=True)
    charrnn.load("slim.npz").save("slimmer.npz")
    assert Path("slim.npz").read_bytes() == Path("slimmer.npz").read_bytes()
    for copied in (model, pickle.loads(pickle.dumps(model))):
        copied.save("half.npz", force=True)
        assert_same_file("half.npz", "copy.npz")
    Path("elsewhere").mkdir()
    with monkeypatch.context() as patch:
        patch.chdir("elsewhere")
        model.save("copy.npz")
    assert_same_file("half.npz", "elsewhere/copy.npz")
    run.finish().save("half.npz", force=True)
    with refused(r"half\.npz has changed since .* slim=True saves the model alone"):
        model.save("new.npz")
    Path("half.npz").unlink()
    with refused(r"half\.npz does not exist; slim=True saves the model alone"):
        model.save("new.npz")
    assert not Path("new.npz").exists()
    model.save("new.npz", slim=True)
    assert charrnn.load("new.npz").sample(length=9, seed=1) == model.sample(length=9, seed=1)


def test_results_are_rows_of_a_table(model, both):
    """Scores, samples, completions and characters are dataclasses, whose fields are the columns."""
    pandas = pytest.importorskip("pandas")
    score = model.score("Der Mann und die Frau")
    table = pandas.DataFrame([score, score])
    assert table["bits_per_char"].tolist() == 2 * [score.bits_per_char]
    assert table["perplexity"][0] == pytest.approx(2.0**score.bits_per_char)
    assert table["nats_per_char"][0] == score.nats / score.characters
    for rows in (model.samples(2, length=5), both.completions("Der M_nn", 3), model.per_character("Der Mann")):
        table = pandas.DataFrame(rows)
        assert list(table.columns) == [field.name for field in fields(rows[0])]
        assert len(table) == len(rows)


def test_a_model_shows_what_it_is(model, words):
    """Its network, its symbols, its loss and its file in one line, and its vocabulary not at length."""
    losses = [record["val_loss"] for record in model.info["history"]]
    assert f"lstm, 1 layer of 16, {len(model.vocabulary)} symbols, validation {min(losses):.3f}, " in repr(model)
    assert repr(model).endswith(f"{model.path}>")
    assert r"documents separated by '\n'" in repr(words)
    long = Vocabulary.of("".join(map(chr, range(1000, 9000))))
    assert repr(long).startswith("<Vocabulary: 8,000 characters: 'Ϩϩ")
    assert max(map(len, map(repr, (long, words.vocabulary, Vocabulary.of_bytes())))) < 200
    assert repr(Vocabulary.of_bytes()) == "<Vocabulary: 256 bytes>"


def test_places_are_those_of_the_text_as_it_is_read(model):
    """From 1; CRLF is one character, and one that is skipped counts."""
    found = model.per_character("Der\r\nMΩann", unknown="skip")
    assert [(c.index, c.line, c.column, c.character) for c in found[:5]] == [
        (1, 1, 1, "D"), (2, 1, 2, "e"), (3, 1, 3, "r"), (4, 1, 4, "\n"), (5, 2, 1, "M")
    ]  # fmt: skip
    assert (found[6].index, found[6].character) == (7, "a")
    assert found[5].bits is None
