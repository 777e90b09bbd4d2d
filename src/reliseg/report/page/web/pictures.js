// Single images to look at: two layers with a slider between them, and a slider for the confidence that is asked for.

const looked = { shown: -1, left: 'input', right: 'prediction', divide: 50, level: 0, safe: false, picture: null, turn: 0 };
const NO_PICTURES = 'There are no pictures: “reliseg run CONFIG.yaml --out RUN --pictures 4” keeps some of the worst images of each model and domain; make the report anew then.';

const sampleOf = (shown) => data.pictures.scenes[shown.scene].sample;
const threshold = () => data.pictures.thresholds[looked.level];
const wordOf = (layer) => LAYERS.find(([key]) => key === layer)[1];

function shownHere() {
  return data.pictures.shown.map((_, i) => i).filter((i) => data.pictures.shown[i].model === view.model && data.pictures.shown[i].domain === view.domain);
}

// The place of the picture of an image as the chosen model sees it; -1 where there is none.
function pictureOf(sample) {
  return data.pictures ? shownHere().find((i) => sampleOf(data.pictures.shown[i]) === sample) ?? -1 : -1;
}

function titleOfPicture(i) {
  const shown = data.pictures.shown[i];
  const why = [shown.rank ? `worst ${shown.rank}` : '', shown.typical ? 'typical' : ''].filter(Boolean).join(', ');
  return `${why}: ${sampleOf(shown)}`;
}

function showPicture(i) {
  looked.shown = i;
  byId('choose-picture').value = String(i);
  byId('pictures').scrollIntoView({ block: 'start' });
  renewPicture();
}

function pictures() {
  const place = byId('pictures');
  place.append(el('h3', {}, 'Pictures'), ...data.pictures.notes.map((line) => el('p', { class: 'notice' }, line)));
  if (!data.pictures.shown.length) {
    place.append(el('p', { class: 'empty' }, NO_PICTURES));
    return () => {};
  }
  looked.level = firstLevel();
  const range = (id, label, attributes, act) => {
    const input = el('input', { type: 'range', id, step: 1, ...attributes, oninput: () => { act(Number(input.value)); } });
    return field(label, input, 'range');
  };
  const layers = (side, id, label) => select(label, LAYERS, looked[side], (v) => { looked[side] = v; drawPicture(); }, id);
  const safe = el('input', { type: 'checkbox', id: 'picture-safe', onchange: () => { looked.safe = safe.checked; drawPicture(); } });
  const canvas = el('canvas', { id: 'picture', role: 'img', tabindex: '0' });
  const viewer = el('div', { class: 'viewer', id: 'viewer' },
    el('div', { class: 'pick' }, el('div', { class: 'field wide' }, el('label', { for: 'choose-picture' }, 'Image'), el('select', { id: 'choose-picture', onchange: () => showChosen() })),
      layers('left', 'picture-left', 'Left'), layers('right', 'picture-right', 'Right'), field('Color-blind safe', safe, 'check')),
    el('div', { class: 'stage' },
      el('div', { class: 'screen' }, canvas, range('picture-divide', 'Left and right', { min: 0, max: 100, value: looked.divide }, (v) => { looked.divide = v; drawPicture(); }),
        el('p', { class: 'readout', id: 'picture-readout' }, 'Rest the pointer on the picture to read a pixel; drag to move the border.')),
      el('div', { class: 'side' }, range('picture-level', 'Accept pixels from this confidence on', { min: 0, max: data.pictures.thresholds.length - 1, value: looked.level }, (v) => { looked.level = v; drawPicture(); }),
        el('output', { class: 'big', id: 'picture-threshold', for: 'picture-level' }), el('dl', { class: 'facts', id: 'picture-facts' }), el('div', { id: 'picture-curve' }),
        el('ul', { class: 'legend', id: 'picture-legend' }))));
  place.append(viewer, el('p', { class: 'empty', id: 'no-picture', hidden: true }));
  followPointer(canvas);
  return updatePictures;
}

// Where about a tenth of the first picture is rejected: so both is seen, what is accepted and what is not.
function firstLevel() {
  const [{ counts }] = Object.values(data.pictures.shown[0].states);
  const coverage = (level) => acceptance(counts, level).coverage ?? acceptance(counts, level).other.accepted / acceptance(counts, level).other.all;
  return Math.max(0, data.pictures.thresholds.findLastIndex((_, level) => coverage(level) >= 0.9));
}

function showChosen() {
  looked.shown = Number(byId('choose-picture').value);
  renewPicture();
}

function updatePictures() {
  const found = shownHere();
  byId('viewer').hidden = !found.length;
  byId('no-picture').hidden = found.length > 0;
  if (!found.length) {
    byId('no-picture').textContent = `There are no pictures of ${chosenNames()} in this page.`;
    return;
  }
  const before = looked.shown >= 0 ? data.pictures.shown[looked.shown] : null;
  const same = before ? found.find((i) => data.pictures.shown[i].scene === before.scene) : undefined;
  if (!found.includes(looked.shown)) looked.shown = same ?? found[0]; // the same image by another model, if it is there
  byId('choose-picture').replaceChildren(...found.map((i) => el('option', { value: i }, titleOfPicture(i))));
  byId('choose-picture').value = String(looked.shown);
  renewPicture();
}

