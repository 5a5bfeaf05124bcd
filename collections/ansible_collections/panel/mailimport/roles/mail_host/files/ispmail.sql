-- Copyright (c) 2026, the panel.mailimport contributors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- The tables of the ISPmail guide, for SQLite.
CREATE TABLE virtual_domains (
  id integer PRIMARY KEY,
  name varchar(50) NOT NULL UNIQUE
);
CREATE TABLE virtual_users (
  id integer PRIMARY KEY,
  domain_id integer NOT NULL REFERENCES virtual_domains (id) ON DELETE CASCADE,
  email varchar(100) NOT NULL UNIQUE,
  password varchar(150) NOT NULL,
  quota bigint NOT NULL DEFAULT 0
);
CREATE TABLE virtual_aliases (
  id integer PRIMARY KEY,
  domain_id integer NOT NULL REFERENCES virtual_domains (id) ON DELETE CASCADE,
  source varchar(100) NOT NULL,
  destination varchar(100) NOT NULL
);
