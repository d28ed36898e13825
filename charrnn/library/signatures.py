"""Arguments of the library's public functions: misspelled names, values of the wrong type, and paths."""

import inspect
import os
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, wraps
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar, Union, cast, get_args, get_origin

from charrnn.errors import CharrnnError
from charrnn.library.terms import python_terms, quoted

F = TypeVar("F", bound=Callable[..., Any])
PathOf: TypeAlias = str | os.PathLike[str]

LONGEST_PATH = 4096  # characters; a longer string is a text
LONGEST_NAME = 200  # characters without a line break: rather the name of a file that does not exist

# What else options are called, here or there, without the underscores.
OTHER_NAMES = {
    "batch_size": "batch minibatch",
    "bytes": "bytelevel binary",
    "cell": "celltype rnn rnntype model modeltype architecture",
    "clip": "gradclip gradientclip gradientclipping clipnorm maxnorm maxgradnorm gradnorm",
    "clip_value": "gradclipvalue clipval",
    "corpus": "text data dataset input file files path paths train trainfile",
    "documents": "document docs separator sep delimiter",
    "dropout": "dropoutrate dropoutprob",
    "epochs": "epoch numepochs nepochs maxepochs passes iterations",
    "first_state": "learnedstate initialstate initstate learninitialstate h0",
    "hidden": "hiddensize hiddenunits hiddendim rnnsize size units numunits numhidden nhidden width",
    "input_dropout": "dropoutinput inputdrop worddropout",
    "init_from": "init pretrained startfrom finetune frommodel weights",
    "layers": "layer numlayers nlayers rnnlayers depth",
    "length": "maxlength maxlen maxtokens maxnewtokens numchars nchars characters chars steps",
    "lines": "line numlines nlines maxlines",
    "lr": "learningrate rate eta stepsize",
    "min_p": "minprob minprobability",
    "momentum": "mu",
    "noise": "inputnoise gaussiannoise noisestd",
    "near": "nearforms similar normalize",
    "optimizer": "optimiser optim",
    "patience": "earlystopping earlystop earlystoppingpatience",
    "start_scale": "initscale scale paraminit initrange weightscale",
    "recurrent_start": "recurrentinit recurrentinitializer winit initializer",
    "prime": "prompt start starttext startstring seedtext primetext prefix context beginning",
    "projection": "projsize proj",
    "repeat_penalty": "repetitionpenalty penalty",
    "repeat_window": "repetitionwindow penaltywindow",
    "resume": "resumefrom checkpoint restore continuefrom",
    "schedule": "scheduler lrschedule lrscheduler lrdecay decay",
    "seed": "randomseed randomstate",
    "seq_length": "seqlen sequencelength contextlength blocksize bptt timesteps window",
    "stop": "end stopat stopsequence stopsequences until eos",
    "temp": "temperature t",
    "threads": "numthreads nthreads njobs workers numworkers cores",
    "time": "seconds duration maxtime timelimit timeout",
    "top_k": "k topn",
    "top_p": "p nucleus",
    "unknown": "oov unk errors",
    "val_fraction": "valfrac validationfraction validationsplit valsplit testsize",
    "validate": "validation valid val valfile validationdata",
    "warmup": "warmupsteps",
}

NAMES = {  # of types, in messages
    bool: "True or False",
    bytes: "bytes",
    float: "a number",
    int: "a whole number",
    str: "a string",
    types.NoneType: "None",
    Mapping: "a dict",
    os.PathLike: "a path",
    Callable: "a function",
}

# Options of the commands that the functions do without.
COMMAND_ONLY = {
    "train": ("output", "force", "save_every", "slim", "samples", "quiet", "log", "online", "unknown"),
    "sample": ("prime_file", "novel", "copied", "copied_run", "encoding", "surprise", "json"),
}


def public(function: F) -> F:
    """Decorate a public function.

    Its arguments are checked by its annotations: a name that it does not have, and a value of another type, are a
    TypeError that says what would be right. NumPy's numbers become Python's. Its errors are in Python's terms.
    """

    @wraps(function)
    def called(*given: Any, **named: Any) -> Any:
        hints, positional = _hints_of(function)
        with python_terms():
            for name in named:
                if name not in hints:
                    raise TypeError(_unknown(function, name))
            values = [
                _checked(function, name, value, hints[name]) for name, value in zip(positional, given, strict=False)
            ]
            options = {name: _checked(function, name, value, hints[name]) for name, value in named.items()}
            return function(*values, *given[len(values) :], **options)

    return cast(F, called)