async function renewPicture() {
  const turn = (looked.turn += 1);
  const shown = data.pictures.shown[looked.shown];
  const calibration = view.calibration in shown.states ? view.calibration : Number(Object.keys(shown.states)[0]);
  const picture = await openPicture(shown, calibration);
  if (turn !== looked.turn) return;
  looked.picture = Object.assign(picture, { calibration });
  drawPicture();
}

function drawPicture() {
  const { picture } = looked;
  if (!picture) return;
  const canvas = byId('picture');
  const { width, height } = picture.scene;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext('2d');
  const border = Math.round((looked.divide / 100) * width);
  for (const [side, start, end] of [['left', 0, border], ['right', border, width]]) {
    if (end <= start) continue;
    context.save();
    context.beginPath();
    context.rect(start, 0, end - start, height);
    context.clip();
    context.drawImage(layerOf(picture, looked[side], looked.safe), 0, 0, width, height);
    if (!['input', 'truth'].includes(looked[side])) context.drawImage(rejectedLayer(picture, looked.level), 0, 0);
    context.restore();
  }
  if (border > 0 && border < width) {
    const line = Math.max(1, width / 400);
    for (const [color, wide] of [['rgba(0, 0, 0, 0.7)', 3], ['#fff', 1.4]]) {
      context.fillStyle = color;
      context.fillRect(border - (wide * line) / 2, 0, wide * line, height);
      context.beginPath();
      context.arc(border, height / 2, (5 + wide) * line, 0, 2 * Math.PI);
      context.fill();
    }
  }
  describePicture();
  canvas.dataset.state = `${looked.shown} ${picture.calibration} ${looked.level}`;
}

function describePicture() {
  const { picture } = looked;
  const found = acceptance(picture.counts, looked.level);
  const sample = sampleOf(data.pictures.shown[looked.shown]);
  const text = String(threshold());
  const words = found.coverage === null
    ? [['Accepted', `${percent(found.other.accepted / found.other.all)} of all pixels`], ['Errors', 'not known: the image has no annotation']]
    : [['Coverage', `${percent(found.coverage)} of the known pixels are accepted`],
      ['Risk', found.risk === null ? 'nothing is accepted' : `${percent(found.risk, 2)} of these are wrong; ${percent(found.wrong.all / found.known.all, 2)} of all are`],
      ['Errors found', found.caught === null ? 'there is no error' : `${percent(found.caught)} of the wrong pixels are rejected`]];
  if (found.unknown.all) words.push(['Unknown', `${percent(found.unknown.accepted / found.unknown.all)} of the pixels of unknown objects are accepted`]);
  byId('picture-threshold').textContent = text;
  byId('picture-level').setAttribute('aria-valuetext', `confidence ${text}`);
  byId('picture-divide').setAttribute('aria-valuetext', `${looked.divide} % ${wordOf(looked.left)}, the rest ${wordOf(looked.right)}`);
  byId('picture-facts').replaceChildren(...words.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]));
  byId('picture-curve').replaceChildren(...(found.coverage === null ? [] : [riskCurve(picture.counts)]));
  byId('picture-legend').replaceChildren(...legendOf(picture));
  const size = `${picture.scene.full[1]} × ${picture.scene.full[0]} pixels`;
  const calibration = data.calibrations[picture.calibration];
  byId('picture').setAttribute('aria-label', `${sample} by ${chosenNames()}, ${calibration}: ${wordOf(looked.left)} on the left, ${wordOf(looked.right)} on the right`);
  if (byId('picture-readout').dataset.of !== canvasKey()) byId('picture-readout').replaceChildren(nameOf(sample), ` (${size}), calibration `, nameOf(calibration), '. Rest the pointer on the picture to read a pixel; drag to move the border.');
}

const canvasKey = () => `${looked.shown} ${looked.picture.calibration}`;

// Risk against coverage of this image, with the place of the threshold.
function riskCurve(counts) {
  const [w, h, left, bottom] = [260, 96, 34, 18];
  const points = data.pictures.thresholds.map((_, level) => acceptance(counts, level)).filter((a) => a.coverage >= 0.02);
  const most = Math.max(0.01, ...points.map((a) => a.risk));
  const x = (a) => (left + a.coverage * (w - left - 6)).toFixed(1);
  const y = (a) => (6 + (1 - a.risk / most) * (h - bottom - 6)).toFixed(1);
  const now = acceptance(counts, looked.level);
  const isThere = now.coverage >= 0.02;
  const svg = (tag, attributes, ...children) => {
    const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  };
  const label = (px, py, anchor, text) => svg('text', { x: px, y: py, 'text-anchor': anchor }, text);
  return svg('svg', { viewBox: `0 0 ${w} ${h}`, class: 'risk', role: 'img', 'aria-label': `Risk against coverage of this image; at the threshold ${now.risk === null ? 'nothing is accepted' : `coverage ${percent(now.coverage)}, risk ${percent(now.risk, 2)}`}` },
    svg('path', { class: 'axis', d: `M${left},6V${h - bottom}H${w - 6}` }),
    svg('polyline', { class: 'line', points: points.map((a) => `${x(a)},${y(a)}`).join(' ') }),
    ...(!isThere ? [] : [svg('circle', { class: 'here', cx: x(now), cy: y(now), r: 4.5 })]),
    label(left - 4, 13, 'end', percent(most, most < 0.1 ? 1 : 0)), label(left - 4, h - bottom, 'end', '0'), label(left, h - 5, 'start', 'coverage 0'), label(w - 6, h - 5, 'end', '100 %'));
}

