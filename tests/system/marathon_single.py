# SPDX-License-Identifier: Apache-2.0
"""Marathon that answers with samples, as they are in the folder at this moment: what is asked as /v2/NAME lies
there as NAME. Without a `leader` it has none, and says so as Marathon does.

    marathon_single.py ADDRESS FOLDER
"""

import http.server
import os
import sys

ADDRESS, FOLDER = sys.argv[1:]
NOBODY = "nobody"  # the answer when there is no leader


class Handler(http.server.BaseHTTPRequestHandler):
    """One request."""

    def do_GET(self):  # pylint: disable=invalid-name
        """The name is that of the base class."""
        path = f"{FOLDER}/{os.path.basename(self.path)}"
        status = 200
        if not os.path.exists(path):
            status, path = 404, f"{FOLDER}/{NOBODY}"
        with open(path, "rb") as file:
            body = file.read()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):  # pylint: disable=arguments-differ
        """Says nothing."""


http.server.HTTPServer((ADDRESS, 8080), Handler).serve_forever()