@cache
def _hints_of(function: Callable[..., Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the annotations of a function's arguments, with those of its options, and the positional names."""
    hints: dict[str, Any] = {}
    positional: list[str] = []
    for name, parameter in inspect.signature(function).parameters.items():
        hint = parameter.annotation
        if isinstance(hint, str):
            hint = eval(hint, getattr(function, "__globals__", {}))
        if parameter.kind is parameter.VAR_KEYWORD:
            hints |= get_args(hint)[0].__annotations__
        else:
            hints[name] = hint
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            positional.append(name)
    return hints, positional


def _unknown(function: Callable[..., Any], name: str) -> str:
    """Return a sentence on an argument that a function does not have, with the name that may be meant."""
    known = [argument for argument in _hints_of(function)[0] if argument != "self"]
    if meant := _meant(name, known):
        hint = f"did you mean {meant}?"
    elif name in COMMAND_ONLY.get(function.__name__, ()):
        hint = "only the command line has it"
    else:
        hint = f"its arguments are {', '.join(known)}"
    return f"{_name(function)}() has no argument {quoted(name)}; {hint}"


def _meant(name: str, known: Sequence[str]) -> str | None:
    """Return the argument that a name may stand for: another name of it, or one that is spelled like it."""
    plain = name.lower().replace("_", "")
    for argument in known:
        if plain == argument.replace("_", "") or plain in OTHER_NAMES.get(argument, "").split():
            return argument
    if any(name in names for names in COMMAND_ONLY.values()):
        return None
    from difflib import get_close_matches

    return next(iter(get_close_matches(name.lower(), known, n=1)), None)


def _name(function: Callable[..., Any]) -> str:
    """Return the name by which a function is called."""
    return function.__qualname__.split(".")[0] if function.__name__.startswith("__") else function.__name__


def _checked(function: Callable[..., Any], name: str, value: Any, hint: Any) -> Any:
    """Return a value, as Python's own number if it is one; raise TypeError if it is not of the annotated type."""
    if not _fits(value, hint):
        what = f"{_name(function)}() takes {name} as {_described(hint)}, not {quoted(value)}"
        raise TypeError(f"{what}; read the file first: {name}.read()" if hasattr(value, "read") else what)
    if isinstance(value, bool | int):
        return value
    return int(value) if isinstance(value, Integral) else float(value) if isinstance(value, Real) else value


def _fits(value: object, hint: Any) -> bool:
    """Return whether a value has an annotated type, as far as that can be told.

    A string need not be one of a Literal's: the error for another one lists them.
    """
    origin = get_origin(hint) or hint
    if origin is Any:
        return True
    if origin in (Union, types.UnionType):
        return any(_fits(value, part) for part in get_args(hint))
    if origin is Literal:
        return isinstance(value, str)
    if origin in (Iterable, Sequence):
        items = isinstance(value, origin) and not isinstance(value, str | bytes) and not hasattr(value, "read")
        return items and (origin is Iterable or all(_fits(item, get_args(hint)[0]) for item in cast(Any, value)))
    if origin in (int, float):
        return isinstance(value, Integral if origin is int else Real) and not isinstance(value, bool)
    known = isinstance(origin, type) and origin is not inspect.Parameter.empty
    return isinstance(value, origin) if known and not getattr(origin, "_is_protocol", False) else True


def _described(hint: Any) -> str:
    """Return the words for an annotated type."""
    origin, parts = get_origin(hint) or hint, get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(map(_described, parts)))
    if origin is Literal:
        return f"one of {', '.join(parts)}"
    if origin in (Iterable, Sequence):
        return f"a list of {_described(parts[0]).split(' or ')[-1].removeprefix('a ')}s"
    return NAMES.get(origin) or f"a {origin.__name__}"


def names_a_file(text: str) -> bool:
    """Return whether a string is the path of a file or folder that exists."""
    try:
        return 0 < len(text) <= LONGEST_PATH and Path(text).exists()
    except (OSError, ValueError):  # no file can have this name
        return False


def path_of(path: PathOf) -> str:
    """Return a path as a string; raise CharrnnError if it is rather a text."""
    found = os.fspath(path)
    if is_rather_a_text(found) and not (names_a_file(found) or names_a_file(found.rpartition("/")[0])):
        raise CharrnnError(f"there is no file {quoted(found)}")
    return found


def is_rather_a_text(string: str) -> bool:
    """Return whether a string looks like a text, not like a path."""
    return "\n" in string or len(string) > LONGEST_NAME
