// Copyright (c) 2026, the panel.mailimport contributors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
"use strict";
const body = document.querySelector("#mailboxes tbody");
const rows = Array.from(body.rows);
const words = document.getElementById("words");
const state = document.getElementById("state");
const shown = document.getElementById("shown");

function filter() {
  const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    const fits = (!state.value || row.className === state.value) && wanted.every((word) => text.includes(word));
    row.hidden = !fits;
    count += fits;
  }
  shown.textContent = count.toLocaleString("en") + " of " + rows.length.toLocaleString("en") + " shown";
}

function value(row, column) {
  const cell = row.cells[column];
  return cell.dataset.v === undefined ? cell.textContent.toLowerCase() : Number(cell.dataset.v);
}

function sort(heading) {
  const column = heading.cellIndex;
  const turn = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
  for (const other of heading.parentNode.cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", turn === 1 ? "ascending" : "descending");
  const keyed = rows.map((row) => [value(row, column), row]);
  keyed.sort((a, b) => (a[0] < b[0] ? -turn : a[0] > b[0] ? turn : 0));
  body.append(...keyed.map((pair) => pair[1]));
}

for (const heading of document.querySelectorAll("#mailboxes th")) {
  heading.firstElementChild.addEventListener("click", () => sort(heading));
  heading.firstElementChild.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    sort(heading);
  });
}
words.addEventListener("input", filter);
state.addEventListener("change", filter);
document.body.classList.add("scripted");
filter();
