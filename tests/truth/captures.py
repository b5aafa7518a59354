# SPDX-License-Identifier: Apache-2.0
"""What real Mesos processes have answered, and what was true meanwhile: captures and their labels.

Both have the form that their README.md and LABELS.md describe.
"""

import dataclasses
import email.utils
import glob
import json
import os
import re

LATER = 1.0  # seconds after which the leader is asked what another answer tells, as in a run
HOLD = 120.0  # seconds that the last answer of a timeline is taken for the present one
MASTER, AGENT = 10, 20  # 127.0.5.(10 + N) is master mN, 127.0.5.(20 + N) agent aN
PATHS = {"metrics_snapshot": "/metrics/snapshot", "redirect": "/redirect", "version": "/version",
         "flags": "/flags", "state": "/state", "slaves": "/slaves", "state-summary": "/state-summary",
         "api_v1_GET_HEALTH": "GET_HEALTH"}
INDEXED = re.compile(rf"(.*-)({'|'.join(PATHS)})")
ASKED = r"(m\d|a\d|leader)-"
REGISTRY_READ = ("registrar/state_fetch_ms", "registrar/state_store_ms",
                 "registrar/registry_size_bytes")
FAILURES = {"7": "connection refused", "28": "timeout", "52": "closed without an answer",
            "56": "connection reset"}


@dataclasses.dataclass(frozen=True)
class Answer:
    """Of one process to one question."""
    at: float  # seconds: of a timeline since its start, else since midnight
    who: str
    question: str
    status: int  # 0: none, `location` says why
    location: str = ""
    body: str = ""  # path of a file
    expired: bool = False  # it was held for as long as that goes

    def text(self):
        """The body; empty when there is none."""
        if not self.body:
            return ""
        with open(self.body, encoding="utf-8", errors="replace") as file:
            return file.read()


@dataclasses.dataclass(frozen=True)
class Label:
    """One row of the labels; `start` is None for a snapshot."""
    folder: str
    name: str
    start: float | None
    end: float | None
    subject: str
    truth: str


def labels(path):
    """All rows."""
    found = []
    with open(path, encoding="utf-8") as file:
        next(file)
        for line in file:
            folder, name, start, end, subject, truth, _ = line.rstrip("\n").split("\t")
            if truth not in ("healthy", "sick", "transition", "unobservable"):
                raise ValueError(f"{path}: '{truth}' is no truth")
            subject = subject.split(" ")[-1]
            span = (None, None) if start == "-" else (float(start), float(end))
            found.append(Label(folder, name, *span, subject, truth))
    return found


def address(who):
    """Of a process, by its name."""
    return f"127.0.5.{(MASTER if who[0] == 'm' else AGENT) + int(who[1:])}"


def process(url):
    """(its name, path) of http://127.0.5.11:5050/state; (None, path) of others."""
    host, path = re.fullmatch(r"http://127\.0\.5\.(\d+):\d+(/.*)", url).groups()
    number = int(host)
    return (f"m{number - MASTER}" if number < AGENT else f"a{number - AGENT}"), path


def head(path):
    """{name in lower case: value} of a file of headers."""
    with open(path, encoding="utf-8") as file:
        lines = [line.partition(":") for line in file.read().splitlines()[1:]]
    return {name.lower(): value.strip() for name, _, value in lines if name}


def answer(at, who, question, status, kept):
    """With the body and the place it points to; `kept` is the file without its ending."""
    location = head(f"{kept}.headers").get("location", "")
    body = f"{kept}.body" if os.path.exists(f"{kept}.body") else ""
    return Answer(at, who, question, status, location, body)


def clock(text):
    """Seconds since midnight of 23:07:49.5."""
    hours, minutes, seconds = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


class Timeline:
    """Answers by their time, since its start."""

    def __init__(self, path):
        self.answers, starts = [], []
        folder = os.path.dirname(path)
        with open(path, encoding="utf-8") as file:
            self.start = clock(next(file).split(" ")[2])
            for line in file:
                if line.startswith("#"):  # when it ended
                    continue
                at, url, result, kept, _ = line.rstrip("\n").split("\t")
                who, where = process(url)
                if where not in PATHS.values():
                    continue
                if not result.isdigit():
                    self.answers.append(Answer(float(at), who, where, 0, result))
                    continue
                if not kept:  # only its status is known
                    self.answers.append(Answer(float(at), who, where, int(result)))
                    continue
                self.answers.append(answer(float(at), who, where, int(result), f"{folder}/{kept}"))
                starts.append(self.dated(f"{folder}/{kept}.headers") - float(at))
        self.answers.sort(key=lambda one: one.at)
        self.asked = {(one.who, one.question) for one in self.answers}
        self.start = self.refined(starts)
        self.first_round = max(min(one.at for one in self.answers if (one.who, one.question) == key)
                               for key in self.asked)

    def refined(self, starts):
        """Its header has whole seconds; each answer's date, cut to seconds, is at most one early."""
        starts = [start for start in starts if start > 0]
        if not starts:
            return self.start
        return (max(starts) + max(min(starts) + 1, max(starts))) / 2

    @staticmethod
    def dated(path):
        """Seconds since midnight by the server's Date; below 0: it does not say."""
        date = head(path).get("date")
        if not date:
            return -86400.0
        moment = email.utils.parsedate_to_datetime(date)
        return moment.hour * 3600 + moment.minute * 60 + moment.second

    def until(self, moment):
        """{(who, question): Answer}: what is known then. What was asked is never unasked."""
        known = {key: Answer(moment, *key, 0, "no answer yet") for key in self.asked}
        for one in self.answers:
            if one.at <= moment:
                known[one.who, one.question] = one
        for key, one in known.items():
            if moment - one.at > HOLD:
                known[key] = Answer(moment, *key, 0, f"nothing new for {HOLD:.0f} s",
                                    expired=True)
        return known


