// Tables that are sorted by their headings. A column has a title, `of(row)`, what it is sorted by, and `cell(row)`.

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

function compare(a, b, sign) {
  if (a === null || b === null) return (a === null) - (b === null); // what is not defined is last, either way
  return sign * (typeof a === 'string' ? collator.compare(a, b) : a - b);
}

function table({ caption, columns: heads, rows, rowClass, tall, sorted }) {
  const body = el('tbody');
  const order = { ...sorted };
  const fill = () => {
    const column = heads[order.column];
    const list = column ? [...rows].sort((a, b) => compare(column.of(a), column.of(b), order.sign)) : rows;
    body.replaceChildren(...list.map((row) => el('tr', { class: rowClass?.(row) },
      heads.map((head, i) => {
        const cell = head.cell ? head.cell(row) : { content: head.of(row) };
        const first = i === 0;
        const attributes = { class: [head.text ? 'text' : '', cell.class].filter(Boolean).join(' ') || null, style: cell.style, 'data-tip': cell.tip };
        return el(first ? 'th' : 'td', first ? { ...attributes, scope: 'row' } : attributes, cell.content);
      }))));
  };
  const titles = heads.map((head, i) => {
    const sort = () => {
      order.sign = order.column === i ? -order.sign : head.text || head.better === 'lower' ? 1 : -1;
      order.column = i;
      titles.forEach((title, k) => title.setAttribute('aria-sort', k !== i ? 'none' : order.sign > 0 ? 'ascending' : 'descending'));
      fill();
    };
    const start = sorted?.column === i ? (sorted.sign > 0 ? 'ascending' : 'descending') : 'none';
    return el('th', { scope: 'col', class: head.text ? 'text' : null, 'aria-sort': start },
      el('button', { type: 'button', onclick: sort, 'data-tip': head.tip || null }, head.title),
      head.direction ? el('span', { class: 'sub' }, head.direction) : null);
  });
  fill();
  return el('div', { class: `box${tall ? ' tall' : ''}`, tabindex: '0', role: 'region', 'aria-label': caption },
    el('table', {}, el('caption', {}, el('span', {}, caption)), el('thead', {}, el('tr', {}, titles)), body));
}
