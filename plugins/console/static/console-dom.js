// plugins/console/static/console-dom.js: elements from JavaScript. Texts always become text nodes, never markup.

const SVG = 'http://www.w3.org/2000/svg';

// h('a', { href: '#/', class: 'x', onclick: f }, 'text', element, [more]): an element. A property that is null or false is left
// out, one that is true stands without a value; on… adds a listener.
export function h(name, properties, ...children) {
  const element = name === 'svg' || name === 'path' ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// A bar of a width between 0 and 1, for the eye only.
export function bar(share) {
  const fill = h('span', { class: 'bar-fill' });
  fill.style.setProperty('--share', String(Math.max(0, Math.min(1, share))));
  return h('span', { class: 'bar', 'aria-hidden': 'true' }, fill);
}

export function show(target, ...children) {
  target.replaceChildren(...children.flat(Infinity).filter(Boolean));
}
