"""The log as C2SP files: policy, checkpoint, entries, tiles (FORMATS.md, sections 3 and 9, and the pages it names)."""

import base64
import binascii
import os
import re
from collections import namedtuple
from hashlib import sha256

from .ed25519 import key_accepted, signature_holds

MAX_LEAVES = 2**40
NOTE_LIMIT = 1_000_000
MAX_SIGNATURES = 100
WIDTH = 256

Key = namedtuple("Key", "name id kind public")
Note = namedtuple("Note", "text signatures")
Checkpoint = namedtuple("Checkpoint", "origin size root")
Policy = namedtuple("Policy", "logs witnesses groups quorum")


class Refused(Exception):
    """A file that is not what its page says."""


def unbase64(text):
    """Strict base64."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused("not base64: %.40r" % text)
    if base64.b64encode(data).decode("ascii") != text:
        raise Refused("not canonical base64: %.40r" % text)
    return data


def key_id(name, data):
    """The id of a key: `data` is its type and its bytes."""
    return sha256(name.encode() + b"\n" + data).digest()[:4]


def parse_key(text):
    """A verifier key: name+id+base64 of type and public key."""
    parts = text.split("+", 2)
    if len(parts) != 3 or not parts[0] or any(c.isspace() for c in parts[0]) or not re.fullmatch("[0-9a-f]{8}", parts[1]):
        raise Refused("not a verifier key: %.80s" % text)
    data = unbase64(parts[2])
    key = Key(parts[0], bytes.fromhex(parts[1]), data[:1], data[1:])
    if key_id(key.name, data) != key.id:
        raise Refused("the id does not belong to the key: %.80s" % text)
    if key.kind not in (b"\1", b"\4") or len(key.public) != 32 or not key_accepted(key.public):
        raise Refused("not an Ed25519 key that may be trusted: %.80s" % text)
    return key


def parse_policy(data):
    """The trust file, as strict as its page."""
    if len(data) > NOTE_LIMIT:
        raise Refused("the policy is larger than a million bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("the policy is not UTF-8")
    if any((ord(c) < 32 and c not in "\t\n") or ord(c) == 127 for c in text):
        raise Refused("the policy has control characters")
    if text and not text.endswith("\n"):
        raise Refused("the policy's last line has no end")
    policy = Policy([], {}, {}, None)
    for line in text.split("\n"):
        words = [word for word in re.split("[ \t]+", line) if word]
        if words and not words[0].startswith("#"):
            policy = _policy_line(policy, words)
    if policy.quorum is None:
        raise Refused("the policy has no quorum")
    return policy


def _policy_line(policy, words):
    """The policy with a line more."""
    logs, witnesses, groups, quorum = policy
    defined = {"none", *witnesses, *groups}
    if words[0] == "log" and len(words) in (2, 3):
        logs.append(_policy_key(words[1], b"\1", logs))
    elif words[0] == "witness" and len(words) in (3, 4) and words[1] not in defined:
        witnesses[words[1]] = _policy_key(words[2], b"\4", witnesses.values())
    elif words[0] == "group" and len(words) > 3 and words[1] not in defined:
        members = words[3:]
        taken = [name for _, names in groups.values() for name in names] + members
        if not set(members) <= defined - {"none"} or any(taken.count(name) > 1 for name in members):
            raise Refused("the policy's group %.80s has members that are not defined or taken" % words[1])
        count = {"any": "1", "all": str(len(members))}.get(words[2], words[2])
        if not re.fullmatch("[1-9][0-9]{0,6}", count) or int(count) > len(members):
            raise Refused("the policy's group %.80s has no number that its members can reach" % words[1])
        groups[words[1]] = (int(count), members)
    elif words[0] == "quorum" and len(words) == 2 and quorum is None and words[1] in defined:
        quorum = words[1]
    else:
        raise Refused("the policy has a line that is none of its: %.80s" % " ".join(words))
    return Policy(logs, witnesses, groups, quorum)


def _policy_key(text, kind, others):
    """A key of a policy's line, of the kind that the line takes and not yet on another."""
    key = parse_key(text)
    if key.kind != kind or key.public in [other.public for other in others]:
        raise Refused("the policy has a key of the wrong type or a key twice: %.80s" % text)
    return key


