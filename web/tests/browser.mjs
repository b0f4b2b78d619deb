// A browser for the tests: Debian's chromium, people who log in, and what every page must hold.
import { createHmac } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);

/** The browser; `undefined` where none is installed. */
export function launch() {
  if (!CHROMIUM) return undefined;
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });
}

const lastStep = new Map();

/** RFC 6238 with SHA-1, 30 s, 6 digits. A code works once, so the next one of a person may be some seconds away. */
export async function totp(secret) {
  // The next step's: the daemon takes it early, and whoever made the person may have used the current one a moment ago.
  let step = Math.floor(Date.now() / 30_000) + 1;
  const last = lastStep.get(secret) ?? 0;
  if (step <= last) {
    step = last + 1;
    const early = (step - 1) * 30_000 - Date.now();
    if (early > 0) await new Promise((resolve) => setTimeout(resolve, early + 100));
  }
  lastStep.set(secret, step);
  const bits = [...secret].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', key).update(counter).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/** A page in a browser of its own, which complains about every error the page makes. */
export async function person(browser, base, options = {}) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, baseURL: base, viewport: { width: 1280, height: 860 }, locale: 'en-GB', timezoneId: 'Europe/Berlin', ...options });
  const page = await context.newPage();
  // A machine that builds something else at the same time is slow, not wrong.
  page.setDefaultTimeout(45_000);
  const complaints = [];
  // 4xx answers are part of the story; what scripts and the policy complain about is not.
  page.on('console', (message) => {
    if (message.type() === 'error' && !/Failed to load resource|net::ERR/.test(message.text())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.origin !== new URL(base).origin && !/^(data|blob|about):/.test(url.protocol)) complaints.push(`a request to ${url.origin}`);
  });
  return { context, page, complaints };
}

export async function logIn(page, name, user) {
  await page.goto('/login');
  await enter(page, name, user);
  await page.getByRole('navigation', { name: 'Main' }).or(page.getByRole('button', { name: 'Menu' })).first().waitFor();
}

/** Fills the form that is on the screen. */
export async function enter(page, name, user) {
  if (name) await page.getByLabel('User name').fill(name);
  await page.getByLabel('Password').fill(user.password);
  await page.getByLabel(/^Code/).fill(await totp(user.totp_secret));
  await page.getByRole('button', { name: 'Log in' }).click();
}

/** What axe-core finds wrong by WCAG 2.2 A and AA, one line each. */
export async function axe(page) {
  // Evaluated from outside: the page's own policy would not let a script element in.
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const { violations } = await globalThis.axe.run(document, { runOnly: { type: 'tag', values: tags } });
    return violations.map((one) => `${one.id}: ${one.help}\n${one.nodes.slice(0, 4).map((node) => `    ${node.target.join(' ')} ${node.failureSummary?.split('\n').slice(1, 3).join(' ')}`).join('\n')}`);
  });
}
