"""What is said of a run while it goes on."""

import re

import numpy as np
import pytest

from charrnn.display.online_screen import OnlineDisplay
from charrnn.display.training_screen import TrainingDisplay
from charrnn.model.team import Team
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.online import OnlineTrainer
from charrnn.training.settings import Settings
from charrnn.training.text_data import TextData
from charrnn.training.trainer import Trainer
from tests.helpers.texts import corpus_of, rhyme

LINE = r"^ *\d+%  epoch \d\.\d  loss \d\.\d{3}  .*chars/s"
ONLINE_LINE = r"^\d+ bytes  \d\.\d{3} bits per byte recently  \d\.\d{3} overall  \d+(\.\dk)? chars/s$"


@pytest.mark.parametrize("plain_seconds", [0.0, 1e9])
def test_plain_lines_now_and_then(capsys, plain_seconds):
    """Where stderr is no terminal, a plain line now and then tells how far a run is."""
    settings = Settings(hidden=8, seq_length=8, batch_size=5, epochs=3.0, val_fraction=0.0)
    with Team(1) as team:
        trainer = Trainer(TextData(settings, corpus_of(rhyme())), team)
        with TrainingDisplay(trainer, plain_seconds=plain_seconds) as display:
            for record in trainer.run():
                display.update(record)
    out, err = capsys.readouterr()
    assert out == ""
    assert (re.search(LINE, err, re.MULTILINE) is None) == (plain_seconds > 0.0)
    assert "\x1b" not in err


@pytest.mark.parametrize("plain_seconds", [0.0, 1e9])
def test_plain_lines_of_online_learning(capsys, plain_seconds):
    """The same of a run that learns from a pipe."""
    settings = Settings(cell="rnn", hidden=8, gradient="rtrl", online=True, batch_size=1, seq_length=8, dropout=0.0)
    with Team(1) as team:
        trainer = OnlineTrainer(settings, Vocabulary.of_bytes(), team)
        trainer.feed(np.frombuffer(rhyme(200).encode(), np.uint8))
        with OnlineDisplay(trainer, plain_seconds=plain_seconds) as display:
            while (record := trainer.learn()) is not None:
                display.update(record)
    out, err = capsys.readouterr()
    assert out == ""
    assert (re.search(ONLINE_LINE, err, re.MULTILINE) is None) == (plain_seconds > 0.0)
    assert "\x1b" not in err
