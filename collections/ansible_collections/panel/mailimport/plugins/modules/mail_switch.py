#!/usr/bin/python
# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Remember on a mail host how the switch of its domains goes on."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mail_switch
short_description: Remember on a mail host how the switch of its domains goes on
version_added: 0.3.0
author:
  - The panel.mailimport contributors (!UNKNOWN)
description:
  - Notes what the servers of domains say of their MX records now, and works out since when mail comes to the new
    servers and until when some may still go elsewhere, because resolvers keep the old records for their time to live.
  - That needs to know the time to live from before the switch. So note it a few times, days before, and again after the
    records were lowered. When it was never seen, a day is assumed.
  - Asks no DNS server itself, and changes no DNS record.
options:
  domains:
    description:
      - What the servers of each domain say now. Without any, only what is known is returned.
      - RV(panel.mailimport.mail_dns_info#module:domains) can be given as it is. Domains whose servers gave no answer
        are left out then.
    type: list
    elements: dict
    default: []
    suboptions:
      domain:
        description: The mail domain.
        type: str
        required: true
      switched:
        description: Whether its MX records send mail to the new servers; V(mixed) when they do so in part.
        type: str
        choices: ['yes', 'no', mixed]
        required: true
      records:
        description: The names that the MX records have.
        type: list
        elements: str
        default: []
      ttl:
        description: The time to live of the MX records, in seconds, as the domain's own servers give it.
        type: int
  finished:
    description:
      - The name of a migration that is finished. This is recorded, and files with secrets that killed runs have left on
        the mail host are removed, however young they are.
      - Files of a run that is still alive on this controller stay.
    type: str
extends_documentation_fragment:
  - panel.mailimport.attributes
  - panel.mailimport.target
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
  async:
    support: none
  platform:
    support: full
  action_group:
    support: full
    membership:
      - panel.mailimport.host
seealso:
  - module: panel.mailimport.mail_migration
"""

EXAMPLES = r"""
- name: Note that mail still goes to the old provider
  panel.mailimport.mail_switch:
    domains:
      - domain: example.org
        switched: 'no'
        records: [mx.old-provider.example]
        ttl: 86400

- name: Ask what is known
  panel.mailimport.mail_switch:
  register: switch

- name: Say when the last of the old records runs out
  ansible.builtin.debug:
    msg: "{{ switch.domains | map(attribute='old_records_until') | max }}"
"""

RETURN = r"""
domains:
  description: What is known of each domain.
  type: list
  elements: dict
  returned: success
  contains:
    domain:
      description: The mail domain.
      type: str
      returned: always
    switched:
      description: What was said last.
      type: str
      returned: always
    records:
      description: The names that the MX records have.
      type: list
      elements: str
      returned: always
    ttl:
      description: Their time to live.
      type: int
      returned: always
    ttl_was_seen:
      description: Whether a time to live is known from before the switch.
      type: bool
      returned: always
    seen_at:
      description: When that was, in UTC.
      type: str
      returned: always
    switched_at:
      description: When all mail was first seen to come to the new servers; V(null) when it does not.
      type: str
      returned: always
    last_seen_elsewhere:
      description: When mail was last seen to go elsewhere. The records were changed after that.
      type: str
      returned: always
    old_records_until:
      description: Until when resolvers may still have old records; V(null) while the domain's own servers have them.
      type: str
      returned: always
finished_migrations:
  description: When migrations were finished, by their names.
  type: dict
  returned: success
removed:
  description: Files with secrets, or with the progress of a run, that were removed.
  type: list
  elements: str
  returned: when there were any
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.run.switch import Answer, note_answers
from ansible_collections.panel.mailimport.plugins.module_utils.task.libraries import prepare_interpreter
from ansible_collections.panel.mailimport.plugins.module_utils.task.options import host_settings, switch_options


def main() -> None:
    module = AnsibleModule(argument_spec=switch_options(), supports_check_mode=True)
    prepare_interpreter(module)
    params = module.params
    try:
        came = note_answers(
            host_settings(params),
            [Answer(**answer) for answer in params["domains"]],
            params["finished"],
            module.check_mode,
        )
    except MailImportError as error:
        module.fail_json(msg="%s (%s)" % (error.message, error.reason))
    module.exit_json(**came)


if __name__ == "__main__":
    main()
