// Single classes, calibrations before and after, accuracy against reliability, worst images, and what words mean.

const CELL = 1e-3;
const CLASS_COLUMNS = ['iou', 'class_share', 'class_ece', 'confident_error90', 'confident_error99'];

function classes() {
  const body = section('classes', 'Classes', 'Which classes are found, which are missed, and which are missed with confidence.');
  const place = el('div');
  body.append(place, figure('Confusion matrix', confusionCells));
  return async () => {
    const [model, domain] = [view.model, view.domain];
    const record = (await part(model)).classes[stateOf(model, domain, view.calibration)];
    if (model !== view.model || domain !== view.domain) return;
    if (!record) return place.replaceChildren(el('p', { class: 'empty' }, 'The results have no numbers of single classes here.'));
    const of = (metric, i) => Object.fromEntries(['value', 'low', 'high'].map((k) => [k, record[metric][k][i] === null ? null : record[metric][k][i] * record[metric].unit]));
    const heads = [{ title: 'Class', text: true, of: (i) => record.labels[i], cell: (i) => ({ content: nameOf(record.labels[i]) }) }];
    for (const metric of CLASS_COLUMNS.filter((m) => record[m])) {
      const { title, direction, text } = metricTitle(metric);
      const isShare = ['iou', 'class_share'].includes(metric);
      heads.push({ title, direction, tip: text, better: term(metric).better, of: (i) => of(metric, i).value, cell: (i) => {
        const n = of(metric, i);
        if (n.value === null) return { content: '–', class: 'none', tip: 'the class does not occur, or is not predicted' };
        return { content: [format(n.value, metric), n.low === null || metric === 'class_share' ? null : el('span', { class: 'sub' }, interval(n, metric))], class: isShare ? 'bar-cell' : null, style: isShare ? `--share:${n.value}` : null };
      } });
    }
    const rows = record.labels.map((_, i) => i).filter((i) => isShown(record.labels[i], data.models[model], data.domains[domain]));
    place.replaceChildren(table({ caption: `${chosenNames()}, ${data.calibrations[view.calibration]}`, columns: heads, rows, tall: true,
      rowClass: (i) => (isMarked(record.labels[i]) ? 'marked' : null) }));
  };
}

async function confusionCells() {
  const record = await curvesOf();
  if (!record) return { empty: NO_CURVES };
  const width = Math.max(...record.confusion.map((row) => row.length));
  const predicted = [...record.labels, 'other'].slice(0, width);
  const kept = record.totals.map((total, i) => (total > 0 ? i : -1)).filter((i) => i >= 0);
  const used = predicted.map((_, k) => k).filter((k) => kept.includes(k) || kept.some((i) => record.confusion[i][k] > 0));
  const cells = kept.flatMap((i) => used.map((k) => ({ truth: record.labels[i], predicted: predicted[k], share: (record.confusion[i][k] ?? 0) * CELL })));
  return { spec: 'confusion', records: cells, words: { h: Math.max(180, 26 * kept.length) }, most: 900, least: Math.min(900, 200 + 30 * used.length), label: `Confusion matrix of ${chosenNames()}`,
    caption: `${chosenNames()}: a row says what the pixels of a true class were predicted as.`, numbers: ['truth', 'predicted', 'share'] };
}

const CHANGED = ['ece', 'nll', 'brier', 'miou', 'prr', 'ada_ece', 'transfer_risk95', 'flip_rate'];

