// Targets, searched in the page: ten thousand of them between two frames.
import type { ReachView } from './api/client';
import type { IconName } from './parts/Icon.svelte';

export type Kind = 'node' | 'db' | 'kube_cluster' | 'app';

export const KINDS: { kind: Kind; plural: string; name: string; icon: IconName }[] = [
  { kind: 'node', plural: 'Servers', name: 'server', icon: 'server' },
  { kind: 'db', plural: 'Databases', name: 'database', icon: 'database' },
  { kind: 'kube_cluster', plural: 'Clusters', name: 'Kubernetes cluster', icon: 'cluster' },
  { kind: 'app', plural: 'Applications', name: 'application', icon: 'app' },
];

const PROTOCOLS: Record<string, string> = { postgres: 'PostgreSQL', mysql: 'MySQL' };

export function kindName(target: ReachView): string {
  return PROTOCOLS[target.protocol ?? ''] ?? KINDS.find((one) => one.kind === target.kind)?.name ?? target.kind;
}

export interface Indexed {
  target: ReachView;
  text: string;
}

/** Each target with everything it is found by, in lower case. */
export function indexed(targets: readonly ReachView[]): Indexed[] {
  return targets.map((target) => {
    const labels = Object.entries(target.labels ?? {}).map(([name, value]) => `${name}=${value}`);
    const logins = [...(target.logins ?? []), ...(target.requestable ?? [])].map((login) => login.login);
    return { target, text: [target.name, target.kind, target.protocol ?? '', ...labels, ...logins].join('\n').toLowerCase() };
  });
}

/** The targets that hold every word of `text`. */
export function find(index: readonly Indexed[], text: string): ReachView[] {
  const words = text.toLowerCase().split(/\s+/).filter((word) => word !== '');
  const found: ReachView[] = [];
  for (const one of index) if (words.every((word) => one.text.includes(word))) found.push(one.target);
  return found;
}
