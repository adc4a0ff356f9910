// plugins/console/static/console.js: the views of the console. Each address after # is a view; a view is a function that makes
// elements from what the HTTP API answers.

import { Problem, call, forget_names, get, name_of, post } from './console-api.js';
import { bar, h, show } from './console-dom.js';
import { generations_view } from './console-generations.js';
import { amount, duration, language, number, speak, test_in_words, text, text_or, time } from './console-texts.js';

const PAGE = 25;
const LEAD_FIELDS = 'id,name,company,score,stage,channel,owner,unit,accept_by';
const STAGES = ['prospecting', 'engaging', 'won', 'lost'];

const header = document.getElementById('header');
const main = document.getElementById('main');
const said = document.getElementById('said');

let session = null;
let turn = 0; // a view that has been left must not show what it waited for

const is = (...roles) => roles.some((role) => session.roles.includes(role));
const sees_customers = () => is('administrator', 'headquarters', 'manager', 'agent');
const sees_decisions = sees_customers;
const enters_leads = () => is('administrator', 'manager', 'agent');
const moves_leads = () => is('administrator', 'manager', 'agent', 'partner');

// Parts of views

const heading = (title, ...more) => h('div', { class: 'heading' }, h('h1', {}, title), more);
const loading = () => h('p', { class: 'loading' }, text('app.loading'));
const nothing = () => h('span', { class: 'faint' }, text('app.nothing'));

function empty(title, hint) {
  return h('div', { class: 'empty' },
    h('svg', { viewBox: '0 0 64 24', 'aria-hidden': 'true' },
      h('path', { d: 'M2 14c7-8 14-8 20 0s13 8 20 0 13-8 20 0' })),
    h('h2', {}, title), h('p', {}, hint));
}

function problem_note(problem, retry) {
  return h('div', { class: 'notice bad', role: 'alert' },
    h('strong', {}, problem.title),
    problem.detail && h('p', {}, problem.detail),
    problem.errors.filter((fault) => !fault.field).map((fault) => h('p', {}, fault.message)),
    retry && h('button', { type: 'button', class: 'quiet', onclick: retry }, text('app.again')));
}

const badge = (stage) => h('span', { class: `badge is-${stage}` }, text_or(`stage.${stage}`, stage));

// A name that comes later, in a place that is there now.
function name_slot(entity, id, missing = text('app.hidden')) {
  const slot = h('span', {}, '…');
  name_of(entity, id).then((name) => show(slot, name ?? h('span', { class: 'faint' }, missing)));
  return slot;
}

// Who has a lead: position and unit, as far as this person may know them.
function holder(lead) {
  if (!lead.owner && !lead.unit) return h('span', { class: 'faint' }, '—');
  return h('span', { class: 'holder' },
    lead.owner && !is('partner') && name_slot('position', lead.owner),
    lead.unit && h('small', {}, name_slot('unit', lead.unit)));
}

