// A real daemon with real sshd and people, from scripts/stand.py, for as long as a test runs.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const HOUSE = join(import.meta.dirname, '..', '..');

/** Opens the stand with the programs in `bin`; `stop` ends everything it started. `BASE` may name a server before it. */
export async function open(bin) {
  const dir = mkdtempSync(join(tmpdir(), 'countersign-web-'));
  const child = spawn('python3', [join(HOUSE, 'scripts', 'stand.py'), '--bin', bin, '--dir', dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  const first = await Promise.race([new Promise((resolve) => createInterface({ input: child.stdout }).once('line', resolve)), ended]);
  if (typeof first !== 'string') throw new Error('the stand did not stand: its own words are above');
  const told = JSON.parse(readFileSync(first, 'utf8'));
  const stop = async () => {
    child.kill('SIGINT');
    await ended;
    rmSync(dir, { recursive: true, force: true });
  };
  const env = (user) => ({ ...process.env, PATH: `${bin}:${process.env.PATH}`, COUNTERSIGN_DATA_DIR: told.daemon.data_dir, ...(user ? { TSH_HOME: told.users[user].tsh_home } : {}) });
  return { ...told, base: process.env.BASE ?? `https://${told.daemon.addr}`, stop, env };
}
