"""URLs for messages: without user, password, query and fragment."""

import re

_HIDDEN = "***"  # as long as no secret is known to be
_START = re.compile(r"(?<![\w+.-])(?:([a-z][a-z0-9+.-]*)://+|(https?|s3a?|ftp|gs):/(?!/))", re.IGNORECASE)
_LOCAL = frozenset({"file", "local"})
_WEB = frozenset({"http", "https"})
_HOST = re.compile(r"[^/?#]*")
_WORD = re.compile(r"[^\s?#]*")
_NO_PORT = re.compile(r"[^/?#@:\s\[]+:(?!\d*(?:[/?#:;,)'\"\s]|$))")
_WEB_QUERY = re.compile(r"(?<=[?#])(?!\*\*\*)\S+?(?=[:;,)'\"]*(?:\s|$))")
_OTHER_QUERY = re.compile(r"(?<=\?)(?!\*\*\*)[^\s=]*=\S*?(?=[:;,)'\"]*(?:\s|$))")


def redact_text(text: str) -> str:
    """Remove secrets from the URLs in a message."""
    starts = list(_START.finditer(text))
    if not starts:
        return text
    parts = [text[: starts[0].start()]]
    for number, found in enumerate(starts):
        stop = starts[number + 1].start() if number + 1 < len(starts) else len(text)
        scheme = (found[1] or found[2]).lower()
        rest = text[found.end() : stop]
        if scheme in _LOCAL:
            parts += found[0], rest
            continue
        shown = _without_user(rest, has_host=found[0].endswith("://") and not found[0].endswith(":///"))
        start = found[0] if shown == rest else f"{found[0].rstrip('/')}//"
        parts += start, (_WEB_QUERY if scheme in _WEB else _OTHER_QUERY).sub(_HIDDEN, shown, count=1)
    return "".join(parts)


def redact_url(url: str) -> str:
    """Remove the secrets of a URL, with or without spaces."""
    shown = redact_text(url)
    found = re.search(r"https?://[^?#]*[?#](?=.)", shown, re.IGNORECASE | re.DOTALL)
    return shown if found is None else shown[: found.end()] + _HIDDEN


def _without_user(rest: str, *, has_host: bool) -> str:
    """Return the part after `scheme://` without user and password, also malformed ones."""
    host = _HOST.match(rest)
    word = _WORD.match(rest)
    assert host is not None and word is not None, "both match nothing, too"
    if "@" in host[0]:
        return f"{_HIDDEN}@{rest[host[0].rindex('@') + 1 :]}"
    if not has_host and "@" in word[0]:
        return f"{_HIDDEN}@{rest[word[0].rindex('@') + 1 :]}"
    if found := _NO_PORT.match(rest):  # a password that has a separator in it
        if "@" in rest:
            return f"{_HIDDEN}@{rest[rest.rindex('@') + 1 :]}"
        return f"{found[0]}{_HIDDEN}{rest[host.end() :]}"
    return rest
