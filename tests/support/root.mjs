// tests/support/root.mjs: a copy of what a server is started from (config, plugins, scripts) in a folder of its own, so that a test
// may edit it, add a plugin, and start quickly: the sales pipeline has 40 rows instead of 8,800.
//
//   const root = await make_root({ plugins: { probe } });
//   const server = await start({ config: root.config, cwd: root.path });
//   await root.edit('plugins/lead/decisions/route.lua', '"unit:east"', '"unit:west"');
//   await root.remove();

import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { root as repository } from './server.mjs';

export const pipeline = 'config/clients/demo/data/maven-crm/sales_pipeline.csv';

class Root {
  constructor(path) {
    this.path = path;
    this.config = join(path, 'config/tidemill.lua');
    this.saves = 0;
  }

  read(file) { return readFile(join(this.path, file), 'utf8'); }

  // As a careful editor saves: a new file that takes the place of the old one.
  async write(file, text) {
    const path = join(this.path, file);
    const beside = join(dirname(path), `.${this.saves += 1}.saving`);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(beside, text);
    await rename(beside, path);
  }

  // Puts `to` in the place of `from`, which must be there.
  async edit(file, from, to) {
    const before = await this.read(file);
    const after = before.replace(from, to);
    if (after === before) throw new Error(`${file}: nothing to edit, there is no ${from}`);
    await this.write(file, after);
    return before;
  }

  async setting(name, value) {
    await this.edit('config/tidemill.lua', new RegExp(`\\b${name} = .*,`), `${name} = ${value},`);
  }

  // Begins with a copy of another server's data.
  take_data(folder) { return cp(folder, join(this.path, 'data'), { recursive: true }); }

  remove() { return rm(this.path, { recursive: true, force: true }); }
}

/* Makes a root.
 *   plugins   further plugins: { name: { 'plugin.lua': text, 'entities.lua': text … } }
 *   clients   the client packs, else the demo
 *   rows      how many opportunities the demo has, else 40 */
export async function make_root({ plugins = {}, clients, rows = 40 } = {}) {
  const root = new Root(await mkdtemp(join(tmpdir(), 'tidemill-root-')));
  for (const folder of ['config', 'plugins', 'scripts']) {
    await cp(join(repository, folder), join(root.path, folder), { recursive: true });
  }
  await root.write(pipeline, `${(await root.read(pipeline)).split('\n', rows + 1).join('\n')}\n`);
  for (const [name, files] of Object.entries(plugins)) {
    for (const [file, text] of Object.entries(files)) await root.write(`plugins/${name}/${file}`, text);
    await root.edit('config/tidemill.lua', '"console" }', `"console", "${name}" }`);
  }
  if (clients) await root.setting('clients', `{ ${clients.map((name) => `"${name}"`).join(', ')} }`);
  return root;
}
