// tests/http/import_slices.test.mjs: an import goes in slices by time, and people's writes go between them.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { ask, database } from '../support/change_log.mjs';
import { make_root } from '../support/root.mjs';
import { start, tidemill } from '../support/server.mjs';

const entity = (name) => `
mill.entity "${name}" {
  label = { en = "${name}", zh = "${name}" },
  key = "name",
  fields = { { "name", "text", required = true, label = { en = "Name", zh = "名称" } } },
}
mill.access "${name}" { { role = "administrator", allow = "all" } }
`;
const mapping = (name) => `
mill.mapping "${name}" {
  title = { en = "${name}", zh = "${name}" },
  columns = { "name" },
  record = function(row)
    return { entity = "${name}", key = { name = row.name }, set = { name = row.name ~= "refused" and row.name or nil } }
  end,
}
`;
const loads = {
  'plugin.lua': 'return { name = "loads", version = "1.0.0", api = 1, title = { en = "Loads", zh = "负载" }, needs = { org = "^1.0" } }\n',
  'entities.lua': entity('light') + entity('heavy'),
  // Milliseconds of work for each row, on any machine.
  'rules.lua': `
mill.rule "heavy.burn" {
  title = { en = "Burn", zh = "耗时" }, on = "heavy.created", invariant = true,
  run = function(heavy)
    local sum = 0
    for i = 1, 1500000 do
      sum = sum + i % 7
    end
    if heavy.name:find("bad", 1, true) and sum > 0 then
      error(mill.problem { field = "name", message = { en = "a bad name", zh = "名称不当" } })
    end
  end,
}
`,
  'import/light.lua': mapping('light'),
  'import/heavy.lua': mapping('heavy'),
};

let root, server, admin;
before(async () => {
  root = await make_root({ plugins: { loads } });
  server = await start({ config: root.config, cwd: root.path, data: join(root.path, 'data') });
  admin = await server.log_in('admin');
});
after(async () => {
  await server?.stop();
  await root?.remove();
});

async function import_names(name, file, names) {
  const path = join(root.path, file);
  await writeFile(path, `name\n${names.join('\n')}\n`);
  const { status, stdout } = await new Promise((done) => {
    execFile(tidemill, ['import', name, path, '--data', server.data, '--json'], { cwd: root.path },
      (error, out) => done({ status: error?.code ?? 0, stdout: out }));
  });
  return { status, report: JSON.parse(stdout) };
}

// How many records of an entity each unit of an import has made, in their order.
const slices = async (name) => (await ask(database(server.data), `SELECT count(*) FROM change
  WHERE entity = '${name}' AND cause_kind = 'import' GROUP BY txn ORDER BY min(pos)`)).map(([count]) => Number(count));
const names = (count, word = 'name') => Array.from({ length: count }, (_, i) => `${word} ${i}`);

test('slices hold as many rows as there is time for: few that take long, many that do not', async () => {
  const heavy = await import_names('heavy', 'heavy.csv', names(40));
  const light = await import_names('light', 'light.csv', names(1500));
  const of_heavy = await slices('heavy');
  const of_light = await slices('light');
  const sum = (list) => list.reduce((a, b) => a + b, 0);

  assert.deepEqual([heavy.status, heavy.report.created, light.status, light.report.created], [0, 40, 0, 1500]);
  assert.deepEqual([sum(of_heavy), sum(of_light)], [40, 1500]);
  assert.ok(of_heavy.length >= 4, `slices of ${of_heavy}`);
  assert.ok(Math.max(...of_light) > Math.max(...of_heavy), `slices of ${of_light} beside ${of_heavy}`);
  assert.ok(Math.max(...of_light) <= 500, `slices of ${of_light}`);
});

test('what a slice had no time for comes with the next, each row once and the refused ones in their order', async () => {
  const list = names(30, 'more').flatMap((name, i) => i % 10 === 4 ? [name, `bad ${i}`] : [name]);
  list[7] = 'more 7,a value too many';
  const { status, report } = await import_names('heavy', 'mixed.csv', list);
  const again = await import_names('heavy', 'mixed.csv', list);

  assert.deepEqual([status, report.rows, report.created, report.refused], [1, 33, 29, 4]);
  assert.deepEqual([again.report.created, again.report.unchanged, again.report.refused], [0, 29, 4]);
  const rejects = (await root.read('mixed.csv.rejects.csv')).trim().split('\n').slice(1).map((line) => Number(line.split(',')[0]));
  assert.deepEqual(rejects, [7, 9, 18, 29].map((line) => line), String(rejects));
});

test('people write while an import runs, between its slices', async () => {
  let over = false;
  const running = import_names('heavy', 'long.csv', names(100, 'long')).finally(() => { over = true; });
  let written = 0;
  for (; !over; written += 1) {
    assert.equal((await admin.post('/api/v1/light', { name: `by hand ${written}` })).status, 201);
  }
  const { report } = await running;
  const [[between]] = await ask(database(server.data), `SELECT count(*) FROM change AS c
    WHERE entity = 'light' AND cause_kind = 'request'
      AND EXISTS (SELECT 1 FROM change WHERE entity = 'heavy' AND pos < c.pos AND id IN (SELECT id FROM heavy WHERE name LIKE 'long %'))
      AND EXISTS (SELECT 1 FROM change WHERE entity = 'heavy' AND pos > c.pos)`);

  assert.equal(report.created, 100);
  assert.ok(Number(between) >= 4, `${between} of ${written} between the slices`);
});
