# SPDX-License-Identifier: Apache-2.0
"""What matters of an answer, when its values do not: keys and types, line shapes, layout. Pure.

Each function makes a JSON value of a text; a stand-in's answer and its sample go through the same one.
"""

import json
import re

LAYOUTS = {
    "compact": {"separators": (",", ":")},
    "on one line": {},
    "indented": {"indent": 2},
}
KINDS = {bool: "bool", int: "int", float: "float", str: "string", type(None): "null"}

# What stands for a value in a line of text; the order matters.
PLACEHOLDERS = [(re.compile(regex), name) for regex, name in [
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?", "TIME"),
    (r"[\w.-]+--(setup_)?[0-9a-f]{40}", "NAME--HASH"),
    (r"/packages/[\w.-]+/", "/packages/NAME/"),
    (r"\b[0-9a-f]{40}\b", "HASH"),
    (r"(http://)?\b\d+(\.\d+){3}(:\d+)?\b", r"\1ADDRESS"),
    (r"\bcomponent .* has health", "component NAME has health"),
    (r"/opt/site/\S+", "/opt/site/PROGRAM"),
    (r"^([\w-]+): (fork/exec|Check not found)", r"CHECK: \2"),
    (r"\b0x[0-9a-f]+", "HEX"),
]]
VERSION = re.compile(r"\bv?\d+\.\d+\.\d+\b")
NUMBER = re.compile(r"(?<!\w)\d+(\.\d+)?")


# ---------------------------------------------------------------- text
def line_shapes(text):
    """The lines with placeholders; versions are told apart, numbers are not."""
    versions = {}

    def name_version(match):
        return versions.setdefault(match.group(), f"VERSION{len(versions) + 1}")

    made = []
    for line in text.split("\n"):
        for regex, name in PLACEHOLDERS:
            line = regex.sub(lambda match, new=name: match.expand(new), line)
        made.append(NUMBER.sub("N", VERSION.sub(name_version, line)))
    return made


def distinct_lines(text):
    """Of a text whose lines come as often as there are things."""
    return sorted(set(line_shapes(text)))


def squeezed(text):
    """Blanks and rules between columns do not count."""
    return [re.sub(r"-{2,}", "--", " ".join(line.split())) for line in line_shapes(text)]


def words_of(text):
    """Of a log: the messages as one line, because loggers break lines where they like."""
    messages = [re.sub(r"^(\w+ +\d+ [\d:]+ \S+ [^ :]+: )?([IWEF]\d{4} \S+ +\d+ \S+\] )?", "", line)
                for line in text.split("\n")]
    return " ".join(" ".join(line_shapes("\n".join(messages))).split())


def sentences(text):
    """Of an excerpt of a log, to be found among the words of another."""
    return [words_of(line) for line in text.split("\n") if line]


# ---------------------------------------------------------------- JSON
def layout(text):
    """How a document is laid out; key order does not count."""
    document = json.loads(text)
    end = "with" if text.endswith("\n") else "without"
    for name, options in LAYOUTS.items():
        if json.dumps(document, ensure_ascii=False, **options) == text.removesuffix("\n"):
            return f"{name}, {end} line end"
    return f"other, {end} line end"


def kinds(value, exact=(), counted=False):
    """Keys and types. Values of the keys in `exact` are kept; lists are as their members, each kind once,
    or if `counted` as often as it comes."""
    if isinstance(value, dict):
        return {key: each if key in exact else kinds(each, exact, counted)
                for key, each in sorted(value.items())}
    if isinstance(value, list):
        made = sorted((kinds(each, exact, counted) for each in value), key=json.dumps)
        return made if counted else [each for n, each in enumerate(made) if each not in made[:n]]
    return KINDS[type(value)]


def json_shape(text, exact=(), counted=False):
    """Layout, keys and types."""
    return {"layout": layout(text), "document": kinds(json.loads(text), exact, counted)}


def keys_of(text):
    """Of an object of which a stand-in may have less: the members lie beside each other."""
    return {"layout": layout(text), "members": kinds(json.loads(text))}


