// A table of rows: sortable by column, and a card a row on a phone.

import { choice, field, h } from "./dom.js";

/**
 * Table shows rows. A column is {key, label, cell(row), sort(row)?, number?,
 * narrow?, clip?, lead?}; a row of a page keeps its place among equals.
 */
export class Table {
  constructor({ caption, columns, sortable = false }) {
    this.columns = columns;
    this.all = [];
    this.sort = { key: "", down: false };
    this.body = h("tbody", { role: "rowgroup" });
    this.heads = columns.map((c) => h("th", { scope: "col", role: "columnheader", class: c.number && "number" },
      sortable ? h("button", { type: "button", onclick: () => this.by(c.key) }, c.label) : c.label));
    const table = h("table", { role: "table" }, h("caption", { class: "visually-hidden" }, caption),
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, this.heads)), this.body);
    this.node = h("div", {}, sortable && this.sorter(), h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, table));
  }

  /** sorter is the way to sort where there are no heads to press. */
  sorter() {
    const options = [["", "As listed"], ...this.columns.flatMap((c) => [[`${c.key} up`, `${c.label}, rising`], [`${c.key} down`, `${c.label}, falling`]])];
    this.select = choice("sort", options, "", { onchange: (e) => {
      const [key, way] = e.target.value.split(" ");
      this.sort = { key, down: way === "down" };
      this.show();
    } });
    return h("div", { class: "sorter" }, field("Sort what is shown by", this.select));
  }

  /** by sorts by a column: rising, falling, as listed. */
  by(key) {
    if (this.sort.key !== key) this.sort = { key, down: false };
    else if (!this.sort.down) this.sort.down = true;
    else this.sort = { key: "", down: false };
    if (this.select) this.select.value = this.sort.key && `${key} ${this.sort.down ? "down" : "up"}`;
    this.show();
  }

  /** rows replaces all rows. */
  set rows(rows) {
    this.all = rows;
    this.show();
  }

  get rows() {
    return this.all;
  }

  sorted() {
    const column = this.columns.find((c) => c.key === this.sort.key);
    if (!column) return this.all;
    const value = column.sort ?? ((r) => r[column.key]);
    const sign = this.sort.down ? -1 : 1;
    return this.all.toSorted((a, b) => {
      const x = value(a), y = value(b);
      if (x === y) return 0;
      if (x === null || x === undefined || x === "") return 1; // what is missing comes last
      if (y === null || y === undefined || y === "") return -1;
      return sign * (typeof x === "number" ? x - y : String(x).localeCompare(String(y)));
    });
  }

  show() {
    this.columns.forEach((c, i) => {
      if (c.key === this.sort.key) this.heads[i].setAttribute("aria-sort", this.sort.down ? "descending" : "ascending");
      else this.heads[i].removeAttribute("aria-sort");
    });
    this.body.replaceChildren(...this.sorted().map((r) => h("tr", { role: "row" }, this.columns.map((c) =>
      h("td", { role: "cell", "data-label": c.label, class: [c.number && "number", c.narrow && "narrow", c.clip && "clip", c.lead && "lead-cell"].filter(Boolean).join(" ") || null },
        h("span", {}, c.cell ? c.cell(r) : r[c.key] ?? "–"))))));
  }
}
