// tests/support/hostile.mjs: the files of tests/faults/hostile as the actions of a plugin.

import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { make_root } from './root.mjs';
import { root as repository } from './server.mjs';

const folder = join(repository, 'tests/faults/hostile');

const manifest = `return {
  name = "hostile", version = "1.0.0", api = 1, title = { en = "Hostile", zh = "恶意" },
}
`;
const entities = `mill.entity "victim" {
  label = { en = "Victim", zh = "对象" },
  fields = { { "name", "text", label = { en = "Name", zh = "名称" } } },
}
`;

const action = ({ name, text }) => `mill.action "victim.${name}" {
  title = { en = "${name}", zh = "${name}" },
  run = function(record, body) -- luacheck: ignore
${text}  end,
}
`;

function access(snippets) {
  const allow = ['read', 'create', 'update', ...snippets.map(({ name }) => name)].map((name) => `"${name}"`).join(', ');
  return `mill.access "victim" { { role = "administrator", allow = { ${allow} } } }\n`;
}

/* Makes a root whose plugin `hostile` has each snippet as an action on its entity `victim`:
 * { root, snippets: [{ name, text, answer }] } */
export async function make_hostile_root() {
  const snippets = [];
  for (const file of (await readdir(folder)).sort()) {
    const text = await readFile(join(folder, file), 'utf8');
    snippets.push({ name: file.replace('.lua', ''), text, answer: text.match(/^-- answer: (.*)$/m)[1] });
  }
  const root = await make_root({
    plugins: {
      hostile: {
        'plugin.lua': manifest, 'entities.lua': entities, 'access.lua': access(snippets),
        'actions.lua': snippets.map(action).join('\n'),
      },
    },
  });
  return { root, snippets };
}
