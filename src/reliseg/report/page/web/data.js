// The data of the page: packed in it, unpacked when it is asked for.

async function unpack(text) {
  const bytes = Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
  const found = JSON.parse(await new Response(stream).text());
  return withLists(found.data, found.lists);
}

// Data with its lists of whole numbers where {'~': n} stands for the n-th of them.
function withLists(value, lists) {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((each) => withLists(each, lists));
  if ('~' in value) return wholeNumbers(lists[value['~']]);
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, withLists(each, lists)]));
}

// The whole numbers of a text: see numbers.py. Most are one letter of 93, larger ones two or three, or digits and a space.
function wholeNumbers(text) {
  const letter = (i) => { const code = text.charCodeAt(i); return code - 32 - (code > 34) - (code > 92); };
  const found = [];
  for (let i = 1; i < text.length;) {
    const first = letter(i);
    if (first < 62) { found.push(first); i += 1; }
    else if (first < 86) { found.push(62 + (first - 62) * 93 + letter(i + 1)); i += 2; }
    else if (first < 92) { found.push(2294 + ((first - 86) * 93 + letter(i + 1)) * 93 + letter(i + 2)); i += 3; }
    else { const end = text.indexOf(' ', i); found.push(Number(text.slice(i + 1, end))); i = end + 1; }
  }
  return text[0] === '+' ? found : found.map((n) => (n === 0 ? null : n % 2 ? (n - 1) / 2 : -n / 2));
}

let data; // what is needed at once
let copies; // the domains that are corrupted copies of others
const view = { model: 0, domain: 0, calibration: 0, score: '', text: '', mode: 'mark', pattern: false };
const places = new Map(); // model, domain, calibration -> the number of the state
const columns = new Map(); // metric, score -> its numbers
const parts = new Map(); // model -> what is drawn of it alone

async function open() {
  data = await unpack(byId('head').textContent);
  const s = data.states;
  s.model.forEach((model, i) => places.set([model, s.domain[i], s.calibration[i]].join(), i));
  for (const column of data.columns) columns.set([column.metric, column.score].join(), column);
  view.score = data.scores[0] ?? '';
  copies = new Set(data.corruptions?.copies);
  const shifted = data.references.findIndex((reference, domain) => reference >= 0 && !copies.has(domain));
  view.domain = Math.max(0, shifted);
}

function part(model) {
  if (!parts.has(model)) {
    const text = document.querySelectorAll('script.part')[model].textContent;
    parts.set(model, unpack(text));
  }
  return parts.get(model);
}

const stateOf = (model, domain, calibration) => places.get([model, domain, calibration].join());
const scoresOf = (metric) => data.columns.filter((c) => c.metric === metric).map((c) => c.score);
const term = (metric) => data.terms[metric] ?? { title: metric, text: '', plain: '', unit: '', better: 'neither' };
const titleOf = (metric) => term(metric).title + (term(metric).unit ? ` (${term(metric).unit})` : '');

// A metric that ranks pixels is that of the chosen score, where it has it.
function columnOf(metric, score = view.score) {
  return columns.get([metric, score].join()) ?? data.columns.find((c) => c.metric === metric);
}

function number(column, state) {
  if (!column || state === undefined) return { value: null, low: null, high: null, note: 'not measured' };
  const of = (values) => (values[state] === null ? null : values[state] * column.unit);
  return { value: of(column.value), low: of(column.low), high: of(column.high), note: data.notes[column.note[state]] };
}

function format(value, metric, signed = false) {
  if (value === null || value === undefined) return '–';
  const digits = term(metric).unit === '%' ? 1 : Math.abs(value) < 0.01 && value !== 0 ? 4 : 3;
  const text = Math.abs(value).toFixed(digits);
  const sign = value < 0 && Number(text) !== 0 ? '\u2212' : signed ? '+' : '';
  return sign + text;
}

const interval = (n, metric) => (n.low === null ? '' : `${format(n.low, metric)} to ${format(n.high, metric)}`);
const inWords = (n, metric) => format(n.value, metric) + (n.low === null ? '' : ` (${interval(n, metric)})`);
const percent = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;

// The filter: names that hold one of the texts, apart by commas, or that a pattern finds.
function finds(...names) {
  if (!view.text) return false;
  const texts = view.text.toLowerCase().split(',').map((t) => t.trim()).filter(Boolean);
  if (!view.pattern) return names.some((name) => texts.some((text) => name.toLowerCase().includes(text)));
  try {
    const pattern = new RegExp(view.text, 'i');
    return names.some((name) => pattern.test(name));
  } catch {
    return false;
  }
}

const isShown = (...names) => !view.text || view.mode === 'mark' || finds(...names) === (view.mode === 'only');
const isMarked = (...names) => view.mode === 'mark' && finds(...names);
