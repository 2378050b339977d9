/** The style of a report's page. Light by default, dark where the reader has it so, and always light on paper. */
export const PAGE_STYLE = `
:root {
  --ground: #f5f6f8; --surface: #ffffff; --text: #1a2230; --muted: #566070; --line: #dde1e7; --accent: #2b5cc4;
  --rail: #e6e9ee; --calm: #2a7d53; --near: #b06f00; --full: #c0332a; --mark: #8a94a3;
  --series-1: #3a6bc9; --series-2: #c97a1e; --series-3: #1d8a7e; --series-4: #8457c2; --series-5: #c44a75; --series-6: #76818f;
}
@media screen and (prefers-color-scheme: dark) {
  :root:not(.paper) {
    --ground: #11141a; --surface: #191e26; --text: #e6eaf0; --muted: #a3adba; --line: #2c3440; --accent: #8ab0ff;
    --rail: #2c3440; --calm: #55bd88; --near: #e2ac42; --full: #f27d73; --mark: #77828f;
    --series-1: #6f9cf3; --series-2: #e6a04e; --series-3: #48bcae; --series-4: #b38fe9; --series-5: #ec82a6; --series-6: #98a3b0;
  }
}
* { box-sizing: border-box; }
html { color-scheme: light dark; -webkit-text-size-adjust: 100%; }
html.paper { color-scheme: light; }
body {
  margin: 0; background: var(--ground); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
header, main, footer { max-width: 1200px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 36px; }
h1 { margin: 0; font-size: 26px; line-height: 1.25; font-weight: 650; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { margin: 40px 0 14px; font-size: 18px; line-height: 1.3; font-weight: 650; overflow-wrap: anywhere; }
.period { margin: 4px 0 0; color: var(--muted); font-variant-numeric: tabular-nums; }
h2 + .period { margin: -10px 0 14px; }
.empty { margin: 0; padding: 32px 24px; color: var(--muted); }
.headline, .charts figure, .scroll, .empty { background: var(--surface); border: 1px solid var(--line); border-radius: 10px; }
.headline {
  display: flex; flex-wrap: wrap; gap: 1px; overflow: hidden;
  margin: 24px 0 0; padding: 0; background: var(--line);
}
.headline > div { flex: 1 1 180px; background: var(--surface); padding: 16px 18px 14px; min-width: 0; }
.headline dt { color: var(--muted); font-size: 13px; }
.headline dd { margin: 0; }
.headline .figure { font-size: 22px; line-height: 1.35; font-weight: 620; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.headline .note { color: var(--muted); font-size: 13px; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.headline .bar { display: block; width: 100%; margin: 4px 0 6px; }
.bar { width: 56px; height: 6px; border-radius: 3px; vertical-align: middle; margin-right: 8px; }
.rail { fill: var(--rail); } .calm { fill: var(--calm); } .near { fill: var(--near); } .full { fill: var(--full); }
.charts { display: flex; flex-wrap: wrap; gap: 16px; margin-bottom: 16px; }
.charts[hidden] { display: none; }
.charts figure { display: flex; flex-direction: column; flex: 1 1 calc(50% - 8px); margin: 0; padding: 16px 18px; min-width: min(100%, 400px); }
.charts .wide:first-child { flex-basis: 100%; }
figcaption { font-size: 14px; font-weight: 600; margin-bottom: 8px; overflow-wrap: anywhere; }
.plot { position: relative; flex: 1 0 auto; height: 260px; min-height: 0; min-width: 0; }
.scroll { overflow-x: auto; }
table { width: max-content; min-width: 100%; border-collapse: collapse; font-size: 14px; }
caption { text-align: left; padding: 14px 18px 8px; font-weight: 600; }
caption span { position: sticky; left: 18px; display: inline-block; max-width: min(1100px, 100vw - 66px); overflow-wrap: anywhere; }
th, td { padding: 8px 12px; text-align: left; font-weight: 400; border-top: 1px solid var(--line); vertical-align: top; }
th:first-child, td:first-child { padding-left: 18px; }
th:last-child, td:last-child { padding-right: 18px; }
td bdi, th bdi { display: inline-block; max-width: 280px; vertical-align: top; overflow-wrap: break-word; }
th[scope="row"] { position: sticky; left: 0; background: var(--surface); font-weight: 550; }
.number, .time { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
thead th { border-top: 0; color: var(--muted); font-size: 13px; white-space: nowrap; vertical-align: bottom; }
tfoot td, tfoot th { border-top: 2px solid var(--line); font-weight: 650; }
thead button {
  all: unset; cursor: pointer; color: inherit; font: inherit; border-radius: 4px; box-sizing: border-box;
}
thead button::after { content: "\\2195\\FE0E"; content: "\\2195\\FE0E" / ""; display: inline-block; width: 1em; margin-left: 3px; text-align: center; opacity: 0.35; }
[aria-sort] button { color: var(--text); font-weight: 600; }
[aria-sort="ascending"] button::after { content: "\\2191"; content: "\\2191" / ""; opacity: 1; }
[aria-sort="descending"] button::after { content: "\\2193"; content: "\\2193" / ""; opacity: 1; }
thead button:hover { color: var(--text); }
thead button:focus-visible, .scroll:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
tbody tr:hover td, tbody tr:hover th { background: var(--ground); }
/* As many as the table's script says. Paper has all. */
@media screen { .cut tbody tr:nth-child(n+1001) { display: none; } }
.more { margin: 10px 0 0; color: var(--muted); font-size: 13px; }
.more button { all: unset; cursor: pointer; color: var(--accent); text-decoration: underline; border-radius: 4px; }
.more button:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
@media print { .more { display: none; } }
footer { padding-top: 28px; padding-bottom: 40px; color: var(--muted); font-size: 13px; }
footer p { margin: 0 0 2px; }
@media (max-width: 560px) {
  header, main, footer { padding-left: 14px; padding-right: 14px; }
  header { padding-top: 22px; }
  .headline > div { flex-basis: 45%; padding: 12px 14px; }
  .headline .figure { font-size: 20px; }
  .charts figure { padding: 14px 12px; }
  td bdi, th bdi { max-width: 40vw; }
}
@page { size: A4 landscape; margin: 12mm; }
/* As wide as that page, already before printing: charts are drawn then. */
html.paper body { width: 1032px; background: none; }
.paper header, .paper main, .paper footer { max-width: none; padding: 0; }
.paper .charts figure { min-width: 400px; padding: 14px; }
.paper .headline > div { flex-basis: 150px; padding: 12px; }
@media print {
  html { color-scheme: light; }
  body { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  canvas { max-width: 100%; }
  .headline, .charts figure, tr { break-inside: avoid; }
  h2 { break-after: avoid; }
  .scroll { overflow: visible; border: 0; background: none; }
  table { width: 100%; font-size: 9px; }
  th, td { padding: 4px; }
  th:first-child, td:first-child, caption { padding-left: 0; }
  th:last-child, td:last-child { padding-right: 0; }
  th[scope="row"], caption span { position: static; }
  td bdi, th bdi { max-width: 110px; }
  thead th { font-size: 9px; white-space: normal; }
  thead button::after { display: none; }
  tfoot { display: table-row-group; }
  td .bar { width: 30px; margin-right: 3px; }
}
`;
