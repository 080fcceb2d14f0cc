"""What a command is, as data."""

from __future__ import annotations


class Command:
    """One command. `target` is ``module:function`` under `ferryman.cli`; `adds` names functions of `ferryman.cli.parser`
    that declare its options; `examples` are shown below them. `under` are commands of its own: their names begin with
    its name and a blank."""

    __slots__ = ("adds", "examples", "name", "summary", "target", "text", "under")

    def __init__(
        self,
        name: str,
        target: str,
        summary: str,
        text: str = "",
        examples: tuple[str, ...] = (),
        adds: tuple[str, ...] = (),
        under: tuple[Command, ...] = (),
    ) -> None:
        self.name = name
        self.target = target
        self.summary = summary
        self.text = text
        self.examples = examples
        self.adds = adds
        self.under = under
