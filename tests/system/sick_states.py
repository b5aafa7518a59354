# SPDX-License-Identifier: Apache-2.0
"""What is wrong in the sick rows of the label table (scripts/truth), each state with the rows that it stands
for: folder, timeline or prefix, start (-: a prefix has none), subjects. A row in which one state follows the
other stands under each of them. test_sick.py re-creates every state on booted hosts."""

import csv
import io
import os
import tarfile

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")

# Of a master, and then of all masters together.
MASTERS = {
    "no-process: refuses connections": """
        05 m2 0.83 m2
        05 m2-down- - m2
        06 fo 0.92 m1
        06 gap- - m1
        06 after- - m1
        07 kill2 0.91 m1
        07 kill2 17.34 m3
        07 kill2 55.35 m2
        07 alone 0.00 m1 m2 m3
        07 alone 60.94 m2
        07 one-dead- - m1""",
    "hung: accepts connections and never answers": """
        20 m3- - m3""",
    "no-session: never gets a session of ZooKeeper": """
        01 start 0.00 m1
        01 m1- - m1""",
    "registry-unread: elected, and cannot read the registry because it is alone": """
        07 alone 0.94 m2
        07 alone- - m2""",
    "not-voting: its replica is empty": """
        02 start 0.00 m1 m2 m3
        02 1of3- - m1
        02 2of3- - m1 m2""",
    "no-zookeeper: no ZooKeeper, so no leader": """
        01 start 0.00 quorum
        01 m1- - quorum""",
    "nobody-votes: a leader, and no replica that votes": """
        02 start 0.00 quorum
        02 1of3- - quorum
        02 2of3- - quorum""",
    "leader-alone: the leader is alone, and never reads the registry": """
        07 alone 0.94 quorum
        07 alone- - quorum""",
    "leader-dead: the leader is dead, and its session has not expired": """
        06 fo 0.92 quorum
        06 gap- - quorum""",
    "quorum-lost: only the leader is left, and looks well": """
        07 kill2 17.34 quorum
        07 two-dead-early- - quorum
        07 two-dead- - quorum
        07 two-dead-newagent- - quorum""",
    "no-master: none runs": """
        07 kill2 55.35 quorum
        07 alone 0.00 quorum
        07 alone 60.94 quorum
        07 no-master- - quorum""",
}

AGENTS = {
    "down: refuses connections": """
        03 a1 0.00 a1
        07 kill2 0.00 a3
        09 a1 1.00 a1
        09 down- - a1
        10 a1 0.91 a1
        11 a4 1.01 a4
        11 after- - a4
        14 a2 0.83 a2
        16 a2 0.00 a2
        18 a2 1.60 a2
        18 after- - a2""",
    "recovering: has not finished recovery": """
        09 a1 1.00 a1
        09 recovering-1- - a1
        09 recovering-2- - a1
        09 recovering-3- - a1
        10 a1 0.91 a1
        14 a2 0.83 a2
        16 a2 0.00 a2
        18 a2 1.60 a2""",
    "not-registered: says that it is registered, and is not active at the leader": """
        03 a1 0.48 a1
        09 a1 14.47 a1
        09 recovering-4- - a1
        10 a1 99.99 a1
        14 a2 8.26 a2
        16 a2 7.76 a2
        18 a2 10.96 a2""",
    "unreachable: given up by the leader": """
        10 a1 0.91 a1
        10 unreachable- - a1
        11 a4 1.01 a4
        11 after- - a4""",
    "unregistered: has taken its leave, and still answers": """
        18 a2 0.21 a2""",
    "drained: connected, and deactivated by an operator": """
        04 leader-slaves- - a1
        18 a2 0.00 a1
        18 after- - a1""",
    "leader-without-quorum: active at a leader that cannot write anything down": """
        07 kill2 17.34 a1
        07 two-dead-early- - a1 a2
        07 two-dead- - a1
        07 two-dead-newagent- - a1 a2""",
    "never-admitted: new, to a leader that cannot write it down": """
        07 kill2 34.70 a3
        07 two-dead- - a3
        07 two-dead-newagent- - a3""",
    "dead-leader-followed: its leader is dead, and still named": """
        06 fo 0.92 a1 a2
        06 gap- - a1 a2
        07 kill2 55.35 a1 a3
        07 alone 60.94 a1 a3""",
    "no-leader-known: nobody leads": """
        07 kill2 64.30 a1 a3
        07 alone 0.00 a1 a3
        07 alone 72.76 a1 a3
        07 no-master- - a1 a3""",
    "leader-unread: its leader has not read the registry": """
        07 alone 0.93 a1 a3
        07 alone- - a1""",
    "refuses-recovery: exits again and again, as its configuration has changed": """
        15 a2-equal 0.00 a2""",
}


def names(states):
    """What comes before the colon."""
    return {text.partition(":")[0] for text in states}


def rows():
    """All that the states stand for, as (folder's number, timeline or prefix, start, subject)."""
    made = set()
    for text in {**MASTERS, **AGENTS}.values():
        for folder, prefix, start, *subjects in map(str.split, text.strip().split("\n")):
            made.update((folder, prefix, start, subject) for subject in subjects)
    return made


def labelled():
    """The sick rows of the label table that the repository keeps."""
    with tarfile.open(f"{TOP}/tests/truth/captures.tar.xz") as archive:
        text = archive.extractfile("LABELS.tsv").read().decode()
    table = csv.DictReader(io.StringIO(text), delimiter="\t")
    return {
        (row["folder"][:2], row["timeline_or_prefix"].removesuffix(".timeline.tsv"), row["t_from"],
         row["subject"].split()[-1])
        for row in table if row["truth"] == "sick"
    }
