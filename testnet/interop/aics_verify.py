#!/usr/bin/env python3
"""aics_verify.py EXPORT POLICY: what PyPI's aics-tlog, which nobody here wrote, says of an export (Python 3.12 or later).

It checks the log's signature, as many cosignatures as the policy's group asks for, and every tile and bundle against the root.
"""

import base64
import json
import subprocess
import sys

from aics_tlog import FileSystemTileReader, audit_tiles


def main():
    """Translates the policy into aics-tlog's options, then audits all tiles."""
    export, policy = sys.argv[1:]
    logs, options, quorum = [], [], "0"
    with open(policy, encoding="utf-8") as file:
        for words in (line.split() for line in file):
            if words[:1] == ["log"]:
                logs.append(words[1])
            elif words[:1] == ["witness"]:
                options += ["--witness-key", words[2]]
            elif words[:1] == ["group"]:
                quorum = words[2]
    options += ["--quorum", quorum, "--origin", logs[0].split("+")[0], "--log-key", logs[0]]
    command = [sys.executable, "-m", "aics_tlog", "verify-checkpoint", "--tiles", export]
    done = subprocess.run(command + options, stdout=subprocess.PIPE, check=False)
    print(done.stdout.decode())
    if done.returncode:
        return done.returncode
    verdict = json.loads(done.stdout)
    audit_tiles(FileSystemTileReader(export), verdict["size"], base64.b64decode(verdict["root"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