// A list that grows page by page. `row` makes a table row of a record.
function pages(path, caption, columns, row, none) {
  const rows = h('tbody');
  const foot = h('div', { class: 'foot' });
  const box = h('div', { class: 'card' }, loading());
  let shown = 0;

  async function load(cursor) {
    const answer = await get(`${path}&limit=${PAGE}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
    shown += answer.data.length;
    rows.append(...answer.data.map(row));
    show(foot, answer.next
      ? h('button', { type: 'button', class: 'quiet', onclick: () => more(answer.next) }, text('app.more'))
      : h('span', { class: 'faint' }, `${text('app.all_shown')} · ${number(shown)}`));
  }

  async function more(cursor) {
    try {
      await load(cursor);
    } catch (error) {
      failed(error, foot, () => more(cursor));
    }
  }

  async function start() {
    show(box, loading());
    try {
      await load(null);
      show(box, shown === 0 ? none : [
        h('div', { class: 'scroll' }, h('table', {},
          h('caption', { class: 'unseen' }, caption),
          h('thead', {}, h('tr', {}, columns.map(([title, kind]) => h('th', { scope: 'col', class: kind }, title)))),
          rows)),
        foot,
      ]);
    } catch (error) {
      failed(error, box, start);
    }
  }

  start();
  return box;
}

// Shows what went wrong where the answer would have stood; a session that has ended leads to the log-in.
function failed(error, target, retry) {
  if (!(error instanceof Problem)) throw error;
  if (error.status === 401 && session) return leave(text('session.ended'));
  const problem = error.status === 404 ? new Problem(404, { title: text('error.not_found') }) : error;
  return show(target, problem_note(problem, error.status === 404 ? null : retry));
}

// Forms: each field says under itself what is wrong with it.

function field(name, label, input, hint) {
  input.id = `field-${name}`;
  input.setAttribute('name', name);
  const fault = h('p', { class: 'fault', id: `fault-${name}` });
  input.setAttribute('aria-describedby', fault.id);
  return h('div', { class: 'field' },
    h('label', { for: input.id }, label, hint && h('small', {}, ` ${hint}`)), input, fault);
}

function show_faults(form, problem) {
  for (const fault of form.querySelectorAll('.fault')) fault.textContent = '';
  for (const input of form.elements) input.removeAttribute('aria-invalid');
  const unplaced = [];
  for (const fault of problem?.errors ?? []) {
    const place = fault.field && form.querySelector(`#fault-${CSS.escape(fault.field)}`);
    if (place) {
      place.textContent = fault.message;
      form.elements[fault.field].setAttribute('aria-invalid', 'true');
    } else if (fault.field) {
      unplaced.push({ message: `${fault.field}: ${fault.message}` });
    } else {
      unplaced.push(fault);
    }
  }
  const note = form.querySelector('.form-note');
  show(note, problem && problem_note({ ...problem, title: problem.title, detail: problem.detail, errors: unplaced }));
  form.querySelector('[aria-invalid]')?.focus();
}

// A form whose button is off while its answer is on the way.
function form_of(content, button, submit) {
  const send = h('button', { type: 'submit' }, button);
  const form = h('form', { novalidate: true }, h('div', { class: 'form-note' }), content(send));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    send.disabled = true;
    show_faults(form, null);
    try {
      await submit(form);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (error.status === 401 && session) leave(text('session.ended'));
      else show_faults(form, error);
    } finally {
      send.disabled = false;
    }
  });
  return form;
}

// Log in

function login_view(note) {
  const form = form_of((send) => [
    field('login', text('session.login'), h('input', { autocomplete: 'username', autocapitalize: 'none', spellcheck: 'false' })),
    field('password', text('session.password'), h('input', { type: 'password', autocomplete: 'current-password' })),
    send,
  ], text('session.enter'), async (sent) => {
    await post('/session', { login: sent.elements.login.value.trim(), password: sent.elements.password.value });
    await enter();
  });
  return h('section', { class: 'login card' },
    h('img', { src: '/console.svg', alt: '', width: 64, height: 64 }),
    h('h1', {}, 'Tidemill'), h('p', { class: 'faint' }, text('app.tagline')),
    note && h('p', { class: 'notice' }, note), form);
}

// Who comes by a link has no password yet.

function password_view() {
  const form = form_of((send) => [
    field('password', text('password.new'), h('input', { type: 'password', autocomplete: 'new-password' }), text('password.hint')),
    send,
  ], text('password.save'), async (sent) => {
    await call('PATCH', `/user/${session.user.id}`, { password: sent.elements.password.value });
    location.hash = '#/leads';
  });
  return [heading(text('password.title')),
    h('div', { class: 'card narrow' }, h('p', {}, text('password.why', { login: session.user.login })), form)];
}

async function enter_by_link() {
  const link = location.hash.slice('#/sign-in/'.length);
  history.replaceState(null, '', '#/password'); // a link works once: nobody should come back to it
  await post('/session', { link });
  await enter();
}

