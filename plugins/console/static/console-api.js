// plugins/console/static/console-api.js: calls of the HTTP API, and the names behind the ids that it answers with.

import { language, text } from './console-texts.js';

// What went wrong, for people: the problem document of RFC 9457, or a call that never arrived.
export class Problem extends Error {
  constructor(status, document) {
    super(document.title);
    this.status = status;
    this.title = document.title;
    this.detail = document.detail;
    this.errors = document.errors ?? [];
  }
}

async function document_of(response) {
  try {
    return await response.json();
  } catch {
    return { title: text('error.status', { status: response.status }) };
  }
}

export async function call(method, path, body) {
  const headers = { 'Accept-Language': language() };
  if (body !== undefined) headers['Content-Type'] = 'application/json';

  let response;
  try {
    response = await fetch(`/api/v1${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Problem(0, { title: text('error.network') });
  }
  if (response.status === 204) return null;
  const answer = await document_of(response);
  if (!response.ok) throw new Problem(response.status, answer);
  return answer;
}

export const get = (path) => call('GET', path);
export const post = (path, body) => call('POST', path, body);

const names = new Map();

// The name of a record, or null where this person may not know it. Each is asked for once.
export function name_of(entity, id) {
  const key = `${entity}/${id}`;
  if (!names.has(key)) {
    names.set(key, get(`/${key}?fields=name`).then((answer) => answer.data.name, () => null));
  }
  return names.get(key);
}

// Forgets the names: the next person may not know them.
export function forget_names() {
  names.clear();
}
