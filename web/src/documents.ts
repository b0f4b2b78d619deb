// The kinds of documents that administrators write.
import type { IconName } from './parts/Icon.svelte';

export interface Document {
  kind: string;
  version: string;
  metadata: { name: string; description?: string | null; labels?: Record<string, string>; revision?: number };
  spec: Record<string, unknown>;
}

export interface DocumentKind {
  /** Its page. */
  path: string;
  /** Its endpoint. */
  api: '/v1/roles' | '/v1/users' | '/v1/nodes' | '/v1/databases' | '/v1/kube-clusters' | '/v1/apps' | '/v1/locks' | '/v1/rules';
  /** What rules call it, and what its documents say as `kind`. */
  resource: string;
  /** Its schema in `/openapi.json`. */
  schema: string;
  one: string;
  many: string;
  icon: IconName;
  /** What one is, in a line. */
  about: (document: Document) => string;
  /** A new one, to be edited. */
  template: string;
}

const words = (value: unknown): string => (Array.isArray(value) ? value.map(String).join(', ') : '');
const labels = (document: Document) => Object.entries(document.metadata.labels ?? {}).map(([name, value]) => `${name}=${value}`).join('  ');

export const KINDS: readonly DocumentKind[] = [
  {
    path: '/roles', api: '/v1/roles', resource: 'role', schema: 'RoleDocument', one: 'role', many: 'Roles', icon: 'roles',
    about: (one) => one.metadata.description ?? '',
    template: 'kind: role\nversion: v7\nmetadata:\n  name: NAME\n  description: \'\'\nspec:\n  options:\n    max_session_ttl: 8h\n  allow:\n    logins: [root]\n    node_labels:\n      env: [test]\n',
  },
  {
    path: '/users', api: '/v1/users', resource: 'user', schema: 'UserDocument', one: 'user', many: 'Users', icon: 'user',
    about: (one) => `${one.spec['disabled'] ? 'disabled · ' : ''}${words(one.spec['roles']) || 'no roles'}`,
    template: 'kind: user\nversion: v1\nmetadata:\n  name: NAME\nspec:\n  roles: []\n  traits:\n    logins: [NAME]\n',
  },
  {
    path: '/nodes', api: '/v1/nodes', resource: 'node', schema: 'NodeDocument', one: 'server', many: 'Servers', icon: 'server',
    about: (one) => `${String(one.spec['addr'] ?? '')}  ${labels(one)}`,
    template: 'kind: node\nversion: v1\nmetadata:\n  name: NAME\n  labels:\n    env: test\nspec:\n  addr: 10.0.0.5:22\n  auth:\n    method: certificate\n',
  },
  {
    path: '/databases', api: '/v1/databases', resource: 'db', schema: 'DatabaseDocument', one: 'database', many: 'Databases', icon: 'database',
    about: (one) => `${String(one.spec['protocol'] ?? '')} at ${String(one.spec['uri'] ?? '')}  ${labels(one)}`,
    template: 'kind: db\nversion: v1\nmetadata:\n  name: NAME\n  labels:\n    env: test\nspec:\n  protocol: postgres\n  uri: 10.0.0.6:5432\n  auth:\n    method: certificate\n',
  },
  {
    path: '/kube-clusters', api: '/v1/kube-clusters', resource: 'kube_cluster', schema: 'KubeClusterDocument', one: 'cluster', many: 'Clusters', icon: 'cluster',
    about: labels,
    template: 'kind: kube_cluster\nversion: v1\nmetadata:\n  name: NAME\n  labels:\n    env: test\nspec: {}\n',
  },
  {
    path: '/apps', api: '/v1/apps', resource: 'app', schema: 'AppDocument', one: 'application', many: 'Applications', icon: 'app',
    about: labels,
    template: 'kind: app\nversion: v1\nmetadata:\n  name: NAME\n  labels:\n    env: test\nspec: {}\n',
  },
  {
    path: '/locks', api: '/v1/locks', resource: 'lock', schema: 'LockDocument', one: 'lock', many: 'Locks', icon: 'lock',
    about: (one) => Object.entries((one.spec['target'] ?? {}) as Record<string, string>).map(([name, value]) => `${name.replace('_', ' ')} ${value}`).join(' and '),
    template: 'kind: lock\nversion: v1\nmetadata:\n  name: NAME\nspec:\n  target:\n    user: NAME\n  message: \'\'\n',
  },
  {
    path: '/rules', api: '/v1/rules', resource: 'access_monitoring_rule', schema: 'RuleDocument', one: 'rule', many: 'Rules', icon: 'shield',
    about: (one) => one.metadata.description ?? String(one.spec['condition'] ?? ''),
    template: 'kind: access_monitoring_rule\nversion: v1\nmetadata:\n  name: NAME\nspec:\n  subjects: [access_request]\n  condition: access_request.spec.roles.contains("NAME")\n  desired_state: reviewed\n  automatic_review:\n    integration: builtin\n    decision: APPROVED\n',
  },
];

export function kindAt(path: string): DocumentKind | undefined {
  return KINDS.find((one) => path === one.path || path.startsWith(`${one.path}/`));
}

/** The document as it is edited: without what the daemon adds. */
export function editable(document: Document): Record<string, unknown> {
  const { revision: _, ...metadata } = document.metadata;
  return { kind: document.kind, version: document.version, metadata, spec: document.spec };
}
