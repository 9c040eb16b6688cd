"""Exports in memory and on disk, and the test keys that sign the project's own recordings."""

import base64
import os
import shutil
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from wattle_verify import c2sp
from wattle_verify import formats as f
from wattle_verify.codec import decode


def test_key(label):
    """A key of the project's recordings."""
    seed = sha256(b"wattle/testnet/key/v0\n" + bytes(32) + label.encode()).digest()
    return Ed25519PrivateKey.from_private_bytes(seed)


class Absent(Exception):
    """The export has nothing that could be doctored that way."""


class Export:
    """An export in memory, and what is needed to write and sign another."""

    def __init__(self, folder):
        self.folder = folder
        self.note = c2sp.parse_note(c2sp.read(folder, "checkpoint", c2sp.NOTE_LIMIT))
        self.checkpoint = c2sp.parse_checkpoint(self.note.text)
        self.leaves = []
        for _, path in c2sp.files_of("entries", self.checkpoint.size):
            self.leaves += c2sp.split_bundle(c2sp.read(folder, path, 2**25))
        begin = self.checkpoint.origin + "/node/"
        names = sorted({name for name, _, _ in self.note.signatures if name.startswith(begin)})
        self.nodes = sorted(int(name[len(begin) :]) for name in names)

    def find(self, wanted, at_least=0):
        """The index of the first entry from `at_least` on of which `wanted(kind, fields)` is true."""
        for index in range(at_least, len(self.leaves)):
            if wanted(*decode(f.ENTRY, self.leaves[index])):
                return index
        raise Absent("the export has no such entry")

    def find_fact(self, number, at_least=0):
        """The index of a derived leaf of a fact's number."""
        return self.find(lambda kind, fields: kind == f.DERIVED_LEAF and fields[2][0] == number, at_least)

    def copy(self, target):
        """Copies the files as they are."""
        shutil.copytree(self.folder, target)

    def sign(self, text):
        """A checkpoint's bytes, signed by the recording's nodes at the time of the present cosignatures."""
        cosignatures = (blob for name, _, blob in self.note.signatures if "/node/" in name)
        return sign_checkpoint(
            text, self.nodes, max(int.from_bytes(blob[:8], "big") for blob in cosignatures)
        )

    def write(self, target, leaves):
        """Writes a whole export of some leaves, signed anew, so that only replay can object."""
        cosignatures = (blob for name, _, blob in self.note.signatures if "/node/" in name)
        time = max(int.from_bytes(blob[:8], "big") for blob in cosignatures)
        write_export(target, self.checkpoint.origin, leaves, self.nodes, time)


def sign_checkpoint(text, nodes, time):
    """A checkpoint with the log signature and the cosignature of each node, by the keys of recordings."""
    origin = text.split("\n")[0]
    lines = []
    for node in nodes:
        key = test_key("node %d Log" % node)
        lines.append(signature_line(origin, b"\1", key, key.sign(text.encode())))
    for node in nodes:
        key = test_key("node %d Cosigner" % node)
        signature = key.sign(b"cosignature/v1\ntime %d\n" % time + text.encode())
        lines.append(
            signature_line("%s/node/%d" % (origin, node), b"\4", key, time.to_bytes(8, "big") + signature)
        )
    return (text + "\n" + "".join(lines)).encode()


def write_export(target, origin, leaves, nodes, time):
    """Writes bundles, tiles and a signed checkpoint."""
    hashes = [c2sp.leaf_hash(leaf) for leaf in leaves]
    root = base64.b64encode(c2sp.tree_hash(hashes)).decode("ascii")
    files = {"checkpoint": sign_checkpoint("%s\n%d\n%s\n" % (origin, len(leaves), root), nodes, time)}
    for number, path in c2sp.files_of("entries", len(leaves)):
        part = leaves[number * 256 : number * 256 + 256]
        files[path] = b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in part)
    files.update((path, content) for path, content, _ in c2sp.tiles_of(hashes))
    for path, content in files.items():
        path = os.path.join(target, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)


def public_bytes(key):
    """The 32 bytes of a key's public half."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def signature_line(name, kind, key, signature):
    """A line of a signed note."""
    key_id = c2sp.key_id(name, kind + public_bytes(key))
    return "\u2014 %s %s\n" % (name, base64.b64encode(key_id + signature).decode("ascii"))
