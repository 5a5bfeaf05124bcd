# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in for `mgrctl`, the command of ispmanager 6: the functions for mail domains and mailboxes.

It keeps a panel in `panel.json` beside itself, and writes the users file of a real Dovecot from it, as the panel does.
What is known of the panel is its default; what is only guessed are switches, see `Panel` in tests/support/panel.py.
A password in the arguments is written down in `faults`, where tests look.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, NoReturn

HERE = Path(sys.argv[0]).resolve().parent

# The fields of forms, with their values for something new. An edition may lack some of them.
FORMS = {
    "email.edit": ("name", "domainname", "passwd", "maxsize", "forward", "dontsave", "note"),
    "emaildomain.edit": ("name", "owner", "ipsrc", "defaction", "dmarc", "limit_ssl"),
}
# What is taken though no form shows it.
HIDDEN = {"sok", "elid", "plid", "su", "lang", "confirm"}


class RefusalError(Exception):
    def __init__(self, kind: str, about: str = "", words: str = "") -> None:
        super().__init__(kind)
        self.kind, self.about, self.words = kind, about, words


def main(arguments: list[str]) -> int:
    options, function, given = read_arguments(arguments)
    with panel() as data:
        data["calls"].append({"function": function, "given": sorted(given)})
        if any(re.match(r"(passwd|confirm)=(?!\$\w+$)", word) for word in arguments):
            data["faults"].append("a password in the arguments of %s" % function)
        try:
            trouble(data, function)
            answer = FUNCTIONS[function](data, given) if function in FUNCTIONS else refuse("missed", "func")
        except RefusalError as refusal:
            return show_refusal(data, refusal, options["o"])
    if "sok" in given and function in data["switches"].get("kills_caller", []):
        os.kill(os.getppid(), signal.SIGKILL)
    show(answer, options["o"])
    return 0


def say(text: str, stream: Any = None) -> None:
    (stream or sys.stdout).write(text + "\n")


def read_arguments(arguments: list[str]) -> tuple[dict[str, str], str, dict[str, str]]:
    options, function, given = {"o": "text"}, "", {}
    words = iter(arguments)
    for word in words:
        if word in ("-m", "-o"):
            options[word[1:]] = next(words)
        elif word == "-e":
            key, _is, variable = next(words).partition("=$")
            given[key] = os.environ.get(variable, "")
        elif not function:
            function = word
        else:
            key, _is, value = word.partition("=")
            given[key] = value
    return options, function, given


