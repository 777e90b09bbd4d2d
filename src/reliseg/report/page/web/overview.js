// The first table: models and domains against the headline numbers; and each number ranked, with its interval.

const layout = { heat: '', metric: '' };
const NARROWEST = { '%': 10 }; // a difference of less is shown faint, not stretched over all shades

function heatColumn(metric, calibration = view.calibration) {
  const column = columnOf(metric);
  const known = column ? column.value.filter((v, i) => v !== null && data.states.calibration[i] === calibration) : [];
  let [low, high] = [Infinity, -Infinity];
  for (const v of known) { low = Math.min(low, v * column.unit); high = Math.max(high, v * column.unit); }
  const span = Math.max(high - low, NARROWEST[term(metric).unit] ?? 0.1);
  const better = term(metric).better;
  return { column, shade: (value) => (better === 'higher' ? (high - value) / span : better === 'lower' ? (value - low) / span : 0) };
}

function heatCell(metric, heat, model, domain) {
  const n = number(heat.column, stateOf(model, domain, view.calibration));
  if (n.value === null) return { content: '–', class: 'none', tip: n.note };
  const content = [format(n.value, metric)];
  if (n.low !== null) content.push(el('span', { class: 'sub' }, interval(n, metric)));
  content.push(change(metric, heat.column, n, model, domain));
  const images = data.states.images[stateOf(model, domain, view.calibration)];
  const words = `${term(metric).title} of ${data.models[model]} on ${data.domains[domain]}: ${inWords(n, metric)}; ${images} images.`;
  return { content, class: 'heat', style: `--heat:${heat.shade(n.value).toFixed(3)}`, tip: n.note ? `${words} ${n.note}.` : words };
}

// The difference to the reference, as an arrow that says whether it is worse.
function change(metric, column, n, model, domain) {
  const reference = data.references[domain];
  if (reference < 0) return data.references.includes(domain) ? el('span', { class: 'sub' }, 'reference') : null;
  const before = number(column, stateOf(model, reference, view.calibration)).value;
  if (before === null) return null;
  const difference = n.value - before;
  const better = term(metric).better;
  const worse = better === 'higher' ? difference < 0 : difference > 0;
  if (Number(format(Math.abs(difference), metric)) === 0) return el('span', { class: 'sub' }, '= reference');
  return el('span', { class: `sub ${worse ? 'drop' : 'gain'}` },
    `${difference < 0 ? '▼' : '▲'} ${format(Math.abs(difference), metric)} `, worse ? 'worse' : 'better');
}

function chooser(model, domain) {
  const text = domain === undefined ? [nameOf(data.models[model])] : [nameOf(data.models[model]), el('span', { class: 'sub' }, nameOf(data.domains[domain]))];
  return el('button', { type: 'button', class: 'choose', onclick: () => choose(domain === undefined ? { model } : { model, domain }) }, text);
}

// Corrupted copies are many, and have a section of their own; if nothing else was measured they stand here too.
const inOverview = (domain) => !copies.has(domain) || data.domains.every((_, d) => copies.has(d));

function pairs() {
  const found = [];
  data.models.forEach((m, model) => data.domains.forEach((d, domain) => {
    if (inOverview(domain) && stateOf(model, domain, view.calibration) !== undefined && isShown(m, d)) found.push({ model, domain });
  }));
  return found;
}

function rowClass({ model, domain }) {
  const names = domain === undefined ? [data.models[model]] : [data.models[model], data.domains[domain]];
  const chosen = model === view.model && (domain === undefined || domain === view.domain);
  return [chosen ? 'chosen' : '', isMarked(...names) ? 'marked' : ''].join(' ').trim() || null;
}

function headlineTable() {
  const heads = [{ title: 'Model, domain', text: true, of: (r) => `${data.models[r.model]} ${data.domains[r.domain]}`, cell: (r) => ({ content: chooser(r.model, r.domain) }) }];
  for (const [metric] of data.headline) {
    const heat = heatColumn(metric);
    const { title, direction, text } = metricTitle(metric);
    heads.push({ title, direction, tip: text, better: term(metric).better,
      of: (r) => number(heat.column, stateOf(r.model, r.domain, view.calibration)).value,
      cell: (r) => heatCell(metric, heat, r.model, r.domain) });
  }
  return table({ caption: `Calibration: ${data.calibrations[view.calibration]}. Deeper shade: worse. In small print: the 95 % interval, and the difference to the reference domain.`,
    columns: heads, rows: pairs(), rowClass, tall: true });
}

