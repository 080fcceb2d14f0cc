"""The house rules that no linter knows (ARCHITECTURE.md, last section): each is a test over the files of the repository."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "ferryman"
FLAGS = ROOT / "sdk" / "src" / "ferryman_flags"
MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
FILE_BYTES_MAX = 300_000
TEXT_SUFFIXES = {"", ".cfg", ".css", ".html", ".in", ".ini", ".j2", ".jinja", ".js", ".json", ".jsonl", ".lock", ".md"} | {
    ".py", ".pyi", ".sh", ".sql", ".svg", ".toml", ".ts", ".tsx", ".txt", ".typed", ".yaml", ".yml",
}  # fmt: skip
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]+)")
ADAPTERS = {"envoy", "memory", "process", "sqlite", "webhook", "slack", "email", "apprise"}
PURE_ROOMS = ("model", "spec", "strategies", "core", "analysis", "flags", "cleanup")

# Put together from pieces, so that this file does not hold what it looks for.
UNFINISHED = re.compile(r"\b(?:" + "|".join(["TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK"]) + r")\b")
REGISTRY_HOST = re.compile(
    r"\b(?:[\w-]+\.)*(?:"
    + "|".join(["py" + r"pi\.org", "pythonho" + r"sted\.org", "np" + r"mjs\.(?:org|com)", "deb" + r"ian\.(?:org|net)"])
    + r"|(?:registry|mirrors?)\.[\w.-]+\.(?:org|com|io|net)"
    + r")\b",
    re.IGNORECASE,
)
MACHINE_PATH = re.compile(r"(?<![\w.~:/\-}])/(?:work|root|home/\w+|Users/\w+|tmp/[\w.-]+)/[\w.-]+")
WIDE_BIND = re.compile(r"""["']0\.0\.0\.0["']""")
VENDOR_FOLDERS = {"vendor", "_vendor", "vendored", "third_party", "third-party", "node_modules", "site-packages"}


@cache
def files() -> tuple[Path, ...]:
    """Every file that is committed or would be: git knows both, and leaves out what is ignored."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=30).stdout
    return tuple(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


def texts() -> list[tuple[Path, str]]:
    return [(path, path.read_text(encoding="utf-8")) for path in files() if path.suffix in TEXT_SUFFIXES]


def modules() -> list[tuple[Path, str]]:
    return [(path, text) for path, text in texts() if path.suffix == ".py"]


def found(pattern: re.Pattern[str], pairs: list[tuple[Path, str]]) -> list[str]:
    """`file:line: match` for each match."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {match.group()}"
        for path, text in pairs
        for number, line in enumerate(text.splitlines(), 1)
        for match in pattern.finditer(line)
    ]


def test_there_is_something_to_check() -> None:
    assert SOURCE / "__init__.py" in files()
    assert Path(__file__) in files()


def test_a_module_is_one_idea() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {lines} lines"
        for path, text in modules()
        if (lines := text.count("\n")) > MODULE_LINES_MAX
    ]
    assert not long, f"more than {MODULE_LINES_MAX} lines: it is two ideas"


def test_a_function_is_short() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.name} has {lines} lines"
        for path, text in modules()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]
    assert not long, f"more than {FUNCTION_LINES_MAX} lines"


def test_nothing_is_left_for_later() -> None:
    assert not found(UNFINISHED, texts())


def test_no_package_registry_is_named() -> None:
    assert not found(REGISTRY_HOST, texts())


def test_no_path_of_one_machine_is_named() -> None:
    assert not found(MACHINE_PATH, texts())


def test_nothing_listens_beyond_loopback() -> None:
    assert not found(
        WIDE_BIND,
        [(path, text) for path, text in modules() if path.is_relative_to(SOURCE) or path.is_relative_to(FLAGS)],
    )


