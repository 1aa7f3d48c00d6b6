"""The portal's GraphQL, served from the schema that its own client ships."""

from __future__ import annotations

import contextlib
import fnmatch
import functools
import json
import operator
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cryoet_data_portal
from graphql import (
    GraphQLEnumType,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    build_schema,
    get_named_type,
    graphql_sync,
)

Row = dict[str, Any]
Tables = dict[str, list[Row]]

SCHEMA = Path(cryoet_data_portal.__file__).with_name("data") / "schema.graphql"
ROOTS = {"tomograms": "Tomogram", "runs": "Run", "datasets": "Dataset"}
RELATIONS = {
    ("Tomogram", "run"): ("Run", "runId"),
    ("Run", "dataset"): ("Dataset", "datasetId"),
}
PLACEHOLDERS = {"Int": 0, "Float": 0.0, "Boolean": False, "DateTime": "2024-11-06T00:00:00+00:00"}


def like(value: str, pattern: str) -> bool:
    """SQL's LIKE."""
    return fnmatch.fnmatchcase(value, pattern.replace("%", "*").replace("_", "?"))


COMPARATORS: dict[str, Callable[[Any, Any], bool]] = {
    "_eq": operator.eq,
    "_neq": operator.ne,
    "_gt": operator.gt,
    "_gte": operator.ge,
    "_lt": operator.lt,
    "_lte": operator.le,
    "_in": lambda value, options: value in options,
    "_like": like,
    "_ilike": lambda value, pattern: like(value.lower(), pattern.lower()),
}


@functools.cache
def schema() -> GraphQLSchema:
    """The client's schema; its questions for many are answered by the root value."""
    built = build_schema(SCHEMA.read_text("utf-8"))
    assert built.query_type is not None
    for root, name in ROOTS.items():
        built.query_type.fields[root].resolve = functools.partial(_found, name)
    return built


def _found(
    name: str, catalogue: Catalogue, _info: Any, where: Row | None = None, **_order: Any
) -> list[Row]:
    # The portal promises no order: the newest first, which no caller may rely on.
    return [it for it in reversed(catalogue.tables[name]) if catalogue._matches(name, it, where)]


class Catalogue:
    """Tables that answer queries of the portal's schema."""

    def __init__(self, tables: Tables) -> None:
        self.tables = {
            name: [self._filled(name, row) for row in rows] for name, rows in tables.items()
        }

    def answer(self, query: dict[str, Any]) -> dict[str, Any]:
        result = graphql_sync(
            schema(), query["query"], self, variable_values=query.get("variables") or {}
        )
        return dict(result.formatted)

    def _matches(self, name: str, row: Row, where: Row | None) -> bool:
        for field, condition in (where or {}).items():
            if (name, field) in RELATIONS:
                other, key = RELATIONS[name, field]
                [related] = [it for it in self.tables[other] if it["id"] == row[key]]
                if not self._matches(other, related, condition):
                    return False
            elif not all(COMPARATORS[it](row[field], to) for it, to in condition.items()):
                return False
        return True

    def _filled(self, name: str, row: Row) -> Row:
        """A row with every field that the schema demands."""
        fields = schema().type_map[name].fields  # type: ignore[attr-defined]
        filled = {}
        for field, definition in fields.items():
            kind = get_named_type(definition.type)
            if not isinstance(definition.type, GraphQLNonNull):
                continue
            if isinstance(kind, GraphQLEnumType):
                filled[field] = next(iter(kind.values))
            elif isinstance(kind, GraphQLScalarType):
                filled[field] = PLACEHOLDERS.get(kind.name, "")
        return filled | row


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        content = json.dumps(self.server.catalogue.answer(query)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    catalogue: Catalogue


@contextlib.contextmanager
def serving(catalogue: Catalogue, port: int = 0) -> Iterator[str]:
    """Answer on loopback and yield the address."""
    with Server(("127.0.0.1", port), Handler) as server:
        server.catalogue = catalogue
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/graphql"
        finally:
            server.shutdown()
