// Elements from names and texts. No text is ever read as markup: names in results may come from anywhere.

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== null && value !== false) node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ''));
  return node;
}

const byId = (id) => document.getElementById(id);
// Long names break after @ and /, and elsewhere only where no other place is left.
const nameOf = (text) => el('bdi', {}, String(text).split(/(?<=[@/])/).flatMap((piece, i) => (i ? [el('wbr'), piece] : [piece])));

function field(label, input, kind = '') {
  input.id ||= `field-${document.querySelectorAll('.field').length}-${label.toLowerCase().replaceAll(' ', '-')}`;
  return el('div', { class: `field ${kind}`.trim() }, el('label', { for: input.id }, label), input);
}

function select(label, options, value, onchange, id = '') {
  const box = el('select', { id, onchange: () => onchange(box.value) });
  for (const [key, text] of options) box.append(el('option', { value: key }, text));
  box.value = String(value);
  return field(label, box);
}

function section(id, title, lead) {
  const body = el('div', {});
  const node = el('section', { id, 'aria-labelledby': `${id}-title` },
    el('h2', { id: `${id}-title` }, title), el('p', { class: 'lead' }, lead), body);
  byId('sections').append(node);
  return body;
}