function calibrations() {
  const body = section('calibration', 'What calibration repairs', 'The chosen model on the chosen domain under every calibration, and the difference to none.');
  const place = el('div');
  body.append(place, figure('ECE on every domain, before and after', changePoints));
  return () => {
    const base = stateOf(view.model, view.domain, 0);
    const rows = data.calibrations.map((name, c) => ({ name, state: stateOf(view.model, view.domain, c) })).filter((r) => r.state !== undefined && isShown(r.name));
    const heads = [{ title: 'Calibration', text: true, of: (r) => r.name, cell: (r) => ({ content: nameOf(r.name) }) }];
    for (const metric of CHANGED.filter((m) => columnOf(m))) {
      const column = columnOf(metric);
      const { title, direction, text } = metricTitle(metric);
      const before = number(column, base).value;
      heads.push({ title, direction, tip: text, better: term(metric).better, of: (r) => number(column, r.state).value, cell: (r) => {
        const n = number(column, r.state);
        if (n.value === null) return { content: '–', class: 'none', tip: n.note };
        const difference = before === null || r.state === base ? 0 : n.value - before;
        const worse = term(metric).better === 'higher' ? difference < 0 : difference > 0;
        const seen = Number(format(Math.abs(difference), metric)) !== 0 && term(metric).better !== 'neither';
        return { content: [format(n.value, metric), n.low === null ? null : el('span', { class: 'sub' }, interval(n, metric)),
          seen ? el('span', { class: `sub ${worse ? 'drop' : 'gain'}` }, `${difference < 0 ? '▼' : '▲'} ${format(Math.abs(difference), metric)} ${worse ? 'worse' : 'better'}`) : null] };
      } });
    }
    place.replaceChildren(table({ caption: chosenNames(), columns: heads, rows, rowClass: (r) => (r.state === stateOf(view.model, view.domain, view.calibration) ? 'chosen' : null) }));
  };
}

function changePoints() {
  const column = columnOf('ece');
  const points = data.domains.flatMap((domain, d) => data.calibrations.map((name, c) => ({ domain, name, images: data.states.images[stateOf(view.model, d, c)], ...number(column, stateOf(view.model, d, c)) })))
    .filter((p) => p.value !== null && isShown(p.domain, p.name))
    .map((p) => ({ model: data.models[view.model], domain: p.domain, calibration: p.name, images: p.images, value: p.value, low: p.low, high: p.high, interval: interval(p, 'ece') || 'none', note: p.note }));
  if (!points.length) return { empty: 'ECE was not measured.' };
  return { spec: 'change', records: points, words: { title: 'ECE, lower is better', h: 14 * points.length + 10 * new Set(points.map((p) => p.domain)).size }, label: `ECE of ${data.models[view.model]} on ${data.domains.length} domains under each calibration`,
    caption: `${data.models[view.model]}: bars are 95 % intervals.`, numbers: ['domain', 'calibration', 'value', 'low', 'high'] };
}

function accuracyAndReliability() {
  const body = section('together', 'Does better accuracy bring better reliability?', 'Each point is a model on a domain. If they lie on no line, accuracy says little about how far confidence can be trusted.');
  const metrics = [...new Set(data.columns.map((c) => c.metric))].filter((m) => !['miou', 'pixel_accuracy', 'drop_miou'].includes(m));
  layout.against = metrics[0];
  body.append(el('div', { class: 'pick' }, select('Reliability', metrics.map((m) => [m, titleOf(m)]), layout.against, (v) => { layout.against = v; redraw(); })), figure('', scatterPoints));
}

const numbersOf = (name, n, metric) => ({ [name]: n.value, [`${name}_low`]: n.low, [`${name}_high`]: n.high, [`${name}_interval`]: interval(n, metric) || 'none' });

function scatterPoints() {
  const [x, y] = [columnOf('miou'), columnOf(layout.against)];
  const many = data.models.length > 8;
  const points = pairs().map(({ model, domain }) => {
    const state = stateOf(model, domain, view.calibration);
    const [a, b] = [number(x, state), number(y, state)];
    const names = [data.models[model], data.domains[domain]];
    const name = many ? (model === view.model || isMarked(...names) ? data.models[model] : 'other models') : names[0];
    return { series: name, model: names[0], domain: names[1], calibration: data.calibrations[view.calibration], kind: data.references[domain] < 0 ? 'reference' : 'shifted', ...numbersOf('accuracy', a, 'miou'), ...numbersOf('value', b, layout.against) };
  }).filter((p) => p.accuracy !== null && p.value !== null);
  if (points.length < 2) return { empty: `${titleOf(layout.against)} is defined for fewer than two points.` };
  const r = rankCorrelation(points.map((p) => p.accuracy), points.map((p) => p.value));
  const says = points.length < 5 ? 'too few points for a correlation' : `rank correlation ${format(r, 'miou')} over ${points.length} points`;
  return { spec: 'scatter', records: points, words: { xtitle: 'mIoU', ytitle: titleOf(layout.against) }, most: 900, label: `${titleOf(layout.against)} against mIoU, ${points.length} points`,
    caption: `Calibration ${data.calibrations[view.calibration]}; ${says}.`, numbers: ['model', 'domain', 'accuracy', 'value'] };
}

