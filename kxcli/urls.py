"""URLs: recognized among arguments, and shown in messages without secrets."""

import re

_HIDDEN = "***"  # as long as no secret is known to be
_SCHEME = r"[a-z][a-z0-9+.-]*"
# Patterns are compiled when they are used.
_URL = rf"(?i){_SCHEME}(::[a-z0-9+.:-]+)?://"
_HTTP = r"(?i)https?://"
_START = rf"(?i)(?<![\w+.-])(?:({_SCHEME})://+|(https?|s3a?|ftp|gs):/(?!/))"
_LOCAL_SCHEMES = frozenset({"file", "local"})
_HTTP_SCHEMES = frozenset({"http", "https"})
_HOST = r"[^/?#]*"
_WORD = r"[^\s?#]*"
_NO_PORT = r"[^/?#@:\s\[]+:(?!\d*(?:[/?#:;,)'\"\s]|$))"
_HTTP_QUERY = r"(?<=[?#])(?!\*\*\*)\S+?(?=[:;,)'\"]*(?:\s|$))"
_OTHER_QUERY = r"(?<=\?)(?!\*\*\*)[^\s=]*=\S*?(?=[:;,)'\"]*(?:\s|$))"
_LONG_QUERY = r"(?is)https?://[^?#]*[?#](?=.)"


def is_url(path: str) -> bool:
    """Return whether an argument begins with `scheme://`."""
    return "://" in path and re.match(_URL, path) is not None


def is_http(url: str) -> bool:
    """Return whether an argument is a URL of HTTP or HTTPS."""
    return re.match(_HTTP, url) is not None


def strip_query(path: str) -> str:
    """Return a path; of a URL of HTTP, only up to its query or fragment."""
    return re.split(r"[?#]", path, maxsplit=1)[0] if is_http(path) else path


def get_display_name(path: str) -> str:
    """Return an argument for messages, without the secrets of a URL."""
    return redact_url(path) if is_url(path) else path


def redact_text(text: str) -> str:
    """Remove user, password, query and fragment from the URLs in a message."""
    starts = list(re.finditer(_START, text))
    if not starts:
        return text
    parts = [text[: starts[0].start()]]
    for number, found in enumerate(starts):
        stop = starts[number + 1].start() if number + 1 < len(starts) else len(text)
        scheme = (found[1] or found[2]).lower()
        rest = text[found.end() : stop]
        if scheme in _LOCAL_SCHEMES:
            parts += found[0], rest
            continue
        shown = _remove_user(rest, has_host=found[0].endswith("://") and not found[0].endswith(":///"))
        start = found[0] if shown == rest else f"{found[0].rstrip('/')}//"
        parts += start, re.sub(_HTTP_QUERY if scheme in _HTTP_SCHEMES else _OTHER_QUERY, _HIDDEN, shown, count=1)
    return "".join(parts)


def redact_url(url: str) -> str:
    """Remove the secrets of one URL, even if it contains spaces."""
    shown = redact_text(url)
    found = re.search(_LONG_QUERY, shown)
    return shown if found is None else shown[: found.end()] + _HIDDEN


def _remove_user(rest: str, *, has_host: bool) -> str:
    """Return the part after `scheme://` without user and password."""
    host = re.match(_HOST, rest)
    word = re.match(_WORD, rest)
    assert host is not None and word is not None, "both patterns match the empty string"
    if "@" in host[0]:
        return f"{_HIDDEN}@{rest[host[0].rindex('@') + 1 :]}"
    if not has_host and "@" in word[0]:
        return f"{_HIDDEN}@{rest[word[0].rindex('@') + 1 :]}"
    if found := re.match(_NO_PORT, rest):  # a password that contains a separator
        if "@" in rest:
            return f"{_HIDDEN}@{rest[rest.rindex('@') + 1 :]}"
        return f"{found[0]}{_HIDDEN}{rest[host.end() :]}"
    return rest
