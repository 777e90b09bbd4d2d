// What corruptions cost: kinds against severities, models or calibrations, and curves over severity.

const damage = { metric: '', columns: 'severities', kind: 0 };

// The clean domain that the chosen one is, or is a copy of; else the first that has copies.
function cleanDomain() {
  const c = data.corruptions;
  const each = c.copies.length / c.domains.length;
  const name = data.domains[view.domain];
  const found = c.domains.findIndex((d, i) => d === name || c.copies.slice(i * each, (i + 1) * each).includes(view.domain));
  return Math.max(0, found);
}

const damageColumn = () => data.corruptions.columns.find((c) => c.metric === damage.metric && c.score === view.score)
  ?? data.corruptions.columns.find((c) => c.metric === damage.metric);

// A number under corruption, beside that of clean images, and how much worse it is.
function damaged(column, model, domain, calibration, kind, severity) {
  const c = data.corruptions;
  const head = (model * c.domains.length + domain) * data.calibrations.length + calibration;
  const of = (v) => (v === null || v === undefined ? null : v * column.unit);
  const value = of(column.value[(head * c.kinds.length + kind) * c.severities.length + severity]);
  const clean = of(column.clean[head]);
  const better = term(column.metric).better;
  const worse = value === null || clean === null ? null : better === 'higher' ? clean - value : value - clean;
  return { value, clean, worse, at: column.worst[head * c.kinds.length + kind] };
}

const SEVERITY_TITLES = { mean: 'Mean', worst: 'Worst' };

// How much worse a number is: as a share of the clean one where 0 is the worst there is, else as a difference.
function damageText(metric, n) {
  if (term(metric).better !== 'higher' || term(metric).low !== 0 || !n.clean) return format(Math.abs(n.worse), metric);
  const share = Math.abs(100 * n.worse / n.clean);
  return share < 1 ? '< 1 %' : `${share.toFixed(0)} %`;
}

// The range of a number over all models, calibrations, kinds and severities, for shades that can be compared.
function damageShade(column) {
  const known = [...column.value, ...column.clean].filter((v) => v !== null);
  let [low, high] = [Infinity, -Infinity];
  for (const v of known) { low = Math.min(low, v * column.unit); high = Math.max(high, v * column.unit); }
  const span = Math.max(high - low, NARROWEST[term(column.metric).unit] ?? 0.1);
  return (value) => (term(column.metric).better === 'higher' ? high - value : value - low) / span;
}

function damageCell(column, shade, n, severity, words) {
  if (n.value === null) return { content: '–', class: 'none', tip: 'not defined' };
  const { metric } = column;
  const content = [format(n.value, metric)];
  const isWorst = data.corruptions.severities[severity] === 'worst';
  const at = isWorst && n.at ? ` at ${n.at}` : '';
  const seen = n.worse !== null && Number(format(Math.abs(n.worse), metric)) !== 0;
  if (seen) content.push(el('span', { class: `sub ${n.worse > 0 ? 'drop' : 'gain'}` }, `${n.value < n.clean ? '▼' : '▲'} ${damageText(metric, n)} ${n.worse > 0 ? 'worse' : 'better'}${at}`));
  else if (n.clean !== null || at) content.push(el('span', { class: 'sub' }, n.clean === null ? at.trim() : `= clean${at}`));
  const beside = n.clean === null ? '' : `; clean ${format(n.clean, metric)}`;
  return { content, class: 'heat', style: `--heat:${shade(n.value).toFixed(3)}`, tip: `${titleOf(metric)} ${words}: ${format(n.value, metric)}${beside}.` };
}

// What the table's columns are: severities of the chosen model, or the means of all models, or of all calibrations.
function damageHeads(column) {
  const c = data.corruptions;
  const mean = c.severities.indexOf('mean');
  const chosen = { model: view.model, calibration: view.calibration };
  const heads = {
    severities: c.severities.map((s, severity) => ({ title: SEVERITY_TITLES[s] ?? s, severity, ...chosen })),
    models: data.models.map((name, model) => ({ title: nameOf(name), severity: mean, ...chosen, model })),
    calibrations: data.calibrations.map((name, calibration) => ({ title: nameOf(name), severity: mean, ...chosen, calibration })),
  }[damage.columns];
  const domain = cleanDomain();
  const shade = damageShade(column);
  return heads.map((h) => {
    const of = (kind) => damaged(column, h.model, domain, h.calibration, kind, h.severity);
    const words = (kind) => `of ${data.models[h.model]}, calibration ${data.calibrations[h.calibration]}, under ${c.kinds[kind]}, severity ${c.severities[h.severity]}`;
    return { title: h.title, better: term(column.metric).better, of: (kind) => of(kind).value, cell: (kind) => damageCell(column, shade, of(kind), h.severity, words(kind)) };
  });
}

