#!/usr/bin/env python3
"""full_verify.py EXPORT POLICY [--json]: verifies a park's whole ledger, claim by claim.

Written from docs/FORMATS.md and docs/RULES.md alone. Exit status: 0 every claim holds, 5 one does not, 3 none fails but one could
not be checked, because the log uses a rule that this verifier does not know; 2 the call is wrong.
"""

import argparse
import json
import sys

from wattle_verify import c2sp
from wattle_verify.claims import verify


def main():
    """Reads the arguments, verifies, prints."""
    parser = argparse.ArgumentParser(description="Verify an export of a park's ledger offline.")
    parser.add_argument("export", help="the folder with checkpoint and tile/")
    parser.add_argument("policy", help="the tlog-policy that you trust; not one from the export")
    parser.add_argument("--json", action="store_true", help="print the claims as JSON")
    args = parser.parse_args()
    try:
        with open(args.policy, "rb") as file:
            policy = c2sp.parse_policy(file.read())
    except (OSError, UnicodeDecodeError, c2sp.Refused) as error:
        print("The policy cannot be used: %s" % error, file=sys.stderr)
        return 2
    claims = verify(args.export, policy)
    if args.json:
        print(json.dumps(claims, indent=2, ensure_ascii=False))
    else:
        for claim in claims:
            entry = "" if claim["entry"] is None else "entry %d: " % claim["entry"]
            print("%-11s %-18s %s%s" % (claim["status"], claim["claim"], entry, claim["reason"]))
    found = {claim["status"] for claim in claims if claim["claim"] != "history"}
    return 5 if "FAILED" in found else 0 if found == {"ok"} else 3


if __name__ == "__main__":
    sys.exit(main())
