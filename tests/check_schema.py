#!/usr/bin/env python3
"""Holds a JSON document to a JSON schema, as far as docs/run.schema.json goes: type, enum, required, properties,
additionalProperties (a schema), items. With --closed, names that the schema does not know are errors too.

    tests/check_schema.py SCHEMA DOCUMENT [--closed]      # the document is the file's last line
"""
import json
import sys

TYPES = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool,
         "null": type(None)}


def errors(value, schema, path, closed):
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(isinstance(value, TYPES[k]) and (k == "boolean" or not isinstance(value, bool)) for k in kinds):
        yield f"{path}: {json.dumps(value)[:60]} is not {' or '.join(kinds)}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {value!r} is not one of {schema['enum']}"
    if isinstance(value, dict):
        known = schema.get("properties", {})
        for name in schema.get("required", []):
            if name not in value:
                yield f"{path}: '{name}' is missing"
        for name, inner in value.items():
            if name in known:
                yield from errors(inner, known[name], f"{path}.{name}", closed)
            elif "additionalProperties" in schema:
                yield from errors(inner, schema["additionalProperties"], f"{path}.{name}", closed)
            elif closed and known:
                yield f"{path}: the schema does not know '{name}'"
    if isinstance(value, list) and "items" in schema:
        for i, inner in enumerate(value):
            yield from errors(inner, schema["items"], f"{path}[{i}]", closed)


schema = json.load(open(sys.argv[1], encoding="utf-8"))
document = json.loads(open(sys.argv[2], encoding="utf-8").read().strip().splitlines()[-1])
found = list(errors(document, schema, "", "--closed" in sys.argv))
print("\n".join(found))
sys.exit(bool(found))
