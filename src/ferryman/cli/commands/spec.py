"""`ferry spec`: the reference of the release file, its JSON Schema, its examples."""

from __future__ import annotations

from ferryman.cli.context import OK, Context


def run(context: Context) -> int:
    """Print one of them."""
    args, out = context.args, context.out
    if args.list_examples:
        from ferryman.spec.catalog import example_names

        out.say("\n".join(example_names()))
        out.emit(example_names())
    elif args.example:
        from ferryman.spec.catalog import example

        text = example(args.example)
        out.say(text.rstrip("\n"))
        out.emit({"name": args.example, "text": text})
    elif args.settings:
        from ferryman.spec.settings import settings_example

        text = settings_example()
        out.say(text.rstrip("\n"))
        out.emit({"name": "settings", "text": text})
    elif args.flags:
        from ferryman.spec.flags import flags_example

        text = flags_example()
        out.say(text.rstrip("\n"))
        out.emit({"name": "flags", "text": text})
    elif args.schema:
        from ferryman.spec.schema import json_schema, json_schema_text

        out.say(json_schema_text().rstrip("\n"))
        out.emit(json_schema())
    else:
        from ferryman.spec.reference import reference_markdown

        text = reference_markdown()
        out.say(text.rstrip("\n"))
        out.emit({"markdown": text})
    return OK
