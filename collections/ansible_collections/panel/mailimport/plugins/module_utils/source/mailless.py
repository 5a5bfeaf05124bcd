# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

r"""What Exchange calls the folders in which it keeps something else than mail, in the language of a mailbox.

The language is told by the name of the folder that has the attribute `\Sent`. The names are those that Outlook gives
when a mailbox is opened first; a name that is missing here, or has been changed, costs the time in which the folder is
read: it is then known by what is in it. Calendar, contacts, tasks, notes, journal, outbox, sync issues.
"""

from __future__ import annotations

import unicodedata
from typing import FrozenSet, Iterable, Mapping

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
    "itens enviados": "calendário, contatos, contactos, tarefas, anotações, notas, diário, caixa de saída, "
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
ENGLISH = frozenset(_NAMES["sent items"].split(", "))


def names_without_mail(folders: Iterable[SourceFolder]) -> FrozenSet[str]:
    """Return the names of the folders without mail, in small letters, in the language of a mailbox; the English ones
    where that is not known.
    """
    for folder in folders:
        names = _NAMES.get(folded(folder.name)) if _SENT in folder.attributes else None
        if names:
            return frozenset(map(folded, names.split(", ")))
    return ENGLISH


def folded(name: str) -> str:
    """A name in the one form that can be compared."""
    return unicodedata.normalize("NFC", name).casefold()
