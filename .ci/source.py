# SPDX-License-Identifier: Apache-2.0
"""What the checks have in common: the files of the tree, and C without its comments."""

import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SKIPPED_FOLDERS = re.compile(r"^(\.git|build.*|__pycache__|\.pytest_cache)$")

_COMMENT_OR_TEXT = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL
)


def files():
    """Every file of the tree, as a path from its top."""
    for folder, folders, names in os.walk(TOP):
        folders[:] = sorted(f for f in folders if not SKIPPED_FOLDERS.match(f))
        for name in sorted(names):
            path = os.path.relpath(os.path.join(folder, name), TOP)
            if os.path.isfile(path) and not os.path.islink(path):
                yield path


def c_files(*folders):
    for path in files():
        if path.endswith((".c", ".h")) and (not folders or path.split("/")[0] in folders):
            yield path


def read(path):
    """The text; None for what is no text."""
    with open(path, "rb") as file:
        data = file.read()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def c_code(text):
    """C without comments and without what stands in quotes, line for line the same."""

    def blank(match):
        found = match.group()
        newlines = "\n" * found.count("\n")
        return found[0] + newlines + found[0] if found[0] in "\"'" else " " + newlines

    return _COMMENT_OR_TEXT.sub(blank, text)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


class Findings:
    """Collects what is wrong, prints it as file:line, and is the exit status."""

    def __init__(self):
        self.count = 0

    def add(self, path, line, text):
        self.count += 1
        print(f"{path}:{line}: {text}")

    def exit(self):
        sys.exit(1 if self.count else 0)


os.chdir(TOP)
