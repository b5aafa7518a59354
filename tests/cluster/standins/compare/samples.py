# SPDX-License-Identifier: Apache-2.0
"""Which sample of DC/OS' answers a stand-in is judged by, and as what; which ones it does not imitate.

captured/samples.json keeps what matters of the samples, so that nobody needs them who only runs the
check. `scripts/standin-check --update` makes it anew.
"""

import csv
import glob
import json
import os
import re
from fnmatch import fnmatch

import captured
import shapes

HERE = os.path.dirname(os.path.abspath(__file__))
NOT_IMITATED = f"{HERE}/not-imitated.tsv"
TYPES = {".json": "application/json", ".html": "text/html", ".txt": "text/plain"}


class Form:
    """What of a text matters.

    describe  makes it of the sample and, unless there is `seen`, of the stand-in's answer
    members   how the "members" of both compare: "equal"; "fewer", the stand-in has only some of them;
              "more", the sample is an excerpt; "within", the stand-in's whole text has them in it
    http      the status that an answer over HTTP has, if the list of samples does not say so
    """

    def __init__(self, describe, seen=None, members="equal", http=None):
        self.describe, self.members, self.http = describe, members, http
        self.describe_seen = seen or describe

    def compare(self, seen, wanted, where):
        """Differences, as lines; both are as Form made them."""
        if self.members == "within":
            yield from (f"{where}: nothing says: {sentence}"
                        for sentence in wanted if sentence not in seen)
        elif self.members == "equal":
            yield from shapes.compare(seen, wanted, where, "the sample")
        else:
            less, more = ("members of " + name for name in ("the stand-in", "the sample"))
            whole, part = wanted["members"], seen["members"]
            if self.members == "more":
                whole, part, less, more = part, whole, more, less
            yield from not_in(part, whole, f"{where}: {less}, but not {more}")
            rest = [{**each, "members": None} for each in (seen, wanted)]
            yield from shapes.compare(*rest, where, "the sample")


def not_in(part, whole, text):
    """Members, of lists or of objects, which the other does not have just so."""
    for member in part:
        if member not in whole:
            yield f"{text}: {member}"
        elif isinstance(part, dict) and part[member] != whole[member]:
            yield f"{text}: {member}: {part[member]!r} and {whole[member]!r}"


ROWS = ("code", "state", "description", "isLeader")
EXHIBITOR = Form(lambda text: shapes.json_shape(text, ROWS, counted=True), http="200")
JSON = Form(shapes.json_shape)
LINES = Form(shapes.line_shapes)
CHECKS = Form(shapes.check_result)
TSV = Form(lambda text: shapes.table(text, "\t"))
METRICS = Form(shapes.metrics, members="more", http="200")
UNIT_NAMES = Form(shapes.listed, members="fewer")
JOURNAL = Form(shapes.sentences, seen=shapes.words_of, members="within")

# The first that fits; `*` as in the shell.
FORMS = [
    (EXHIBITOR, "exhibitor-status-*.json exhibitor-state.json"),
    (Form(shapes.json_shape, http="200"), "exhibitor-list.json"),
    (LINES, "exhibitor-status-500.html"),
    (Form(shapes.srvr), "zk-srvr-*.txt"),
    (CHECKS, "check-runner-cluster-empty.json check-runner-error-*.json"),
    (CHECKS, "check-runner-node-poststart-*.json"),
    (LINES, "check-runner-fatal-stderr.txt check-runner-usage-stdout.txt"),
    (Form(json.loads), "dcos-check-config-open.json"),
    (Form(str), "dcos-check-runner-*.yaml master_count"),
    (TSV, "cockroach-node-status-tsv-v2.1.8*.txt cockroach-node-status-tsv-v19.1.txt"),
    (TSV, "cockroach-node-status-header-only.txt"),
    (Form(lambda text: shapes.table(text, ",")), "cockroach-node-status-csv-v19.1.txt"),
    (Form(lambda text: shapes.table(text, "|")), "cockroach-node-status-table-v2.1.8*.txt"),
    (Form(shapes.records), "cockroach-node-status-records-v2.1.8.txt"),
    (LINES, "cockroach-node-status-error*.txt"),
    (Form(lambda text: shapes.kinds(json.loads(text)), http="200"), "cockroach-http-status-nodes-*.json"),
    (UNIT_NAMES, "dcos-target-wants-*.txt"),
    (Form(shapes.units, members="fewer"), "systemctl-list-dcos-units-*.txt"),
    (Form(lambda text: shapes.json_shape(text, ("dcos-variant",))), "dcos-version-*-open.json"),
    (JSON, "dcos-version-2.1.*.json"),
    (LINES, "detect_ip.stdout.txt master_list setup-flags/*"),
    (Form(shapes.squeezed), "roles-tree.txt"),
    (Form(shapes.variables, members="more"), "environment-excerpt.env"),
    (Form(shapes.block_scalars, members="fewer"), "user.config.yaml"),
    (Form(shapes.keys_of, members="fewer"), "expanded.config-excerpt.json"),
    (Form(str), "install_progress-*.json"),
    (JOURNAL, "journal/*.txt"),
    (METRICS, "mesos-*-metrics-*.json"),
    (LINES, "mesos-agent-503-recovering.txt mesos-master-version.txt"),
    (Form(lambda text: shapes.kinds(json.loads(text)), http="200"), "mesos-version-*.json"),
    (Form(lambda text: {"members": shapes.distinct_lines(text)}, members="more"),
     "node-script-verbose-agent.stdout.txt node-script-postcheck-no-runner-exit1.txt"),
    (LINES, "node-script-*.txt"),
    (Form(shapes.packages, members="fewer"), "pkgpanda-*.txt"),
]


