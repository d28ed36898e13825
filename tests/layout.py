"""Figures of the code's layout: ``python -m tests.layout`` prints them, and ``test_layout.py`` bounds them."""

import ast
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path

from tests.helpers import ROOT

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def sources(folder: Path) -> dict[Path, str]:
    """Return the text of every Python file below a folder."""
    return {path: path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py"))}


def functions(folder: Path) -> Iterator[tuple[str, Function]]:
    """Yield every function with its name as ``file:name``."""
    for path, text in sources(folder).items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, Function):
                yield f"{path.relative_to(folder.parent)}:{node.name}", node


def body_lines(function: Function) -> int:
    """Return how many lines a function's body has, without its docstring."""
    first = function.body[0]
    is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    rest = function.body[1:] if is_text else function.body
    return 0 if not rest else (function.end_lineno or 0) - rest[0].lineno + 1


def arguments(function: Function) -> int:
    """Return how many arguments a function takes, but for self, cls and ``**``."""
    names = [a.arg for a in chain(function.args.posonlyargs, function.args.args, function.args.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def is_command(function: Function) -> bool:
    """Return whether a function is a command, whose arguments are its options."""
    return function.name == "command"


def constant_indices(folder: Path) -> list[str]:
    """Return each place where an argument of a kernel is picked by a number, as ``file:line``."""
    picked = {"weights", "packed", "back", "buffers", "plan", "scans", "probes", "meeting", "blocks", "recent"}
    found = []
    for path, text in sources(folder).items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
                of = node.value.id if isinstance(node.value, ast.Name) else getattr(node.value, "attr", "")
                if of in picked and isinstance(node.slice.value, int):
                    found.append(f"{path.relative_to(folder.parent)}:{node.lineno}")
    return found


def longest_chain(folder: Path) -> int:
    """Return how many modules stand one upon another in the longest chain of imports."""
    names = {".".join(path.relative_to(folder.parent).with_suffix("").parts): path for path in sources(folder)}

    @cache
    def level(name: str) -> int:
        below = set()
        for node in ast.walk(ast.parse(sources(folder)[names[name]])):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    one = f"{node.module}.{alias.name}"
                    below |= {one if one in names else node.module} & set(names) - {name}
        return 1 + max((level(other) for other in below), default=0)

    return max(level(name) for name in names if not name.endswith("__init__"))


def repeated_names(folder: Path) -> list[str]:
    """Return the names that files of several rooms have."""
    stems = [path.stem for path in sources(folder) if path.stem not in ("__init__", "__main__")]
    return sorted({stem for stem in stems if stems.count(stem) > 1})


def patched_constants(tests: Path) -> int:
    """Return in how many places a test sets a constant of a module, by monkeypatch."""
    pattern = re.compile(r"""monkeypatch\.setattr\((?:\w+, "[A-Z_]+"|"charrnn[\w.]*\.[A-Z_]+")""")
    return sum(len(pattern.findall(text)) for text in sources(tests).values())


def levels_of_rooms(root: Path) -> int:
    """Return how many levels the contract on the direction of imports has."""
    contracts = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    return len(contracts[0]["layers"])


def figures(root: Path = ROOT) -> dict[str, object]:
    """Return the figures of a checkout."""
    package, tests = root / "charrnn", root / "tests"
    lengths = {str(path.relative_to(root)): text.count("\n") for path, text in sources(package).items()}
    flat = [path for path in package.glob("*.py") if path.stem not in ("__init__", "__main__", "errors", "version")]
    rooms = [path for path in package.iterdir() if path.is_dir() and any(path.glob("*.py"))]
    longest, most = (
        max(((measure(function), name) for name, function in functions(package) if not is_command(function)))
        for measure in (body_lines, arguments)
    )
    kernels = max((arguments(f), name) for name, f in functions(package / "kernels"))
    return {
        "rooms": len(rooms),
        "files outside every room": len(flat),
        "files": len(lengths),
        "file names that stand twice": repeated_names(package),
        "levels of rooms": levels_of_rooms(root),
        "modules in the longest chain of imports": longest_chain(package),
        "longest file": max((lines, name) for name, lines in lengths.items()),
        "longest function": longest,
        "most arguments": most,
        "most arguments of a kernel": kernels,
        "arguments picked by a number": len(constant_indices(package)),
        "module constants that tests patch": patched_constants(tests),
        "lines of source": sum(lengths.values()),
        "lines of tests": sum(text.count("\n") for text in sources(tests).values()),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(figures(Path(sys.argv[1]) if sys.argv[1:] else ROOT), indent=2) + "\n")
