# SPDX-License-Identifier: Apache-2.0
"""What somebody sees who reads along on the wire: nodes join, a whole run, status and logs are asked for,
and nothing of it can be read."""

import base64
import collections
import itertools
import math
import secrets
import string

import product
import pytest
from capture import Capture, sealed
from lab import ADDRESS, Lab

LETTERS = string.ascii_lowercase + string.digits


def make_marker():
    """16 random bytes that may stand in a name, a version and a script."""
    return "".join(secrets.choice(LETTERS) for _ in range(16))


NAME, VERSION, OUTPUT = make_marker(), make_marker(), make_marker()
MASTERS = ["10.77.0.11", "10.77.0.12", "10.77.0.13"]
TARGET = f"2.1.1-{VERSION}"
AGENT = f"a1-{NAME}"


@pytest.fixture(scope="module", name="captured")
def fixture_captured(rig, tmp_path_factory):
    """All that was said on the link, from the first word to the last."""
    lab = Lab(rig, str(tmp_path_factory.mktemp("capture")), script_more=f"echo {OUTPUT}", target=TARGET)
    for number, address in enumerate(MASTERS):
        lab.add_node(f"m{number + 1}", address, "master", MASTERS)
    host = lab.add_node("a1", "10.77.0.21", "slave", MASTERS).host
    host.write("/etc/rollpatch/agent.yaml", product.agent_config(ADDRESS, AGENT, "lab"))
    capture = Capture(product.PORT)
    lab.boot(["m1", "m2", "m3", AGENT])
    patch(lab)
    capture.stop()
    yield capture
    lab.close()


def patch(lab):
    """A run, and questions that bring all three markers from the nodes."""
    lab.cli("waive", "gate-floor", "--reason", "a test")
    done = lab.cli("run", lab.plan(agents=AGENT, target=TARGET), "--yes", "--cluster", "lab")
    assert done.returncode == 0, done.stderr
    status = lab.wait_run("finished", "halted", timeout=120)
    assert status["run"]["state"] == "finished", status["run"]
    assert {node["version"] for node in lab.ask("status", "--refresh")["nodes"]} == {TARGET}
    for name in ("m1", AGENT):
        assert OUTPUT in lab.cli("logs", name).stdout
    assert sum(node.executions() for node in lab.nodes.values()) == 4


def spellings(marker):
    """As bytes, as hexadecimal digits, and as base64 wherever it may begin in it."""
    raw = marker.encode()
    yield raw
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw + b"\0" * 3)
        yield text[4 if shift else 0:(shift + len(raw)) // 3 * 4]


def chi_squared(counts, size, bins):
    """How far counts are from `size` things that fall into `bins` bins at random."""
    wanted = size / bins
    return sum((counts.get(i, 0) - wanted) ** 2 / wanted for i in range(bins))


def deviation(data):
    """Of the histogram of all bytes, in standard deviations (Fisher); random bytes: within 6."""
    return math.sqrt(2 * chi_squared(collections.Counter(data), len(data), 256)) - math.sqrt(2 * 255 - 1)


def looks_random(payload):
    """Short ones by their upper halves of bytes; of random ones not one in a thousand million fails."""
    return chi_squared(collections.Counter(byte >> 4 for byte in payload), len(payload), 16) < 80


def test_no_marker_is_on_the_wire_in_any_spelling(captured):
    wire = b"".join(whole for _, whole in captured.streams())
    assert len(wire) > 100_000, "hardly anything was captured"
    for marker in (NAME, VERSION, OUTPUT):
        for spelling in spellings(marker):
            assert len(spelling) >= 16
            assert spelling not in wire
    for word in (b'"kind"', b'"v":1', b"heartbeat", b"m1", b"mesos"):
        assert wire.count(word) <= 1 + len(wire) / 256 ** len(word) * 4, word


def test_what_was_planted_would_have_been_found(captured):
    """The same search in what the nodes have really said."""
    said = f'{{"v":1,"kind":"sample","texts":[{{"name":"version","text":"{TARGET}"}}]}}'.encode()
    for marker, text in ((VERSION, said), (OUTPUT, base64.b64encode(b"x" + OUTPUT.encode() + b"\n")),
                         (NAME, f"00{NAME.encode().hex()}".encode())):
        assert any(spelling in text for spelling in spellings(marker))
    assert not looks_random(said) and deviation(said * 20) > 6
    assert captured.packets


def test_every_kind_of_frame_was_seen_and_each_is_flat(captured):
    frames = list(captured.frames())
    kinds = collections.Counter((frame.kind, frame.to_node) for frame in frames)
    assert kinds["join", False] >= 4 and kinds["hs2", True] >= 4, kinds
    assert kinds["data", False] > 200 and kinds["data", True] > 100, kinds
    payloads = [sealed(frame) for frame in frames if frame.kind in ("join", "hs1", "hs2", "data")]
    assert min(len(payload) for payload in payloads) >= 16
    for payload in payloads:
        assert len(payload) < 80 or looks_random(payload), payload
    for _, some in itertools.groupby(sorted(frames, key=lambda f: (f.kind, f.to_node)),
                                     key=lambda f: (f.kind, f.to_node)):
        together = b"".join(map(sealed, some))
        if len(together) > 256 * 20:
            assert abs(deviation(together)) < 6
