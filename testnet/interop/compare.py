#!/usr/bin/env python3
"""compare.py EXPORT POLICY DOCTORED --audit PROGRAM [--go PROGRAM]: do all verifiers find the same?

Of the export and of each copy that doctor.py made in DOCTORED it asks: the project's own audit, full_verify.py, short_verify.py
and, if it is there, goverify. The first two must name the same failing claims, each at the same first entry, and the claim
that the forgery is about among them. The other two read C2SP's files only: they must refuse what shows there and accept the
rest. Exit status: 0 all agree, 5 somebody differs.
"""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from cut_forgeries import CUT_FORGERIES
from doctor import FORGERIES, UNKNOWN

HERE = os.path.dirname(os.path.abspath(__file__))
TIMEOUT = 120
C2SP_ALLOWS = (
    "extension_line",
)  # tlog-checkpoint does, a park's checkpoint (FORMATS.md, section 9) has none


def call(command):
    """Exit status and output of a verifier; a verifier that hangs has no status."""
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        return None, ""
    return done.returncode, done.stdout.decode("utf-8", "replace")


def failing(text):
    """The failing claims of a verdict with their first entries; None if there is no verdict."""
    try:
        report = json.loads(text)
    except ValueError:
        return None
    claims = report["claims"] if isinstance(report, dict) else report
    return [(one["claim"], one["entry"]) for one in claims if one["status"] == "FAILED"]


def show(claims):
    """Failing claims in a few words."""
    if claims is None:
        return "no verdict"
    return (
        ", ".join(name if entry is None else "%s @%d" % (name, entry) for name, entry in claims) or "all ok"
    )


class Judge:
    """Runs the verifiers on one folder and compares what they say."""

    def __init__(self, args):
        self.args = args

    def judge(self, case):
        """Name, findings and complaints of one folder."""
        name, folder, policy, claim, by_files = case
        audit, text = call([self.args.audit, "audit", folder, "--policy", policy, "--json"])
        rust = failing(text)
        full, text = call([sys.executable, os.path.join(HERE, "full_verify.py"), folder, policy, "--json"])
        python = failing(text)
        complaints = []
        if name in UNKNOWN:  # what is not known is neither true nor false
            if full != 3 or python != [] or claim not in dict(rust or ()):
                complaints.append("audit finds %s, full_verify has the status %s" % (show(rust), full))
            return name, [("not checked", None)], complaints
        if rust is None or python is None:
            complaints.append("no verdict: audit %s, full_verify %s" % (audit, full))
        elif rust != python:
            complaints.append("audit finds %s" % show(rust))
        elif (audit != 0, full != 0) != (bool(rust), bool(python)):
            complaints.append("exit status: audit %s, full_verify %s" % (audit, full))
        if python is not None and (python != [] if claim is None else claim not in dict(python)):
            complaints.append("%s should fail" % claim if claim else "nothing should fail")
        if by_files is None:  # the verifiers of C2SP's files want a whole log
            return name, python, complaints
        others = [("short_verify", [sys.executable, os.path.join(HERE, "short_verify.py"), folder, policy])]
        if self.args.go:
            others.append(("goverify", [self.args.go, folder, policy]))
        if self.args.aics:
            others.append(
                ("aics-tlog", [self.args.aics, os.path.join(HERE, "aics_verify.py"), folder, policy])
            )
        for other, command in others:
            status, _ = call(command)
            if other == "aics-tlog" and name in C2SP_ALLOWS:
                continue
            if (status != 0) != by_files or status is None:
                complaints.append(
                    "%s %s" % (other, "refuses" if status else "accepts" if status == 0 else "hangs")
                )
        return name, python, complaints


def doctored_cases(folder, policy):
    """The doctored copies that there are in a folder."""
    for name, _, claim, by_files, _ in FORGERIES:
        if os.path.isdir(os.path.join(folder, name)):
            yield name, os.path.join(folder, name), policy, claim, by_files


def cut_cases(folder):
    """An export that begins later than its log, and its doctored copies."""
    export, policy = os.path.join(folder, "export"), os.path.join(folder, "policy")
    yield os.path.basename(folder), export, policy, None, None
    for name, _, claim in CUT_FORGERIES:
        copy = os.path.join(folder, "doctored", name)
        if os.path.isdir(copy):
            yield "cut: " + name, copy, policy, claim, None


def main():
    """Reads the arguments, compares, prints a table."""
    parser = argparse.ArgumentParser(
        description="Compare what the verifiers say of an export and its doctored copies."
    )
    parser.add_argument("export")
    parser.add_argument("policy")
    parser.add_argument("doctored", help="the folder that doctor.py wrote")
    parser.add_argument("--audit", required=True, help="the program wattle-testnet")
    parser.add_argument("--go", help="the program goverify")
    parser.add_argument("--aics", help="a Python that has aics-tlog")
    parser.add_argument(
        "--also",
        action="append",
        default=[],
        help="a folder with another export and policy that are good, and perhaps with copies in doctored/",
    )
    parser.add_argument("--cut", action="append", default=[], help="the same with an export that begins later")
    args = parser.parse_args()
    cases = [("(as it is)", args.export, args.policy, None, False)]
    for folder in args.also:
        export, policy = os.path.join(folder, "export"), os.path.join(folder, "policy")
        cases.append((os.path.basename(folder), export, policy, None, False))
        cases += doctored_cases(os.path.join(folder, "doctored"), policy)
    for folder in args.cut:
        cases += cut_cases(folder)
    cases += doctored_cases(args.doctored, args.policy)
    differing = 0
    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        for name, claims, complaints in pool.map(Judge(args).judge, cases):
            differing += bool(complaints)
            print("%-5s %-26s %s" % ("DIFF" if complaints else "same", name, show(claims)), flush=True)
            for complaint in complaints:
                print("      %-26s %s" % ("", complaint), flush=True)
    print("%d of %d agree" % (len(cases) - differing, len(cases)))
    return 5 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
