"""Verifies a notification as a receiver would, with nothing but the rule: the body on standard input, the secret as argument."""
import hashlib
import hmac
import json
import sys


def verify(body: bytes, secret: str) -> bool:
    # Numbers are signed as they are written, so they are kept as text.
    fields = json.loads(body, parse_int=str, parse_float=str)
    sent = fields.pop("sign")
    fields.pop("appkey", None)
    parts = []
    for name in sorted(fields, key=str.encode):
        value = {True: "1", False: "0", None: ""}.get(fields[name], fields[name])
        if value != "":
            parts.append(f"{name}={value}")
    text = "&".join(parts) + "&secret=" + secret
    expected = hashlib.sha1(text.encode()).hexdigest().upper()
    return hmac.compare_digest(expected, sent.upper())


if __name__ == "__main__":
    sys.exit(0 if verify(sys.stdin.buffer.read(), sys.argv[1]) else 1)