async function enter() {
  session = (await get('/session')).data;
  forget_names();
  if (!location.hash.startsWith('#/') || location.hash === '#/') history.replaceState(null, '', '#/leads');
  render();
}

function leave(note) {
  session = null;
  forget_names();
  render(note);
}

async function log_out() {
  try {
    await call('DELETE', '/session');
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.status !== 401) {
      show(said, error.title);
      return;
    }
  }
  leave();
}

// Leads

function lead_row(lead) {
  return h('tr', {},
    h('th', { scope: 'row' }, h('a', { href: `#/leads/${lead.id}` }, lead.name), lead.company && h('small', {}, lead.company)),
    h('td', { class: 'figure' }, lead.score ?? h('span', { class: 'faint' }, '—')),
    h('td', {}, badge(lead.stage)),
    h('td', {}, holder(lead)),
    h('td', {}, lead.accept_by && lead.stage === 'offered' ? time(lead.accept_by) : h('span', { class: 'faint' }, '—')));
}

function leads_view(note) {
  return [
    heading(text('leads.title'), enters_leads() && h('a', { class: 'button', href: '#/leads/new' }, text('leads.new'))),
    note && h('p', { class: 'notice', role: 'status' }, note),
    pages(`/lead?sort=-id&fields=${LEAD_FIELDS}`, text('leads.title'), [
      [text('lead.name')], [text('lead.score'), 'figure'], [text('lead.stage')], [text('lead.owner')], [text('lead.accept_by')],
    ], lead_row, empty(text('leads.none'), text('leads.none_hint'))),
  ];
}

// Where a lead is now, in a sentence.
function whereabouts(lead) {
  if (lead.stage === 'pooled') return h('p', { class: 'whereabouts' }, text('routing.pool'));
  return h('div', { class: 'whereabouts' }, badge(lead.stage), ' ', holder(lead),
    lead.stage === 'offered' && lead.accept_by
      && h('p', { class: 'faint' }, text('routing.until', { time: time(lead.accept_by) })));
}

const say_value = (value) => (value === null || value === '' ? text('routing.empty') : text_or(`value.${value}`, String(value)));

function say_outcome(name, value) {
  return name === 'accept_within' ? duration(value) : say_value(value);
}

// One decision: each fact beside what the matched row asks of it, then what follows.
function decision_part(decision) {
  const row = decision.row ? text('routing.row', { row: decision.row }) : text('routing.no_row');
  return h('section', { class: 'decision' },
    h('h3', {}, decision.title, ' ', h('span', { class: 'badge' }, row)),
    decision.conditions?.length > 0 && h('div', { class: 'scroll' }, h('table', {},
      h('caption', { class: 'unseen' }, decision.title),
      h('thead', {}, h('tr', {},
        ['routing.fact', 'routing.here', 'routing.asked'].map((key) => h('th', { scope: 'col' }, text(key))))),
      h('tbody', {}, decision.conditions.map((condition) => h('tr', {},
        h('th', { scope: 'row' }, text_or(`fact.${condition.fact}`, condition.fact)),
        h('td', {}, say_value(decision.facts[condition.fact])),
        h('td', { title: condition.test }, test_in_words(condition.test, say_value))))))),
    h('h4', {}, text('routing.outcome')),
    h('dl', {}, Object.keys(decision.outcome).sort(by_outcome).map((name) => [
      h('dt', {}, text_or(`outcome.${name}`, name)), h('dd', {}, say_outcome(name, decision.outcome[name])),
    ])),
    h('p', { class: 'faint' }, text('routing.at', { time: time(decision.at), version: decision.version.slice(0, 8) })));
}

// The outcome reads in the order of the routing's columns; what a client added follows.
const OUTCOMES = ['channel', 'selector', 'accept_within'];
const rank = (name) => (OUTCOMES.includes(name) ? OUTCOMES.indexOf(name) : OUTCOMES.length);
const by_outcome = (a, b) => rank(a) - rank(b);

