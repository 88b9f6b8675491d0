// Holds dashboards against the types that Grafana publishes as @grafana/schema, one version after
// the other: the dashboard itself, and the options of each panel. `node check.mjs FOLDER`

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import Ajv from 'ajv';
import { createGenerator } from 'ts-json-schema-generator';

const here = path.dirname(fileURLToPath(import.meta.url));
const folder = process.argv[2];
const versions = [10, 11, 12];
// Where the types of a panel's options are. The timeseries panel has them in the common ones.
const panels = {
  bargauge: 'BarGaugePanelCfg',
  stat: 'StatPanelCfg',
  'state-timeline': 'StateTimelinePanelCfg',
  table: 'TablePanelCfg',
  timeseries: 'TimeSeriesPanelCfg',
};

// A validator of one exported type.
function validator(version, file, type) {
  const tsconfig = path.join(here, `tsconfig-${version}.json`);
  const types = path.join(here, `node_modules/schema${version}/dist/index.d.ts`);
  fs.writeFileSync(
    tsconfig,
    JSON.stringify({
      compilerOptions: {
        module: 'esnext', moduleResolution: 'bundler', target: 'es2022', strict: true, skipLibCheck: true, types: [],
        paths: { '@grafana/schema': [types] },
      },
      files: [file],
    }),
  );
  const options = { path: file, type, tsconfig, skipTypeCheck: true, expose: 'all', additionalProperties: false };
  const schema = createGenerator(options).createSchema(type);
  return new Ajv({ strict: false, allErrors: true }).compile(schema);
}

function entry(version) {
  const file = path.join(here, `board-${version}.ts`);
  fs.writeFileSync(
    file,
    `import type { Dashboard, Panel, RowPanel } from '@grafana/schema';
export type Board = Dashboard;
export type One = Panel;
export type Row = RowPanel;
`,
  );
  return file;
}

function optionsOf(version, kind) {
  const name = panels[kind];
  const lower = kind.replace('-', '');
  const file = path.join(here, `node_modules/schema${version}/dist/esm/raw/composable/${lower}/panelcfg/x/${name}_types.gen.d.ts`);
  if (!fs.existsSync(file)) {
    return null;
  }
  // Grafana merges what is said with its own defaults.
  const some = path.join(here, `${lower}-${version}.ts`);
  fs.writeFileSync(some, `import type { Options as All } from '${file.replace(/\.d\.ts$/, '')}';\nexport type Options = Partial<All>;\n`);
  return some;
}

let failed = false;
for (const version of versions) {
  const [board, panel, row] = ['Board', 'One', 'Row'].map((type) => validator(version, entry(version), type));
  const byPanel = {};
  for (const kind of Object.keys(panels)) {
    const file = optionsOf(version, kind);
    if (file) {
      byPanel[kind] = validator(version, file, 'Options');
    }
  }
  for (const name of fs.readdirSync(folder).filter((name) => name.endsWith('.json')).sort()) {
    const json = JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8'));
    const errors = [];
    const see = (check, value, where) => {
      if (!check(value)) {
        errors.push(...check.errors.map((error) => ({ ...error, instancePath: where + error.instancePath })));
      }
    };
    see(board, { ...json, panels: [] }, '');
    for (const one of json.panels) {
      see(one.type === 'row' ? row : panel, one, `${one.type} ${one.title}: `);
      if (one.type !== 'row') {
        if (!(one.type in panels)) {
          errors.push({ instancePath: one.title, message: `the kind ${one.type} is not checked` });
        } else if (byPanel[one.type]) {
          see(byPanel[one.type], one.options, `${one.type} ${one.title}, options: `);
        }
      }
    }
    console.log(`${name} in Grafana ${version}: ${errors.length ? 'INVALID' : 'valid'}`);
    for (const error of errors.slice(0, 20)) {
      console.log(`  ${error.instancePath} ${error.message} ${JSON.stringify(error.params ?? {})}`);
    }
    failed ||= errors.length > 0;
  }
  console.log(`Grafana ${version}: options of ${Object.keys(byPanel).join(', ') || 'no panel'} checked`);
}
process.exit(failed ? 1 : 0);