function matrix(metric) {
  const heat = heatColumn(metric);
  const heads = [{ title: 'Model', text: true, of: (r) => data.models[r.model], cell: (r) => ({ content: chooser(r.model) }) }];
  data.domains.forEach((name, domain) => {
    if (!inOverview(domain) || !isShown(name, ...data.models)) return;
    heads.push({ title: nameOf(name), better: term(metric).better,
      of: (r) => number(heat.column, stateOf(r.model, domain, view.calibration)).value,
      cell: (r) => heatCell(metric, heat, r.model, domain) });
  });
  const rows = data.models.map((_, model) => ({ model })).filter(({ model }) => isShown(data.models[model], ...data.domains));
  const better = { higher: 'higher is better', lower: 'lower is better' }[term(metric).better] ?? '';
  return table({ caption: `${titleOf(metric)}, ${better}. Calibration: ${data.calibrations[view.calibration]}. Deeper shade: worse.`, columns: heads, rows, rowClass, tall: true });
}

function overview() {
  const body = section('overview', 'Models and domains', 'Every headline number with its 95 % interval. A name in the first column chooses what the charts below show.');
  layout.heat = data.models.length * data.domains.filter((_, domain) => inOverview(domain)).length > 40 ? 'miou' : '';
  const options = [['', 'all headline numbers'], ...data.headline.map(([metric]) => [metric, `${term(metric).title}: models × domains`])];
  const place = el('div');
  const update = () => place.replaceChildren(layout.heat ? matrix(layout.heat) : headlineTable());
  body.append(el('div', { class: 'pick' }, select('Table of', options, layout.heat, (v) => { layout.heat = v; update(); })), place);
  return update;
}

function ranking() {
  const body = section('ranking', 'Models in order', 'An order that is not decisive might be another one on other images of the same kind.');
  layout.metric = data.headline[0]?.[0] ?? data.columns[0].metric;
  const metrics = [...new Set(data.columns.map((c) => c.metric))];
  body.append(el('div', { class: 'pick' }, select('Number', metrics.map((m) => [m, titleOf(m)]), layout.metric, (v) => { layout.metric = v; redraw(); })));
  body.append(figure('', rankedPoints));
  return null;
}

// Whether the first is decidedly better than the others: by differences where the run keeps them, else by intervals.
function decided([best, ...others], column, down) {
  if (others.every((p) => typeof p.apart === 'boolean')) {
    const near = others.filter((p) => !p.apart).length;
    return near ? ` Not decisive: the difference to ${others.length > 1 ? `${near} of ${others.length} others` : 'the other'} may be chance.` : ' The best is decided: all differences to it are more than chance.';
  }
  if (best.low === best.high) return ' There are no intervals.';
  const reach = others.filter((p) => (down ? p.low <= best.high : p.high >= best.low)).length;
  return reach ? ` Not decisive: ${reach} of ${others.length} other intervals overlap with the best.` : ' The best is decided: no other interval overlaps.';
}

function rankedPoints() {
  const metric = layout.metric;
  const column = columnOf(metric);
  const points = data.models.map((name, model) => ({ name, model, ...number(column, stateOf(model, view.domain, view.calibration)) }))
    .filter((p) => p.value !== null && isShown(p.name))
    .map((p) => ({ name: p.name, apart: column.apart?.[stateOf(p.model, view.domain, view.calibration)], value: p.value, low: p.low ?? p.value, high: p.high ?? p.value, record: { ...namesOf(p.model, view.domain, view.calibration), images: data.states.images[stateOf(p.model, view.domain, view.calibration)], value: p.value, low: p.low, high: p.high, interval: interval(p, metric) || 'none', note: p.note }, chosen: p.model === view.model || isMarked(p.name) }));
  const down = term(metric).better === 'lower';
  points.sort((a, b) => (down ? a.value - b.value : b.value - a.value));
  if (!points.length) return { empty: `${term(metric).title} is not defined on ${data.domains[view.domain]}: ${number(column, stateOf(view.model, view.domain, view.calibration)).note}.` };
  const verdict = points.length < 2 ? '' : decided(points, column, down);
  const where = `on ${data.domains[view.domain]}, calibration ${data.calibrations[view.calibration]}`;
  return { spec: 'ranked', records: points.map((p) => ({ ...p.record, chosen: p.chosen })), words: { title: titleOf(metric), h: 22 * points.length }, label: `${titleOf(metric)} ${where}, ${points.length} models, best first`,
    caption: `${titleOf(metric)} ${where}, best first.${verdict}`, numbers: ['model', 'value', 'low', 'high'] };
}
