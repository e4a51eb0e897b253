#!/usr/bin/env python3
"""Turns Swift Testing's tests into a program for a processor without a system.

    translate.py OUTPUT_FOLDER TEST.swift...

Swift Testing needs an operating system, and the rules must be tried on the relay board's own
instruction set by the very tests that try them on the Pi's. So the attributes @Suite and @Test
become calls, #expect(...) becomes `expect(...)` with its line, and all else stays as it is written.
What this cannot translate it refuses.
"""

import os
import re
import sys

OPENING = {"(": ")", "[": "]", "{": "}"}


def fail(text):
    sys.exit(f"translate: {text}")


def end_of_string(text, start):
    """The index behind the string literal that begins at `start`; interpolations are followed."""
    index = start + 1
    while text[index] != '"':
        if text.startswith("\\(", index):
            index = end_of_group(text, index + 1)
        else:
            index += 2 if text[index] == "\\" else 1
    return index + 1


def end_of_group(text, start):
    """The index behind the bracket that closes the one at `start`."""
    expected = []
    index = start
    while True:
        character = text[index]
        if character == '"':
            index = end_of_string(text, index)
            continue
        if text.startswith("//", index):
            index = text.index("\n", index)
            continue
        if character in OPENING:
            expected.append(OPENING[character])
        elif character in ")]}":
            if character != expected.pop():
                fail(f"brackets do not match at: {text[start:index + 1][-60:]}")
            if not expected:
                return index + 1
        index += 1


def arguments(text):
    """Splits the inside of brackets at its outermost commas."""
    parts, start, index = [], 0, 0
    while index < len(text):
        if text[index] == '"':
            index = end_of_string(text, index)
        elif text[index] in OPENING:
            index = end_of_group(text, index)
        else:
            if text[index] == ",":
                parts.append(text[start:index].strip())
                start = index + 1
            index += 1
    return [part for part in parts + [text[start:].strip()] if part]


def replace_calls(text, name, replacement):
    """Replaces each `name(...)` by what `replacement` makes of its arguments and its line."""
    result, position = "", 0
    while (start := text.find(name + "(", position)) >= 0:
        end = end_of_group(text, start + len(name))
        inside = text[start + len(name) + 1 : end - 1]
        # Only what is replaced changes its lines, so the line is still the source's.
        line = text.count("\n", 0, start) + 1
        new = replacement(arguments(inside), line)
        lost = text.count("\n", start, end) - new.count("\n")
        result += text[position:start] + new + "\n" * lost
        position = end
    return result + text[position:]


class Test:
    def __init__(self, attribute, function, parameters):
        parts = arguments(attribute)
        self.name = parts[0] if parts and parts[0].startswith('"') else f'"{function}"'
        rest = parts[1:] if parts and parts[0].startswith('"') else parts
        if rest and not rest[0].startswith("arguments:"):
            fail(f"{function}: @Test({attribute}) has a trait, which this does not know")
        self.collections = [re.sub(r"^arguments:\s*", "", part) for part in rest]
        self.function = function
        self.labels = [part.split(":")[0].split()[0] for part in arguments(parameters)]

    def call(self, suite):
        count = len(self.collections)
        if count == len(self.labels):
            values = [f"argument{index}" for index in range(count)]
        elif count == 1:
            values = [f"argument0.{index}" for index in range(len(self.labels))]
        else:
            fail(f"{self.function}: {count} collections for {len(self.labels)} parameters")
        given = ", ".join(
            value if label == "_" else f"{label}: {value}"
            for label, value in zip(self.labels, values))
        loops = "".join(
            f"for argument{index} in ({collection}) {{ "
            for index, collection in enumerate(self.collections))
        call = f"begin(); {suite}().{self.function}({given}); end()"
        return f"        announce({self.name})\n        {loops}{call}{' }' * count}\n"


def take_tests(text):
    """Takes the attributes out of the text; returns it with the tests of each suite."""
    suites, suite, position, result = {}, None, 0, ""
    for found in iter(lambda: re.compile(r"@(Suite|Test)\b").search(text, position), None):
        result += text[position : found.start()]
        end, attribute = found.end(), ""
        if text[end] == "(":
            end = end_of_group(text, found.end())
            attribute = text[found.end() + 1 : end - 1]
        result += "\n" * text[found.start() : end].count("\n")
        position = end
        if found[1] == "Suite":
            suite = re.compile(r"\s*struct (\w+)").match(text, end)[1]
            suites[suite] = []
            continue
        function = re.compile(r"\s*(?:static )?func (\w+)\(").match(text, end)
        if not function or suite is None:
            fail(f"@Test({attribute}) stands before no function of a suite")
        close = end_of_group(text, function.end() - 1)
        body = text[close : text.index("{", close)]
        if "async" in body or "throws" in body:
            fail(f"{function[1]}: it is{body}, which this does not know")
        suites[suite].append(Test(attribute, function[1], text[function.end() : close - 1]))
    return result + text[position:], suites


def translate(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    text, suites = take_tests(text)
    text = replace_calls(
        text, "#expect", lambda parts, line: f"expect({parts[0]}, line: {line})")
    text = replace_calls(text, "Issue.record", lambda _, line: f"expect(false, line: {line})")
    text = text.replace("import Testing\n", "\n")
    if "#" in re.sub(r'"(\\.|[^"\\])*"|//.*', "", text):
        fail(f"{path}: a macro is left that this does not know")
    for suite, tests in suites.items():
        text += f"\nextension {suite} {{\n    static func runAll() {{\n"
        text += f'        open("{os.path.basename(path)}")\n'
        text += "".join(test.call(suite) for test in tests) + "    }\n}\n"
    return text, suites


def main(folder, paths):
    calls, count = "", 0
    for path in paths:
        text, suites = translate(path)
        with open(os.path.join(folder, os.path.basename(path)), "w", encoding="utf-8") as file:
            file.write(text)
        calls += "".join(f"    {suite}.runAll()\n" for suite in suites)
        count += sum(len(tests) for tests in suites.values())
    with open(os.path.join(folder, "AllSuites.swift"), "w", encoding="utf-8") as file:
        file.write(f"let testsFound = {count}\n\nfunc runAllSuites() {{\n{calls}}}\n")
    if count == 0:
        fail(f"no test was found in: {' '.join(paths)}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        fail("usage: translate.py OUTPUT_FOLDER TEST.swift...")
    main(sys.argv[1], sys.argv[2:])
