// Of one model on one domain: reliability diagrams, risk against coverage, histograms of confidence.

const SHARE = 1e-4;
const RISK = 1e-4;
const NO_CURVES = 'The run has no curves.json: “reliseg results RUN” writes it from what is stored.';

const scaledBy = (values, unit) => values.map((v) => (v === null ? null : v * unit));
const summed = (steps) => { let sum = 0; return steps.map((step) => (sum += step)); };
const namesOf = (model, domain, calibration) => ({ model: data.models[model], domain: data.domains[domain], calibration: data.calibrations[calibration] });
const chosenNames = () => `${data.models[view.model]} on ${data.domains[view.domain]}`;

async function curvesOf(calibration = view.calibration) {
  const state = stateOf(view.model, view.domain, calibration);
  return state === undefined ? undefined : (await part(view.model)).curves[state];
}

async function reliabilityBins() {
  const bins = [];
  for (const calibration of data.calibrations.keys()) {
    const record = (await curvesOf(calibration))?.reliability;
    if (!record) continue;
    const total = record.pixels.reduce((a, b) => a + b, 0);
    record.pixels.forEach((pixels, i) => {
      if (pixels > 0) bins.push({ ...namesOf(view.model, view.domain, calibration), chosen: calibration === view.calibration, low: record.low[i] * SHARE, high: record.high[i] * SHARE,
        pixels, share: pixels / total, accuracy: record.accuracy[i] * SHARE, confidence: record.confidence[i] * SHARE });
    });
  }
  if (!bins.length) return { empty: NO_CURVES };
  const own = bins.filter((bin) => bin.chosen);
  const gap = own.reduce((sum, b) => sum + b.share * (b.confidence - b.accuracy), 0);
  return { spec: 'reliability', records: bins, most: 560, label: `Reliability diagram of ${chosenNames()}: accuracy against confidence, ${data.calibrations.length} calibrations`,
    caption: `${chosenNames()}, ${data.calibrations[view.calibration]}: mean confidence lies ${format(Math.abs(gap))} ${gap > 0 ? 'above' : 'below'} accuracy. Below the diagonal: overconfident. The small chart has the share of pixels in each bin.`,
    numbers: ['calibration', 'low', 'high', 'pixels', 'confidence', 'accuracy'] };
}

const LIMITS = 'of any score'; // the oracle, and chance

async function riskPoints() {
  const scores = (await curvesOf())?.scores;
  if (!scores || !Object.keys(scores).length) return { empty: NO_CURVES };
  const points = [];
  const names = namesOf(view.model, view.domain, view.calibration);
  for (const [name, score] of Object.entries(scores)) {
    const risk = scaledBy(summed(score.risk), RISK);
    summed(score.coverage).forEach((c, i) => points.push({ ...names, score: name, kind: 'this score', coverage: c * SHARE, risk: risk[i] }));
  }
  const error = Object.values(scores)[0].error_rate;
  for (let i = 1; i <= 50; i += 1) {
    const coverage = i / 50;
    points.push({ ...names, score: LIMITS, kind: 'oracle', coverage, risk: Math.max(0, (coverage - (1 - error)) / coverage) });
  }
  for (const coverage of [0.02, 1]) points.push({ ...names, score: LIMITS, kind: 'chance', coverage, risk: error });
  return { spec: 'risk', records: points, most: 560, label: `Risk against coverage of ${chosenNames()}, for ${Object.keys(scores).length} scores, oracle and chance`,
    caption: `${chosenNames()}, ${data.calibrations[view.calibration]}: errors among the surest pixels. The nearer to the oracle, the better confidence finds errors.`,
    numbers: ['score', 'kind', 'coverage', 'risk'] };
}

const histogramOf = (kinds, title) => async () => {
  const score = (await curvesOf())?.scores?.[view.score];
  if (!score) return { empty: NO_CURVES };
  const found = kinds.filter(([kind]) => sums(score, kind).total);
  if (found.length < 2) return { empty: `No ${kinds.filter((k) => !found.includes(k)).map(([, name]) => name).join(' and no ')} pixels on ${data.domains[view.domain]}.` };
  const isOfUnknown = kinds.some(([kind]) => kind === 'unknown');
  const pair = kinds.map(([, name]) => name).join(' and ');
  const names = namesOf(view.model, view.domain, view.calibration);
  const bins = found.flatMap(([kind, group]) => {
    const { counts, total } = sums(score, kind);
    return counts.map((pixels, i) => ({ ...names, pair, group, low: score.edges[i], high: score.edges[i + 1], share: pixels / total, pixels: Math.round(pixels) }));
  });
  return { spec: isOfUnknown ? 'unknown' : 'histogram', records: bins, words: { title: `${view.score}: surer to the right` }, most: 560,
    label: `${title} of ${chosenNames()}, by ${view.score}`, caption: `${chosenNames()}, ${data.calibrations[view.calibration]}. The less they overlap, the better.`, numbers: ['group', 'low', 'high', 'share'] };
};

// Counts of pixels by bin. Known pixels are the right and the wrong ones.
function sums(score, kind) {
  if (kind === 'known') {
    const [right, wrong] = [sums(score, 'right'), sums(score, 'wrong')];
    const longer = right.counts.length ? right : wrong;
    return { counts: longer.counts.map((_, i) => (right.counts[i] ?? 0) + (wrong.counts[i] ?? 0)), total: right.total + wrong.total };
  }
  const record = score[kind];
  return record ? { counts: scaledBy(record.counts, record.unit), total: record.total } : { counts: [], total: 0 };
}

function curveSections() {
  section('reliability', 'Is confidence what it says?', 'Of all pixels with a confidence of 0.8, 80 % should be right. A line for each calibration; a name in the legend fades the others.')
    .append(el('div', { class: 'charts' }, figure('Reliability diagram', reliabilityBins)));
  const body = section('rejection', 'Does confidence find errors?', 'If the least confident pixels are handed to someone else, how many errors are left, and how far right and wrong pixels lie apart.');
  body.append(el('div', { class: 'charts' }, figure('Risk and coverage', riskPoints),
    figure('Right and wrong pixels', histogramOf([['right', 'right'], ['wrong', 'wrong']], 'Right and wrong pixels')),
    figure('Known and unknown pixels', histogramOf([['known', 'known'], ['unknown', 'unknown']], 'Known and unknown pixels'))));
}
