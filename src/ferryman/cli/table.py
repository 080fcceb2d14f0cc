"""The commands: their names, what they are for, where they live, which options they take.

Pure data, importing nothing else: the first screen of help is made of it alone, so that it comes at once.
"""

from __future__ import annotations

from ferryman.cli.command import Command
from ferryman.cli.flag_table import FLAG_COMMANDS

_VERB = "commands.verbs:"
GROUPS: tuple[tuple[str, tuple[Command, ...]], ...] = (
    (
        "Begin",
        (
            Command(
                "init", "commands.init:run", "write a commented ferryman.yaml for a command of yours",
                "The file says how to start one instance, where users connect and how to release. Write {port} where "
                "the command takes the port to listen on.",
                ("ferry init -- python3 app.py --port {port}", "ferry init --health /ready -- ./server -p {port}"),
                ("init", "release_file"),
            ),
            Command(
                "check", "commands.check:run", "what is wrong with a release file, and the deployment checklist",
                "Of a file: every problem with its place, what is likely not meant, the checklist, and with --traffic how "
                "long the judge will need at each step. Of a service: the checklist as it stands now. Exit: 0 nothing is "
                "wrong, 1 something is (with --strict, also what is doubtful).",
                ("ferry check --traffic 50/s", "ferry check other.yaml --strict", "ferry check checkout"),
                ("release_file", "check"),
            ),
            Command(
                "plan", "commands.plan:run", "show every step that a deploy would take, against what runs now",
                "Nothing is started or changed.", ("ferry plan",), ("release_file",),
            ),
            Command(
                "simulate", "commands.simulate:run", "see what would happen, in a simulated world, before it does",
                "Nothing is started. The real decisions and the real judge carry the release over a version just like "
                "it, under simulated users, while what you ask for goes wrong. Exit: 0 promoted, 1 not promoted.",
                (
                    "ferry simulate --traffic 50/s",
                    "ferry simulate ferryman.yaml --fail 'errors x5 at 25%' --seed 7",
                    "ferry simulate --fail 'latency x3 after 30s' --fail 'crash at 50%' --json",
                ),
                ("release_file", "simulate"),
            ),
            Command(
                "deploy", "commands.deploy:run", "carry the service to what ferryman.yaml says",
                "Starts a controller for the project if none runs. Exit: 0 promoted and healthy, 1 not promoted, "
                "2 refused, 3 not within --timeout.",
                ("ferry deploy", "ferry deploy --no-wait", "ferry deploy --timeout 10m --reason 'new prices'"),
                ("release_file", "reason", "emergency", "wait", "deploy"),
            ),
            Command("demo", "demo:run", "see all of it: a shop, real requests, a good release and a broken one",
                    adds=("demo",)),
        ),
    ),
    (
        "Look",
        (
            Command("status", "commands.status:run", "what serves, what moves, why it waits and what comes next",
                    "Exit: 0 healthy, 1 not. With -w it stays until the running rollout ends.",
                    ("ferry status", "ferry status -w", "ferry status -w --timeout 5m"), ("service", "watch")),
            Command("list", "commands.lists:services", "the services of the project"),
            Command("history", "commands.lists:history", "the rollouts so far", adds=("service", "history")),
            Command("events", "commands.lists:events", "everything that happened, and who did it", adds=("service", "events")),
            Command("audit", "commands.audit:run", "who did what, when and why; whether the log was changed",
                    "Of people only, unless --all is given: releases, verbs, tokens, sign-ins. --actor NAME shows what that one did. With --verify every hash "
                    "chain is recomputed. Exit: 1 when one is broken.",
                    ("ferry audit --since 7d", "ferry audit shop --actor ana --json", "ferry audit --verify"),
                    ("service", "audit")),
            Command("postmortem", "commands.postmortem:run", "one page on a rollout: what happened, charts, who did what",
                    "As HTML and as Markdown, written from the log, also when no controller runs. With --done it marks that a post-mortem was written, "
                    "which the checklist asks for after an incident.",
                    ("ferry postmortem shop-7", "ferry postmortem shop-7 --out -", "ferry postmortem shop-7 --out report.md",
                     "ferry postmortem shop-7 --done https://wiki.example/42"), ("postmortem", "reason")),
            Command("logs", "commands.logs:run", "what the instances wrote", adds=("service", "logs")),
        ),
    ),
    (
        "Steer",
        (
            Command("promote", _VERB + "promote", "go on to the next step now", adds=("service", "full", "emergency", "reason")),
            Command("pause", _VERB + "pause", "stay at this step; the judge still watches", adds=("service", "reason")),
            Command("resume", _VERB + "resume", "go on after a pause", adds=("service", "reason")),
            Command("approve", _VERB + "approve", "agree to a release that waits for people to agree", adds=("service", "reason")),
            Command("deny", _VERB + "deny", "refuse it: the new version is taken back", adds=("service", "reason")),
            Command("abort", _VERB + "abort", "take the new version back", adds=("service", "reason", "watch")),
            Command("retry", _VERB + "retry", "begin a release again that was taken back", adds=("service", "full", "reason", "wait")),
            Command("undo", _VERB + "undo", "go back to a version that was promoted before",
                    examples=("ferry undo", "ferry undo --to v3"), adds=("service", "undo", "emergency", "reason", "wait")),
            Command("drill", "commands.drill:run", "rehearse the way back, for real, without changing anything",
                    "Starts the version that an undo would go back to beside the running one, waits until it is ready, "
                    "runs its checks, gives it traffic if you say how much, and takes it away again. Exit: 0 passed, "
                    "1 not, 2 refused, 3 not within --timeout.",
                    ("ferry drill", "ferry drill --traffic 5% --hold 30s"), ("service", "drill", "reason", "wait")),
            Command("restart", _VERB + "restart", "replace every instance, version unchanged", adds=("service", "reason")),
            Command("freeze", "commands.freeze:freeze", "let no more users meet any new version",
                    "Going back is never held. It needs a reason.",
                    ("ferry freeze --until 18:00 --reason 'sale'", "ferry freeze --all --until 2h --rollback --reason 'outage'"),
                    ("service", "every", "freeze", "reason")),
            Command("unfreeze", "commands.freeze:unfreeze", "lift a freeze", adds=("service", "every", "reason")),
            Command("down", "commands.down:run", "stop the services, then the controller",
                    adds=("service", "down", "reason")),
        ),
    ),
    (
        "More",
        (
            Command("flags", "commands.flags:run", "feature flags: write, roll out, kill, explain; find them in code",
                    "Alone it lists what there is below it.", ("ferry flags",), under=FLAG_COMMANDS),
            Command("spec", "commands.spec:run", "the reference of the release file, its schema, its examples",
                    examples=("ferry spec --list", "ferry spec --example canary > ferryman.yaml"), adds=("spec",)),
            Command("serve", "commands.serve:run", "run the controller here in the foreground",
                    "A deploy starts one by itself. Ending it leaves everything serving.", adds=("serve",)),
            Command("dashboard", "commands.dashboard:run", "a link that opens the dashboard, signed in",
                    "The link is for the owner of the controller, good for one sign-in within ten minutes; others sign in "
                    "with a token. A controller is started if none runs."),
            Command("token", "commands.token:run", "who may reach the controller from elsewhere, and as what",
                    "A token is shown once, when it is made. Roles: a viewer looks, an operator releases, which runs "
                    "commands on this machine, an admin settles who may. Works without a controller too.",
                    ("ferry token create --name ana --role operator --service shop --expires 30d", "ferry token list",
                     "ferry token revoke ana --reason 'left the team'"), ("token", "reason")),
            Command("session", "commands.session:run", "who is signed in to the dashboard, and ending that",
                    examples=("ferry session list", "ferry session end 1f0a --reason 'lost laptop'"),
                    adds=("session", "reason")),
            Command("login", "commands.login:run", "keep a token for a controller on another machine",
                    "The token is read from FERRY_TOKEN, the terminal or standard input, tried, and kept in "
                    "~/.config/ferryman/tokens, for this user alone.",
                    ("ferry login https://ferry.example.com:7300", "ferry login https://10.0.0.5:7300 --ca-file ca.pem"), ("login",)),
            Command(
                "notify", "commands.notify:run", "the channels by which people are told, and whether they work",
                "`list` shows each channel, what waits for it and how the last attempt went; `test` sends a message by one "
                "now; `rotate-key` ends every approval link that was sent. Exit of list: 0 all is well, 1 a channel is in "
                "trouble; of test: 0 it was taken.",
                ("ferry notify list", "ferry notify test ops", "ferry notify rotate-key"), ("notify",),
            ),
            Command("judge", "commands.judge:run", "weigh recorded evidence: JSON lines in, verdicts out", adds=("judge",)),
            Command("completion", "commands.completion:run", "print the completion script of a shell",
                    examples=('eval "$(ferry completion bash)"',), adds=("completion",)),
        ),
    ),
)  # fmt: skip

COMMANDS: dict[str, Command] = {
    each.name: each for _, group in GROUPS for command in group for each in (command, *command.under)
}
"""Every command by its name, those below another one too: ``flags refs``."""


def first_screen(version: str) -> str:
    """What `ferry` alone and `ferry --help` show."""
    lines = [
        "ferry carries a service to its next version under live traffic, and brings it back",
        "by itself when the evidence is bad.",
        "",
        "  ferry init -- python3 app.py --port {port}   describe your service, once",
        "  ferry deploy                                 and again whenever it changed",
        "  ferry demo                                   or see it at work first (2 minutes)",
    ]
    width = max(len(command.name) for _, group in GROUPS for command in group)
    for title, group in GROUPS:
        lines += ["", title, *(f"  {command.name:<{width}}  {command.summary}" for command in group)]
    lines += [
        "",
        "Everywhere: --project DIR, --url URL, --json, --quiet, --actor NAME. More: ferry COMMAND --help",
        f"Version {version}. Exit: 0 done, 1 not healthy or not promoted, 2 refused, 3 timeout.",
    ]
    return "\n".join(lines)
