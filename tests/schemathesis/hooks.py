"""What schemathesis needs to know beside the document: the sign, and that a refusal comes with HTTP 200.

The sign is implemented here once more, from docs/en/api.md and not from the server's code.
"""

import hashlib
import json
import re
import time

import jsonschema
import schemathesis

APPKEY, SECRET = "demo", "demo-secret"
NUMBERS = {"iccid": "8988308650100524999", "eid": "1" * 26}


def text(value):
    """A value as it is signed; numbers as they are written into the body."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def sign(body):
    empty = (None, "", [], {})
    parts = [
        (name.encode("utf-8", "surrogatepass"), text(value).encode("utf-8", "surrogatepass"))
        for name, value in body.items()
        if name != "sign" and (isinstance(value, (bool, int, float)) or value not in empty)
    ]
    parts = [name + b"=" + value for name, value in sorted(parts)] + [b"secret=" + SECRET.encode()]
    return hashlib.sha1(b"&".join(parts)).hexdigest().upper()


def is_integer(value):
    return not isinstance(value, bool) and (isinstance(value, int) or isinstance(value, float) and value.is_integer())


@schemathesis.hook
def before_call(context, case, kwargs):
    """Makes true what is well-formed, and leaves alone what is wrong on purpose."""
    body = case.body
    if not isinstance(body, dict):
        return
    if isinstance(body.get("appkey"), str) and body["appkey"]:
        body["appkey"] = APPKEY
    if is_integer(body.get("timestamp")) and 10**9 <= body["timestamp"] < 10**10:
        body["timestamp"] = int(time.time())
    elif isinstance(body.get("timestamp"), str) and re.fullmatch("[1-9][0-9]{9}", body["timestamp"]):
        body["timestamp"] = str(int(time.time()))
    if body.get("signType") == "HMAC-SHA256":
        # The demo's app is not made for it.
        body["signType"] = "SHA-1"
    # Half of the numbers are cards that are there.
    for name, number in NUMBERS.items():
        given = body.get(name)
        if isinstance(given, str) and given.isascii() and given.isalnum() and len(given) <= 64 and ord(given[-1]) % 2:
            body[name] = number
    if isinstance(body.get("sign"), str) and body["sign"]:
        body["sign"] = sign(body)


def allowed(case):
    """Whether the body is one that the document allows."""
    schema = case.operation.definition.raw["requestBody"]["content"]["application/json"]["schema"]
    body = case.body
    if isinstance(body, dict):
        # A string of digits stands for the number, whose range then holds for it.
        for name, field in schema["properties"].items():
            digits = body.get(name)
            if "integer" in field["type"] and "string" in field["type"] and isinstance(digits, str):
                body = {**body, name: int(digits)} if re.search(field["pattern"], digits) else body
    return jsonschema.Draft202012Validator(schema).is_valid(body) and not too_deep(schema, body)


def too_deep(schema, body):
    """Whether a page lies beyond the 100,000 cards that a list without numbers has pages for (docs/en/api.md)."""
    names = {"iccids", "eids"} & schema["properties"].keys()
    listed = ",".join(str(body.get(name) or "") for name in names)
    if not names or any(number.strip() for number in listed.split(",")):
        return False
    # With a cursor the page's number does not count.
    if body.get("cursor"):
        return False
    return int(body.get("pageNum") or 1) * int(body.get("pageSize") or 100) > 100_000


@schemathesis.check
def the_document_says_what_is_taken(ctx, response, case):
    """What the document allows is not refused as ill-formed, and what it does not allow is."""
    if case.method.upper() != "POST" or response.status_code != 200:
        return
    code = response.json()["code"]
    assert code != "401", f"the sign was refused: {response.text}"
    if code == "400":
        assert not allowed(case), f"allowed by the document, refused by the server: {response.text}"
    else:
        assert allowed(case), f"not allowed by the document, taken by the server: {response.text}"