function legendOf(picture) {
  const item = (color, ...text) => el('li', {}, el('span', { class: 'swatch', style: `background:${color}` }), ...text);
  const rgb = (c) => `rgb(${c.join()})`;
  const layers = [looked.left, looked.right];
  const items = [];
  if (layers.includes('truth') || layers.includes('prediction')) {
    const colors = classColors(picture.space, looked.safe, OTHER_COLOR);
    const used = new Set([...(layers.includes('truth') && picture.truth ? picture.truth : []), ...(layers.includes('prediction') ? picture.classes : [])]);
    picture.space.names.forEach((name, id) => { if (used.has(id)) items.push(item(rgb(colors[id]), nameOf(name))); });
    if (used.has(UNKNOWN_ID)) items.push(item(rgb(UNKNOWN_COLOR), 'unknown object'));
    if (layers.includes('truth') && (!picture.truth || picture.truth.includes(VOID_ID))) items.push(item(rgb(VOID_COLOR), 'not annotated'));
    if (layers.includes('prediction') && picture.classes.includes(VOID_ID)) items.push(item(rgb(OTHER_COLOR), 'none of these classes'));
  }
  const scale = (colors, title) => el('li', { class: 'scale' }, el('span', { class: 'ramp', style: `background:linear-gradient(to right,${colors.map(rgb).join()})` }),
    el('span', { class: 'ticks' }, ...[0, 0.5, 0.9, 0.99].map((t) => el('span', { style: `left:${(100 * levelShare(data.pictures.thresholds.indexOf(t))).toFixed(1)}%` }, String(t)))), title);
  if (layers.includes('confidence')) items.push(scale(VIRIDIS, 'confidence; wider where most pixels are'));
  if (layers.includes('errors')) items.push(scale([PALE_RED, DEEP_RED], 'confidence of wrong pixels'));
  if (layers.includes('errors') && !layers.includes('truth') && picture.truth?.includes(UNKNOWN_ID)) items.push(item(rgb(UNKNOWN_COLOR), 'unknown object'));
  if (layers.some((l) => !['input', 'truth'].includes(l))) items.push(item(`repeating-linear-gradient(135deg,${rgb(HATCH[0])} 0 3px,${rgb(HATCH[1])} 3px 6px)`, 'rejected'));
  return items;
}

function followPointer(canvas) {
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
  };
  const divide = (share) => {
    looked.divide = Math.round(100 * Math.min(1, Math.max(0, share)));
    byId('picture-divide').value = String(looked.divide);
    drawPicture();
  };
  canvas.addEventListener('pointerdown', (event) => { canvas.setPointerCapture(event.pointerId); divide(at(event).x); });
  canvas.addEventListener('pointermove', (event) => {
    const place = at(event);
    if (event.buttons) divide(place.x);
    readPixel(place);
  });
  canvas.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: -2, ArrowRight: 2, Home: -100, End: 100 }[event.key];
    if (!step) return;
    event.preventDefault();
    divide((looked.divide + step) / 100);
  });
}

function readPixel({ x, y }) {
  const { picture } = looked;
  if (!picture || x < 0 || y < 0 || x >= 1 || y >= 1) return;
  const { width, height, full } = picture.scene;
  const i = Math.floor(y * height) * width + Math.floor(x * width);
  const nameOfClass = (id, none) => (id < picture.space.names.length ? nameOf(picture.space.names[id]) : none);
  const level = picture.levels[i];
  const next = data.pictures.thresholds[level + 1];
  const truth = picture.truth?.[i];
  const words = [`x ${Math.floor(x * full[1])}, y ${Math.floor(y * full[0])}: predicted `, nameOfClass(picture.classes[i], 'none of the classes'), `, confidence ${data.pictures.thresholds[level]} to ${next ?? 1}`];
  if (truth !== undefined) words.push('; truth: ', nameOfClass(truth, truth === UNKNOWN_ID ? 'an unknown object' : 'not annotated'), truth < UNKNOWN_ID ? (truth === picture.classes[i] ? ' (right)' : ' (wrong)') : '');
  words.push(level < looked.level ? '; rejected' : '; accepted');
  byId('picture-readout').replaceChildren(...words.filter(Boolean));
  byId('picture-readout').dataset.of = canvasKey();
}
