# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""JSON over HTTP, for services that fail now and then: sessions, retries, limits, and answers checked before they are
used.
"""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, Mapping, NamedTuple, Optional, Tuple, TypeVar

from ..model.errors import MailImportError
from .addresses import check_url, origin_of
from .answers import can_check, error_words, in_words, is_rate_limit, mismatch, parsed, retry_after

try:
    import requests
    from requests.auth import AuthBase
except ImportError:  # most imports do without
    requests = None  # type: ignore[assignment]
    AuthBase = object  # type: ignore[assignment,misc]

_Result = TypeVar("_Result")

ATTEMPTS = 7
FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
# A service that asks for more than this is asked again by another run.
LONGEST_RETRY_AFTER = 600.0
CONNECT_TIMEOUT = 10.0
MAX_BODY = 64 << 20
_PIECE = 1 << 16

_BUSY = 429
_TOO_SLOW = 408
_FORBIDDEN = 403
_NO_LIBRARIES = (
    "services are asked with the Python packages requests and jsonschema, which are not on this host: the role "
    "panel.mailimport.setup installs them"
)


class ServiceError(MailImportError):
    """What a service answered in place of what was asked for.

    `status` is the HTTP status, `word` what the service calls the error (empty when it does not say), `said` its words
    for people.
    """

    def __init__(self, reason: str, message: str, status: int, word: str = "", said: str = "") -> None:
        super().__init__(reason, message)
        self.status = status
        self.word = word
        self.said = said


@dataclass(frozen=True)
class HttpSettings:
    """`ca_cert` is a file of authorities (PEM) trusted instead of the system's; `timeout` in seconds without a byte;
    `trust` tells people how to have an authority trusted.
    """

    ca_cert: Optional[str] = None
    timeout: float = 30.0
    trust: str = "set api_ca_cert to the authority's file"


@dataclass(frozen=True)
class Call:
    """One request, with a `token` of that `scheme` (RFC 6750 section 2.1). `form` and `body` (JSON) exclude each other;
    `secrets` are kept out of whatever the service says; with `is_key` the address itself is as good as a token.

    Each may be sent again after a failure, so that what it does must bear being done twice.
    """

    method: str
    url: str
    schema: Mapping[str, Any]
    token: Optional[str] = None
    scheme: str = "Bearer"
    params: Optional[Mapping[str, Any]] = None
    form: Optional[Mapping[str, str]] = None
    body: Optional[Mapping[str, Any]] = None
    secrets: Tuple[str, ...] = ()
    is_key: bool = False

    def __str__(self) -> str:
        # Without the query, which may be a secret too.
        return "%s %s" % (self.method, origin_of(self.url) if self.is_key else self.url.partition("?")[0])


class _Received(NamedTuple):
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class _PassingError(Exception):
    """A failure that another attempt may get over; `wait` is what the service asks for, in seconds."""

    def __init__(self, error: MailImportError, wait: Optional[float] = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.wait = wait


class _Authorization(AuthBase):
    """A token in the request's header; given this way, a .netrc does not take its place."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def __call__(self, request: Any) -> Any:
        if self._call.token is not None:
            request.headers["Authorization"] = "%s %s" % (self._call.scheme, self._call.token)
        return request


