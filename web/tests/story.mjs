// The whole story with two browsers over a real daemon and a real sshd: alice asks, bob approves, her terminal connects,
// and everybody sees what came of it. Every page on the way is looked at by axe.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { axe, enter, launch, logIn, person, totp } from './browser.mjs';
import { open } from './stand.mjs';

const bin = resolve(process.argv[2] ?? process.env.BIN ?? '../target/debug');
const browser = await launch();
if (!browser) {
  console.log('web: the story is skipped, chromium is missing');
  process.exit(0);
}
const stand = await open(bin);
const people = [];
let chapter = '';

const tell = (text) => {
  chapter = text;
  if (process.env.VERBOSE) console.log(`web: ${text}`);
};
async function sit(name, options) {
  const one = await person(browser, stand.base, options);
  people.push({ name, ...one });
  return one;
}
/** What takes longer than that is a failure with a name. */
function within(ms, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
async function clean(page, what) {
  const found = await axe(page);
  assert.deepEqual(found, [], `axe, ${what}:\n${found.join('\n')}`);
}
const tctl = (...words) => {
  const ran = spawnSync('tctl', words, { env: stand.env(), encoding: 'utf8' });
  assert.equal(ran.status, 0, ran.stderr);
  return ran.stdout;
};

async function story() {
  tell('the pages come from the daemon, packed, and nothing inline is allowed');
  const { page: alice, context } = await sit('alice');
  const sizes = [];
  alice.on('response', (response) => {
    if (response.url().startsWith(stand.base) && !response.url().includes('/v1/')) sizes.push(Number(response.headers()['content-length'] ?? 0));
  });
  const first = await alice.goto('/requests/new?roles=dba&reason=ticket%20%231234');
  assert.match(first.headers()['content-security-policy'], /^default-src 'none'; script-src 'self'/);
  assert.ok(['br', 'gzip'].includes(first.headers()['content-encoding']));

  tell('a deep link survives the login');
  await alice.getByLabel('User name').waitFor();
  await clean(alice, 'login');
  await alice.getByLabel('User name').fill('alice');
  await alice.getByLabel('Password').fill('wrong, and long enough');
  await alice.getByLabel(/^Code/).fill('000000');
  await alice.getByRole('button', { name: 'Log in' }).click();
  await alice.getByRole('alert').getByText('the password or the code is wrong').waitFor();
  await enter(alice, 'alice', stand.users.alice);
  await alice.getByRole('heading', { name: 'Ask for access' }).waitFor();
  assert.equal(new URL(alice.url()).search, '?roles=dba&reason=ticket%20%231234');
  assert.equal(await alice.getByLabel(/^Why/).inputValue(), 'ticket #1234');
  const cookies = await context.cookies();
  const cookie = cookies.find((one) => one.name === '__Host-countersign');
  assert.deepEqual([cookie.httpOnly, cookie.secure, cookie.sameSite, cookie.domain], [true, true, 'Strict', new URL(stand.base).hostname]);
  assert.equal(await alice.evaluate(() => document.cookie), '');
  const sum = sizes.reduce((a, b) => a + b, 0);
  assert.ok(sum > 0 && sum < 150_000, `the first load was ${sum} bytes`);

  tell('before it is sent, the form says what would come of it');
  await alice.getByText(/1 more approval from: .*bob/).first().waitFor();
  await alice.getByLabel('Another length').fill('99h');
  await alice.getByText(/shortened: .*role engineer limits dba/).waitFor();
  await alice.getByLabel('Another length').fill('soon');
  await alice.getByText(/expected a duration such as/).first().waitFor();
  await alice.getByLabel('Another length').fill('2h');
  await clean(alice, 'new request');

  tell('bob waits with an empty inbox, on a phone');
  const { page: bob } = await sit('bob', { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await logIn(bob, 'bob', stand.users.bob);
  await bob.goto('/reviews');
  await bob.getByText('All answered').waitFor();
  await clean(bob, 'empty inbox on a phone');

  tell('alice sends, and it appears before bob by itself');
  await alice.getByRole('button', { name: 'Send request' }).click();
  await alice.getByText('Still missing').waitFor();
  const id = new URL(alice.url()).pathname.split('/').pop();
  await bob.getByText('ticket #1234').waitFor();
  await bob.getByText('One request waits for you').waitFor();
  await clean(bob, 'inbox on a phone');
  await clean(alice, 'pending request');

  tell('her ssh is denied, for now');
  const ssh = () => spawnSync('tsh', ['ssh', `${stand.ssh.login}@db-box`, 'echo it works'], { env: stand.env('alice'), encoding: 'utf8', timeout: 30_000 });
  assert.notEqual(ssh().status, 0);

  tell('bob approves by keyboard, and her page knows at once');
  await bob.getByText('ticket #1234').click();
  await bob.getByRole('button', { name: 'Approve', exact: true }).waitFor();
  await clean(bob, 'request to review on a phone');
  await bob.keyboard.press('a');
  const dialog = bob.getByRole('dialog');
  await dialog.getByLabel(/^Reason/).fill('go ahead');
  await clean(bob, 'approve dialog');
  const pressed = Date.now();
  await dialog.getByLabel(/^Reason/).press('Control+Enter');
  await alice.getByText('You are in').waitFor();
  tell(`approval was on her screen after ${Date.now() - pressed} ms`);
  await bob.getByText('bob approved').first().waitFor();

  tell('the terminal connects, with no second login');
  const connected = ssh();
  assert.equal(connected.stdout, 'it works\n', connected.stderr);
  await alice.goto('/');
  await alice.getByText(/[1-9]\d* of \d+ targets are open/).waitFor();
  await alice.getByRole('listitem').filter({ hasText: 'db-box' }).getByRole('button', { name: 'Connect' }).click();
  await alice.getByText(`tsh ssh ${stand.ssh.login}@db-box`).waitFor();
  await clean(alice, 'connect');
  await alice.keyboard.press('Escape');
  await clean(alice, 'home');

  tell('the session stands under the request, and plays');
  await alice.goto(`/requests/${id}`);
  await alice.getByRole('list', { name: 'Sessions' }).getByRole('link').first().waitFor();
  await clean(alice, 'approved request');
  await alice.getByRole('list', { name: 'Sessions' }).getByRole('link').first().click();
  await alice.getByRole('region', { name: /Recording of/ }).getByText('it works').waitFor();
  await clean(alice, 'replay');

  tell('a live terminal is watched and terminated by an administrator');
  const typing = spawn('tsh', ['ssh', `${stand.ssh.login}@db-box`, 'for i in $(seq 600); do echo tick $i; sleep 0.2; done'], { env: stand.env('alice'), stdio: ['pipe', 'pipe', 'pipe'] });
  const cut = new Promise((done) => typing.on('exit', done));
  await within(20_000, 'the session begins', new Promise((done) => typing.stdout.once('data', done)));
  const { page: admin } = await sit('admin');
  await logIn(admin, 'admin', stand.users.admin);
  await admin.goto('/sessions?show=live');
  await admin.getByRole('list', { name: 'Sessions' }).getByRole('link').first().click();
  await admin.getByText(/tick \d\d/).first().waitFor();
  await clean(admin, 'live session');
  await admin.getByRole('button', { name: 'Terminate' }).click();
  await admin.getByRole('dialog').getByRole('button', { name: 'Terminate' }).click();
  await within(20_000, 'the session is cut', cut);
  await admin.getByText('Sealed', { exact: true }).waitFor();
  await admin.getByRole('button', { name: 'Verify' }).click();
  await admin.getByText('Intact', { exact: true }).waitFor();

  tell('the player seeks, finds, and shares a moment');
  await admin.getByLabel('Find in this session').fill('tick 3');
  await admin.getByRole('list', { name: 'Found' }).getByRole('button').first().waitFor();
  await admin.getByLabel('Find in this session').press('Enter');
  await admin.getByLabel('Find in this session').press('Escape');
  const slider = admin.getByRole('slider', { name: 'Position' });
  await slider.press('Home');
  assert.equal(await slider.getAttribute('aria-valuenow'), '0');
  await slider.press('End');
  assert.equal(await slider.getAttribute('aria-valuenow'), await slider.getAttribute('aria-valuemax'));
  await admin.goto(`${new URL(admin.url()).pathname}?t=1`);
  await admin.getByText(/tick [3-9]/).first().waitFor();

  tell('a reason from outside is text, whatever it says');
  const evil = '<img src=x onerror=alert(1)> \u202e javascript:alert(1) https://example.com/ticket?x=1).';
  await alice.goto(`/requests/new?roles=dba&reason=${encodeURIComponent(evil)}`);
  await alice.getByRole('button', { name: 'Send request' }).click();
  await alice.getByText('<img src=x onerror=alert(1)>').first().waitFor();
  const link = alice.getByRole('link', { name: 'https://example.com/ticket?x=1' });
  assert.equal(await link.getAttribute('rel'), 'noopener noreferrer');
  assert.equal(await alice.locator('main img').count(), 0);
  const second = new URL(alice.url()).pathname;

  tell('a session that ends under a form is renewed, and nothing typed is lost');
  await alice.goto('/requests/new?roles=dba');
  await alice.getByLabel(/^Why/).fill('typed before the session ended');
  await admin.goto('/users/alice');
  const end = admin.getByRole('listitem').filter({ hasText: 'web' }).getByRole('button', { name: 'End' });
  await end.first().click();
  await admin.getByRole('listitem').filter({ hasText: 'web' }).waitFor({ state: 'detached' });
  await alice.getByRole('button', { name: 'Send request' }).click();
  await alice.getByText('Your session has ended').waitFor();
  await clean(alice, 'session ended');
  await enter(alice, undefined, stand.users.alice);
  await alice.getByText('typed before the session ended').first().waitFor();
  assert.match(new URL(alice.url()).pathname, /^\/requests\/[0-9a-f-]+$/);

  tell('a lost connection is said, and made good by itself');
  await context.setOffline(true);
  await alice.getByText('No connection to Countersign').waitFor({ timeout: 60_000 });
  await context.setOffline(false);
  await alice.getByRole('button', { name: 'Try now' }).click({ timeout: 5000 }).catch(() => undefined);
  await alice.getByText('No connection to Countersign').waitFor({ state: 'detached', timeout: 60_000 });

  tell('bob denies with a reason, and alice reads it');
  await bob.goto(second);
  await bob.getByRole('button', { name: 'Deny', exact: true }).click();
  await bob.getByRole('dialog').getByLabel(/^Reason/).fill('no <b>ticket</b>');
  await bob.getByRole('dialog').getByRole('button', { name: 'Deny', exact: true }).click();
  await bob.getByText('no <b>ticket</b>').first().waitFor();
  await alice.goto(second);
  await alice.getByText('no <b>ticket</b>').first().waitFor();

  tell('administration: a role is edited, checked while typing, and its effect is told');
  await admin.goto('/roles');
  await clean(admin, 'roles');
  await admin.locator('a[href="/roles/dba"]').click();
  const editor = admin.getByLabel('The role as YAML');
  await editor.waitFor();
  const yaml = await editor.inputValue();
  await editor.fill(yaml.replace('service: [database]', 'service: [nothing]').replace('logins', 'loggins'));
  await admin.getByText(/line \d+/).first().waitFor();
  await clean(admin, 'role with a problem');
  await editor.fill(yaml.replace(/node_labels:\n\s+service: \[database\]/, 'node_labels:\n      service: [nothing]'));
  await admin.getByText('The daemon would take this').waitFor();
  await admin.getByRole('button', { name: /Review changes/ }).click();
  await admin.getByRole('dialog').getByRole('row').filter({ hasText: 'alice' }).filter({ hasText: 'node/db-box' }).getByText('closed').waitFor();
  await clean(admin, 'what a role changes');
  await admin.getByRole('button', { name: 'Back' }).click();
  await editor.fill(yaml);

  tell('the other pages of an administrator');
  for (const [path, heading] of [['/users', 'Users'], ['/users/alice', 'alice'], ['/nodes', 'Targets'], ['/databases', 'Targets'], ['/locks', 'Locks'], ['/rules', 'Rules'], ['/tokens', 'Tokens'], ['/authorities', 'Authorities'], ['/audit', 'Audit log'], ['/requests?state=all', 'Requests'], ['/account', 'admin'], ['/nowhere', 'There is no such page']]) {
    await admin.goto(path);
    await admin.getByRole('heading', { name: heading, exact: true, level: 1 }).waitFor();
    await admin.locator('[aria-busy]').waitFor({ state: 'detached' });
    await clean(admin, path);
  }
  await admin.goto('/audit');
  await admin.getByRole('button', { name: 'Verify' }).click();
  await admin.getByText('The log is whole').waitFor();
  await clean(admin, 'verified log');
  await admin.keyboard.press('Escape');
  await admin.getByLabel('Request', { exact: true }).fill(id);
  await admin.getByRole('button', { name: 'login.succeeded' }).first().waitFor({ state: 'detached' });
  await admin.getByRole('button', { name: 'request.reviewed' }).first().click();
  await admin.getByRole('row').filter({ hasText: '"code": "request.reviewed"' }).getByText(id).first().waitFor();
  const [download] = await Promise.all([admin.waitForEvent('download'), admin.getByRole('button', { name: 'CSV' }).click()]);
  assert.match(download.suggestedFilename(), /^audit-.*\.csv$/);

  tell('somebody is invited, scans, and is in');
  tctl('users', 'add', 'erin', '--roles', 'engineer');
  await admin.goto('/users/erin');
  await admin.getByRole('button', { name: 'New invite link' }).click();
  const invite = new URL(await admin.getByRole('dialog').locator('code').innerText()).pathname;
  const { page: erin } = await sit('erin');
  await erin.goto(invite);
  await erin.getByRole('heading', { name: 'Welcome, erin' }).waitFor();
  await erin.getByRole('img', { name: /QR code/ }).waitFor();
  await clean(erin, 'invite');
  await erin.getByLabel(/^Password/).fill('a long enough password');
  await erin.getByLabel('The same again').fill('a long enough passwort');
  await erin.getByText('The two passwords differ').waitFor();
  await erin.getByLabel('The same again').fill('a long enough password');
  const secret = await erin.locator('code').first().innerText();
  await erin.getByLabel('The six digits it shows now').fill(await totp(secret.replaceAll(' ', '')));
  await erin.getByRole('button', { name: 'Finish and log in' }).click();
  await erin.getByRole('heading', { name: 'What you can reach' }).waitFor();
  await erin.goto(invite);
  await erin.getByText('This link does not work').waitFor();

  tell('logging out everywhere is everywhere');
  await erin.goto('/account');
  await erin.getByRole('button', { name: 'Log out everywhere' }).click();
  await erin.getByRole('dialog').getByRole('button', { name: 'Log out everywhere' }).click();
  await erin.getByRole('heading', { name: 'Log in' }).waitFor();

  tell('dark, and with the keyboard alone');
  const { page: carol } = await sit('carol', { colorScheme: 'dark' });
  await logIn(carol, 'carol', stand.users.carol);
  for (const path of ['/', '/requests?state=all', `/requests/${id}`, '/reviews']) {
    await carol.goto(path);
    await carol.locator('[aria-busy]').waitFor({ state: 'detached' });
    await clean(carol, `${path}, dark`);
  }
  await carol.keyboard.press('Control+k');
  await carol.getByRole('combobox', { name: 'Search' }).fill('ticket');
  await carol.getByRole('option').filter({ hasText: 'request by alice' }).first().waitFor();
  await clean(carol, 'search');
  await carol.keyboard.press('Enter');
  await carol.waitForURL(/\/requests\//);
}

let failed;
try {
  await story();
  for (const one of people) assert.deepEqual(one.complaints, [], `${one.name}'s browser complained`);
} catch (error) {
  failed = error;
  console.error(`web: failed while: ${chapter}`);
  console.error(error);
  for (const one of people) if (one.complaints.length > 0) console.error(one.name, one.complaints);
  for (const one of people) await one.page.screenshot({ path: `${process.env.SHOTS ?? '/tmp'}/countersign-web-${one.name}.png` }).catch(() => undefined);
} finally {
  await browser.close();
  await stand.stop();
}
if (failed) process.exit(1);
console.log('web: the story holds');
