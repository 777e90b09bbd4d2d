// Charts are drawn when they come into view, and again when what they show has changed.

const drawn = new Set();

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const chart = entry.target.chart;
    chart.near = entry.isIntersecting;
    if (chart.near) draw(chart);
  }
}, { rootMargin: '150px' });

// `make` returns what is drawn: {spec, datasets, words, label}, or {empty} with the reason; it may wait for data.
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
  const width = Math.max(220, Math.min(chart.place.clientWidth, made.most ?? 1180));
  const spec = filled(data.specs[made.spec], { ...made.words, w: width });
  const old = chart.view;
  const box = el('div', {});
  chart.view = await drawChart(box, { ...spec, datasets: made.datasets }, look(width));
  old?.finalize();
  chart.place.replaceChildren(box);
  chart.place.style.minHeight = '';
  chart.place.dataset.state = 'drawn';
}

// The specification with its words put in: "$w" is the width, "$title" a title.
function filled(node, words) {
  if (typeof node === 'string' && node.startsWith('$') && node.slice(1) in words) return words[node.slice(1)];
  if (Array.isArray(node)) return node.map((item) => filled(item, words));
  if (node && typeof node === 'object') return Object.fromEntries(Object.entries(node).map(([k, v]) => [k, filled(v, words)]));
  return node;
}

function look(width) {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(name).trim();
  const text = { labelColor: color('--ink'), titleColor: color('--soft'), labelFontSize: 12, titleFontSize: 12, titleFontWeight: 500 };
  return {
    font: 'system-ui, sans-serif',
    axis: { ...text, gridColor: color('--line'), domainColor: color('--line'), tickColor: color('--line') },
    legend: { ...text, labelLimit: 240, columns: Math.max(1, Math.min(5, Math.floor(width / 130))) },
    view: { stroke: color('--line') },
    range: { category: isDark() ? PALETTE_DARK : PALETTE },
    text: { color: color('--ink') },
  };
}

// After Okabe and Ito, darker or lighter where they would be too faint on the page's ground.
const PALETTE = ['#0072b2', '#d55e00', '#007d5c', '#b0508a', '#8a6d00', '#3a87c8', '#5b5b5b', '#7a3fb0'];
const PALETTE_DARK = ['#56b4e9', '#ff8c3a', '#35c79a', '#e08fc0', '#e0b93a', '#8cc8ff', '#c0c0c0', '#b794f0'];

function listNumbers(chart) {
  const made = chart.made;
  if (!made || made.empty) return;
  const rows = Object.values(made.datasets).flat();
  const names = made.numbers ?? Object.keys(rows[0] ?? {});
  const heads = names.map((name) => ({
    title: name, text: typeof rows[0]?.[name] === 'string', of: (row) => row[name] ?? null,
    cell: (row) => ({ content: typeof row[name] === 'number' ? String(Number(row[name].toPrecision(5))) : String(row[name] ?? '–') }),
  }));
  chart.numbers.lastChild.replaceChildren(table({ caption: made.label, columns: heads, rows, tall: true }));
}