function reason_part(lead) {
  if (!sees_decisions()) return h('p', { class: 'faint' }, text('routing.closed'));
  const box = h('div', {}, loading());
  async function start() {
    try {
      const { data } = await get(`/lead/${lead.id}/decisions`);
      show(box, data.length === 0 ? h('p', { class: 'faint' }, text(lead.owner ? 'routing.none' : 'routing.not_yet')) : data.map(decision_part));
    } catch (error) {
      failed(error, box, start);
    }
  }
  start();
  return box;
}

function accept_part(lead) {
  if (lead.stage !== 'offered' || !moves_leads()) return null;
  const note = h('div');
  const button = h('button', { type: 'button', onclick: async () => {
    button.disabled = true;
    try {
      await post(`/lead/${lead.id}/accept`, {});
      show(said, text('lead.accepted'));
      render();
    } catch (error) {
      button.disabled = false;
      failed(error, note, null);
    }
  } }, text('lead.accept'));
  return h('div', { class: 'act' }, button, note);
}

function lead_parts(lead) {
  const about = [
    ['company', lead.company], ['phone', lead.phone], ['email', lead.email], ['source', lead.source], ['region', lead.region],
    ['product', lead.product && name_slot('product', lead.product)], ['score', lead.score], ['created', time(lead.created_at)],
  ];
  return [
    h('p', {}, h('a', { href: '#/leads' }, `← ${text('lead.back')}`)),
    heading(lead.name, badge(lead.stage)),
    h('div', { class: 'columns' },
      h('section', { class: 'card' }, h('h2', {}, text('lead.about')),
        h('dl', {}, about.map(([name, value]) => [h('dt', {}, text(`lead.${name}`)), h('dd', {}, value ?? nothing())])),
        accept_part(lead)),
      h('section', { class: 'card' }, h('h2', {}, text('routing.title')), whereabouts(lead), reason_part(lead))),
  ];
}

async function lead_view(id) {
  const { data } = await get(`/lead/${encodeURIComponent(id)}`);
  return lead_parts(data);
}

// What there is to choose from; where this person may not see it, nothing.
const choices = (path) => get(path).then((answer) => answer.data, () => []);

// What is entered for nobody is routed; an agent may keep it for the own position.
function lead_of(form) {
  const lead = {};
  for (const name of ['name', 'company', 'phone', 'email', 'source', 'region', 'product', 'score']) {
    const value = form.elements[name].value.trim();
    if (value !== '') lead[name] = name === 'score' && !Number.isNaN(Number(value)) ? Number(value) : value;
  }
  if (form.elements.mine?.checked) lead.owner = session.positions[0];
  return lead;
}

async function new_lead_view() {
  const [products, regions] = await Promise.all([
    choices('/product?sort=name&limit=200&fields=name'),
    is('administrator', 'headquarters', 'manager') ? choices('/unit?kind=region&sort=code&limit=200&fields=code,name') : [],
  ]);
  const input = (properties) => h('input', { autocomplete: 'off', ...properties });
  const form = form_of((send) => [
    h('div', { class: 'fields' },
      field('name', text('lead.name'), input({ required: true })),
      field('company', text('lead.company'), input()),
      field('phone', text('lead.phone'), input({ type: 'tel' })),
      field('email', text('lead.email'), input({ type: 'email' })),
      field('region', text('lead.region'), input({ list: 'regions' })),
      field('product', text('lead.product'), h('select', {}, h('option', { value: '' }, text('lead.no_product')),
        products.map((product) => h('option', { value: product.id }, product.name)))),
      field('score', text('lead.score'), input({ inputmode: 'numeric' }), text('lead.score_hint')),
      field('source', text('lead.source'), input())),
    h('datalist', { id: 'regions' }, regions.map((region) => h('option', { value: region.code }, region.name))),
    is('agent') && session.positions.length > 0 && h('label', { class: 'check' },
      h('input', { type: 'checkbox', name: 'mine' }), text('lead.mine')),
    h('div', { class: 'act' }, send, h('a', { href: '#/leads' }, text('lead.cancel'))),
  ], text('lead.save'), async (sent) => {
    const { data } = await post('/lead', lead_of(sent));
    if (data.name === undefined) render_leads_with(text('leads.elsewhere'));
    else location.hash = `#/leads/${data.id}`;
  });
  return [
    h('p', {}, h('a', { href: '#/leads' }, `← ${text('lead.back')}`)),
    heading(text('leads.new')), h('div', { class: 'card narrow' }, form),
  ];
}

