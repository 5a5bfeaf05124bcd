-- Copyright (c) 2026, the panel.mailimport contributors
-- GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
-- SPDX-License-Identifier: GPL-3.0-or-later

-- The tables of the ISPmail guide, in the columns that a mail host of it has.
CREATE TABLE virtual_domains (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, name varchar(50) NOT NULL) DEFAULT CHARSET=utf8;
CREATE TABLE virtual_users (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, domain_id int NOT NULL, email varchar(100) NOT NULL, password varchar(150) NOT NULL, quota int(11) NOT NULL DEFAULT 0, UNIQUE KEY email (email), FOREIGN KEY (domain_id) REFERENCES virtual_domains (id) ON DELETE CASCADE) DEFAULT CHARSET=utf8;
CREATE TABLE virtual_aliases (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, domain_id int NOT NULL, source varchar(100) NOT NULL, destination varchar(100) NOT NULL, FOREIGN KEY (domain_id) REFERENCES virtual_domains (id) ON DELETE CASCADE) DEFAULT CHARSET=utf8;
