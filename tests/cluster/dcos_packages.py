# SPDX-License-Identifier: Apache-2.0
"""DC/OS as the generator leaves it on the bootstrap host, and as it lies on an installed node.

The packages are small, but real: archives named by what is in them, served by nginx, fetched and
activated by standins/pkgpanda, whose own code also lays out the nodes here. What runs in a node comes
from its active packages, so a patch replaces it.
"""

import glob
import hashlib
import importlib.machinery
import importlib.util
import io
import json
import os
import tarfile

HERE = os.path.dirname(os.path.realpath(__file__))
STANDINS = f"{HERE}/standins"
MESOS_VERSIONS = {"2.1.0": "1.10.0", "2.1.1": "1.10.1", "2.1.2": "1.10.1", "2.2.0": "1.11.0"}
WITHOUT_BLOCK = ("1.", "2.0.", "2.1.0", "2.1.1")  # whose scripts only queue the units
ROLES = {"master": "master", "agent": "slave", "public": "slave_public"}  # files in roles/
SETUP = ("dcos-config", "dcos-metadata")  # made of config.yaml, and of one id
NOT_CHECKS = "dcos-checks-poststart"  # which is failed whenever a check fails
POSTSTART = {  # {name: (description, arguments of dcos-checks, time-out, roles)}
    "components_master": (
        "All DC/OS components are healthy.",
        ["--role", "master", "components", f"--exclude={NOT_CHECKS}.timer,{NOT_CHECKS}.service"],
        "30s", ["master"]),
    "components_agent": (
        "All DC/OS components are healthy",
        ["--role", "agent", "components", "--port", "61001",
         f"--exclude={NOT_CHECKS}.service,{NOT_CHECKS}.timer"],
        "30s", ["agent"]),
    "xz": ("The xz utility is available", ["executable", "xz"], "5s", None),
    "tar": ("The tar utility is available", ["executable", "tar"], "5s", None),
    "curl": ("The curl utility is available", ["executable", "curl"], "5s", None),
    "unzip": ("The unzip utility is available", ["executable", "unzip"], "5s", None),
    "docker": ("Docker is installed", ["executable", "docker"], "30s", None),
    "ip_detect_script": ("The IP detect script produces valid output", ["ip"], "30s", None),
    "mesos_master_replog_synchronized": (
        "The Mesos master has synchronized its replicated log",
        ["--role", "master", "mesos-metrics"], "30s", ["master"]),
    "mesos_agent_registered_with_masters": (
        "The Mesos agent has registered with the masters",
        ["--role", "agent", "mesos-metrics"], "30s", ["agent"]),
    "journald_dir_permissions": (
        "Journald directory has the right owners and permissions", ["journald"], "5s", None),
    "cockroachdb_replication": (
        "CockroachDB is fully replicated", ["cockroachdb", "ranges"], "30s", ["master"]),
    "clock_sync": ("System clock is in sync.", ["time"], "5s", None),
}


def _load_pkgpanda():
    """The program has no .py in its name."""
    loader = importlib.machinery.SourceFileLoader("pkgpanda", f"{STANDINS}/pkgpanda")
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("pkgpanda", loader))
    loader.exec_module(module)
    return module


pkgpanda = _load_pkgpanda()


def _read(name):
    with open(f"{STANDINS}/{name}", "rb") as file:
        return file.read()


def _json(value):
    return (json.dumps(value, indent=2) + "\n").encode()


def _check_config():
    checks = {}
    for name, (description, words, timeout, roles) in POSTSTART.items():
        checks[name] = {"description": description, "cmd": ["/opt/mesosphere/bin/dcos-checks", *words],
                        "timeout": timeout, **({"roles": roles} if roles else {})}
    return {
        "node_checks": {"checks": checks, "prestart": [], "poststart": list(POSTSTART)},
        "check_env": {"PATH": "/opt/mesosphere/bin:/usr/bin:/bin:/sbin",
                      "LD_LIBRARY_PATH": "/opt/mesosphere/lib"},
    }


# ---------------------------------------------------------------- what is in the packages
def _units(*names, wants="dcos.target.wants"):
    return {f"{wants}/{name}": _read(f"units/{name}") for name in names}


