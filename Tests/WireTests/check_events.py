"""Reads the golden events and messages as others do: PyPI's jsonschema and PyPI's cloudevents.

Every event in schemas/golden must pass the schema of the envelope and, with its data, the schema
that its `dataschema` names; it must be an event to the CloudEvents SDK, in structured mode and,
with each attribute as a header, in Kafka's binary mode. Every message must pass its own schema. And
the schemas must have teeth: a golden with one thing changed must fail.

Exit 0 if all agree, else 1 with a line for each thing that does not.
"""

import copy
import datetime
import json
import pathlib
import sys

import jsonschema
from cloudevents.core.bindings import kafka
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SCHEMAS = ROOT / "schemas"
GOLDEN = SCHEMAS / "golden"
MESSAGES = ["acknowledgement", "hello", "status", "command", "export-end"]


def validator(path):
    schema = json.loads(path.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    name = "urn:busbar:schema:" + path.name.removesuffix(".json")
    if schema["$id"] != name:
        raise ValueError(f"{path.name}: its $id is {schema['$id']}; expected is {name}")
    return jsonschema.Draft202012Validator(schema)


# What no name, number, word or line of text ends with.
TAIL = "\x01\u00a7"


def strange_values(value):
    """Values of which none may stand where `value` does in any golden."""
    yield [[]]
    yield {"no such member": 1}
    if not isinstance(value, bool) and isinstance(value, int):
        yield str(value)
        yield 0.5
    if isinstance(value, str):
        yield 7
        yield value + TAIL


def mutations(document):
    """(what was done, the document after it): a member less, more, or of another kind."""
    yield "a member more", {**document, "nosuchmember": 1}
    for key, value in document.items():
        less = copy.deepcopy(document)
        del less[key]
        yield f"without {key}", less
        for strange in strange_values(value):
            yield f"{key} = {strange!r}", {**document, key: strange}


# Members that an event may do without.
OPTIONAL = {"recordedtime", "busbarhash"}

# A command's parameters are its method's business.
ANY_OBJECT = {"command": "parameters", "command.answered.v1": "parameters"}

# Members whose text is anybody's, by the noun of the event.
FREE = {
    "heating.entered": {"state"},
    "queue.quarantined": {"file", "reason"},
    "transaction": {"kind", "outcome"},
    "configuration": {"digest"},
    "command": {"method", "refusal", "user", "role", "by"},
    "sample": {"heating"},
}


def free_members(name):
    noun, participle, _ = name.split(".")
    return FREE.get(f"{noun}.{participle}", set()) | FREE.get(noun, set())


def check_teeth(name, document, check, optional=frozenset(), free=frozenset(), any_object=None):
    """The schema must refuse every mutation but those that make another good document."""
    allowed = {f"without {key}" for key in optional}
    allowed |= {f"{key} = {document[key] + TAIL!r}" for key in free if key in document}
    allowed.add(f"{any_object} = {{'no such member': 1}}")
    for what, mutated in mutations(document):
        if check.is_valid(mutated) and what not in allowed:
            yield f"{name}: the schema takes it {what}"


def check_schema(name, document, check):
    for error in check.iter_errors(document):
        yield f"{name}: {error.json_path}: {error.message}"


def check_sdk(name, text, document):
    """The CloudEvents SDK must see the same event in both modes."""
    structured = JSONFormat().read(CloudEvent, text)
    headers = {"ce_" + k: str(v).encode() for k, v in document.items() if not k.startswith("data")}
    if "dataschema" in document:
        headers["ce_dataschema"] = document["dataschema"].encode()
    headers["content-type"] = document["datacontenttype"].encode()
    value = json.dumps(document["data"]).encode() if "data" in document else structured.get_data()
    message = kafka.KafkaMessage(headers=headers, key=b"heater-1", value=value)
    binary = kafka.from_binary(message, JSONFormat(), CloudEvent)
    for event, mode in ((structured, "structured"), (binary, "binary")):
        where = f"{name}, {mode}"
        if event.get_id() != document["id"] or event.get_source() != document["source"]:
            yield f"{where}: the SDK reads {event.get_source()} {event.get_id()}"
        if event.get_type() != document["type"] or event.get_subject() != document["subject"]:
            yield f"{where}: the SDK reads {event.get_type()} {event.get_subject()}"
        expected = datetime.datetime(2023, 11, 14, 22, 13, 20, 123000, datetime.timezone.utc)
        if event.get_time() != expected:
            yield f"{where}: the SDK reads the time {event.get_time()}"
        if event.get_extension("sequence") != document["sequence"]:
            yield f"{where}: the SDK reads the sequence {event.get_extension('sequence')}"
        if "data" in document and event.get_data() != document["data"]:
            yield f"{where}: the SDK reads the data {event.get_data()!r}"


def check_event(path, envelope):
    text = path.read_bytes()
    document = json.loads(text)
    yield from check_schema(path.name, document, envelope)
    yield from check_sdk(path.name, text, document)
    yield from check_teeth(path.name, document, envelope, OPTIONAL, {"subject"}, "data")
    if "data" not in document:
        return
    name = document["dataschema"].removeprefix("urn:busbar:schema:")
    if path.name != name + ".json":
        yield f"{path.name}: its dataschema is {name}"
    data = validator(SCHEMAS / "events" / f"{name}.json")
    where = f"{path.name}, data"
    yield from check_schema(where, document["data"], data)
    yield from check_teeth(
        where, document["data"], data, free=free_members(name), any_object=ANY_OBJECT.get(name))


def check_signed_text():
    """Whoever signs in Python must get the text that a device verifies."""
    command = json.loads((GOLDEN / "command.v1.json").read_text())
    parameters = json.dumps(
        command["parameters"], sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    fields = ["busbar command 1", command["id"], command["device"], command["method"], parameters]
    fields += [str(command["issued_ms"]), str(command["expires_ms"]), command["by"]]
    if "\n".join(fields) + "\n" != (GOLDEN / "command.v1.signed.txt").read_text():
        yield "command.v1.signed.txt: Python's sorted JSON makes another text"


def main():
    wrong = []
    envelope = validator(SCHEMAS / "cloudevent.v1.json")
    messages = {f"{name}.v1.json" for name in MESSAGES}
    events = [p for p in sorted(GOLDEN.glob("*.json")) if p.name not in messages]
    for path in events:
        wrong += check_event(path, envelope)
    for name in MESSAGES:
        check = validator(SCHEMAS / f"{name}.v1.json")
        document = json.loads((GOLDEN / f"{name}.v1.json").read_text())
        wrong += check_schema(name, document, check)
        wrong += check_teeth(name, document, check, any_object=ANY_OBJECT.get(name))
    lines = (GOLDEN / "batch.v1.jsonl").read_text().splitlines()
    batch = validator(SCHEMAS / "batch.v1.json")
    for number, line in enumerate(lines, 1):
        document = json.loads(line)
        wrong += check_schema(f"batch.v1.jsonl, line {number}", document, batch)
        wrong += check_teeth(
            f"batch.v1.jsonl, line {number}", document, batch, free={"subject"}, any_object="data"
        )
    wrong += check_signed_text()
    schemas = len(list((SCHEMAS / "events").glob("*.json")))
    if len(events) != schemas + 1:
        wrong.append(
            f"{len(events)} golden events for {schemas} schemas; wanted is one for each, and the "
            "one whose data is damaged")
    for line in wrong:
        print(line)
    if not wrong:
        print(f"events: {len(events)} goldens, {len(MESSAGES)} messages, {len(lines)} lines agree")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
