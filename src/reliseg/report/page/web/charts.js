// Charts are drawn when they come into view, and again when what they show has changed.

const drawn = new Set();

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const chart = entry.target.chart;
    chart.near = entry.isIntersecting;
    if (chart.near) draw(chart);
  }
}, { rootMargin: '150px' });

// `make` returns what is drawn: {spec, records, words, label}, or {empty} with the reason; it may wait for data.
function figure(title, make) {
  const place = el('div', { class: 'chart', role: 'img', tabindex: '0', 'aria-label': title || 'Chart' }); // until it is drawn
  const caption = el('figcaption', {});
  const numbers = el('details', {}, el('summary', {}, 'Numbers of this chart'), el('div', {}));
  const chart = { place, caption, numbers, make, title, stale: true, near: false };
  numbers.addEventListener('toggle', () => numbers.open && listNumbers(chart));
  place.chart = chart;
  drawn.add(chart);
  watcher.observe(place);
  return el('figure', {}, title ? el('h3', {}, title) : null, caption, place, numbers);
}

function redraw() {
  for (const chart of drawn) {
    chart.stale = true;
    if (chart.near) draw(chart);
  }
}

const drawAll = () => Promise.all([...drawn].map((chart) => draw(chart)));

async function draw(chart) {
  if (!chart.stale) return;
  chart.stale = false;
  const turn = (chart.turn = (chart.turn ?? 0) + 1);
  const made = await chart.make();
  if (chart.turn !== turn) return;
  chart.made = made;
  chart.caption.textContent = made.caption ?? '';
  chart.numbers.hidden = Boolean(made.empty);
  if (chart.numbers.open) listNumbers(chart);
  if (made.empty) {
    chart.view?.finalize();
    chart.view = null;
    chart.place.removeAttribute('role');
    chart.place.replaceChildren(el('p', { class: 'empty' }, made.empty));
    chart.place.dataset.state = 'empty';
    return;
  }
  chart.place.setAttribute('role', 'img');
  chart.place.setAttribute('aria-label', made.label);
  chart.place.style.minHeight = `${chart.place.offsetHeight}px`; // nothing jumps while it is drawn anew
  const width = Math.max(made.least ?? 220, Math.min(chart.place.clientWidth, made.most ?? 1180));
  const config = look(width);
  const colors = Object.fromEntries(config.range.category.map((color, i) => [`c${i}`, color]));
  const spec = filled(data.specs[made.spec], { ...colors, ...made.words, w: width, inner: width - 70 });
  const old = chart.view;
  const box = el('div', {});
  chart.view = await drawChart(box, { ...spec, datasets: { records: made.records } }, config);
  old?.finalize();
  chart.place.replaceChildren(box);
  chart.place.style.minHeight = '';
  chart.place.dataset.state = 'drawn';
}

// The specification with its words put in: "$w" is the width, "$title" a title, "$c0" a color.
function filled(node, words) {
  if (typeof node === 'string' && node.startsWith('$') && node.slice(1) in words) return words[node.slice(1)];
  if (Array.isArray(node)) return node.map((item) => filled(item, words));
  if (node && typeof node === 'object') return Object.fromEntries(Object.entries(node).map(([k, v]) => [k, filled(v, words)]));
  return node;
}

// How charts look on this ground; a legend has as many columns as fit.
function look(width) {
  const theme = data.themes[isDark() ? 'dark' : 'light'];
  return { ...theme, legend: { ...theme.legend, labelLimit: 240, columns: Math.max(1, Math.min(5, Math.floor(width / 130))) } };
}

function listNumbers(chart) {
  const made = chart.made;
  if (!made || made.empty) return;
  const rows = made.records;
  const names = made.numbers ?? Object.keys(rows[0] ?? {});
  const heads = names.map((name) => ({
    title: name, text: typeof rows[0]?.[name] === 'string', of: (row) => row[name] ?? null,
    cell: (row) => ({ content: typeof row[name] === 'number' ? String(Number(row[name].toPrecision(5))) : String(row[name] ?? '–') }),
  }));
  chart.numbers.lastChild.replaceChildren(table({ caption: made.label, columns: heads, rows, tall: true }));
}
