// Pictures of every main page: light, dark, on a phone. Written to web/screenshots, which git ignores; look at them.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { launch, logIn, person } from './browser.mjs';
import { open } from './stand.mjs';

const bin = resolve(process.argv[2] ?? process.env.BIN ?? '../target/debug');
const folder = join(import.meta.dirname, '..', 'screenshots');
const LOOKS = {
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  phone: { colorScheme: 'light', viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 },
  'phone-dark': { colorScheme: 'dark', viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 },
  wide: { colorScheme: 'light', viewport: { width: 1920, height: 1080 } },
};

const browser = await launch();
if (!browser) {
  console.log('web: no screenshots, chromium is missing');
  process.exit(0);
}
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);
const stand = await open(bin);
try {
  const run = (user, ...words) => spawnSync('tsh', words, { env: stand.env(user), encoding: 'utf8', timeout: 30_000 });
  const ask = (...words) => JSON.parse(run('alice', 'request', 'new', '--roles=dba', '--nowait', '--format', 'json', ...words).stdout || '{}').id;
  const approved = ask('--reason=ticket #1234: orders of March are counted twice, see https://tickets.example.com/1234');
  run('bob', 'request', 'review', '--approve', '--reason=go ahead, carol looks over your shoulder', approved);
  run('alice', 'ssh', `${stand.ssh.login}@db-box`, 'ls -la /etc | head -40; df -h; false');
  run('alice', 'db', 'connect', 'orders', '--db-user', 'app', '--db-name', 'orders', '--', '-c', 'select count(*) from pg_class; ', '-c', 'select nope');
  const denied = ask('--reason=just looking');
  run('bob', 'request', 'review', '--deny', '--reason=say what for, please', denied);
  const pending = ask('--reason=ticket #1240: the nightly export fails since yesterday');
  const states = {};
  for (const name of ['alice', 'bob', 'admin']) {
    const { page, context } = await person(browser, stand.base);
    await logIn(page, name, stand.users[name]);
    states[name] = await context.storageState();
    await context.close();
  }
  const sessions = await (async () => {
    const { page, context } = await person(browser, stand.base, { storageState: states.admin });
    await page.goto('/');
    const found = await page.evaluate(async () => (await (await fetch('/v1/sessions')).json()).items);
    await context.close();
    return Object.fromEntries(found.map((one) => [one.target, one.id]));
  })();
  const pages = [
    ['login', undefined, '/login'],
    ['home', 'alice', '/'],
    ['new', 'alice', '/requests/new?roles=dba&reason=ticket%20%231241'],
    ['approved', 'alice', `/requests/${approved}`],
    ['requests', 'bob', '/requests?state=all'],
    ['reviews', 'bob', '/reviews'],
    ['review', 'bob', `/requests/${pending}`],
    ['sessions', 'admin', '/sessions'],
    ['replay', 'admin', `/sessions/${sessions['db-box']}`],
    ['statements', 'admin', `/sessions/${sessions['orders']}`],
    ['audit', 'admin', '/audit'],
    ['users', 'admin', '/users'],
    ['role', 'admin', '/roles/dba'],
    ['locks', 'admin', '/locks'],
    ['account', 'admin', '/account'],
  ];
  for (const [look, options] of Object.entries(LOOKS)) {
    for (const user of [undefined, 'alice', 'bob', 'admin']) {
      const { page, context } = await person(browser, stand.base, { ...options, ...(user ? { storageState: states[user] } : {}) });
      for (const [name, whose, path] of pages.filter(([, whose]) => whose === user)) {
        await page.goto(path);
        await page.locator('[aria-busy]').waitFor({ state: 'detached' });
        await page.waitForLoadState('load');
        await page.waitForFunction(() => document.querySelector('h1'));
        if (name === 'replay') await page.getByRole('slider').press('End');
        await page.screenshot({ path: join(folder, `${name}-${look}.png`) });
        void whose;
      }
      await context.close();
    }
  }
  console.log(`web: pictures are in ${folder}`);
} finally {
  await browser.close();
  await stand.stop();
}
