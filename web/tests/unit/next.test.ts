import assert from 'node:assert/strict';
import { test } from 'node:test';
import { safeNext } from '../../src/next';

const ORIGIN = 'https://gw.example.com:3080';

test('a path of ours is where one goes on', () => {
  for (const next of ['/requests/a-b-c', '/requests?state=all&q=x#y', '/']) assert.equal(safeNext(next, ORIGIN), next);
});

test('an application below our name is ours, on our port and over TLS', () => {
  assert.equal(safeNext('https://grafana.gw.example.com:3080/d/1?x=2', ORIGIN), 'https://grafana.gw.example.com:3080/d/1?x=2');
  for (const next of ['http://grafana.gw.example.com:3080/', 'https://grafana.gw.example.com/', 'https://grafana.gw.example.com:444/']) assert.equal(safeNext(next, ORIGIN), '/');
});

test('everything that leads elsewhere leads home', () => {
  const evil = [
    null, '', '//evil.com', '///evil.com', '/\\evil.com', '\\\\evil.com', 'https://evil.com', 'https://evilgw.example.com:3080/', 'https://gw.example.com:3080@evil.com/',
    'https://gw.example.com.evil.com:3080/', 'javascript:alert(1)', 'data:text/html,x', '\thttps://evil.com', 'https:evil.com', '/\t/evil.com', '/.//evil.com', '/..//evil.com', '/x/..//evil.com',
    'https://user@grafana.gw.example.com:3080/', 'https://.gw.example.com:3080/', 'http:///evil.com', '/login?next=/login',
  ];
  for (const next of evil) {
    const led = safeNext(next, ORIGIN);
    const url = new URL(led, ORIGIN);
    assert.ok(url.origin === ORIGIN && !led.startsWith('//'), `${next} led to ${led}`);
  }
});

test('an address of numbers has nothing below it', () => {
  assert.equal(safeNext('https://a.127.0.0.1:3080/', 'https://127.0.0.1:3080'), '/');
});