def _mesos(version):
    """Both programs, and all that the stand-ins import."""
    files = {f"bin/{name}": _read("mesos") for name in ("mesos-master", "mesos-agent")}
    files["version"] = f"{MESOS_VERSIONS.get(version, version)}\n".encode()
    templates = [f"{STANDINS}/captured/{name}.json" for name in ("agent", "master", "metrics")]
    for path in glob.glob(f"{STANDINS}/*.py") + templates:
        name = os.path.relpath(path, STANDINS)
        if name not in ("exhibitor.py", "standin_lab.py"):
            files[name] = _read(name)
    wants = "dcos.target.wants"
    return (files | _units("dcos-mesos-master.service", wants=f"{wants}_master")
            | _units("dcos-mesos-slave.service", wants=f"{wants}_slave")
            | _units("dcos-mesos-slave-public.service", wants=f"{wants}_slave_public"))


def _log():
    files = _units("dcos-log-master.service", "dcos-log-master.socket", wants="dcos.target.wants_master")
    for role in ("slave", "slave_public"):
        files |= _units("dcos-log-agent.service", "dcos-log-agent.socket",
                        wants=f"dcos.target.wants_{role}")
    return files


def _user_config(values):
    """YAML as the generator writes it."""
    return "".join(f'"{name}": |-\n  {value}\n' for name, value in values.items()).encode()


def _config(version, masters, bootstrap_url, resolver):
    """What the generator makes of config.yaml."""
    zk = ",".join(f"{ip}:2181" for ip in masters)
    ensemble = ",".join(f"{number}:{ip}" for number, ip in enumerate(masters, 1))
    runner = "role: {}\nsystemd-socket: true\nbase-uri: /system/checks/v1\n"
    agent = {
        "mesos-slave-common": f"MESOS_ZK={zk}\n".encode(),
        "dcos-check-runner.yaml": runner.format("agent").encode(),
    }
    master = {
        "mesos-master": f"MESOS_ZK={zk}\nMESOS_MASTERS={len(masters)}\n".encode(),
        "dcos-check-runner.yaml": runner.format("master").encode(),
        "master_count": f"{len(masters)}\n".encode(),
        "exhibitor": f"EXHIBITOR_BACKEND=STATIC\nEXHIBITOR_STATICENSEMBLE={ensemble}\n"
                     f"EXHIBITOR_TLS_ENABLED=false\nBOOTSTRAP_URL={bootstrap_url}\n".encode(),
    }
    user = {"bootstrap_url": bootstrap_url, "master_list": json.dumps(masters),
            "resolvers": json.dumps([resolver])}
    files = {
        "bin/detect_ip": _read("detect_ip"),
        "etc/master_list": json.dumps(masters).encode(),
        "etc/dcos-check-config.json": _json(_check_config()),
        "etc/user.config.yaml": _user_config(user),
        "etc/expanded.config.json": _json(user | {"dcos_variant": "open", "dcos_version": version}),
    }
    files |= {f"etc_master/{name}": data for name, data in master.items()}
    for role in ("slave", "slave_public"):
        files |= {f"etc_{role}/{name}": data for name, data in agent.items()}
    return files


def _metadata(version, resolver):
    commit = hashlib.sha1(f"{version} {resolver}".encode()).hexdigest()
    return {
        "etc/dcos-version.json": _json({
            "version": version, "dcos-image-commit": commit, "bootstrap-id": commit[::-1],
            "dcos-variant": "open",
        }),
        "pkginfo.json": _json({"environment": {
            "PYTHONPATH": "/opt/mesosphere/lib/python3.6/site-packages", "PYTHONUNBUFFERED": "true",
            "DCOS_VERSION": version, "DCOS_IMAGE_COMMIT": commit, "DCOS_VARIANT": "open",
            "MESOS_IP_DISCOVERY_COMMAND": "/opt/mesosphere/bin/detect_ip",
        }}),
    }


