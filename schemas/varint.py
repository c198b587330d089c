"""Varints: whole numbers in as many bytes as they need, as protobuf, Avro and Kafka's records write them."""


def varint(number: int) -> bytes:
    """Return a number of 0 or more, seven bits a byte from the lowest on, the high bit set on all but the last byte.

    >>> varint(0), varint(127), varint(300)
    (b'\\x00', b'\\x7f', b'\\xac\\x02')
    """
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)