class Http:
    """Calls a service and returns its answers, with patience for failures that pass.

    Args:
        pause: waits so many seconds.

    Raises:
        MailImportError: `host_refused`, without the libraries for it.
    """

    def __init__(self, settings: HttpSettings, pause: Callable[[float], None] = time.sleep) -> None:
        if requests is None or not can_check():
            raise MailImportError("host_refused", _NO_LIBRARIES)
        self._settings = settings
        self._pause = pause
        self._session: Any = None
        self._process = 0

    def call(self, call: Call) -> Dict[str, Any]:
        """Return the answer, an object that fits the call's schema.

        Raises:
            ServiceError: the service refuses; its reason is `auth_failed` (401), `permission_denied` (403), `not_found`
                (404) or `request_refused`.
            MailImportError: `throttled`, `source_unavailable`, `connection_failed` when that did not pass;
                `certificate_invalid`, `tls_failed`, `protocol_error` for an answer that is not what it should be.
        """
        return self._patiently(lambda: self._answer(call, self._received(call)))

    def text_behind(self, call: Call) -> str:
        """Return the text to which a call is redirected; its token does not go there. Raises what `call` does."""
        return self._patiently(lambda: self._text_behind(call))

    def _patiently(self, attempted: Callable[[], _Result]) -> _Result:
        wait = FIRST_WAIT
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return attempted()
            except _PassingError as failure:
                if attempt == ATTEMPTS or (failure.wait or 0) > LONGEST_RETRY_AFTER:
                    raise failure.error from None
                # A service that says again and again that there is no need to wait is spared all the same.
                self._pause(failure.wait or wait)
                wait = min(LONGEST_WAIT, 2 * wait)
        raise AssertionError("not reached")

    def _text_behind(self, call: Call) -> str:
        received = self._received(call)
        location = received.headers.get("Location")
        if 300 <= received.status < 400 and location:
            # Part of it, in the path or in the query, is all that is needed to read what is there.
            path = location.partition("://")[2].partition("/")[2]
            call = Call("GET", location, call.schema, secrets=(path, path.partition("?")[0]), is_key=True)
            received = self._received(call)
        if received.status != 200:
            self._answer(call, received)
            raise MailImportError("protocol_error", "%s: an answer without content" % call)
        return received.data.decode("utf-8-sig", "replace")

    def _received(self, call: Call) -> _Received:
        check_url(call.url, shown=origin_of(call.url) if call.is_key else call.url)
        try:
            # A redirect would take the token elsewhere.
            with self._opened().request(
                call.method,
                call.url,
                params=call.params,
                data=call.form,
                json=call.body,
                auth=_Authorization(call),
                stream=True,
                allow_redirects=False,
                timeout=(CONNECT_TIMEOUT, self._settings.timeout),
                verify=self._settings.ca_cert or True,
            ) as response:
                return _Received(response.status_code, response.headers, self._read(call, response))
        except requests.exceptions.SSLError as error:
            raise _tls_error(call, error, self._settings.trust) from None
        except requests.exceptions.RequestException as error:
            raise _PassingError(
                MailImportError("connection_failed", "%s: %s" % (call, _network_trouble(error)))
            ) from None
        except ValueError:  # requests reads the address of a redirect, though it does not go there
            raise MailImportError("protocol_error", "%s: is redirected to what is no address" % call) from None

    def _opened(self) -> Any:
        # Not shared between processes, which would read each other's answers.
        if self._session is None or self._process != os.getpid():
            self._session, self._process = requests.Session(), os.getpid()
            self._session.headers["Accept"] = "application/json"
        return self._session

    def _read(self, call: Call, response: Any) -> bytes:
        body = bytearray()
        deadline = time.monotonic() + 10 * self._settings.timeout
        for piece in response.iter_content(_PIECE):
            body += piece
            if len(body) > MAX_BODY:
                raise MailImportError("protocol_error", "%s: the answer is larger than %d bytes" % (call, MAX_BODY))
            if time.monotonic() > deadline:
                raise _PassingError(MailImportError("connection_failed", "%s: the answer comes too slowly" % call))
        return bytes(body)

    def _answer(self, call: Call, received: _Received) -> Dict[str, Any]:
        status, data = received.status, received.data
        answer = parsed(data)
        word, said = error_words(answer, data, (*call.secrets, call.token or ""))
        is_busy = status == _BUSY or (status == _FORBIDDEN and is_rate_limit(word, said, data))
        if is_busy or status == _TOO_SLOW or status >= 500:
            wait = retry_after(received.headers)
            when = "later" if wait is None or wait <= LONGEST_RETRY_AFTER else "in %d minutes" % math.ceil(wait / 60)
            message = "%s: %s: run the task again %s" % (call, in_words(status, word, said), when)
            error = ServiceError("throttled" if is_busy else "source_unavailable", message, status, word, said)
            raise _PassingError(error, wait)
        if 300 <= status < 400:
            raise MailImportError(
                "protocol_error",
                "%s: is redirected elsewhere (HTTP %d); give the address of the API itself" % (call, status),
            )
        if status >= 400:
            reason = {401: "auth_failed", 403: "permission_denied", 404: "not_found"}.get(status, "request_refused")
            raise ServiceError(reason, "%s: %s" % (call, in_words(status, word, said)), status, word, said)
        if answer is None:
            # A proxy's or a maintenance page with status 200, or half of an answer.
            raise _PassingError(MailImportError("protocol_error", "%s: the answer is no JSON" % call))
        problem = mismatch(call.schema, answer)
        if problem:
            raise MailImportError("protocol_error", "%s: the answer has an unknown shape: %s" % (call, problem))
        return dict(answer)


def _tls_error(call: Call, error: Exception, trust: str) -> MailImportError:
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text or "certificate verify failed" in text:
        return MailImportError("certificate_invalid", "%s: the certificate is not trusted (%s)" % (call, trust))
    return MailImportError("tls_failed", "%s: no TLS" % call)


def _network_trouble(error: Exception) -> str:
    """What went wrong, without the many words of the libraries and the addresses of their objects."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return "no connection within %d seconds" % CONNECT_TIMEOUT
    if isinstance(error, requests.exceptions.Timeout):
        return "no answer in time"
    text = str(error)
    for sign, words in (
        ("NameResolutionError", "the host name is not known"),
        ("Name or service not known", "the host name is not known"),
        ("Connection refused", "connection refused"),
        ("reset", "the connection was reset"),
        ("IncompleteRead", "the answer broke off"),
        ("ProxyError", "the proxy refuses"),
    ):
        if sign in text:
            return words
    return "the connection broke (%s)" % type(error).__name__
