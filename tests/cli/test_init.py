# SPDX-License-Identifier: Apache-2.0
"""What a bootstrap node gets before its first rollpatchd, and that nothing of it is ever replaced."""

import json
import re
import stat
import subprocess

import pytest

KEYS = ["channel.key", "signing.key"]


@pytest.fixture
def place(tmp_path):
    """The words that keep init inside a directory of its own."""
    return ["--config", str(tmp_path / "etc" / "rollpatchd.yaml"), "--state-dir", str(tmp_path / "lib")]


def init(cli, place, *more, cluster="prod", masters="m1,m2,m3"):
    return cli.run("init", "--cluster", cluster, "--masters", masters, *place, *more)


def contents(tmp_path):
    return {
        str(path): (path.read_bytes(), path.stat().st_ino, stat.S_IMODE(path.stat().st_mode))
        for path in tmp_path.rglob("*")
        if path.is_file()
    }


def test_it_makes_keys_that_only_we_can_read_and_a_configuration(cli, place, tmp_path):
    status, out, err = init(cli, place, "--listen", "10.0.0.5:32070")
    assert (status, err) == (0, "")
    assert out.count("made: ") == 3 and "found" not in out
    for name in KEYS:
        path = tmp_path / "lib" / name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        secret = re.search(r"secret ([0-9a-f]{64})", path.read_text())[1]
        assert secret not in out
    assert stat.S_IMODE((tmp_path / "lib").stat().st_mode) == 0o700
    yaml = (tmp_path / "etc" / "rollpatchd.yaml").read_text()
    assert 'cluster: "prod"\n' in yaml
    assert 'masters: ["m1", "m2", "m3"]\n' in yaml
    assert 'listen: "10.0.0.5:32070"\n' in yaml
    assert f'state_dir: "{tmp_path}/lib"\n' in yaml


def test_it_prints_what_config_management_drops(cli, place, tmp_path):
    _, out, _ = init(cli, place, "--listen", "10.0.0.5:32070")
    channel, signing = (
        re.search(r"public ([0-9a-f]{64})", (tmp_path / "lib" / name).read_text())[1] for name in KEYS
    )
    assert out.endswith(
        "# /etc/rollpatch/agent.yaml, mode 0644\n"
        "cluster: prod\n"
        "coordinator: 10.0.0.5:32070\n"
        f"coordinator_key: {channel}\n"
        f"signing_key: {signing}\n"
    )


def test_a_second_time_changes_nothing_and_says_what_it_found(cli, place, tmp_path):
    init(cli, place)
    before = contents(tmp_path)
    status, out, err = init(cli, place)
    assert (status, err) == (0, "")
    assert out.count("found: ") == 3 and "made" not in out
    assert contents(tmp_path) == before


def test_the_order_of_the_masters_does_not_matter(cli, place):
    init(cli, place)
    assert init(cli, place, masters="m3,m1,m2")[0] == 0


@pytest.mark.parametrize(
    "more, key",
    [
        ({"cluster": "lab"}, "cluster"),
        ({"masters": "m1,m2,m4"}, "masters"),
        ({"masters": "m1"}, "masters"),
    ],
)
def test_what_differs_from_the_configuration_is_refused_and_changes_nothing(
    cli, place, tmp_path, more, key
):
    init(cli, place)
    (tmp_path / "lib" / "signing.key").unlink()
    before = contents(tmp_path)
    status, out, err = init(cli, place, **more)
    assert (status, out) == (3, "")
    assert f"'{key}' is not what you say; nothing was changed" in err
    assert contents(tmp_path) == before


def test_a_key_that_others_can_read_is_refused_and_kept(cli, place, tmp_path):
    init(cli, place)
    (tmp_path / "lib" / "channel.key").chmod(0o644)
    before = contents(tmp_path)
    status, out, err = init(cli, place)
    assert (status, out) == (1, "")
    assert "channel.key" in err
    assert contents(tmp_path) == before


def test_a_damaged_key_is_refused_and_kept(cli, place, tmp_path):
    init(cli, place)
    path = tmp_path / "lib" / "channel.key"
    path.write_text(path.read_text().replace("public", "pUblic"))
    before = contents(tmp_path)
    assert init(cli, place)[0] in (1, 2)
    assert contents(tmp_path) == before


def test_a_lost_key_beside_a_log_is_made_again_and_that_is_said(cli, place, tmp_path):
    _, first, _ = init(cli, place)
    assert "no node knows the new one" not in first
    (tmp_path / "lib" / "log.db").touch()
    (tmp_path / "lib" / "channel.key").unlink()
    status, out, _ = init(cli, place)
    assert status == 0
    assert "no node knows the new one; give all of them the agent.yaml below" in out


@pytest.mark.parametrize(
    "more, text",
    [
        ({"cluster": "Prod"}, "--cluster is 'Prod'"),
        ({"masters": "m1,m2"}, "2 masters are named, want 1, 3, 5, 7 or 9"),
        ({"masters": "m1,m1,m2"}, "master m1 is named twice"),
        ({"masters": "m1,,m2"}, "master '' is no name of a node"),
        ({"masters": "m1,m2,m3,m4,m5,m6,m7,m8,m9,n1,n2"}, "more than 9 masters"),
    ],
)
def test_a_wish_that_cannot_be_is_a_mistake_and_makes_nothing(cli, place, tmp_path, more, text):
    status, out, err = init(cli, place, **more)
    assert (status, out) == (2, "")
    assert text in err
    assert contents(tmp_path) == {}


def test_as_json(cli, place):
    status, out, err = init(cli, place, "--json")
    document = json.loads(out)
    assert (status, err, document["verb"], document["exit"]) == (0, "", "init", 0)
    assert document["answer"]["changed"]
    assert document["answer"]["files"][0]["path"] == "/etc/rollpatch/agent.yaml"
    assert not json.loads(init(cli, place, "--json")[1])["answer"]["changed"]
    document = json.loads(init(cli, place, "--json", cluster="lab")[1])
    assert (document["exit"], document["error"]["code"]) == (3, "conflict")


def test_rollpatchd_takes_the_configuration(cli, place):
    init(cli, place)
    daemon = cli.program_folder.parent / "rollpatchd"
    done = subprocess.run(
        [daemon, "--config", place[1], "--check-config"], capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