// Spearman's: that of the ranks, of which equal values share the mean.
function rankCorrelation(a, b) {
  const ranks = (values) => values.map((v) => values.filter((w) => w < v).length + (values.filter((w) => w === v).length - 1) / 2);
  const [p, q] = [ranks(a), ranks(b)];
  const mean = (p.length - 1) / 2;
  const product = (u, v) => u.reduce((sum, value, i) => sum + (value - mean) * (v[i] - mean), 0);
  return product(p, q) / (Math.sqrt(product(p, p) * product(q, q)) || 1);
}

function images() {
  const body = section('images', 'Worst images', 'Where to look first: the images with the lowest mIoU of the chosen model, domain and calibration.');
  const place = el('div');
  body.append(place, el('div', { id: 'pictures' }));
  return async () => {
    const state = stateOf(view.model, view.domain, view.calibration);
    const record = (await part(view.model)).images[state];
    if (state !== stateOf(view.model, view.domain, view.calibration)) return;
    if (!record) return place.replaceChildren(el('p', { class: 'empty' }, 'The run has no images.csv: “reliseg results RUN” writes it from what is stored.'));
    const numbers = [['miou', 'mIoU'], ['accuracy', 'Accuracy'], ['ece', 'ECE'], ['nll', 'NLL (nats)'], ['confident_error90', 'Wrong above 0.90'], ['rejected', 'Rejected']].filter(([k]) => record[k]?.some((v) => v !== null));
    const heads = [{ title: 'Image', text: true, of: (i) => record.sample[i], cell: (i) => ({ content: imageName(record.sample[i]) }) },
      ...numbers.map(([key, title]) => ({ title, better: ['miou', 'accuracy'].includes(key) ? 'higher' : 'lower', of: (i) => record[key][i], cell: (i) => ({ content: format(record[key][i], key) }) })),
      { title: 'Lowest class', text: true, of: (i) => record.lowest[i][0] ?? '', cell: (i) => ({ content: record.lowest[i].length ? [nameOf(record.lowest[i][0]), ` ${format(record.lowest[i][1], 'iou')}`] : '–' }) }];
    const rows = record.sample.map((_, i) => i).filter((i) => isShown(record.sample[i], data.models[view.model], data.domains[view.domain]));
    place.replaceChildren(table({ caption: `${chosenNames()}, ${data.calibrations[view.calibration]}: the ${record.sample.length} worst of ${record.of[0]} images`, columns: heads, rows, tall: true,
      sorted: { column: 1, sign: 1 }, rowClass: (i) => (isMarked(record.sample[i]) ? 'marked' : null) }));
  };
}

// The name of an image; it shows the picture where there is one.
function imageName(sample) {
  const picture = pictureOf(sample);
  return picture < 0 ? nameOf(sample) : el('button', { type: 'button', class: 'choose', onclick: () => showPicture(picture) }, nameOf(sample));
}

function glossary() {
  const body = section('words', 'What the words mean', 'As this page uses them; the definition ids are those of results.csv.');
  const list = el('dl', { class: 'terms' });
  for (const [name, t] of Object.entries(data.terms)) {
    const direction = { higher: 'Higher is better. ', lower: 'Lower is better. ' }[t.better] ?? '';
    list.append(el('dt', {}, titleOf(name)), el('dd', {}, `${t.plain} ${direction}${t.text} `, el('code', {}, columnOf(name, '')?.definition ?? name)));
  }
  body.append(list);
}
