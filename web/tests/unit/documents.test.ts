import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { yaml } from '../../src/yaml';
import { csv } from '../../src/download';
import { fieldsAt, pathAt } from '../../src/schema';

test('documents are written as people write them', () => {
  const document = {
    kind: 'role', version: 'v7', metadata: { name: 'dba', description: "root, and 'app': yes" },
    spec: { allow: { logins: ['root', '{{internal.logins}}'], node_labels: { '*': ['*'] }, rules: [{ resources: ['*'], verbs: ['list', 'read'] }, { resources: ['on'] }], empty: {}, none: [] }, on: 'yes', count: 3, flag: true, text: 'one\ntwo\n' },
  };
  assert.equal(
    yaml(document),
    `kind: role
version: v7
metadata:
  name: dba
  description: 'root, and ''app'': yes'
spec:
  allow:
    logins: [root, '{{internal.logins}}']
    node_labels:
      '*': ['*']
    rules:
    - resources: ['*']
      verbs: [list, read]
    - resources: ['on']
    empty: {}
    none: []
  'on': 'yes'
  count: 3
  flag: true
  text: |
    one
    two
`.replace("  'on': 'yes'", "  'on': 'yes'"),
  );
});

test('a spreadsheet is not given formulas', () => {
  assert.equal(csv(['a', 'b'], [['=1+1', 'x,"y"']]), 'a,b\r\n\'=1+1,"x,""y"""\r\n');
});

test('the editor knows what can stand where', () => {
  const text = 'kind: role\nspec:\n  allow:\n    logins: [root]\n    \n  deny:\n';
  assert.deepEqual(pathAt(text, 4), ['spec', 'allow']);
  const contract = JSON.parse(readFileSync('../crates/control/tests/api/golden/openapi.json', 'utf8')) as { components: { schemas: never } };
  const names = fieldsAt(contract.components.schemas, 'RoleDocument', ['spec', 'allow']).map((field) => field.name);
  for (const name of ['logins', 'node_labels', 'request', 'review_requests']) assert.ok(names.includes(name), names.join());
  assert.ok(fieldsAt(contract.components.schemas, 'RoleDocument', ['spec', 'allow', 'request', 'thresholds']).some((field) => field.name === 'approve'));
});
