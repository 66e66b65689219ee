// Bar charts: one drawing a chart, at any width, with its numbers as text
// beside the bars and for those who listen.

import { h, svg } from "./dom.js";

const rowHeight = 40;

let charts = 0;

/**
 * bars draws a row a thing: rows are {label, values, text}, a value for each of
 * the series {name, tone}, which are stacked.
 */
export function bars({ title, series, rows }) {
  const most = Math.max(1, ...rows.map((r) => r.values.reduce((a, b) => a + b, 0)));
  const id = `chart-${++charts}`;
  const drawn = rows.flatMap((r, i) => row(r, i * rowHeight, most, series));
  const said = rows.map((r) => `${r.label}: ${r.values.map((v, i) => `${v} ${series[i].name}`).join(", ")}`).join("; ");
  return h("figure", { class: "panel chart" },
    h("figcaption", {}, title, series.length > 1 && series.map(({ name, tone }) => h("span", { class: "legend" },
      svg("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" }, svg("rect", { width: 12, height: 12, rx: 3, class: `bar-${tone}` })), name))),
    svg("svg", { role: "img", height: rows.length * rowHeight, "aria-labelledby": `${id}-title ${id}-desc` },
      svg("title", { id: `${id}-title` }, title), svg("desc", { id: `${id}-desc` }, said), drawn));
}

function row({ label, values, text }, y, most, series) {
  let x = 0;
  const parts = values.map((v, i) => {
    const width = 100 * v / most;
    const rect = v > 0 && svg("rect", { x: `${x}%`, y: y + 20, width: `${width}%`, height: 12, class: `bar-${series[i].tone}`, "data-value": v });
    x += width;
    return rect;
  });
  return [
    svg("text", { x: 0, y: y + 14 }, label.length > 34 ? `${label.slice(0, 33)}…` : label),
    svg("text", { x: "100%", y: y + 14, "text-anchor": "end", class: "value" }, text),
    svg("rect", { x: 0, y: y + 20, width: "100%", height: 12, class: "track" }),
    ...parts.filter(Boolean),
  ];
}
