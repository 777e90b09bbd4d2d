// What is drawn of a picture: maps of classes and levels of confidence, as layers of one size. No pixel is read back
// from a canvas, as some browsers change those a little: numbers and names come from the maps.

const UNKNOWN_ID = 254;
const VOID_ID = 255;
const LAYERS = [['input', 'Input'], ['truth', 'Truth'], ['prediction', 'Prediction'], ['confidence', 'Confidence'], ['errors', 'Confidently wrong']];
const VIRIDIS = [[68, 1, 84], [71, 45, 123], [59, 82, 139], [44, 114, 142], [33, 145, 140], [40, 174, 128], [94, 201, 98], [173, 220, 48], [253, 231, 37]];
const PALE_RED = [253, 190, 165];
const DEEP_RED = [140, 0, 20];
const UNKNOWN_COLOR = [0, 200, 215];
const VOID_COLOR = [20, 20, 20];
const OTHER_COLOR = [255, 255, 255];
const HATCH = [[172, 172, 172], [196, 196, 196]];

const blobText = (index) => document.querySelectorAll('script.blob')[index].textContent.trim();

async function inflated(index) {
  const bytes = Uint8Array.from(atob(blobText(index)), (letter) => letter.charCodeAt(0));
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'))).arrayBuffer());
}

// Maps of one size, whose rows are differences to the row above.
async function mapsOf(index, scene) {
  const bytes = await inflated(index);
  const size = scene.width * scene.height;
  const maps = [];
  for (let start = 0; start < bytes.length; start += size) {
    const map = bytes.subarray(start, start + size);
    for (let i = scene.width; i < size; i += 1) map[i] += map[i - scene.width];
    maps.push(map);
  }
  return maps;
}

async function imageOf(scene) {
  const image = new Image();
  image.src = `data:image/webp;base64,${blobText(scene.image)}`;
  await image.decode();
  return image;
}

// All that is drawn of one image under one calibration.
async function openPicture(shown, calibration) {
  const scene = data.pictures.scenes[shown.scene];
  const state = shown.states[calibration];
  const [image, [classes, levels], truth] = await Promise.all([imageOf(scene), mapsOf(state.maps, scene),
    scene.truth < 0 ? null : mapsOf(scene.truth, scene).then(([map]) => map)]);
  return { scene, image, classes, levels, truth, counts: state.counts, space: data.pictures.spaces[scene.space], drawn: new Map() };
}

const mixed = (a, b, share) => a.map((v, i) => Math.round(v + share * (b[i] - v)));

function scaleColor(colors, share) {
  const at = Math.min(share * (colors.length - 1), colors.length - 1.000001);
  return mixed(colors[Math.floor(at)], colors[Math.floor(at) + 1], at - Math.floor(at));
}

const levelShare = (level) => level / (data.pictures.thresholds.length - 1);

// Colors of classes by id; what is no class of the data set has its own.
function classColors(space, safe, other) {
  const colors = Array.from({ length: 256 }, () => VOID_COLOR);
  (safe ? space.safe : space.colors).forEach((color, id) => { colors[id] = color; });
  colors[UNKNOWN_ID] = UNKNOWN_COLOR;
  colors[VOID_ID] = other;
  return colors;
}

function canvasOf(scene) {
  return Object.assign(document.createElement('canvas'), { width: scene.width, height: scene.height });
}

// A canvas whose pixels have the colors that `color(i)` gives, [r, g, b] or with opacity; nothing where it is undefined.
function painted(scene, color) {
  const canvas = canvasOf(scene);
  const context = canvas.getContext('2d');
  const pixels = context.createImageData(scene.width, scene.height);
  for (let i = 0; i < scene.width * scene.height; i += 1) {
    const c = color(i);
    if (!c) continue;
    pixels.data[4 * i] = c[0];
    pixels.data[4 * i + 1] = c[1];
    pixels.data[4 * i + 2] = c[2];
    pixels.data[4 * i + 3] = c[3] ?? 255;
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}

function layerOf(picture, name, safe) {
  const key = `${name} ${safe}`;
  if (!picture.drawn.has(key)) picture.drawn.set(key, LAYER_PAINTERS[name](picture, safe));
  return picture.drawn.get(key);
}

const LAYER_PAINTERS = {
  input: (p) => p.image,
  truth: (p, safe) => {
    const colors = classColors(p.space, safe, VOID_COLOR);
    return painted(p.scene, p.truth ? (i) => colors[p.truth[i]] : () => VOID_COLOR);
  },
  prediction: (p, safe) => {
    const colors = classColors(p.space, safe, OTHER_COLOR);
    return painted(p.scene, (i) => colors[p.classes[i]]);
  },
  confidence: (p) => {
    const colors = data.pictures.thresholds.map((_, level) => scaleColor(VIRIDIS, levelShare(level)));
    return painted(p.scene, (i) => colors[p.levels[i]]);
  },
  errors: (p) => {
    const canvas = canvasOf(p.scene);
    const context = canvas.getContext('2d');
    context.drawImage(p.image, 0, 0, p.scene.width, p.scene.height);
    context.fillStyle = 'rgba(245, 246, 248, 0.74)';
    context.fillRect(0, 0, p.scene.width, p.scene.height);
    const colors = data.pictures.thresholds.map((_, level) => mixed(PALE_RED, DEEP_RED, levelShare(level)));
    const color = (i) => {
      if (p.truth[i] === VOID_ID) return [...VOID_COLOR, 150];
      if (p.truth[i] === UNKNOWN_ID) return [...UNKNOWN_COLOR, 170];
      return p.truth[i] === p.classes[i] ? undefined : colors[p.levels[i]];
    };
    if (p.truth) context.drawImage(painted(p.scene, color), 0, 0);
    return canvas;
  },
};

// What is less sure than a level, hatched: grey alone might be the color of a class.
function rejectedLayer(picture, level) {
  const key = `rejected ${level}`;
  if (picture.rejected?.key !== key) {
    const { width } = picture.scene;
    const step = Math.max(3, Math.round(width / 160));
    picture.rejected = { key, canvas: painted(picture.scene, (i) => {
      if (picture.levels[i] >= level) return undefined;
      return HATCH[Math.floor(((i % width) + Math.floor(i / width)) / step) % 2];
    }) };
  }
  return picture.rejected.canvas;
}

// Coverage and risk of the whole image, from counts of its pixels by level: right, wrong, unknown, not annotated.
function acceptance(counts, level) {
  const from = (kind, first) => counts[kind].slice(first).reduce((a, b) => a + b, 0);
  const [right, wrong, unknown, other] = [0, 1, 2, 3].map((kind) => ({ accepted: from(kind, level), all: from(kind, 0) }));
  const known = { accepted: right.accepted + wrong.accepted, all: right.all + wrong.all };
  return { known, wrong, unknown, other, coverage: known.all ? known.accepted / known.all : null,
    risk: known.accepted ? wrong.accepted / known.accepted : null, caught: wrong.all ? 1 - wrong.accepted / wrong.all : null };
}
