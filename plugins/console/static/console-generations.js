// plugins/console/static/console-generations.js: the administrator's page of generations: what has served, building from the
// files, and returning to what was before.

import { get, post } from './console-api.js';
import { h, show } from './console-dom.js';
import { text, time } from './console-texts.js';

const short = (hash) => (hash ? h('code', { title: hash }, hash.slice(0, 12)) : '—');

function cause_of(entry) {
  return [text(`attempt.${entry.action}`), h('small', {}, text(`attempt.cause_${entry.cause}`), entry.by && ` ${entry.by}`)];
}

function result_of(entry) {
  return [h('span', { class: `badge is-${entry.result}` }, text(`attempt.${entry.result}`)),
    entry.text && h('small', { class: 'reason' }, entry.text)];
}

// Each kept generation is offered once, where it stands first.
function offers(data, serves) {
  const seen = new Set([serves]);
  return new Set(data.filter((entry) => {
    const offered = entry.kept && !seen.has(entry.hash);
    if (offered) seen.add(entry.hash);
    return offered;
  }));
}

function row(entry, offer) {
  return h('tr', { 'aria-current': entry.current ? 'true' : null },
    h('th', { scope: 'row' }, short(entry.hash), entry.current && h('small', { class: 'now' }, text('generations.now'))),
    h('td', {}, time(entry.at)), h('td', {}, cause_of(entry)), h('td', {}, result_of(entry)), h('td', {}, offer));
}

function list_of({ data, serves, safe }, offer) {
  const offered = offers(data, serves);
  return [
    safe && h('p', { class: 'notice' }, text('generations.safe')),
    h('div', { class: 'card' }, h('div', { class: 'scroll' }, h('table', {},
      h('caption', { class: 'unseen' }, text('generations.title')),
      h('thead', {}, h('tr', {}, ['hash', 'at', 'cause', 'result'].map((name) => (
        h('th', { scope: 'col' }, text(`generations.${name}`)))), h('th', { scope: 'col', 'aria-label': text('generations.back') }))),
      h('tbody', {}, data.map((entry) => row(entry, offered.has(entry) && offer(entry))))))),
  ];
}

/* The view. `heading` and `failed` are those of console.js. */
export async function generations_view({ heading, failed }) {
  const note = h('div', { role: 'status' });
  const list = h('div', {});

  async function refresh() {
    show(list, list_of(await get('/generation'), offer));
  }

  // One at a time: the server would queue them, and nobody would know which came of what.
  async function act(path) {
    for (const button of document.querySelectorAll('#main button')) button.disabled = true;
    show(note, h('p', { class: 'faint' }, text('generations.working')));
    try {
      const { data } = await post(path, {});
      show(note, h('p', { class: 'notice' }, text(`attempt.${data.result}_note`)));
    } catch (error) {
      failed(error, note, null);
    }
    build.disabled = false;
    try {
      await refresh();
    } catch (error) {
      failed(error, list, refresh);
    }
  }

  const build = h('button', { type: 'button', class: 'button', onclick: () => act('/generation') }, text('generations.build_now'));
  function offer(entry) {
    return h('button', { type: 'button', class: 'quiet', onclick: () => act(`/generation/${entry.hash}/activate`),
      'aria-label': `${text('generations.back')}: ${entry.hash.slice(0, 12)}` }, text('generations.back'));
  }

  await refresh();
  return [heading(text('generations.title'), build), h('p', { class: 'faint' }, text('generations.what')), note, list];
}
