# SPDX-License-Identifier: Apache-2.0
"""What was compared, and what differs: answers of Mesos with captures, those of DC/OS with samples."""

import json
import time

import captured
import samples
import shapes


class Answers:
    """HTTP answers of Mesos, headers and their order included."""

    def __init__(self, wanted):
        self._wanted = wanted
        self.compared, self.differences = set(), []

    def answer(self, name, answer):
        """One answer against the capture of this name."""
        self.compared.add(name)
        if answer.error:
            self.differences.append(f"{name}: no answer: {answer.error}")
            return
        seen = captured.describe(answer.status, answer.headers, answer.body)
        self.differences += shapes.compare(seen, self._wanted[name], name)

    def missing(self):
        """Differences: what was not compared."""
        return [f"{name}: not compared" for name in sorted({*self._wanted} - self.compared)]


# ---------------------------------------------------------------- what is judged by samples
def said(text):
    """A file, or what stands in a journal."""
    return {"text": text}


def ended(done, text=None):
    """A CompletedProcess; `text` is what of it is like the sample, by default its stdout."""
    return {"text": done.stdout if text is None else text, "exit": done.returncode,
            "stdout": done.stdout}


def answered(answer):
    """What standin_lab.ask() returned."""
    if answer.error:
        return {"error": answer.error}
    media = (answer.header("Content-Type") or "").partition(";")[0]
    return {"text": answer.body.decode(), "status": answer.status, "type": media}


class Samples:
    """Whatever a stand-in says, by the name of the sample that it is to be like."""

    def __init__(self, wanted):
        self._wanted = wanted
        self.compared, self.differences = set(), []
        self.fewer = {}  # {sample: (members that the stand-in has, that the sample has)}

    def compare(self, name, seen):
        """Once."""
        self.differences += self._judge(name, seen)

    def compare_within(self, seconds, name, look):
        """What look() returns becomes like the sample."""
        deadline = time.monotonic() + seconds
        while (differences := self._judge(name, look())) and time.monotonic() < deadline:
            time.sleep(0.1)
        self.differences += differences

    def _judge(self, name, seen):
        key = name if name in self._wanted else f"{name} exit={seen.get('exit')}"
        self.compared.add(key)
        if "error" in seen:
            return [f"{name}: no answer: {seen['error']}"]
        if key not in self._wanted:
            return [f"{key}: there is no such sample"]
        wanted = self._wanted[key]
        made = [f"{name}: {what} is {seen.get(what)!r}, but the sample's {wanted[what]!r}"
                for what in wanted if what != "body" and seen.get(what) != wanted[what]]
        try:
            body = samples.form_of(name).describe_seen(seen["text"])
        except (ValueError, KeyError) as error:
            return [*made, f"{name}: {type(error).__name__}: {error}: {seen['text'][:200]!r}"]
        return made + self._compare_bodies(name, json.loads(json.dumps(body)), wanted["body"])

    def _compare_bodies(self, name, seen, wanted):
        form = samples.form_of(name)
        if form.members == "fewer":
            self.fewer[name] = len(seen["members"]), len(wanted["members"])
        return list(form.compare(seen, wanted, name))

    def missing(self, names):
        """Differences: which of these were not compared."""
        return [f"{name}: not compared" for name in sorted({*names} - self.compared)]
