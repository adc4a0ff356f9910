// tests/support/reporter.mjs: what `node --test` says in tests/run: each failure in full, what a failing file
// printed, and a last line "N passed, N failed". Works from Node 18.15 on.

import { inspect } from 'node:util';

// A file that ends badly is reported as if it were a test.
const isFile = (data) => data.name.endsWith('.test.mjs');

export default async function* reporter(events) {
  const printed = [];
  let passed = 0;
  let failed = 0;
  let skipped = 0;

  for await (const { type, data } of events) {
    if (type === 'test:stdout' || type === 'test:stderr') {
      printed.push(data.message);
    } else if (type === 'test:diagnostic' && data.message.startsWith('Warning')) {
      printed.push(`${data.message}\n`);
    } else if (type === 'test:pass') {
      if (data.skip !== undefined && data.skip !== false) {
        skipped += 1;
        yield `skipped: ${data.name}\n`;
      } else if (data.details?.type !== 'suite' && !isFile(data)) {
        passed += 1;
      }
    } else if (type === 'test:fail') {
      const error = data.details?.error;
      // A parent fails with its subtests, which have been counted.
      if (error?.failureType === 'subtestsFailed' || (isFile(data) && failed > 0)) continue;
      if (data.todo !== undefined && data.todo !== false) continue;

      failed += 1;
      const how = error?.signal ?? error?.exitCode;
      const cause = error?.cause ?? error;
      yield `not ok: ${data.name}${how === undefined ? '' : ` (ended with ${how})`}\n`;
      yield `${indent(typeof cause === 'string' ? cause : inspect(cause))}\n`;
    }
  }

  if (failed > 0 && printed.length > 0) yield `printed by the tests:\n${indent(printed.join(''))}\n`;
  if (skipped > 0) yield `${skipped} skipped\n`;
  yield `${passed} passed, ${failed} failed\n`;
}

function indent(text) {
  return text.trimEnd().replace(/^/gm, '    ');
}