# ---------------------------------------------------------------- what is expected
def _not_imitated_rows():
    with open(NOT_IMITATED, encoding="utf-8") as file:
        return [line.rstrip("\n").split("\t") for line in file if line[0] != "#"]


def not_imitated():
    """{sample, or "sample member": why}"""
    return {sample: why for sample, why, _ in _not_imitated_rows()}


def needed(sources):
    """Differences: samples that are not imitated because nothing of rollpatch reads them, although its
    sources ({path: text}) speak of them."""
    for sample, why, words in _not_imitated_rows():
        for path, text in sources.items():
            if words != "-" and re.search(words, text):
                yield f"{sample}: not imitated ({why}), but {path} speaks of {words}"


def sources_below(top):
    """{path: text} of all C files of rollpatch."""
    made = {}
    for folder in ("common", "coordinator", "node-agent", "proto"):
        for path in glob.glob(f"{top}/{folder}/**/*.c", recursive=True):
            with open(path, encoding="utf-8") as file:
                made[os.path.relpath(path, top)] = file.read()
    return made


def form_of(name):
    """How this sample is compared; None: it is not."""
    return next((form for form, names in FORMS
                 if any(fnmatch(name, pattern) for pattern in names.split())), None)


def contexts(folder):
    """{file: [{word: value} of each row]} of the list of samples."""
    made = {}
    with open(f"{folder}/MANIFEST.tsv", encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            words = dict(word.partition("=")[::2] for word in row["context"].split(";"))
            made.setdefault(row["file"], []).append(words)
    return made


def files_of(folder):
    """All samples, those that lie there and those that are listed."""
    paths = (os.path.relpath(f"{top}/{name}", folder)
             for top, _, names in os.walk(folder) for name in names)
    return sorted({*paths, *contexts(folder)} - {"README.md", "MANIFEST.tsv"})


def expectations(folder):
    """{sample: what matters of it}. A sample that is the answer of several exit statuses is there once
    for each, with " exit=N" behind its name."""
    listed, skipped, made = contexts(folder), not_imitated(), {}
    for name in files_of(folder):
        form = form_of(name)
        if name in skipped or not form:
            continue
        rows = listed.get(name, [])
        one = {"body": _body(f"{folder}/{name}", name, form), **_http(name, form, rows)}
        if any(row.get("stdout") == "empty" for row in rows):
            one["stdout"] = ""
        exits = sorted({int(row["exit"]) for row in rows if "exit" in row})
        for status in exits:
            made[name if len(exits) == 1 else f"{name} exit={status}"] = {**one, "exit": status}
        if not exits:
            made[name] = one
    return made


def _body(path, name, form):
    with open(path, encoding="utf-8", newline="") as file:
        made = form.describe(file.read())
    for member in (each.partition(" ")[2] for each in not_imitated() if each.startswith(f"{name} ")):
        del made["members"][member]
    return made


def _http(name, form, rows):
    statuses = {row["http"] for row in rows if "http" in row} or {form.http} - {None}
    if not statuses:
        return {}
    (status,) = statuses
    return {"status": int(status), "type": TYPES[os.path.splitext(name)[1]]}


def unaccounted(folder):
    """Differences: samples of which nobody has said what becomes of them, and the other way round."""
    files, skipped = files_of(folder), not_imitated()
    for name in files:
        if name not in skipped and not form_of(name):
            yield f"{name}: neither compared nor in {os.path.basename(NOT_IMITATED)}"
    for name in sorted({each.partition(" ")[0] for each in skipped} - {*files}):
        yield f"{name}: in {os.path.basename(NOT_IMITATED)}, but there is no such sample"


def keep(made):
    """What captured/samples.json is to be."""
    captured.keep_expectations(made, "samples")


def kept():
    """What it is."""
    return captured.kept_expectations("samples")
