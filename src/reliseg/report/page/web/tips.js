// Definitions beside what they define: on hover, on focus, and at a touch; Escape closes.

function tipFor(node, text) {
  node.dataset.tip = text;
  return node;
}

function metricTitle(metric, extra = '') {
  const t = term(metric);
  const direction = { higher: '\u2191 higher is better', lower: '\u2193 lower is better' }[t.better];
  const text = [t.plain, t.text && `Definition: ${t.text}.`, columnOf(metric)?.definition].filter(Boolean).join(' ');
  return { title: el('span', { class: 'term' }, titleOf(metric), extra), direction, text };
}

function startTips() {
  const tip = byId('tip');
  const close = () => { tip.hidden = true; };
  const show = (event) => {
    const target = event.target.closest?.('[data-tip]');
    if (!target) return close();
    tip.textContent = target.dataset.tip;
    tip.hidden = false;
    const at = target.getBoundingClientRect();
    const size = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(8, Math.min(at.left, innerWidth - size.width - 8))}px`;
    tip.style.top = `${at.bottom + size.height + 12 > innerHeight ? Math.max(8, at.top - size.height - 8) : at.bottom + 8}px`;
  };
  document.addEventListener('pointerover', show);
  document.addEventListener('focusin', show);
  document.addEventListener('focusout', close);
  document.addEventListener('keydown', (event) => event.key === 'Escape' && close());
  addEventListener('scroll', close, { passive: true, capture: true });
}
