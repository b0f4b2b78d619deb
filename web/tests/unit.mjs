// Runs the unit tests: bundled with what builds the UI, then Node's own runner.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

const folder = join(import.meta.dirname, 'unit');
const out = mkdtempSync(join(tmpdir(), 'countersign-web-'));
const input = Object.fromEntries(readdirSync(folder).filter((name) => name.endsWith('.test.ts')).map((name) => [name.replace(/\.ts$/, ''), join(folder, name)]));
const bundle = await rolldown({ input, platform: 'node', logLevel: 'warn' });
await bundle.write({ dir: out, format: 'esm', entryFileNames: '[name].mjs' });
const ran = spawnSync(process.execPath, ['--test', '--test-reporter=dot', ...Object.keys(input).map((name) => join(out, `${name}.mjs`))], { stdio: 'inherit' });
rmSync(out, { recursive: true });
process.exit(ran.status ?? 1);
