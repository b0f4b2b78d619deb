import assert from 'node:assert/strict';
import { test } from 'node:test';
import { find, indexed } from '../../src/targets';
import { seconds } from '../../src/requests';
import { match } from '../../src/match';

test('ten thousand targets are filtered in under 50 ms', () => {
  const targets = Array.from({ length: 10_000 }, (_, at) => ({ kind: 'node', name: `host-${at}`, labels: { env: at % 2 ? 'prod' : 'test', rack: `r${at % 40}` }, logins: [{ login: 'root' }], requestable: [] }));
  const index = indexed(targets);
  find(index, 'warm');
  const start = performance.now();
  const found = find(index, 'env=prod host-77');
  const took = performance.now() - start;
  assert.ok(took < 50, `${took} ms`);
  assert.ok(found.length > 0 && found.every((target) => target.name.includes('host-77') && target.labels?.['env'] === 'prod'));
});

test('spans are read as the daemon writes them', () => {
  assert.equal(seconds('1h30m'), 5400);
  assert.equal(seconds('90m'), 5400);
  assert.equal(seconds('later'), undefined);
});

test('paths find their pages', () => {
  assert.deepEqual(match('/requests/:id', '/requests/a%20b'), { id: 'a b' });
  assert.equal(match('/requests/:id', '/requests'), undefined);
  assert.equal(match('/requests/:id', '/requests/%ff'), undefined);
});