function render_leads_with(note) {
  history.replaceState(null, '', '#/leads');
  render(note);
}

// Customers

function customer_row(customer) {
  const or_dash = (value) => value ?? h('span', { class: 'faint' }, '—');
  return h('tr', {},
    h('th', { scope: 'row' }, customer.name),
    h('td', {}, or_dash(customer.sector)),
    h('td', {}, or_dash(customer.country)),
    h('td', { class: 'figure' }, or_dash(customer.founded)),
    h('td', { class: 'figure' }, or_dash(customer.employees && number(customer.employees))),
    h('td', { class: 'figure' }, or_dash(customer.revenue && amount(customer.revenue))));
}

function customers_view() {
  return [
    heading(text('customers.title')),
    pages('/customer?sort=name&fields=id,name,sector,country,founded,employees,revenue', text('customers.title'), [
      [text('customer.name')], [text('customer.sector')], [text('customer.country')], [text('customer.founded'), 'figure'],
      [text('customer.employees'), 'figure'], [text('customer.revenue'), 'figure'],
    ], customer_row, empty(text('customers.none'), text('customers.none_hint'))),
  ];
}

// Pipeline

// By region for those who may see what a unit is part of, else by unit.
const group_by = () => (is('administrator', 'headquarters', 'manager') ? 'unit.parent' : 'unit');

// Exact sums of amounts, as hundredths would be: by whole numbers, whatever the number of digits after the point.
function add_up(amounts) {
  if (amounts.length === 0) return null;
  const digits = Math.max(...amounts.map((one) => (one.amount.split('.')[1] ?? '').length));
  const total = amounts.reduce((sum, one) => {
    const [whole, fraction = ''] = one.amount.split('.');
    return sum + BigInt(whole + fraction.padEnd(digits, '0'));
  }, 0n);
  const plain = String(total).padStart(digits + 1, '0');
  return { amount: digits ? `${plain.slice(0, -digits)}.${plain.slice(-digits)}` : plain, currency: amounts[0].currency };
}

const has_money = (money) => money !== null && /[1-9]/.test(money.amount);
const amounts_of = (groups) => groups.map((group) => group.sum.amount).filter((one) => one !== null);

function tile(group, by, most) {
  const unit = group.by[by];
  return h('li', { class: 'tile' },
    h('div', { class: 'tile-head' },
      h('strong', {}, unit ? name_slot('unit', unit) : text('pipeline.no_unit')),
      h('span', { class: 'figure', title: text('pipeline.count', { count: number(group.count) }) }, number(group.count))),
    bar(group.count / most),
    has_money(group.sum.amount) && h('p', { class: 'tile-sum' }, amount(group.sum.amount)));
}

