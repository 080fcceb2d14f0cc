"""The commands below `ferry flags`, in the manner of `ferryman.cli.table`."""

from __future__ import annotations

from ferryman.cli.command import Command

FLAG_COMMANDS: tuple[Command, ...] = (
    Command(
        "flags import", "commands.flag_import:run", "flags of another system as a flags file",
        "Reads an export of LaunchDarkly, Unleash, Split, Optimizely or flagd and prints a flags file, with what to look at. "
        "Percentages keep their size, the people inside are drawn anew. Nothing is written.",
        ("ferry flags import launchdarkly.json > flags.yaml", "ferry flags import features.json --from unleash --owner shop"),
        ("flag_import",),
    ),
    Command(
        "flags refs", "commands.flag_code:refs", "where a flag stands in Python code",
        "Calls that ask for it, also through constants, enumerations, imports and aliases, and every other use of its key. "
        "Exit: 0 it stands nowhere, 1 it does.",
        ("ferry flags refs new-checkout", "ferry flags refs new-checkout --path src --json"), ("flag_code",),
    ),
    Command(
        "flags remove", "commands.flag_code:remove", "take a flag out of Python code",
        "Its value in the place of every call that asks for it; conditions folded, dead branches and imports dropped, all "
        "else byte for byte as it was. Prints the difference, and writes it with --write. What cannot be decided is told "
        "with its place, and then nothing is written. Exit: 0 done, 1 something is in the way.",
        ("ferry flags remove new-checkout --value true", "ferry flags remove colour --value blue --path src --write",
         "ferry flags remove new-checkout --value true --call feature_on"), ("flag_code", "flag_remove"),
    ),
)  # fmt: skip