def parse_note(data):
    """A signed note: text and its signature lines as (name, key id, signature)."""
    if len(data) > NOTE_LIMIT:
        raise Refused("the note is larger than a million bytes")
    try:
        note = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("the note is not UTF-8")
    if any(ord(c) < 32 and c != "\n" for c in note):
        raise Refused("the note has control characters")
    split = note.rfind("\n\n")
    if split < 0 or not note.endswith("\n"):
        raise Refused("the note has no signatures")
    text, lines = note[: split + 1], note[split + 2 : -1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise Refused("the note has more than 100 signatures")
    signatures = []
    for line in lines:
        match = re.fullmatch("\u2014 ([^ +\n]+) ([A-Za-z0-9+/=]+)", line)
        if not match or any(c.isspace() for c in match.group(1)):
            raise Refused("a signature line is malformed")
        blob = unbase64(match.group(2))
        if len(blob) < 5:
            raise Refused("a signature is too short")
        signatures.append((match.group(1), blob[:4], blob[4:]))
    return Note(text, signatures)


def parse_checkpoint(text):
    """Origin, size and root of a checkpoint's three lines."""
    lines = text.split("\n")
    if len(lines) != 4 or lines[3] or not lines[0]:
        raise Refused("the checkpoint does not have three lines")
    if not re.fullmatch("0|[1-9][0-9]{0,18}", lines[1]) or int(lines[1]) > MAX_LEAVES:
        raise Refused("the checkpoint's size is not one that a log may have")
    root = unbase64(lines[2])
    if len(root) != 32:
        raise Refused("the checkpoint's root is not 32 bytes")
    return Checkpoint(lines[0], int(lines[1]), root)


def verdict(note, key):
    """True: the key signed the note; False: a signature in its name does not hold; None: it did not sign."""
    result = None
    for name, id_of_line, signature in note.signatures:
        if (name, id_of_line) != (key.name, key.id):
            continue
        message = note.text.encode()
        if key.kind == b"\4":  # cosignature/v1
            if len(signature) != 72 or signature[0] > 127:
                return False
            time, signature = int.from_bytes(signature[:8], "big"), signature[8:]
            message = b"cosignature/v1\ntime %d\n" % time + message
        if len(signature) != 64 or not signature_holds(key.public, message, signature):
            return False
        result = True
    return result


def cosigned_at(note, key):
    """The latest time at which a cosigner whose lines hold has signed the note, or None."""
    mine = [blob for name, id_of_line, blob in note.signatures if (name, id_of_line) == (key.name, key.id)]
    return max((int.from_bytes(blob[:8], "big") for blob in mine), default=None)


def quorum_holds(policy, name, signed):
    """Whether a witness is among those who signed, or enough members of a group hold."""
    if name == "none":
        return True
    if name in policy.witnesses:
        return name in signed
    threshold, members = policy.groups[name]
    return sum(quorum_holds(policy, member, signed) for member in members) >= threshold


# Tree and files.


def leaf_hash(leaf):
    """RFC 6962."""
    return sha256(b"\0" + leaf).digest()


def tree_hash(hashes):
    """RFC 6962: the root over leaf hashes."""
    if not hashes:
        return sha256(b"").digest()
    while len(hashes) > 1:  # pairs from the left; a last one without a partner goes up as it is
        pairs = range(0, len(hashes) - 1, 2)
        above = [sha256(b"\1" + hashes[at] + hashes[at + 1]).digest() for at in pairs]
        hashes = above + ([hashes[-1]] if len(hashes) % 2 else [])
    return hashes[0]


def ends_of_path(first, second, path):
    """RFC 9162, section 2.1.4.2: the roots of both trees that a path leads to, or None; a path begins with a node of both."""
    if not path:
        return None
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    old = new = path[0]
    for one in path[1:]:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            old = sha256(b"\1" + one + old).digest()
            new = sha256(b"\1" + one + new).digest()
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            new = sha256(b"\1" + new + one).digest()
        fn, sn = fn >> 1, sn >> 1
    return (old, new) if sn == 0 else None


def consistent(first, first_root, second, second_root, proof):
    """RFC 9162, section 2.1.4.2: whether a proof leads from one tree to a larger one."""
    if first == 0:
        return not proof and first_root == tree_hash([])
    path = list(proof)
    if first & (first - 1) == 0:  # a power of two: the first tree is a subtree of the second
        path.insert(0, first_root)
    return ends_of_path(first, second, path) == (first_root, second_root)


def file_path(kind, number, count):
    """The path of file `number` of `kind` where there are `count` leaves or hashes in all."""
    path = "%03d" % (number % 1000)
    width = min(WIDTH, count - number * WIDTH)
    while number >= 1000:
        number //= 1000
        path = "x%03d/%s" % (number % 1000, path)
    return "tile/%s/%s" % (kind, path) + ("" if width == WIDTH else ".p/%d" % width)


def files_of(kind, count):
    """Number and path of each file that holds `count` leaves or hashes, one after the other."""
    return ((number, file_path(kind, number, count)) for number in range((count + WIDTH - 1) // WIDTH))


def split_bundle(data):
    """The leaves of an entry bundle."""
    leaves, at = [], 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if end > len(data) or at + 2 > len(data):
            raise Refused("the bundle ends within an entry")
        leaves.append(data[at + 2 : end])
        at = end
    return leaves


def read(folder, path, limit):
    """A file's bytes."""
    full = os.path.join(folder, path)
    try:
        if os.path.getsize(full) > limit:
            raise Refused("%s is larger than it can be" % path)
        with open(full, "rb") as file:
            return file.read()
    except OSError as error:
        raise Refused("%s cannot be read: %s" % (path, error.strerror))


def tiles_of(hashes):
    """Path, content and first leaf of every tile over some leaf hashes."""
    level = 0
    while hashes:
        for number, path in files_of(str(level), len(hashes)):
            yield path, b"".join(hashes[number * WIDTH : number * WIDTH + WIDTH]), number * WIDTH ** (
                level + 1
            )
        full = range(0, len(hashes) - WIDTH + 1, WIDTH)
        level, hashes = level + 1, [tree_hash(hashes[at : at + WIDTH]) for at in full]
