"""What real-time recurrent learning costs, beside going back through windows."""

from dataclasses import replace

from charrnn.benchmark import rtrl_cost
from charrnn.model.team import Team
from charrnn.training.settings import Settings
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer
from tests.helpers.bench import SHORT
from tests.helpers.texts import corpus_of, rhyme


def test_its_cost_is_measured_beside_going_back():
    """The benchmark of small networks tells speeds and sizes, in a table and as JSON."""
    text = corpus_of(rhyme(2000))
    with Team(1) as team:
        small, large = rtrl_cost.costs(text, "gru", team, turns=replace(SHORT, rounds=1), hidden_sizes=(4, 8))
    told = large.as_dict()
    assert set(told["rtrl_chars_per_second"]) == {"32", "1"}
    assert told["rtrl_multiply_adds"]["1"] > 16 * told["rtrl_multiply_adds"]["32"] / 2
    size = len(text.vocabulary)
    assert told["influence_bytes"] == 4 * 8 * (size * 24 + 3 * 64 + 32)
    assert rtrl_cost.table([small, large]).rows[1][0] == "gru 8"
    settings = Settings(cell="gru", hidden=8, gradient="rtrl", seq_length=6, batch_size=1, epochs=1.0, dropout=0.0)
    with Team(1) as team:
        run = Trainer(TextData(settings, text), team)
        assert run.learner.influence.carried().nbytes == told["influence_bytes"]