def _contents(version, masters, bootstrap_url, resolver):
    """{package: {path: content}} of one generation."""
    programs = {
        "dcos-image-deps": ["pkgpanda", "dcos-shell", "bootstrap"],
        "dcos-checks": ["dcos-checks"],
        "cockroach": ["cockroach"],
    }
    made = {name: {f"bin/{each}": _read(each) for each in each_of} for name, each_of in programs.items()}
    made["cockroach"] |= _units("dcos-cockroach.service", wants="dcos.target.wants_master")
    made["dcos-check-runner"] = {"bin/dcos-check-runner": _read("dcos-check-runner")} | _units(
        "dcos-checks-poststart.service", "dcos-checks-poststart.timer")
    made["exhibitor"] = {"bin/exhibitor.py": _read("exhibitor.py")} | _units(
        "dcos-exhibitor.service", wants="dcos.target.wants_master")
    made["dcos-net"] = {"bin/dcos-net": _read("dcos-net"), "version": version.encode()} | _units(
        "dcos-net.service", "dcos-gen-resolvconf.service", "dcos-gen-resolvconf.timer")
    made["dcos-log"] = _log()
    made["mesos"] = _mesos(version)
    made["dcos-config"] = _config(version, masters, bootstrap_url, resolver)
    made["dcos-metadata"] = _metadata(version, resolver)
    return made


# ---------------------------------------------------------------- one generation
def _digest(*packages):
    digest = hashlib.sha1()
    for files in packages:
        for path, data in sorted(files.items()):
            digest.update(b"%s\0%d\0%s" % (path.encode(), len(data), data))
    return digest.hexdigest()


class Generation:
    """What one run of the generator makes. `packages` is {id: {path: content}}."""

    def __init__(self, version, masters, bootstrap_url, resolver="8.8.8.8"):
        self.version = version
        self.packages = {}
        contents = _contents(version, masters, bootstrap_url, resolver)
        setup = f"setup_{_digest(*(contents[name] for name in SETUP))}"
        for name, files in contents.items():
            self.packages[f"{name}--{setup if name in SETUP else _digest(files)}"] = files

    @property
    def ids(self):
        """Of all packages."""
        return sorted(self.packages)

    def unpack(self, packages_dir):
        """As pkgpanda would, below a directory."""
        for package, files in self.packages.items():
            for path, data in files.items():
                _write(f"{packages_dir}/{package}/{path}", data, _mode(path))

    def serve(self, directory):
        """The archives, where pkgpanda looks for them below bootstrap_url."""
        for package, files in self.packages.items():
            name = package.partition("--")[0]
            path = f"{directory}/packages/{name}/{package}.tar.xz"
            if not os.path.exists(path):
                _write(path, _archive(files))


def _mode(path):
    return 0o755 if path.startswith("bin") else 0o644


def _write(path, data, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
        os.fchmod(file.fileno(), mode)


def _archive(files):
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w:xz", preset=0) as archive:
        for path, data in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(data), _mode(path)
            archive.addfile(entry, io.BytesIO(data))
    return output.getvalue()


def make_script(start, generation, bootstrap_url, seconds):
    """dcos_node_upgrade.sh (bytes), from version `start` to the generation."""
    no_block = generation.version.startswith(WITHOUT_BLOCK)
    text = _read("dcos_node_upgrade.sh.in").decode()
    values = {
        "FROM": start, "TO": generation.version, "URL": bootstrap_url, "SECONDS": str(seconds),
        "IDS": " ".join(generation.ids), "NO_BLOCK": "--no-block" if no_block else "",
    }
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text.encode()


# ---------------------------------------------------------------- a node
def lay_out(tree, role, generation, bootstrap_url):
    """The files of an installed node of this role below `tree`; see Host.install_tree()."""
    generation.unpack(f"{tree}/opt/mesosphere/packages")
    _write(f"{tree}/etc/mesosphere/roles/{ROLES[role]}", b"")
    _write(f"{tree}/etc/mesosphere/setup-flags/repository-url", f"{bootstrap_url}\n".encode())
    listed = hashlib.sha1(" ".join(generation.ids).encode()).hexdigest()
    _write(f"{tree}/etc/mesosphere/setup-flags/cluster-package-list", f"{listed}\n".encode())
    _write(f"{tree}/var/lib/dcos/cluster-id", b"6b1f4a52-2d0e-4f7c-9a55-0d3c3f1b7e21\n")
    _write(f"{tree}/usr/libexec/standin/linger", _read("linger"), 0o755)
    for unit in ("dcos.target", "dcos-setup.service"):
        _write(f"{tree}/etc/systemd/system/{unit}", _read(f"units/{unit}"))
    install = pkgpanda.Install(tree)
    install.build(generation.ids)
    install.swap(pkgpanda.Systemd(manage=False, block=True))
