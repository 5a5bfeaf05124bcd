# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls of the API of mailcow: JSON over HTTP, with a key in a header."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Mapping, Optional, Union
from urllib.parse import quote, urlsplit

from ...model.errors import MailImportError, one_line
from ...model.secret import hide_secret

try:
    import requests
except ImportError:  # told when it is needed
    requests = None  # type: ignore[assignment]

_TIMEOUT = 60.0
_LONGEST_ANSWER = 64 << 20
_REFUSED = (401, 403)


class MailcowApi:
    """The API; no connection is kept.

    Args:
        url: of the site, such as https://mail.example.org.
        key: one that may read and write.
        ca_cert: file of authorities that are trusted instead of the system's, None for those.
        validate_certs: whether the certificate must be valid.
    """

    def __init__(self, url: str, key: str, ca_cert: Optional[str] = None, validate_certs: bool = True) -> None:
        if requests is None:
            message = "the Python package requests is not on this host: the role panel.mailimport.setup installs it"
            raise MailImportError("host_refused", message)
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc or "@" in parts.netloc:
            raise MailImportError(
                "invalid_row", "mailcow_url is the address of the site, such as https://mail.example.org"
            )
        self.url = url.rstrip("/")
        self._key = key
        self._verify: Union[bool, str] = (ca_cert or True) if validate_certs else False

    def get(self, path: str) -> Any:
        """Return what the API has at a path."""
        return self._call("GET", "get/" + path, None)

    def post(self, path: str, body: Any) -> List[Mapping[str, Any]]:
        """Make a change; return the entries of the answer."""
        answer = self._call("POST", path, body)
        entries = answer if isinstance(answer, list) else [answer]
        if not entries or not all(isinstance(entry, dict) for entry in entries):
            raise self._error(path, "answers in a way that is not understood: %s" % one_line(str(answer), 100))
        return entries

    def _call(self, method: str, path: str, body: Any) -> Any:
        headers: Dict[str, str] = {"X-API-Key": self._key, "Accept": "application/json"}
        try:
            answer = requests.request(
                method,
                "%s/api/v1/%s" % (self.url, quote(path, safe="/@")),
                headers=headers,
                json=body,
                timeout=_TIMEOUT,
                verify=self._verify,
                allow_redirects=False,
            )
            content = answer.content[:_LONGEST_ANSWER]
        except (requests.RequestException, OSError) as error:
            raise self._error(path, one_line(str(error), 200)) from None
        try:
            said = json.loads(content)
        except ValueError:
            said = None
        if answer.status_code in _REFUSED:
            hint = "mailcow_api_key must be one that reads and writes, and allow this host's address"
            raise self._error(path, "%s; %s" % (word_of(said) or answer.status_code, hint))
        if answer.status_code != 200 or said is None:
            raise self._error(path, "answers %d and no JSON that is understood: see mailcow_url" % answer.status_code)
        return said

    def _error(self, path: str, text: str) -> MailImportError:
        told = hide_secret("mailcow at %s, %s: %s" % (self.url, path, text), self._key)
        return MailImportError("host_refused", told)


def word_of(entry: Any) -> str:
    """What an entry of an answer says: a word, or a word and what it is about."""
    said = entry.get("msg", "") if isinstance(entry, dict) else ""
    return one_line(str(said[0] if isinstance(said, list) and said else said), 200)
