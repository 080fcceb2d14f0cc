"""The commands below `ferry flags`, in the manner of `ferryman.cli.table`."""

from __future__ import annotations

from ferryman.cli.command import Command

_SERVICE = "commands.flag_service:"
FLAG_COMMANDS: tuple[Command, ...] = (
    Command(
        "flags list", _SERVICE + "list_flags", "the flags of an environment",
        examples=("ferry flags list", "ferry flags list --env staging --json"), adds=("flag_environment",),
    ),
    Command(
        "flags board", "commands.flag_board:board", "every flag in every environment, and those that should go",
        "A column for each environment. With --stale those that expired, that give everybody the same, or that no program "
        "asked for in 30 days, and the command that takes each out of code.",
        ("ferry flags board", "ferry flags board --stale"), ("flag_board",),
    ),
    Command(
        "flags evaluations", "commands.flag_board:evaluations", "how often each variant was given, and who asks",
        "Of the last hour, as programs report it.",
        ("ferry flags evaluations new-checkout", "ferry flags evaluations new-checkout --env staging"),
        ("flag_key", "flag_environment"),
    ),
    Command(
        "flags show", _SERVICE + "show", "one flag: how it stands, its definition, what was done to it",
        examples=("ferry flags show new-checkout",), adds=("flag_key", "flag_environment"),
    ),
    Command(
        "flags plan", _SERVICE + "plan", "who would notice if a flags file were written",
        "Counts are of 100,000 users. Exit: 0, or 1 when exposed users would change and it takes --rebucket.",
        ("ferry flags plan flags.yaml", "ferry flags plan flags.yaml --env staging"), ("flags_file", "flag_environment"),
    ),
    Command(
        "flags set", _SERVICE + "set_flags", "write a flags file",
        "To `prod` and the environments that it names, or to those given. All of it counts or none. Refused when exposed "
        "users would change, unless --rebucket says that this is meant.",
        ("ferry flags set flags.yaml --reason 'checkout for everybody'", "ferry flags set flags.yaml --env staging"),
        ("flags_file", "flag_environment", "flag_rebucket", "reason"),
    ),
    Command(
        "flags rollout", _SERVICE + "rollout", "expose a flag to more or fewer users, or disable it",
        "Growing moves nobody who is exposed already.",
        ("ferry flags rollout new-checkout 25", "ferry flags rollout new-checkout 50 --env staging --dry-run",
         "ferry flags rollout new-checkout --state disabled"),
        ("flag_key", "flag_rollout", "flag_environment", "flag_dry_run", "flag_rebucket", "reason"),
    ),
    Command(
        "flags kill", _SERVICE + "kill", "serve `off` to everybody, now",
        "What was intended stays as it was, and counts again after `ferry flags unkill`.",
        ("ferry flags kill image-uploads --reason 'S3 is down'",), ("flag_key", "flag_environment", "reason"),
    ),
    Command(
        "flags unkill", _SERVICE + "unkill", "end a kill",
        examples=("ferry flags unkill image-uploads",), adds=("flag_key", "flag_environment", "reason"),
    ),
    Command(
        "flags history", _SERVICE + "history", "everything done to a flag",
        examples=("ferry flags history new-checkout",), adds=("flag_key", "flag_environment"),
    ),
    Command(
        "flags diff", _SERVICE + "diff", "two versions of a flag side by side",
        examples=("ferry flags diff new-checkout", "ferry flags diff new-checkout --from 12 --to 40"),
        adds=("flag_key", "flag_diff", "flag_environment"),
    ),
    Command(
        "flags revert", _SERVICE + "revert", "write a flag again as it was in an earlier version",
        examples=("ferry flags revert new-checkout", "ferry flags revert new-checkout 12 --dry-run"),
        adds=("flag_key", "flag_revert", "flag_environment", "flag_dry_run", "flag_rebucket", "reason"),
    ),
    Command(
        "flags requests", "commands.flag_requests:requests", "writes that wait for people to agree",
        "Where the settings ask for it (`flags.approvals`), writes of an environment wait. A kill never does.",
        ("ferry flags requests",), ("flag_requests",),
    ),
    Command(
        "flags approve", "commands.flag_requests:approve", "agree to a write that waits",
        "With the last word it is written. The author does not count.",
        ("ferry flags approve 12 --reason 'looked at the plan'",), ("flag_request", "reason"),
    ),
    Command(
        "flags deny", "commands.flag_requests:deny", "refuse a write that waits, or take back your own",
        examples=("ferry flags deny 12 --reason 'not before the holidays'",), adds=("flag_request", "reason"),
    ),
    Command(
        "flags delete", _SERVICE + "delete", "take a flag out of an environment",
        "Refused while another flag needs it. `ferry flags remove` takes it out of code.",
        ("ferry flags delete new-checkout --env staging",), ("flag_key", "flag_environment", "reason"),
    ),
    Command(
        "flags eval", _SERVICE + "evaluate", "what a flag serves to a user",
        examples=("ferry flags eval new-checkout --user ana -c country=de",),
        adds=("flag_key", "flag_user", "flag_environment"),
    ),
    Command(
        "flags explain", _SERVICE + "explain", "why a user gets what they get: rule, bucket and slot",
        examples=("ferry flags explain new-checkout --user ana -c app.version=2.3.1",),
        adds=("flag_key", "flag_user", "flag_environment"),
    ),
    Command(
        "flags export", _SERVICE + "export", "the flags of an environment as flagd JSON, or as a flags file",
        "The JSON runs in flagd unchanged.",
        ("ferry flags export > flagd.json", "ferry flags export --format yaml --env staging"),
        ("flag_export", "flag_environment"),
    ),
    Command(
        "flags lint", "commands.flag_lint:run", "what is wrong with a flags file, and what is doubtful",
        "Needs no controller. Exit: 0 nothing is wrong, 1 something is (with --strict, also what is doubtful).",
        ("ferry flags lint flags.yaml --strict", "ferry flags lint flags.yaml --compat unleash"), ("flags_file", "flag_lint"),
    ),
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
        "flags stale", "commands.flag_code:stale", "flags that have done their work, and should go",
        "Those of a flags file that expired, that give everybody the same in an environment, that stand nowhere in the Python "
        "code, or that no program evaluated for 30 days: a controller that runs is asked for that, and none is needed. Exit: 0 there are none, 1 there are: a check for CI.",
        ("ferry flags stale flags.yaml", "ferry flags stale flags.yaml --path src --env staging"),
        ("flags_file", "flag_sources", "flag_stale"),
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
