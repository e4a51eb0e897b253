"""Runs the corpus of site files through PyPI's jsonschema: the second opinion on the loader.

Each row of Corpus/corpus.json is a merge patch on the reference site. `good` must pass the schema,
`schema` must be refused by it, and `loader` must pass it, for what is wrong there is beyond a
schema: SiteTests holds the Swift loader to the same rows. Exit 0 if all agree, else 1 with a line
for each row that does not. The only argument, if any, is the folder of the repository.
"""

import json
import pathlib
import sys

import jsonschema


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


def effective(site, row):
    """The site after overlay and patch, as the loader makes it."""
    patched = merge(site, row["patch"])
    name = row.get("profile", patched.get("profile"))
    overlay = patched.get("profiles", {}).get(name, {}) if name else {}
    return merge(merge(site, overlay), row["patch"])


def main():
    here = pathlib.Path(__file__).resolve().parent
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here.parent.parent
    schema = json.loads((root / "schemas/site.v1.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    site = json.loads((root / "board/water-heater/site.json").read_text())
    rows = json.loads((here / "Corpus/corpus.json").read_text())
    wrong = 0
    for row in rows:
        errors = list(validator.iter_errors(effective(site, row)))
        should_pass = row["verdict"] != "schema"
        if should_pass != (not errors):
            found = errors[0].message if errors else "no error"
            print(f"{row['name']}: verdict {row['verdict']}, but the schema says: {found}")
            wrong += 1
    counts = {v: sum(r["verdict"] == v for r in rows) for v in ("good", "schema", "loader")}
    if min(counts.values()) < 10:
        print(f"the corpus is too small to prove anything: {counts}")
        wrong += 1
    for site_file in sorted((root / "board").glob("*/site.json")):
        for error in validator.iter_errors(json.loads(site_file.read_text())):
            print(f"{site_file.relative_to(root)}: {error.json_path}: {error.message}")
            wrong += 1
    if wrong:
        return 1
    print(f"site schema: {len(rows)} site files judged as the loader judges them {counts}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