# ---------------------------------------------------------------- what is special
def check_result(text):
    """dcos-check-runner's answer: which checks, and what each says."""
    document = json.loads(text)
    checks = document["checks"]
    if isinstance(checks, dict):
        checks = {name: {**result, "output": distinct_lines(result["output"])}
                  for name, result in checks.items()}
    else:
        checks = [line_shapes(line) for line in checks]
    return {"layout": layout(text), "document": {**document, "checks": checks}}


def cell(value):
    """One of cockroach's."""
    if value in ("true", "false"):
        return "bool"
    return value if value in ("", "0", "NULL") else line_shapes(value)[0]


def table(text, separator):
    """cockroach's, with a separator between cells: the columns, and each kind of row once."""
    lines = [line.split(separator) for line in text.removesuffix("\n").split("\n")]
    head, *rows = [[each.strip() for each in line] for line in lines if len(line) > 1]
    frame = [squeezed(line[0])[0] for line in lines if len(line) == 1]
    made = sorted({separator.join(map(cell, row)) for row in rows})
    return {"columns": head, "rows": made, "frame": frame, "line end": text.endswith("\n")}


def records(text):
    """The same with a line for each cell: each kind of line once."""
    lines = [line.partition(" | ") for line in text.split("\n")]
    return sorted({line_shapes(name)[0] + bar + cell(value) for name, bar, value in lines})


def srvr(text):
    """ZooKeeper's: what stands before the colons, and the mode."""
    pairs = [line.partition(":")[::2] for line in text.split("\n")]
    values = {"Mode": str.strip, "Zookeeper version": lambda _: "VERSION"}
    return [[name, values.get(name, lambda value: line_shapes(value)[0].strip())(value)]
            for name, value in pairs]


def packages(text):
    """pkgpanda active and list: kinds of lines, and which packages."""
    made = re.sub(r"[0-9a-f]{40}$", "HASH", text, flags=re.MULTILINE)
    made = re.sub(r"^[\w.-]+(--|:$)", r"NAME\1", made, flags=re.MULTILINE)
    return {"lines": sorted({*made.split("\n")}),
            "members": sorted({*re.findall(r"^([\w.-]+)(?:--|:$)", text, re.MULTILINE)})}


def listed(text):
    """Names, one a line."""
    return {"members": text.splitlines()}


def units(text):
    """systemctl list-units: {unit: what it says of it}."""
    rows = [line.replace("●", " ").split(None, 4) for line in text.split("\n")]
    return {"members": {row[0]: row[1:] for row in rows if len(row) == 5 and row[0][:5] == "dcos-"}}


def variables(text):
    """KEY=VALUE; values of whose kind a stand-in is another one do not count."""
    pairs = dict(line.partition("=")[::2] for line in text.split("\n") if line)
    return {"members": {name: "TEXT" if name == "DCOS_VARIANT" else line_shapes(value)[0]
                        for name, value in pairs.items()}}


def block_scalars(text):
    """user.config.yaml: its keys, each with one line of value."""
    pair = re.compile(r'^"(\w+)": (?:\|-\n  .*|"")\n', re.MULTILINE)
    return {"members": pair.findall(text), "other lines": pair.sub("", text)}


def metrics(text):
    """Mesos' snapshot: all doubles; what decides is kept."""
    exact = ("registrar/log/recovered", "master/elected", "slave/registered")
    signs = ("slave/recovery_errors", "master/slaves_unreachable")
    values = json.loads(text)
    made = {key: KINDS[type(value)] for key, value in values.items()}
    made.update({key: values[key] for key in exact if key in values})
    made.update({key: "0" if values[key] == 0 else "more" for key in signs if key in values})
    return {"layout": layout(text), "members": made}


# ---------------------------------------------------------------- comparing
def compare(seen, wanted, where, real="Mesos"):
    """Differences, as lines."""
    if isinstance(seen, dict) and isinstance(wanted, dict):
        for key in sorted({*seen, *wanted}):
            if key not in seen:
                yield f"{where}: lacks {key}"
            elif key not in wanted:
                yield f"{where}: has {key}, which {real} has not"
            else:
                yield from compare(seen[key], wanted[key], f"{where}.{key}", real)
    elif isinstance(seen, list) and isinstance(wanted, list) and len(seen) == len(wanted) == 1:
        yield from compare(seen[0], wanted[0], where + "[]", real)
    elif seen != wanted:
        yield f"{where}: {seen!r}, but {real}: {wanted!r}"
