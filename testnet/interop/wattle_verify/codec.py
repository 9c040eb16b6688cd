"""Encoding (FORMATS.md, section 1): bincode's legacy layout, one encoding for each value.

A codec is an object with `read(cursor)` and `write(value)`. Structs become named tuples; an enum's value is its number when
no variant has fields, and otherwise a pair of number and fields.
"""

from collections import namedtuple

VALUE_LIMIT = 131_072
GROWTH_LIMIT = 1_000


class Malformed(Exception):
    """Bytes that are not a value of the type that was expected."""


class UnknownRule(Malformed):
    """A variant of an enum that grows with the rules, and whose number is beyond those that are known here."""


class Cursor:
    """A place in some bytes."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, count):
        """The next `count` bytes."""
        end = self.at + count
        if end > len(self.data):
            raise Malformed("%d bytes are missing" % (end - len(self.data)))
        part = self.data[self.at : end]
        self.at = end
        return part


class Number:
    """A whole number of fixed width, little-endian."""

    def __init__(self, size, signed=False):
        self.size, self.signed = size, signed

    def read(self, cursor):
        return int.from_bytes(cursor.take(self.size), "little", signed=self.signed)

    def write(self, value):
        return value.to_bytes(self.size, "little", signed=self.signed)


class Boolean:
    """One byte, 0 or 1."""

    def read(self, cursor):
        byte = cursor.take(1)[0]
        if byte > 1:
            raise Malformed("a bool of %d" % byte)
        return byte == 1

    def write(self, value):
        return b"\1" if value else b"\0"


class Fixed:
    """An array of bytes without a length."""

    def __init__(self, size):
        self.size = size

    def read(self, cursor):
        return cursor.take(self.size)

    def write(self, value):
        assert len(value) == self.size
        return value


class Array:
    """A fixed number of values."""

    def __init__(self, size, item):
        self.size, self.item = size, item

    def read(self, cursor):
        return tuple(self.item.read(cursor) for _ in range(self.size))

    def write(self, value):
        assert len(value) == self.size
        return b"".join(self.item.write(item) for item in value)


class Bytes:
    """Bytes after their length."""

    def read(self, cursor):
        return cursor.take(U64.read(cursor))

    def write(self, value):
        return U64.write(len(value)) + value


class String:
    """UTF-8 after its length in bytes."""

    def read(self, cursor):
        try:
            return cursor.take(U64.read(cursor)).decode("utf-8")
        except UnicodeDecodeError:
            raise Malformed("a string that is not UTF-8")

    def write(self, value):
        encoded = value.encode("utf-8")
        return U64.write(len(encoded)) + encoded


class List:
    """Values after their number."""

    def __init__(self, item):
        self.item = item

    def read(self, cursor):
        count = U64.read(cursor)
        if count > len(cursor.data) - cursor.at:  # no value of ours is empty
            raise Malformed("a list of %d items in fewer bytes" % count)
        return tuple(self.item.read(cursor) for _ in range(count))

    def write(self, value):
        return U64.write(len(value)) + b"".join(self.item.write(item) for item in value)


class Option:
    """Nothing, or a value."""

    def __init__(self, item):
        self.item = item

    def read(self, cursor):
        return self.item.read(cursor) if BOOL.read(cursor) else None

    def write(self, value):
        return b"\0" if value is None else b"\1" + self.item.write(value)


class Choice:
    """An enum without fields: its number, 32 bits wide. `grows` names one to which rules may append variants."""

    def __init__(self, count, grows=None):
        self.count, self.grows = count, grows

    def read(self, cursor):
        return read_variant(cursor, self.count, self.grows)

    def write(self, value):
        return U32.write(value)


class Enum:
    """An enum with fields: a pair of number and fields. A variant without fields has the codec None."""

    def __init__(self, *variants, grows=None):
        self.variants, self.grows = variants, grows

    def read(self, cursor):
        number = read_variant(cursor, len(self.variants), self.grows)
        variant = self.variants[number]
        return (number, variant.read(cursor) if variant else None)

    def write(self, value):
        number, fields = value
        variant = self.variants[number]
        return U32.write(number) + (variant.write(fields) if variant else b"")


class Struct:
    """Fields in order, as a named tuple. Call it to build a value."""

    def __init__(self, name, *fields):
        self.codecs = [codec for _, codec in fields]
        self.type = namedtuple(name, [field for field, _ in fields])

    def __call__(self, *args, **kwargs):
        return self.type(*args, **kwargs)

    def read(self, cursor):
        return self.type(*[codec.read(cursor) for codec in self.codecs])

    def write(self, value):
        return b"".join([codec.write(field) for codec, field in zip(self.codecs, value)])


class Tuple(Struct):
    """Fields in order, as a plain tuple."""

    def __init__(self, *codecs):
        self.codecs = codecs
        self.type = lambda *fields: fields


U8, U16, U32, U64 = Number(1), Number(2), Number(4), Number(8)
I16, I64, I128 = Number(2, True), Number(8, True), Number(16, True)
BOOL, BYTES, STRING = Boolean(), Bytes(), String()


def read_variant(cursor, count, grows):
    """A variant's number. One beyond `count` is a later version's rule if the enum grows, unless no version gets that far."""
    number = U32.read(cursor)
    if number >= count:
        if grows is not None and number < GROWTH_LIMIT:
            raise UnknownRule("%s %d" % (grows, number))
        raise Malformed("variant %d of %d" % (number, count))
    return number


def decode_start(codec, data):
    """The value that `data` begins with."""
    return codec.read(Cursor(data))


def decode(codec, data):
    """The value whose one encoding `data` is."""
    if len(data) > VALUE_LIMIT:
        raise Malformed("a value of %d bytes" % len(data))
    cursor = Cursor(data)
    value = codec.read(cursor)
    if cursor.at != len(data):
        raise Malformed("%d bytes follow the value" % (len(data) - cursor.at))
    return value
