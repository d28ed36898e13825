"""Public texts to download, each with its SHA-256, and the download itself."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from charrnn.errors import CharrnnError
from charrnn.storage.caches import lacks_home, private_folder

PATIENCE = 20.0  # seconds to wait for a server's answer, or for more data


@dataclass(frozen=True)
class Text:
    """A public text. ``address`` names a fixed version of the file, and ``sha256`` its bytes."""

    name: str
    title: str
    address: str
    sha256: str
    size: int
    licence: str
    what: str


_GITHUB = "https://raw.githubusercontent.com"
_ROWS = (
    Text(
        name="tinyshakespeare",
        title="Tiny Shakespeare",
        address=f"{_GITHUB}/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare/input.txt",
        sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
        size=1_115_394,
        licence="public domain",
        what="40,000 lines from Shakespeare's plays: the usual benchmark",
    ),
    Text(
        name="names",
        title="First names",
        address=f"{_GITHUB}/karpathy/makemore/988aa59e4d8fefa526d06f3b453ad116258398d4/names.txt",
        sha256="0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
        size=228_145,
        licence="MIT",
        what="32,033 first names in lowercase, one per line",
    ),
    Text(
        name="grimm",
        title="Grimms' Fairy Tales",
        address=f"{_GITHUB}/GITenberg/Grimms-Fairy-Tales_2591/9991a30953853be9b40751408c3ad0d3af314fb7/2591.txt",
        sha256="8ade9aa3b46666387eff9703a32faf14c9bf7a79c787207cfe5fa59fd4c2c8fd",
        size=549_774,
        licence="public domain",
        what="Grimms' Fairy Tales in English, from Project Gutenberg",
    ),
    Text(
        name="war-and-peace",
        title="War and Peace",
        address=f"{_GITHUB}/GITenberg/War-and-Peace_2600/fa22ab90f00f627e83d14acabe32d91602d2365d/2600.txt",
        sha256="31b5d23be25fe9ad27eca1e78f9f449ae2e17adf07ce62238a79425c53a96646",
        size=3_226_652,
        licence="public domain",
        what="Tolstoy's War and Peace in English, from Project Gutenberg",
    ),
)
TEXTS = {text.name: text for text in _ROWS}


def folder_of_downloads() -> Path:
    """Return the folder in which downloaded texts are kept."""
    from platformdirs import user_cache_path

    # Private if possible: compiled code is kept next to it, where nobody else must be able to write.
    return private_folder("corpora") or user_cache_path("charrnn") / "corpora"


def fetch(
    name: str,
    *,
    folder: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    patience: float = PATIENCE,
) -> Path:
    """Return the file of a text, downloaded if necessary.

    It is not downloaded if ``folder`` (by default this user's cache) has an intact copy. Otherwise ``progress`` is
    called with the bytes received and the bytes expected, first with 0 received. The server has ``patience`` seconds to
    answer. Raises CharrnnError if the text does not exist, if pooch is not installed, if the server cannot be reached
    or does not send the expected text, and if the folder cannot be written.
    """
    if name not in TEXTS:
        raise CharrnnError(f"no text named {name} can be downloaded; choose one of {', '.join(TEXTS)}")
    try:
        import pooch
        import requests
    except ImportError as error:
        raise CharrnnError("a download needs pooch; run pip install '.[download]' in a clone of charrnn") from error
    folder, text = folder or folder_of_downloads(), TEXTS[name]
    if lacks_home(folder):
        raise CharrnnError(f"cannot save {name} in {folder}: there is no home folder; set XDG_CACHE_HOME to a folder")
    host = urlsplit(text.address).netloc

    def download(address: str, target: str, _pooch: object) -> None:
        report = progress or (lambda _received, _expected: None)
        report(0, text.size)
        received = 0
        with requests.get(address, stream=True, timeout=patience) as answer, Path(target).open("wb") as file:
            if answer.status_code != requests.codes.ok:
                status = f"{answer.status_code} {answer.reason or ''}".strip()
                raise CharrnnError(f"cannot download {name}: {host} answered {status}")
            for chunk in answer.iter_content(1 << 14):
                received += len(chunk)
                if received > text.size:  # too long to be the text: stop before it fills the disk; its hash is wrong
                    break
                file.write(chunk)
                report(received, text.size)

    pooch.get_logger().setLevel("ERROR")  # it writes to stderr, which is for our own messages
    try:
        path = pooch.retrieve(
            text.address, f"sha256:{text.sha256}", fname=f"{name}.txt", path=folder, downloader=download
        )
    except requests.Timeout as error:
        raise CharrnnError(f"cannot download {name}: {host} did not answer in time") from error
    except requests.RequestException as error:
        raise CharrnnError(f"cannot download {name}: no connection to {host}") from error
    except ValueError as error:
        raise CharrnnError(f"cannot download {name}: {host} sent a file with the wrong SHA-256") from error
    except OSError as error:
        raise CharrnnError(f"cannot save {name} in {folder}: {error.strerror or error}") from error
    return Path(path)
