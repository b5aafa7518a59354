# SPDX-License-Identifier: Apache-2.0
"""rollpatch-probe subscribers, on files as they lie on a master."""

import pytest

from test_probe_ask import Asked

SUBSCRIBERS = [
    ("opt/mesosphere/bin/marathon.sh", 'exec marathon --event_subscriber "http_callback"\n'),
    ("opt/mesosphere/etc/marathon", "MARATHON_EVENT_SUBSCRIBER=http_callback\n"),
    ("var/lib/dcos/marathon/environment", 'MARATHON_EXTRA_ARGS="--event_subscriber http_callback"\n'),
    ("etc/systemd/system/dcos-marathon.service.d/local.conf",
     "[Service]\nEnvironment=MARATHON_EVENT_SUBSCRIBER=http_callback\n"),
    ("run/systemd/system/dcos-marathon.service.d/now.conf",
     "[Service]\nEnvironment=MARATHON_EVENT_SUBSCRIBER=http_callback\n"),
]


def put(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def ask_subscribers(root):
    return Asked("subscribers", "--root", str(root))


@pytest.mark.parametrize("name, text", SUBSCRIBERS)
def test_event_subscribers_are_found_wherever_marathon_is_told_of_them(tmp_path, name, text):
    put(tmp_path, "opt/mesosphere/bin/marathon.sh", "#!/bin/bash\n# no --event_subscriber here\nexec marathon\n")
    assert ask_subscribers(tmp_path).verdict == "pass"
    path = put(tmp_path, name, text)
    asked = ask_subscribers(tmp_path)
    assert asked.verdict == "fail" and asked.reason.startswith(f"{path} sends events to subscribers"), asked.reason


def test_without_marathon_there_is_nobody_to_subscribe(tmp_path):
    asked = ask_subscribers(tmp_path)
    assert (asked.verdict, asked.reason) == ("not-applicable", "there is no marathon.sh")


def test_a_marathon_script_that_cannot_be_read_is_unknown(tmp_path):
    put(tmp_path, "opt/mesosphere/bin/marathon.sh", "")
    assert ask_subscribers(tmp_path).verdict == "unknown"
    script = tmp_path / "opt/mesosphere/bin/marathon.sh"
    script.unlink()
    script.symlink_to("/nowhere/at/all")
    assert ask_subscribers(tmp_path).verdict == "unknown"


def test_a_link_into_the_package_is_followed(tmp_path):
    real = put(tmp_path, "opt/mesosphere/packages/marathon/bin/marathon.sh", SUBSCRIBERS[0][1])
    put(tmp_path, "opt/mesosphere/bin/other", "")
    (tmp_path / "opt/mesosphere/bin/marathon.sh").symlink_to(real)
    assert ask_subscribers(tmp_path).verdict == "fail"


def test_an_empty_file_beside_the_script_says_nothing(tmp_path):
    put(tmp_path, "opt/mesosphere/bin/marathon.sh", "exec marathon\n")
    put(tmp_path, "opt/mesosphere/etc/marathon-extras", "")
    assert ask_subscribers(tmp_path).verdict == "pass"
