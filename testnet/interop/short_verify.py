#!/usr/bin/env python3
"""short_verify.py EXPORT POLICY: is this log what the nodes of YOUR policy signed? Pages: c2sp.org/tlog-checkpoint, -tiles, -policy"""
import base64, hashlib, pathlib, sys  # noqa: E401
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
sys.excepthook = lambda kind, error, _: print("FAILED:", kind.__name__, error, file=sys.stderr)  # the status is 1 all the same
def need(condition, why):
    return condition or sys.exit("FAILED: " + why)
def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()
def signed(vkey):  # Does the note carry this key's signature? A bad one of a known key ends the program.
    name, key_id, key = vkey.split("+", 2)
    key_id, key, good = bytes.fromhex(key_id), base64.b64decode(key), False
    need(key[0] in (1, 4) and sha(name.encode(), b"\n", key)[:4] == key_id, "key and id of %s in the policy" % name)
    for blob in [base64.b64decode(s[2]) for s in signatures if s[1] == name]:
        message, signature = text, blob[4:]
        if key[0] == 4:  # cosignature/v1: eight bytes of time come first and are signed with the text
            seconds, signature = int.from_bytes(signature[:8], "big"), signature[8:]
            message = "cosignature/v1\ntime %d\n%s" % (seconds, text)
        if blob[:4] == key_id:
            Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature, message.encode())
            good = True
    return good
def holds(name):  # A witness has signed, or enough members of a group hold.
    if name in witnesses:
        return signed(witnesses[name])
    threshold, members = groups[name][0], groups[name][1:]
    threshold = {"any": 1, "all": len(members)}.get(threshold) or int(threshold)
    return sum(map(holds, members)) >= threshold
def fold(hashes):  # RFC 6962: the left part is the largest power of two below the whole.
    left = 1 << (len(hashes) - 1).bit_length() >> 1
    return hashes[0] if len(hashes) == 1 else sha(b"\1", fold(hashes[:left]), fold(hashes[left:]))
def read(kind, n, count):  # File n of entries or of a level of hashes: 1234067 is x001/x234/067, the last may be partial.
    path = "%03d" % (n % 1000) if count >= n * 256 + 256 else "%03d.p/%d" % (n % 1000, count - n * 256)
    while n >= 1000:
        n, path = n // 1000, "x%03d/%s" % (n // 1000 % 1000, path)
    return (export / "tile" / kind / path).read_bytes()
# 1. The policy, which you got from somewhere else than the export.
export, rules = pathlib.Path(sys.argv[1]), [r.split() for r in pathlib.Path(sys.argv[2]).read_text().splitlines()]
logs, witnesses = [r[1] for r in rules if r[:1] == ["log"]], {r[1]: r[2] for r in rules if r[:1] == ["witness"]}
groups, quorum = {r[1]: r[2:] for r in rules if r[:1] == ["group"]}, [r[1] for r in rules if r[:1] == ["quorum"]]
# 2. The checkpoint: origin, number of entries, root, an empty line, then signature lines "— name base64".
text, lines = (export / "checkpoint").read_text("utf-8").rsplit("\n\n", 1)
text, signatures = text + "\n", [line.split(" ") for line in lines.splitlines()]
origin, size, root = text.splitlines()
need(any(signed(vkey) for vkey in logs if vkey.split("+")[0] == origin), "no log key of the policy signed")
need(len(quorum) == 1 and holds(quorum[0]), "too few nodes of the policy cosigned")
# 3. The entries, 256 to a file, each after its length in two bytes, give the root; the hash files are those of the entries.
size, hashes, level = int(need(size.isdigit() and 0 < int(size) < 2**40 and size, "the size")), [], 0
for n in range((size + 255) // 256):
    bundle, at = read("entries", n, size), 0
    while at < len(bundle):
        start, at = at + 2, at + 2 + int.from_bytes(bundle[at : at + 2], "big")
        hashes.append(need(at <= len(bundle) and sha(b"\0", bundle[start:at]), "file %d of the entries is cut" % n))
need(len(hashes) == size and fold(hashes) == base64.b64decode(root), "the entries do not give the signed root")
while hashes:
    for n in range((len(hashes) + 255) // 256):
        tile = b"".join(hashes[n * 256 : n * 256 + 256])
        need(read(str(level), n, len(hashes)) == tile, "hash file %d of level %d is not the entries'" % (n, level))
    level, hashes = level + 1, [fold(hashes[n : n + 256]) for n in range(0, len(hashes) - 255, 256)]
print("ok: %d entries of %s, root %s, signed as the policy asks" % (size, origin, base64.b64decode(root).hex()))
