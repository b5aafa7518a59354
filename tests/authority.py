# SPDX-License-Identifier: Apache-2.0
"""A certificate authority that openssl makes for one test, and tokens like those of DC/OS' IAM."""

import base64
import json
import ssl
import subprocess


def encode(part):
    """A part of a JWT."""
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def decode(part):
    """What such a part says."""
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def make_token(**claims):
    """One that no key has signed."""
    return f"{encode({'alg': 'RS256', 'typ': 'JWT'})}.{encode(claims)}.c2lnbmF0dXJlLXBsYW50ZWQ"


class Authority:
    """In a folder of its own, a pathlib.Path that is made."""

    def __init__(self, folder):
        folder.mkdir()
        self.folder = folder
        self.ca = folder / "ca.crt"
        self._openssl("req", "-x509", *self._key("ca"), "-out", "ca.crt", "-subj", "/CN=authority",
                      "-days", "2")

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

    @staticmethod
    def _key(name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                f"{name}.key"]

    def issue(self, name, alternatives, days="2"):
        """The files of a certificate, "DNS:localhost,IP:10.0.0.1", and of its key."""
        (self.folder / f"{name}.ext").write_text(f"subjectAltName={alternatives}\n")
        self._openssl("req", *self._key(name), "-out", f"{name}.csr", "-subj", f"/CN={name}")
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                      "-CAcreateserial", "-out", f"{name}.crt", "-days", days, "-extfile",
                      f"{name}.ext")
        return self.folder / f"{name}.crt", self.folder / f"{name}.key"

    def serve(self, address, days="2"):
        """What a server needs to speak as this address."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue("server", f"IP:{address}", days))
        return context


def make_account(folder, endpoint):
    """The file of a service account with a key of its own."""
    key = folder / "account.key"
    subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-out", key, "-pkeyopt",
                    "rsa_keygen_bits:2048"], check=True, capture_output=True)
    path = folder / "account.json"
    path.touch(0o600)
    path.write_text(json.dumps({
        "uid": "rollpatch", "scheme": "RS256", "private_key": key.read_text(),
        "login_endpoint": endpoint,
    }))
    return path