async function pipeline_view() {
  const by = group_by();
  const { data } = await get(`/opportunity/summary?by=stage,${by}&count&sum=amount`);
  const title = heading(text('pipeline.title'),
    h('span', { class: 'faint' }, text(by === 'unit.parent' ? 'pipeline.by_region' : 'pipeline.by_unit')));
  if (data.length === 0) return [title, h('div', { class: 'card' }, empty(text('pipeline.none'), text('pipeline.none_hint')))];

  // Units stand in the same order in every column, so that the eye can compare.
  const names = new Map(await Promise.all([...new Set(data.map((group) => group.by[by]))].map(async (unit) =>
    [unit, unit === null ? '' : await name_of('unit', unit) ?? ''])));
  data.sort((a, b) => names.get(a.by[by]).localeCompare(names.get(b.by[by]), language()));
  const most = Math.max(...data.map((group) => group.count));

  return [title, h('div', { class: 'board' }, STAGES.map((stage) => {
    const groups = data.filter((group) => group.by.stage === stage);
    const count = groups.reduce((sum, group) => sum + group.count, 0);
    const total = add_up(amounts_of(groups));
    return h('section', { class: `lane is-${stage}`, 'aria-labelledby': `lane-${stage}` },
      h('header', {}, h('h2', { id: `lane-${stage}` }, text(`stage.${stage}`)),
        h('span', { class: 'figure' }, number(count)),
        h('p', { class: 'faint' }, has_money(total) && amount(total, true))),
      groups.length === 0 ? h('p', { class: 'faint' }, text('pipeline.empty'))
        : h('ul', {}, groups.map((group) => tile(group, by, most))));
  }))];
}

// The frame around the views

const SECTIONS = [
  ['leads', () => true], ['customers', () => sees_customers()], ['pipeline', () => true],
  ['generations', () => is('administrator')],
];

function language_switch() {
  return h('div', { class: 'languages', role: 'group', 'aria-label': text('app.language') },
    [['en', 'English'], ['zh', '中文']].map(([code, name]) => h('button', {
      type: 'button', class: 'quiet', lang: code, 'aria-pressed': String(language() === code),
      onclick: () => {
        speak(code);
        render();
        header.querySelector(`.languages [lang=${code}]`).focus();
      },
    }, name)));
}

function frame(section) {
  return [
    h('a', { class: 'skip', href: '#main', onclick: (event) => {
      event.preventDefault();
      main.focus();
    } }, text('app.skip')),
    h('a', { class: 'brand', href: '#/leads' }, h('img', { src: '/console.svg', alt: '', width: 28, height: 28 }), 'Tidemill'),
    session && h('nav', { 'aria-label': text('app.sections') },
      SECTIONS.filter(([, may]) => may()).map(([name]) =>
        h('a', { href: `#/${name}`, 'aria-current': name === section ? 'page' : null }, text(`${name}.title`)))),
    h('div', { class: 'who' },
      session && h('span', { class: 'person' }, session.user.name, session.unit && h('small', {}, session.unit.name)),
      language_switch(),
      session && h('button', { type: 'button', class: 'quiet', onclick: log_out }, text('session.leave'))),
  ];
}

function view_of(section, id, note) {
  if (section === 'leads' && id === 'new' && enters_leads()) return new_lead_view();
  if (section === 'leads' && id) return lead_view(id);
  if (section === 'customers' && sees_customers()) return customers_view();
  if (section === 'pipeline') return pipeline_view();
  if (section === 'generations' && is('administrator')) return generations_view({ heading, failed });
  if (section === 'password') return password_view();
  return leads_view(note);
}

async function render(note) {
  const mine = ++turn;
  const [section = 'leads', id] = location.hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
  document.documentElement.lang = language() === 'zh' ? 'zh-CN' : 'en';
  document.title = session ? `${text_or(`${section}.title`, 'Tidemill')} · Tidemill` : 'Tidemill';
  show(header, frame(section));
  if (!session) return show(main, login_view(note));

  show(main, loading());
  try {
    const view = await view_of(section, id, note);
    if (mine === turn) show(main, view);
  } catch (error) {
    if (mine === turn) failed(error, main, () => render());
  }
  return undefined;
}

window.addEventListener('hashchange', () => {
  if (!location.hash.startsWith('#/')) return;
  show(said, '');
  render();
  main.focus({ preventScroll: true });
  window.scrollTo(0, 0);
});

const by_link = location.hash.startsWith('#/sign-in/');

(by_link ? enter_by_link() : enter()).catch((error) => {
  if (!(error instanceof Problem)) throw error;
  render(error.status === 401 && !by_link ? undefined : error.title);
});
