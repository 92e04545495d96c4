"""One request to a Plimsoll gateway. Whatever goes wrong is raised, and within the time."""

import time
import urllib.error
import urllib.request

from . import settings

_MOST_BYTES = 64 << 20


class Refused(Exception):
    """The gateway read the question, and does not take it (400)."""


def post(route, body):
    """body, and what it returns: bytes"""
    deadline = time.monotonic() + settings.timeout_s()
    headers = {"content-type": "application/json"}
    if settings.key():
        headers["authorization"] = f"Bearer {settings.key()}"
    request = urllib.request.Request(f"{settings.url()}{route}", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=deadline - time.monotonic()) as response:
            return _read(response, deadline)
    except urllib.error.HTTPError as fault:
        if fault.code != 400:
            raise
        raise Refused(_read(fault, deadline).decode(errors="replace")) from None


def _read(response, deadline):
    parts, size = [], 0
    while part := response.read1(1 << 20):
        parts.append(part)
        size += len(part)
        if time.monotonic() > deadline:
            raise TimeoutError("the answer took too long")
        if size > _MOST_BYTES:
            raise ValueError("the answer is too long")
    return b"".join(parts)