function damageTable() {
  const c = data.corruptions;
  const column = damageColumn();
  const domain = c.domains[cleanDomain()];
  const clean = damaged(column, view.model, cleanDomain(), view.calibration, 0, 0).clean;
  const who = { severities: `${data.models[view.model]}, calibration ${data.calibrations[view.calibration]}`, models: `means over severities, calibration ${data.calibrations[view.calibration]}`, calibrations: `means over severities, ${data.models[view.model]}` }[damage.columns];
  const beside = clean === null || damage.columns !== 'severities' ? '' : ` Clean: ${format(clean, column.metric)}.`;
  const heads = [{ title: 'Corruption', text: true, of: (k) => c.kinds[k], cell: (k) => ({ content: c.kinds[k] === 'all' ? 'all kinds' : nameOf(c.kinds[k]) }) }, ...damageHeads(column)];
  const rows = c.kinds.map((_, k) => k).filter((k) => isShown(c.kinds[k]));
  return table({ caption: `${titleOf(column.metric)} on corrupted copies of ${domain}; ${who}.${beside} Deeper shade: worse. In small print: the difference to clean images.`, columns: heads, rows,
    rowClass: (k) => (isMarked(c.kinds[k]) ? 'marked' : null) });
}

function severityPoints() {
  const c = data.corruptions;
  const column = damageColumn();
  const domain = cleanDomain();
  const numbers = c.severities.filter((s) => !(s in SEVERITY_TITLES));
  const whole = columns.get([column.metric, column.score].join());
  const all = data.calibrations.flatMap((calibration, k) => [0, ...numbers].map((s, i) => {
    const n = damaged(column, view.model, domain, k, damage.kind, i - 1);
    const at = i ? c.copies[(domain * c.kinds.length + damage.kind) * numbers.length + i - 1] : data.domains.indexOf(c.domains[domain]);
    const measured = at < 0 ? {} : number(whole, stateOf(view.model, at, k));
    const value = i ? n.value : n.clean;
    return { ...namesOf(view.model, at < 0 ? view.domain : at, k), calibration, kind: c.kinds[damage.kind], severity: Number(s), value, low: measured.low ?? null, high: measured.high ?? null, interval: (measured.value ?? null) === null ? 'none' : interval(measured, column.metric) || 'none' };
  })).filter((p) => p.value !== null && isShown(p.calibration));
  const same = all.every((p) => p.value === all.find((q) => q.severity === p.severity).value); // an argmax that is kept
  const points = same ? all.filter((p) => p.calibration === all[0].calibration) : all;
  if (!points.length) return { empty: `${titleOf(column.metric)} is not defined here.` };
  const kind = c.kinds[damage.kind] === 'all' ? 'all kinds, on average' : c.kinds[damage.kind];
  return { spec: 'severity', records: points, words: { title: titleOf(column.metric) }, most: 720, label: `${titleOf(column.metric)} of ${data.models[view.model]} over severity, ${kind}`,
    caption: `${data.models[view.model]} on ${c.domains[domain]}, ${kind}. Severity 0 is clean; bars are 95 % intervals.${same && data.calibrations.length > 1 ? ' Under each calibration it is the same.' : ''}`, numbers: ['calibration', 'severity', 'value', 'low', 'high'] };
}

function corruptions() {
  const c = data.corruptions;
  if (!c) return () => {};
  const body = section('corruptions', 'Under corruption', 'What noise, blur, weather and bad transmission cost, against clean images.');
  damage.metric = c.columns[0].metric;
  damage.kind = Math.max(0, c.kinds.indexOf('all'));
  const place = el('div');
  const update = () => place.replaceChildren(damageTable());
  const metrics = [...new Set(c.columns.map((one) => one.metric))];
  const across = [['severities', 'severities'], ...(data.models.length > 1 ? [['models', 'models']] : []), ...(data.calibrations.length > 1 ? [['calibrations', 'calibrations']] : [])];
  body.append(el('div', { class: 'pick' },
    select('Number', metrics.map((m) => [m, titleOf(m)]), damage.metric, (v) => { damage.metric = v; update(); redraw(); }, 'corrupted-number'),
    select('Kinds against', across, damage.columns, (v) => { damage.columns = v; update(); }, 'corrupted-columns')), place);
  body.append(el('div', { class: 'pick' }, select('Curves of', c.kinds.map((k, i) => [i, k === 'all' ? 'all kinds' : k]), damage.kind, (v) => { damage.kind = Number(v); redraw(); }, 'corrupted-kind')),
    figure('Over severity', severityPoints));
  return update;
}
