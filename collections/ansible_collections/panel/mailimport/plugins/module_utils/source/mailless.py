# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""What Exchange calls the folders in which it keeps something else than mail, in the language of a mailbox.

The language is told by the name of the folder that has the attribute `\Sent`. The names are those that Outlook gives
when a mailbox is opened first. In a language that is not known, folders of these names are read like any other, for
their owner may have called folders of mail so: one in which there is no mail is then known by its name in whatever
language and by what is in it. Calendar, contacts, tasks, notes, journal, outbox, sync issues; `a|b` are two words for
one folder, of which a mailbox has the first, or else the second.
"""

from __future__ import annotations

import unicodedata
from typing import Container, FrozenSet, Iterable, Mapping

from ..model.mail import SourceFolder

_SENT = b"\\SENT"

# By the names of what was sent, all in small letters.
_NAMES: Mapping[str, str] = {
    "sent items": "calendar, contacts, tasks, notes, journal, outbox, sync issues",
    "gesendete elemente": "kalender, kontakte, aufgaben, notizen, journal, postausgang, synchronisierungsprobleme",
    "éléments envoyés": "calendrier, contacts, tâches, notes, journal, boîte d'envoi, problèmes de synchronisation",
    "elementos enviados": "calendario, contactos, tareas, notas, diario, bandeja de salida, "
    "problemas de sincronización",
    "posta inviata": "calendario, contatti, attività, note, diario, posta in uscita, problemi di sincronizzazione",
    "itens enviados": "calendário, contatos|contactos, tarefas, anotações|notas, diário, caixa de saída, "
    "problemas de sincronização",
    "verzonden items": "agenda, contactpersonen, taken, notities, logboek, postvak uit, synchronisatieproblemen",
    "elementy wysłane": "kalendarz, kontakty, zadania, notatki, dziennik, skrzynka nadawcza, problemy z synchronizacją",
    "отправленные": "календарь, контакты, задачи, заметки, дневник, исходящие, проблемы синхронизации",
    "надіслані": "календар, контакти, завдання, нотатки, щоденник, вихідні, проблеми синхронізації",
    "odeslaná pošta": "kalendář, kontakty, úkoly, poznámky, deník, pošta k odeslání, problémy se synchronizací",
    "gönderilmiş öğeler": "takvim, kişiler, görevler, notlar, günlük, giden kutusu, eşitleme sorunları",
    "skickat": "kalender, kontakter, uppgifter, anteckningar, journal, utkorgen, synkroniseringsproblem",
    "sendt post": "kalender, kontakter, opgaver, noter, journal, udbakke, synkroniseringsproblemer",
    "sendte elementer": "kalender, kontakter, oppgaver, notater, journal, utboks, synkroniseringsproblemer",
    "lähetetyt": "kalenteri, yhteyshenkilöt, tehtävät, muistiinpanot, päiväkirja, lähtevät, synkronointiongelmat",
    "elküldött elemek": "naptár, névjegyek, feladatok, feljegyzések, napló, postázandó üzenetek, "
    "szinkronizálási problémák",
    "送信済みアイテム": "予定表, 連絡先, タスク, メモ, 履歴, 送信トレイ, 同期の問題",
    "已发送邮件": "日历, 联系人, 任务, 便笺, 日记, 发件箱, 同步问题",
}
# What Exchange calls so in any language.
_INTERNAL = "conversation action settings, externalcontacts, personmetadata, quick step settings, yammer root"


def names_without_mail(folders: Iterable[SourceFolder]) -> FrozenSet[str]:
    """Return the names of the folders without mail, in small letters, in the language of a mailbox; none where that is
    not known.
    """
    listed = {folded(folder.name): _SENT in folder.attributes for folder in folders}
    names = next((_NAMES[name] for name, is_sent in listed.items() if is_sent and name in _NAMES), "")
    return frozenset(_of_this_mailbox(words, listed) for words in names.split(", ") if words)


def _of_this_mailbox(words: str, listed: Container[str]) -> str:
    """Return which of the words for a folder a mailbox has."""
    known = [folded(word) for word in words.split("|")]
    return next((word for word in known if word in listed), known[0])


def folded(name: str) -> str:
    """A name in the one form that can be compared."""
    return unicodedata.normalize("NFC", name).casefold()


IN_ANY_LANGUAGE = frozenset(
    folded(word) for names in (*_NAMES.values(), _INTERNAL) for word in names.replace("|", ", ").split(", ")
)
