#!/usr/bin/env python3
"""compare_parts.py --wattle PROGRAM PARK...: are parts of an export the same bytes, whoever makes them from the two pages?

A park is a folder with export and policy. Of each it has a cut export (FORMATS.md, section 13) and the views of two participants
(section 14) made here and by the project's `wattle`, and verified here. Exit status: 0 all the same, 5 not.
"""

import argparse
import filecmp
import os
import subprocess
import sys
import tempfile

import cut_park
import view_park

HERE = os.path.dirname(os.path.abspath(__file__))
PARTICIPANTS = (1, 3)


def files_under(folder):
    """The paths of all files under a folder."""
    return {
        os.path.relpath(os.path.join(at, name), folder) for at, _, names in os.walk(folder) for name in names
    }


def differing(ours, theirs):
    """The paths at which two folders differ."""
    paths = files_under(ours) | files_under(theirs)
    same, _, _ = filecmp.cmpfiles(ours, theirs, paths, shallow=False)
    return sorted(paths - set(same))


def succeeds(*command):
    """Whether a command has the status 0."""
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def complaints(wattle, park, temp):
    """Each part of a park with what is wrong with it."""
    export, policy = os.path.join(park, "export"), os.path.join(park, "policy")
    data = ("--data-dir", os.path.join(temp, "data"))
    ours, theirs = os.path.join(temp, "cut"), os.path.join(temp, "their cut")
    size = cut_park.cut(export, ours, 1_000)
    made = succeeds(wattle, "log", "cut", export, "--policy", policy, "--after", str(size), "--out", theirs, *data)
    verified = succeeds(sys.executable, os.path.join(HERE, "full_verify.py"), ours, policy)
    yield "cut after %d" % size, made, verified, differing(ours, theirs)
    for number in PARTICIPANTS:
        ours, theirs = (os.path.join(temp, "view %d%s" % (number, by)) for by in ("", " of wattle"))
        view_park.view(export, number, ours)
        made = succeeds(
            *(wattle, "log", "view", export, "--trust", "--participant", str(number), "--out", theirs, *data)
        )
        verified = succeeds(sys.executable, os.path.join(HERE, "view_verify.py"), ours, policy)
        yield "view of %d" % number, made, verified, differing(ours, theirs)


def main():
    """Reads the arguments, compares, prints a table."""
    parser = argparse.ArgumentParser(description="Compare the parts of exports that two programs make.")
    parser.add_argument("--wattle", required=True, help="the program wattle")
    parser.add_argument("park", nargs="+", help="a folder with export and policy")
    args = parser.parse_args()
    bad = 0
    for park in args.park:
        with tempfile.TemporaryDirectory() as temp:
            for name, made, verified, paths in complaints(args.wattle, park, temp):
                good = made and verified and not paths
                bad += not good
                print("%-5s %-26s %s" % ("same" if good else "DIFF", os.path.basename(park), name), flush=True)
                for why in (["wattle makes none"] * (not made)) + (["it does not verify"] * (not verified)) + paths[:5]:
                    print("      %s" % why)
    return 5 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
