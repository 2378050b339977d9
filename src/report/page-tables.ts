/**
 * What makes the tables of a report's page sortable: a button in each header cell. A text, as it runs in the reader's browser and
 * not here.
 */
export const TABLE_SCRIPT = `
(() => {
  'use strict';
  // Numbers begin with the largest, texts with A.
  const names = new Intl.Collator('en', { numeric: true });
  const valueOf = (cell) => {
    const value = cell.dataset.value ?? cell.textContent;
    if (value === '') return undefined;
    return cell.dataset.value === undefined ? value : Number(value);
  };
  const compare = (a, b) => (typeof a === 'number' ? (a === b ? 0 : a - b) : names.compare(a, b));
  function sort(table, column, direction) {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => ({ row, value: valueOf(row.cells[column]) }));
    const sign = direction === 'ascending' ? 1 : -1;
    rows.sort((a, b) => {
      // What is not known stays at the end.
      if (a.value === undefined || b.value === undefined) return (a.value === undefined) - (b.value === undefined);
      return sign * compare(a.value, b.value);
    });
    body.append(...rows.map(({ row }) => row));
    mark(table, column, direction);
  }
  // More rows than anybody reads take seconds to lay out, again after each sorting.
  const MOST_ROWS = 1000;
  const counted = new Intl.NumberFormat('en');
  function cut(table) {
    const count = table.tBodies[0].rows.length;
    if (count <= MOST_ROWS) return;
    table.classList.add('cut');
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = 'Show all';
    const note = document.createElement('p');
    note.className = 'more';
    note.append('The first ' + counted.format(MOST_ROWS) + ' of ' + counted.format(count) + ' rows. Sorting sorts all. ', button);
    button.addEventListener('click', () => {
      table.classList.remove('cut');
      table.parentElement.focus();
      note.remove();
    });
    table.parentElement.after(note);
  }
  function mark(table, column, direction) {
    for (const cell of table.tHead.rows[0].cells) cell.removeAttribute('aria-sort');
    table.tHead.rows[0].cells[column].setAttribute('aria-sort', direction);
  }
  for (const table of document.querySelectorAll('table[data-sorted]')) {
    [...table.tHead.rows[0].cells].forEach((cell, column) => {
      const first = cell.classList.contains('number') ? 'descending' : 'ascending';
      const button = document.createElement('button');
      button.type = 'button';
      button.append(...cell.childNodes);
      button.addEventListener('click', () => {
        const now = cell.getAttribute('aria-sort');
        const other = now === 'ascending' ? 'descending' : 'ascending';
        sort(table, column, now === null ? first : other);
      });
      cell.append(button);
    });
    cut(table);
    const sorted = Number(table.dataset.sorted);
    const isNumber = table.tHead.rows[0].cells[sorted].classList.contains('number');
    mark(table, sorted, isNumber ? 'descending' : 'ascending');
  }
})();
`;
