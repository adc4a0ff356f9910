// tests/support/problem.mjs: what every problem document must be (RFC 9457), and what it says of one fault.

import assert from 'node:assert/strict';

const header = (answer, name) => typeof answer.headers.get === 'function' ? answer.headers.get(name) : answer.headers[name];

/* The answer is a problem with this status. With `field` it has a fault of that field, whose message fits `says` and whose code is
 * `code`; without, `says` is looked for in the detail and in all messages. Returns that fault, or the document. */
export function assert_problem(answer, status, { field, code, says } = {}) {
  const told = `${answer.status} ${answer.text?.slice(0, 600)}`;
  assert.equal(answer.status, status, told);
  assert.match(header(answer, 'content-type') ?? '', /^application\/problem\+json\b/, told);
  const { body } = answer;
  assert.equal(body.status, status, told);
  assert.match(body.type, /^urn:tidemill:problem:[a-z-]+$/, told);
  assert.ok(body.title.length > 0, told);
  assert.match(body.request, /^[0-9a-f]{16}$/, told);

  const errors = body.errors ?? [];
  for (const one of errors) assert.ok(one.code && one.message, told);
  if (field === undefined) {
    if (code) assert.ok(errors.some((one) => one.code === code), told);
    if (says) assert.match([body.title, body.detail, ...errors.map((one) => one.message)].join('\n'), says, told);
    return body;
  }
  const fault = errors.find((one) => one.field === field);
  assert.ok(fault, `no fault of ${field}: ${told}`);
  if (code) assert.equal(fault.code, code, told);
  if (says) assert.match(fault.message, says, told);
  return fault;
}

/* The document without what differs from request to request. */
export function without_request({ body }) {
  const { request, ...rest } = body;
  return rest;
}
