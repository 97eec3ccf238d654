"""Logs as lines of JSON on stderr: time, level, logger, message, and what belongs to a request."""

import logging
import sys
from datetime import UTC, datetime

import orjson


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        found = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        } | getattr(record, "fields", {})
        if message := record.getMessage():
            found["message"] = message
        if record.exc_info:
            found["trace"] = self.formatException(record.exc_info)
        return orjson.dumps(found).decode()


def write_logs() -> None:
    """Send what this package and uvicorn have to say to stderr: warnings and worse, ours from info on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line())
    for name, level in (("gfm_ra", logging.INFO), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
