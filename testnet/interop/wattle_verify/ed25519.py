"""One rule of acceptance for keys and signatures (FORMATS.md, section 2).

The equation is OpenSSL's: it does not multiply by the cofactor, refuses S >= L and compares R as bytes, so R is canonical.
What it does not look at (points of small order, keys out of the prime-order group) is looked at here.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
IDENTITY = (0, 1, 1, 0)


def add(p, q):
    """The sum of two points in extended coordinates (RFC 8032, 5.1.4)."""
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def multiply(scalar, point):
    """A multiple of a point."""
    result = IDENTITY
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result


def is_identity(point):
    """Whether a point is the neutral one."""
    return point[0] % P == 0 and (point[1] - point[2]) % P == 0


def decode_point(data):
    """The point whose canonical encoding `data` is, or None (RFC 8032, 5.1.3)."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


def encode_point(point):
    """The canonical encoding of a point."""
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _small_order_points():
    """The encodings of the eight points whose order divides 8."""
    for y in range(2, 100):
        point = decode_point(y.to_bytes(32, "little"))
        torsion = multiply(L, point) if point else IDENTITY
        if not is_identity(multiply(4, torsion)):
            return frozenset(encode_point(multiply(k, torsion)) for k in range(8))
    raise AssertionError("one of the first points has torsion of order 8")


SMALL_ORDER = _small_order_points()
_ACCEPTED = {}


def key_accepted(key):
    """Whether a key may be registered: canonical, not of small order, in the prime-order group."""
    if key not in _ACCEPTED:
        point = None if key in SMALL_ORDER else decode_point(key)
        _ACCEPTED[key] = point is not None and is_identity(multiply(L, point))
    return _ACCEPTED[key]


def signature_holds(key, message, signature):
    """Whether a signature by an accepted key holds."""
    if signature[:32] in SMALL_ORDER or not key_accepted(key):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except InvalidSignature:
        return False
    return True
