"""Runs the corpus of site files through PyPI's jsonschema: the second opinion on the loader.

Each row of Corpus/corpus.json is a merge patch on the reference site. `good` must pass the schema,
`schema` must be refused by it, and `loader` must pass it, for what is wrong there is beyond a
schema: SiteTests holds the Swift loader to the same rows.

Corpus/mutations.json has one random change in each row, made from a seed to the corpus's "site with
everything", and the schema's verdict on it. SiteTests asks the loader the same; here the verdicts
are made again and compared. After a change of the schema, `--write-mutations` writes new ones.

Exit 0 if all agree, else 1 with a line for each row that does not.
"""

import copy
import json
import pathlib
import random
import sys

import jsonschema

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MUTATIONS = HERE / "Corpus/mutations.json"
SEED = 1
MUTATION_COUNT = 1000


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


def paths(value, path=()):
    """Where every value of a document stands, itself included."""
    yield path
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    else:
        members = ()
    for key, member in members:
        yield from paths(member, path + (key,))


def strange(value, dice):
    """A value that may or may not be allowed where `value` is."""
    choices = [
        None, True, False, 0, 1, -1, 1.5, 100.0, 10**25, "", "x", "X_1", "a b", "alarm", "fatal",
        "next", "E103", "E999", "*", [], ["x"], {}, {"x": 1}, {"go": "RUN"}, {"fail": "E208"},
    ]
    if isinstance(value, bool):
        pass
    elif isinstance(value, (int, float)):
        choices += [value + 1, value - 1, value * 10, value // 10, -value, float(value), str(value)]
    elif isinstance(value, str):
        choices += [value + "x", value.upper(), value.lower(), value + "-", value * 40]
    elif isinstance(value, list):
        choices += [value + value, value[:1], value * 9]
    return dice.choice(choices)


def mutate(site, dice):
    """One change: (path, new value), without the value where the member is taken away."""
    path = dice.choice(list(paths(site)))
    value = site
    for key in path:
        value = value[key]
    kind = dice.randrange(4)
    if kind == 0 and isinstance(value, dict):
        return {"path": [*path, "extra"], "value": strange(None, dice)}
    if kind == 1 and path and isinstance(path[-1], str):
        return {"path": list(path)}
    return {"path": list(path), "value": strange(value, dice)}


def mutated(site, mutation):
    holder = {"site": copy.deepcopy(site)}
    place, last = holder, "site"
    for key in mutation["path"]:
        place, last = place[last], key
    if "value" in mutation:
        place[last] = mutation["value"]
    else:
        del place[last]
    return holder["site"]


def make_mutations(site, validator):
    dice = random.Random(SEED)
    rows = [mutate(site, dice) for _ in range(MUTATION_COUNT)]
    return [{**row, "passes": validator.is_valid(mutated(site, row))} for row in rows]


def check_corpus(site, rows, validator):
    for row in rows:
        errors = list(validator.iter_errors(effective(site, row)))
        if (row["verdict"] != "schema") != (not errors):
            found = errors[0].message if errors else "no error"
            yield f"{row['name']}: verdict {row['verdict']}, but the schema says: {found}"
    counts = {v: sum(r["verdict"] == v for r in rows) for v in ("good", "schema", "loader")}
    if min(counts.values()) < 10:
        yield f"the corpus is too small to prove anything: {counts}"


def check_mutations(everything, validator):
    for row in json.loads(MUTATIONS.read_text()):
        if validator.is_valid(mutated(everything, row)) != row["passes"]:
            yield f"mutations.json is not of this schema: {row}; run with --write-mutations"


def check_boards(validator):
    for site_file in sorted((ROOT / "board").glob("*/site.json")):
        for error in validator.iter_errors(json.loads(site_file.read_text())):
            yield f"{site_file.relative_to(ROOT)}: {error.json_path}: {error.message}"


def main():
    schema = json.loads((ROOT / "schemas/site.v1.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    site = json.loads((ROOT / "board/water-heater/site.json").read_text())
    rows = json.loads((HERE / "Corpus/corpus.json").read_text())
    everything = effective(site, next(r for r in rows if r["name"] == "a site with everything"))
    if "--write-mutations" in sys.argv[1:]:
        lines = [json.dumps(row) for row in make_mutations(everything, validator)]
        MUTATIONS.write_text("[\n  " + ",\n  ".join(lines) + "\n]\n")
    wrong = [
        *check_corpus(site, rows, validator),
        *check_mutations(everything, validator),
        *check_boards(validator),
    ]
    for line in wrong:
        print(line)
    if not wrong:
        print(f"site schema: {len(rows)} site files and {MUTATION_COUNT} mutations agree")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
