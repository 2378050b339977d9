import type { Report, ReportRow } from '../usage-report';
import { type Column, columnsOf, rowsInOrder } from './columns';
import { barHtml } from './headline';
import { escapeHtml, nameHtml } from './markup';

/** A report as a table that the page's script makes sortable. It holds every figure that the charts show. */
export function tableHtml(report: Report, caption: string, id: string): string {
  const columns = columnsOf(report);
  const head = columns.map((column) => `<th scope="col"${kindOf(column)}>${escapeHtml(column.title)}</th>`).join('');
  const rows = rowsInOrder(report).map(
    (row) => `<tr>${columns.map((column, index) => cell(column, row, index)).join('')}</tr>`,
  );
  const total = report.by.length > 0 ? `\n<tfoot>\n<tr>${totalCells(columns, report.total)}</tr>\n</tfoot>` : '';
  return `<div class="scroll" role="region" aria-labelledby="${id}" tabindex="0">
<table data-sorted="${sortedBy(report, columns)}">
<caption id="${id}"><span>${escapeHtml(caption)}</span></caption>
<thead>
<tr>${head}</tr>
</thead>
<tbody>
${rows.join('\n')}
</tbody>${total}
</table>
</div>`;
}

/** The column that the rows are in order of, as its place: by day, or by cost. */
const sortedBy = ({ by }: Report, columns: readonly Column[]): number =>
  by[0] === 'day' ? 0 : columns.findIndex(({ id }) => id === 'cost');

const kindOf = ({ kind }: Column): string => (kind === 'number' ? ' class="number"' : kind === 'time' ? ' class="time"' : '');

function cell(column: Column, row: ReportRow, index: number): string {
  const { kind } = column;
  const value = column.value(row);
  // Texts sort as they stand there, and so does a name that is not there.
  const sort =
    kind === 'number' || kind === 'time'
      ? ` data-value="${value ?? ''}"`
      : value === undefined || value === ''
        ? ' data-value=""'
        : '';
  const content = contentOf(column, row);
  return index === 0 ? `<th scope="row"${sort}>${content}</th>` : `<td${kindOf(column)}${sort}>${content}</td>`;
}

function contentOf(column: Column, row: ReportRow): string {
  const { id, kind } = column;
  if (kind === 'group' || kind === 'text') return nameHtml(column.text(row));
  const bar = id === 'budgetUsed' && row.budgetUsed !== undefined ? barHtml(row.budgetUsed) : '';
  return bar + escapeHtml(column.text(row));
}

const totalCells = (columns: readonly Column[], total: ReportRow): string =>
  columns
    .map((column) => {
      if (column.id === 'group0') return '<th scope="row">total</th>';
      const isBlank = column.kind === 'group' || column.value(total) === undefined;
      return `<td${kindOf(column)}>${isBlank ? '' : contentOf(column, total)}</td>`;
    })
    .join('');