@contextmanager
def panel() -> Iterator[dict[str, Any]]:
    """The panel's data: one call at a time, as the panel does it."""
    file = HERE / "panel.json"
    with (HERE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        data = json.loads(file.read_text())
        yield data
        file.write_text(json.dumps(data))


def trouble(data: dict[str, Any], function: str) -> None:
    """What the switches make go wrong in this call."""
    switches = data["switches"]
    if switches.get("warns"):
        say("warning: license expires soon", sys.stderr)
    if switches.get("busy", 0) > 0:
        switches["busy"] -= 1
        refuse("request_failed", "", "terminated by administrator")
    if switches.get("answers"):
        say(switches["answers"].replace("FORM", json.dumps(data["mailboxes"])))
        sys.exit(1)
    if switches.get("no_mail"):
        refuse("notconfigured", "email")
    if switches.get("fails", {}).get(function):
        refuse(*switches["fails"][function])


def refuse(kind: str, about: str = "", words: str = "") -> NoReturn:
    raise RefusalError(kind, about, words)


def listed(data: dict[str, Any], kind: str, given: dict[str, str]) -> dict[str, Any]:
    user = given.get("su")
    if user and user not in data["users"]:
        refuse("missed", "user")
    elements = [
        {"name": {"$": key}, "owner": {"$": item["owner"]}, "note": {}}
        for key, item in sorted(data[kind].items())
        if user in (None, item["owner"])
    ]
    if not elements:
        return {}
    return {"elem": elements[0] if len(elements) == 1 and data["switches"].get("lone_element") else elements}


def edit(data: dict[str, Any], function: str, kind: str, given: dict[str, str]) -> dict[str, Any]:
    fields = [field for field in FORMS[function] if field not in data["switches"].get("lacks", [])]
    present = data[kind].get(given["elid"]) if "elid" in given else {}
    if present is None:
        refuse("missed", "elid")
    if "sok" not in given:
        return {"tparams": {"func": {"$": function}}, **{field: {"$": present.get(field, "")} for field in fields}}
    for field in given:
        if field not in fields and field not in HIDDEN:
            refuse("value", field)
    (edit_mailbox if kind == "mailboxes" else edit_domain)(data, present, given)
    return {"ok": {}}


def edit_domain(data: dict[str, Any], present: dict[str, Any], given: dict[str, str]) -> None:
    if not given.get("owner"):
        refuse("missed", "owner")
    if given["owner"] not in data["users"]:
        refuse("value", "owner", "The user does not exist")
    if given["name"] in data["domains"]:
        refuse("exists", "name", "The mail domain already exists")
    data["domains"][given["name"]] = {**present, **given}


def edit_mailbox(data: dict[str, Any], present: dict[str, Any], given: dict[str, str]) -> None:
    if given.get("passwd") != given.get("confirm"):
        refuse("value", "confirm", "The passwords differ")
    if len(given.get("passwd", "")) < data["switches"].get("shortest_password", 1):
        refuse("value", "passwd", "The password '%s' is too short" % given.get("passwd", ""))
    if "elid" in given:
        address = given["elid"]
        # What a form does not send back is reset.
        item = {**dict.fromkeys(FORMS["email.edit"], ""), **given}
        item = {**item, "owner": present["owner"], "suspended": present["suspended"], "place": present["place"]}
    else:
        if not re.fullmatch(r"[a-z0-9.-]+", given.get("name", "")):
            refuse("value", "name", "Only lower-case Latin letters, digits, - and .")
        if given.get("domainname") not in data["domains"]:
            refuse("value", "domainname")
        address = "%s@%s" % (given["name"], given["domainname"])
        if address in data["mailboxes"] or address in data["aliases"]:
            refuse("exists", "name", "The mailbox already exists")
        owner = data["domains"][given["domainname"]]["owner"]
        if len(data["mailboxes"]) >= data["switches"].get("most_mailboxes", 10**6):
            refuse("limit", "email", "The limit of mailboxes is reached")
        item = {**given, "owner": owner, "suspended": False}
        item["place"] = "%s/%s/data/email/%s/%s" % (data["www"], owner, given["domainname"], given["name"])
    item["hash"] = hash_of(address, given["passwd"])
    data["mailboxes"][address] = item
    write_users(data)


def hash_of(address: str, password: str) -> str:
    command = ["doveadm", "pw", "-s", "CRAM-MD5", "-u", address]
    entered = "%s\n%s\n" % (password, password)
    return subprocess.run(command, input=entered, capture_output=True, check=True, text=True).stdout.strip()


def write_users(data: dict[str, Any]) -> None:
    """The users file, whole: at once, or a moment after the answer."""
    lines = []
    for address, item in sorted(data["mailboxes"].items()):
        if not item["suspended"]:
            Path(item["place"]).parent.mkdir(parents=True, exist_ok=True)
            for directory in list(Path(item["place"]).parents)[:4]:
                os.chown(directory, data["uid"], data["gid"])
            fields = (address, item["hash"], data["uid"], data["gid"], item["place"], item.get("maxsize") or "0")
            lines.append("%s:%s:%d:%d::%s:::maildir:~/.maildir userdb_quota_rule=*:bytes=%sM\n" % fields)
    if data["switches"].get("writes_later") and os.fork():
        return
    if data["switches"].get("writes_later"):
        for descriptor in (0, 1, 2):
            os.close(descriptor)
        time.sleep(data["switches"]["writes_later"])
    new = HERE / ("users.%d" % os.getpid())
    new.write_text("".join(lines))
    new.chmod(0o644)
    # Dovecot knows a new version by its size and the whole seconds of its time.
    old = Path(data["users_file"])
    written = max(time.time(), int(old.stat().st_mtime) + 1 if old.exists() else 0)
    os.utime(new, (written, written))
    new.replace(old)
    if data["switches"].get("writes_later"):
        os._exit(0)


def delete(data: dict[str, Any], given: dict[str, str]) -> dict[str, Any]:
    if data["mailboxes"].pop(given.get("elid", ""), None) is None:
        refuse("missed", "elid")
    write_users(data)
    return {"ok": {}}


def suspend(data: dict[str, Any], given: dict[str, str], suspended: bool) -> dict[str, Any]:
    if given.get("elid") not in data["mailboxes"]:
        refuse("missed", "elid")
    data["mailboxes"][given["elid"]]["suspended"] = suspended
    write_users(data)
    return {"ok": {}}


FUNCTIONS = {
    "email": lambda data, given: listed(data, "mailboxes", given),
    "emaildomain": lambda data, given: listed(data, "domains", given),
    "email.edit": lambda data, given: edit(data, "email.edit", "mailboxes", given),
    "emaildomain.edit": lambda data, given: edit(data, "emaildomain.edit", "domains", given),
    "email.delete": delete,
    "email.suspend": lambda data, given: suspend(data, given, True),
    "email.resume": lambda data, given: suspend(data, given, False),
}


def show(answer: dict[str, Any], form: str) -> None:
    if form == "json":
        say(json.dumps({"doc": answer}))
    elif "ok" in answer:
        say("OK")
    elif "elem" in answer:
        for element in answer["elem"] if isinstance(answer["elem"], list) else [answer["elem"]]:
            say(" ".join("%s=%s" % (key, value.get("$", "")) for key, value in element.items()))
    else:
        for key, value in answer.items():
            say("%s=%s" % (key, value.get("$", "")))


def show_refusal(data: dict[str, Any], refusal: RefusalError, form: str) -> int:
    if form == "json" and not data["switches"].get("errors_as_text"):
        error: dict[str, Any] = {"$type": refusal.kind, "$object": refusal.about}
        if refusal.words:
            error["msg"] = {"$": refusal.words}
        say(json.dumps({"doc": {"error": error}}))
    else:
        say("ERROR %s(%s): %s" % (refusal.kind, refusal.about, refusal.words))
    return int(data["switches"].get("exit_code", 1))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