def test_no_code_of_others_is_committed() -> None:
    vendored = [path for path in files() if VENDOR_FOLDERS & set(path.relative_to(ROOT).parts)]
    assert not vendored
    big = [f"{path.relative_to(ROOT)}: {size}" for path in files() if (size := path.stat().st_size) > FILE_BYTES_MAX]
    assert not big, f"files over {FILE_BYTES_MAX} bytes"
    minified = [
        f"{path.relative_to(ROOT)}:{number}"
        for path, text in texts()
        if path.suffix in {".js", ".css"}
        for number, line in enumerate(text.splitlines(), 1)
        if len(line) > 500
    ]
    assert not minified, "built or minified code"


def test_every_folder_of_the_package_is_one() -> None:
    folders = {path.parent for path, _ in modules() if path.is_relative_to(SOURCE)}
    assert not [str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").is_file()]


def test_the_demo_needs_nothing_but_python() -> None:
    """The sample shop stands for a user's program, so it may not lean on ours or on anything installed; the one with flags
    has what such a program has."""
    foreign = [
        f"{path.relative_to(ROOT)}: {name}"
        for path, text in modules()
        if path.is_relative_to(SOURCE / "demo")
        for name in sorted(imported(text))
        if name.split(".")[0] not in sys.stdlib_module_names and not name.startswith("ferryman.demo")
        if path.name != "flag_shop.py" or name.split(".")[0] not in {"ferryman_flags", "uvicorn"}
    ]
    assert not foreign


def test_no_part_of_an_adapter_knows_another_adapter() -> None:
    """`sqlite_writer` belongs to the adapter `sqlite`; import-linter holds only the main modules apart."""
    friends = [
        f"{path.relative_to(ROOT)}: {name}"
        for path, text in modules()
        if path.is_relative_to(SOURCE) and len(parts := path.relative_to(SOURCE).with_suffix("").parts) > 1
        if (own := parts[1].split("_")[0]) in ADAPTERS
        for name in sorted(imported(text))
        if (other := re.match(rf"ferryman\.{parts[0]}\.([a-z]+)", name)) and other.group(1) in ADAPTERS - {own}
    ]
    assert not friends


def test_links_between_documents_lead_somewhere() -> None:
    dead = [
        f"{path.relative_to(ROOT)}: {link}"
        for path, text in texts()
        if path.suffix == ".md"
        for link in LINK.findall(text)
        if not (path.parent / link).exists()
    ]
    assert not dead


@pytest.mark.parametrize("room", PURE_ROOMS)
def test_a_pure_room_has_no_coroutine(room: str) -> None:
    waits = [
        f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
        for path, text in modules()
        if path.is_relative_to(SOURCE / room)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith)
        and not in_protocol(text, node)
    ]
    assert not waits


def imported(text: str) -> set[str]:
    """Full names of the modules that a source imports, absolute ones only (ruff forbids the others)."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def in_protocol(text: str, inner: ast.AST) -> bool:
    """Whether a line lies in a class that only declares: a port may be declared in a pure room, never implemented."""
    line = getattr(inner, "lineno", 0)
    return any(
        node.lineno <= line <= (node.end_lineno or node.lineno)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base).startswith("Protocol") for base in node.bases)
    )


def test_what_runs_is_installed_with_the_package() -> None:
    """A module of the package imports nothing that only those who develop it have."""
    known = {"envoy", "h11", "holidays", "httpx2", "jwt", "msgspec", "prometheus_client", "rich", "ruamel", "shtab"}
    known |= {"starlette", "uvicorn", "apprise", "libcst", "grpc", "opentelemetry", "ferryman", "ferryman_flags"}
    flags = {"ferryman_flags", "mmh3", "openfeature", "pytest", "allpairspy"}
    found: set[str] = set()
    for path in [*SOURCE.rglob("*.py"), *FLAGS.rglob("*.py")]:
        allowed = flags if path.is_relative_to(FLAGS) else known
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found |= {f"{path.name}: {name}" for name in names if _is_foreign(name.partition(".")[0], allowed)}
    assert not found


def _is_foreign(top: str, known: set[str]) -> bool:
    return top not in known and top not in sys.stdlib_module_names