def read_indexed(folder):
    """{file's name without the path asked for: [Answer]} of the single captures of a folder."""
    found = {}
    if not os.path.exists(f"{folder}/INDEX.tsv"):
        return found
    with open(f"{folder}/INDEX.tsv", encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file][1:]
    for at, name, url, failed, status, *_ in rows:
        matched = INDEXED.fullmatch(name)
        if name.startswith("leader-slaves-by"):  # one agent of the list
            prefix, question = "leader-slaves-", "/slaves"
        elif matched:
            prefix, question = matched.group(1), PATHS[matched.group(2)]
        else:
            continue
        who, _ = process(url)
        if failed != "0":
            one = Answer(clock(at), who, question, 0, FAILURES.get(failed, f"curl {failed}"))
        else:
            one = answer(clock(at), who, question, int(status), f"{folder}/{name}")
        found.setdefault(prefix, []).append(one)
    return found


class Folder:
    """One situation."""

    def __init__(self, path):
        self.timelines = {os.path.basename(name): Timeline(name)
                          for name in sorted(glob.glob(f"{path}/*.timeline.tsv"))}
        self.indexed = read_indexed(path)
        self.flags = {one.who: one for answers in self.indexed.values() for one in answers
                      if one.question == "/flags" and one.status == 200}

    def snapshot(self, name):
        """What is known at the end of a prefix's captures: they, and what timelines say of others.

        Files without a prefix are labelled by their process ("m1-"), or "m" for all masters.
        """
        shape = r"m\d-" if name == "m" else f"{re.escape(name)}({ASKED})?"
        own = [one for stem, answers in self.indexed.items() if re.fullmatch(shape, stem)
               for one in answers]
        if not own:
            return {}
        end = max(one.at for one in own)
        known = {}
        for timeline in self.timelines.values():
            moment = end - timeline.start
            if 0 <= moment <= timeline.answers[-1].at + HOLD:
                known.update(timeline.until(moment))
        known.update({(one.who, one.question): one for stem, answers in self.indexed.items()
                      if re.fullmatch(ASKED, stem) for one in answers
                      if end - HOLD <= one.at <= end})
        mine = {one.who for one in own}  # of these nothing older
        known = {key: one for key, one in known.items() if key[0] not in mine}
        known.update({(one.who, one.question): one for one in own})
        return known


def metrics(known, who):
    """The object; None: not asked, {}: no usable answer."""
    one = known.get((who, "/metrics/snapshot"))
    if one is None:
        return None
    try:
        return json.loads(one.text()) if one.status == 200 else {}
    except ValueError:
        return {}


def is_asked(known, subject):
    """False: the subject's own process has said nothing new for so long that nobody counts as asked.

    An answer that is kept only as "the same as before" cannot be told from none.
    """
    own = [one for (who, _), one in known.items() if who == subject]
    return not own or any(not one.expired for one in own)


def registry_read(known, who):
    """Whether its metrics say that its registry was read and written; also when nobody asked."""
    told = metrics(known, who)
    return told is None or all(key in told for key in REGISTRY_READ)


def completed(known, before, flags, healthy, unhealthy):
    """With what the captures did not ask for but tell by other answers (facts 0.4 and 1).

    /slaves is part of /state; who leads is said by whatever only the leader answers; the leader is
    healthy (GET_HEALTH: the bodies `healthy` and `unhealthy`) when its metrics say that the registry
    was read and written, and did already in `before`, what was known LATER ago. The flags of a process,
    `flags`, are those that it was started with.
    """
    known = dict(known)
    for who in {who for who, question in known if question == "/metrics/snapshot"} & set(flags):
        known.setdefault((who, "/flags"), flags[who])
    for who in sorted({who for who, _ in known if who[0] == "m"}):
        state = known.get((who, "/state"))
        slaves = known.setdefault((who, "/slaves"), state) if state else known.get((who, "/slaves"))
        if slaves and (who, "/redirect") not in known:
            place = f"//{address(who)}:5050" if slaves.status == 200 else slaves.location
            known[who, "/redirect"] = dataclasses.replace(
                slaves, location=place, status=307 if slaves.status == 200 else slaves.status)
        if (who, "GET_HEALTH") not in known and slaves:
            good = registry_read(known, who) and registry_read(before, who)
            known[who, "GET_HEALTH"] = Answer(
                slaves.at, who, "GET_HEALTH", 200 if good else 503, "", healthy if good else unhealthy)
    return known


def page(known, subject):
    """What the page's own check says; None: it cannot be asked."""
    if subject == "quorum":
        told = [metrics(known, who) for who in sorted({who for who, _ in known if who[0] == "m"})]
        told = [one for one in told if one is not None]
        if not told:
            return None
        return any(one.get("master/elected") == 1 and one.get("registrar/log/recovered") == 1
                   for one in told)
    told = metrics(known, subject)
    if told is None:
        return None
    return told.get("slave/registered" if subject[0] == "a" else "registrar/log/recovered") == 1
