// The only place that makes elements. Text becomes text nodes, never markup.

const SVG = 'http://www.w3.org/2000/svg';

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child);
  }
  return node;
}

function el(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function svg(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function byId(id) {
  return document.getElementById(id);
}

// A link to an address from a card; anything but http(s) stays text.
function outward(address, text) {
  if (!/^https?:\/\//.test(address || '')) return document.createTextNode(text);
  return el('a', { href: address, rel: 'noopener noreferrer' }, text);
}

// Redraws a group of controls and keeps the keyboard's focus on the same control.
function keepFocus(host, draw) {
  const active = document.activeElement;
  const key = host.contains(active) ? active.dataset.key : null;
  draw();
  if (key) {
    const again = [...host.querySelectorAll('[data-key]')].find((n) => n.dataset.key === key);
    if (again) again.focus({ preventScroll: true });
  }
}

// A row of buttons, one of them pressed.
function segments(host, options, chosen, choose) {
  keepFocus(host, () => {
    host.replaceChildren(
      ...options.map(([value, label]) =>
        el(
          'button',
          {
            type: 'button',
            class: 'segment',
            'data-key': `${host.id}:${value}`,
            'aria-pressed': value === chosen ? 'true' : 'false',
            onclick: () => choose(value),
          },
          label,
        ),
      ),
    );
  });
}
