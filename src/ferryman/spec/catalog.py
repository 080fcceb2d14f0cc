"""The annotated examples that come with the package."""

from __future__ import annotations

from functools import cache
from importlib import resources

from ferryman.model.errors import UsageError
from ferryman.spec.report import did_you_mean

_SUFFIX = ".yaml"


@cache
def example_names() -> tuple[str, ...]:
    """Names of the examples, in the order of the alphabet."""
    folder = resources.files("ferryman.spec").joinpath("examples")
    return tuple(sorted(f.name.removesuffix(_SUFFIX) for f in folder.iterdir() if f.name.endswith(_SUFFIX)))


def example(name: str) -> str:
    """The text of one example. Raises `UsageError` for a name that is none."""
    if name not in example_names():
        raise UsageError("unknown_example", f"there is no example `{name}`", did_you_mean(name, example_names()))
    return resources.files("ferryman.spec").joinpath("examples", name + _SUFFIX).read_text(encoding="utf-8")
