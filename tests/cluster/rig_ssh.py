# SPDX-License-Identifier: Apache-2.0
"""ssh into hosts of the rig, for what reaches them so: Ansible.

    ssh = Ssh(directory)             # a key pair of its own
    ssh.admit(host)                  # before its boot
    ssh.inventory({"masters": [host, ...]})
    ssh.playbook(rig, "play.yml")
"""

import json
import os
import shutil
import subprocess

from rig import RigError

OPTIONS = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=10 -o LogLevel=ERROR"


def is_installed():
    """Whether this machine has what it takes."""
    return all(shutil.which(tool) for tool in ("ansible-playbook", "ssh-keygen", "sshd"))


class Ssh:
    """A key that hosts admit, and an inventory of them."""

    def __init__(self, directory):
        self.dir = directory
        os.makedirs(directory, exist_ok=True)
        self.key = f"{directory}/key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        self.hosts = f"{directory}/hosts.ini"

    def admit(self, host):
        """Root may log in with our key from the host's next boot on."""
        with open(f"{self.key}.pub", encoding="utf-8") as file:
            host.write("/root/.ssh/authorized_keys", file.read(), 0o600)
        host.enable("ssh.service")

    def inventory(self, groups):
        """{group: hosts}, by their addresses."""
        lines = []
        for group, hosts in groups.items():
            lines.append(f"[{group}]")
            lines += [f"{host.name} ansible_host={host.address}" for host in hosts]
        lines += [
            "[all:vars]", "ansible_user=root", f"ansible_ssh_private_key_file={self.key}",
            "ansible_python_interpreter=/usr/bin/python3", f"ansible_ssh_common_args={OPTIONS}",
        ]
        with open(self.hosts, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    def playbook(self, path, variables=None, timeout=180):
        """Run it; what it printed. RigError when anything failed."""
        extra = ["-e", json.dumps(variables)] if variables else []
        done = subprocess.run(
            ["ansible-playbook", "-i", self.hosts, *extra, path], capture_output=True, text=True,
            timeout=timeout, check=False, stdin=subprocess.DEVNULL,
            env={
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": self.dir, "TMPDIR": self.dir,
                "LC_ALL": "C.UTF-8",
                "ANSIBLE_PIPELINING": "1", "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCAL_TEMP": f"{self.dir}/tmp",
                "ANSIBLE_REMOTE_TEMP": "/tmp/ansible", "ANSIBLE_HOST_KEY_CHECKING": "0",
            },
        )
        if done.returncode != 0:
            raise RigError(f"ansible-playbook {path}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout
