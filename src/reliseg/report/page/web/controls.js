// What is chosen, the filter, light and dark, print; and the beginning.

const updates = [];

function isDark() {
  const theme = document.documentElement.dataset.theme;
  return theme ? theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
}

function choose(what) {
  Object.assign(view, what);
  for (const name of ['model', 'domain', 'calibration']) byId(`choose-${name}`).value = String(view[name]);
  update();
}

function update() {
  for (const one of updates) one();
  redraw();
}

function controls() {
  const form = byId('controls');
  form.addEventListener('submit', (event) => event.preventDefault());
  const list = (names) => names.map((name, i) => [i, name]);
  for (const [name, label, names] of [['model', 'Model', data.models], ['domain', 'Domain', data.domains], ['calibration', 'Calibration', data.calibrations]]) {
    form.append(select(label, list(names), view[name], (v) => choose({ [name]: Number(v) }), `choose-${name}`));
  }
  if (data.scores.length > 1) form.append(select('Confidence score', data.scores.map((s) => [s, s]), view.score, (v) => choose({ score: v }), 'choose-score'));
  const text = el('input', { type: 'text', placeholder: 'name, other name', autocomplete: 'off', oninput: () => { view.text = text.value; update(); } });
  const pattern = el('input', { type: 'checkbox', onchange: () => { view.pattern = pattern.checked; update(); } });
  form.append(field('Names with', text),
    select('are shown', [['mark', 'highlighted'], ['only', 'alone'], ['hide', 'not at all']], view.mode, (v) => { view.mode = v; update(); }),
    field('Regular expression', pattern, 'check'));
}

function buttons() {
  const theme = byId('theme');
  const show = () => { theme.textContent = isDark() ? 'Light' : 'Dark'; theme.setAttribute('aria-pressed', String(Boolean(document.documentElement.dataset.theme))); };
  theme.addEventListener('click', () => { document.documentElement.dataset.theme = isDark() ? 'light' : 'dark'; show(); redraw(); });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { show(); redraw(); });
  show();
  byId('print').addEventListener('click', async () => { await drawAll(); print(); });
  addEventListener('beforeprint', () => { drawAll(); });
}

function resized() {
  let width = innerWidth;
  let timer;
  addEventListener('resize', () => {
    if (innerWidth === width) return;
    width = innerWidth;
    clearTimeout(timer);
    timer = setTimeout(redraw, 150);
  });
}

function intro() {
  byId('runs').append(...data.runs.flatMap((run, i) => [i ? ', ' : '', nameOf(run.name)]));
  const count = (n, word) => `${n} ${word}${n === 1 ? '' : 's'}`;
  const images = new Map();
  data.states.domain.forEach((d, i) => images.set(d, Math.max(images.get(d) ?? 0, data.states.images[i])));
  const total = [...images.values()].reduce((a, b) => a + b, 0);
  byId('meta').textContent = `${count(data.models.length, 'model')}, ${count(data.domains.length, 'domain')} with ${count(total, 'image')}, ${count(data.calibrations.length, 'calibration')}. Brackets are 95 % intervals.`;
  for (const line of data.runs.flatMap((run) => run.missing)) byId('missing').append(el('p', { class: 'notice' }, line));
  const skipped = data.states.skipped.reduce((a, b) => Math.max(a, b), 0);
  if (skipped) byId('missing').append(el('p', { class: 'notice' }, `Up to ${count(skipped, 'image')} of a domain could not be read and are not in its numbers.`));
}

async function start() {
  await open();
  intro();
  controls();
  updates.push(overview());
  ranking();
  updates.push(corruptions());
  curveSections();
  updates.push(classes(), calibrations());
  accuracyAndReliability();
  updates.push(images(), pictures());
  glossary();
  startTips();
  buttons();
  resized();
  update();
  document.documentElement.dataset.ready = 'yes';
}

start();
