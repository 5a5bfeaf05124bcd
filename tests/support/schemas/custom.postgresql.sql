-- Copyright (c) 2026, the panel.mailimport contributors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- What the guide's task for other tables writes to.
CREATE TABLE people (email varchar(255) NOT NULL PRIMARY KEY, hash varchar(255) NOT NULL);
