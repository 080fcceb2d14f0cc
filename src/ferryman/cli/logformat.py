"""How the controller writes its log: a line for people, or a line of JSON for programs."""

from __future__ import annotations

import json
import logging
import sys
import time

HUMAN = "human"
JSON = "json"
FORMATS = (HUMAN, JSON)
CHATTY = ("uvicorn.error", "httpx2")
_IDS = ("service", "rollout")


class JsonLines(logging.Formatter):
    """One object a line: `at` (epoch seconds), `level`, `logger`, `message`, and where there are any `service`, `rollout`
    and `traceback`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update({name: value for name in _IDS if (value := getattr(record, name, ""))})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def set_up_logging(format_name: str) -> None:
    """Log to standard error, from `info` up."""
    handler = logging.StreamHandler(sys.stderr)
    if format_name == JSON:
        handler.setFormatter(JsonLines())
    else:
        human = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
        human.converter = time.localtime
        handler.setFormatter(human)
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)
