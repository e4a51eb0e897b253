"""Runs every scenario file and the corpus through PyPI's jsonschema: the second opinion on the loader.

Each row of Corpus/corpus.json is a merge patch on its base. `good` must pass the schema, `schema`
must be refused by it, and `loader` must pass it, for what is wrong there is beyond a schema:
SimulationTests holds the Swift loader to the same rows.

Exit 0 if all agree, else 1 with a line for each that does not.
"""

import json
import pathlib
import sys

import jsonschema

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def merge(target, patch):
    """JSON merge patch, RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def main():
    schema = json.loads((ROOT / "schemas/scenario.v1.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    wrong = []
    files = sorted(ROOT.glob("board/*/scenarios/*.json"))
    for file in files:
        for error in validator.iter_errors(json.loads(file.read_text())):
            wrong.append(f"{file.relative_to(ROOT)}: {error.json_path}: {error.message[:200]}")
    corpus = json.loads((HERE / "Corpus/corpus.json").read_text())
    for group, must_pass in (("good", True), ("schema", False), ("loader", True)):
        for number, patch in enumerate(corpus[group]):
            passes = validator.is_valid(merge(corpus["base"], patch))
            if passes != must_pass:
                verdict = "passes" if passes else "is refused by"
                wrong.append(f"corpus.json: $.{group}[{number}] {verdict} the schema")
    for line in wrong:
        print(line)
    if not files:
        print("no scenario file was found")
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    sys.exit(main())
