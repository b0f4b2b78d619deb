// What requests have in common on every page.
import type { RequestView } from './api/client';

export const CLOSED = 'approved,denied,cancelled,expired,revoked,released,promoted';
export const ALL_STATES = `pending,${CLOSED}`;

/** What is asked for, in words. */
export function subject(request: Pick<RequestView, 'roles' | 'resources'>): string {
  const resources = (request.resources ?? []).map(short);
  return resources.length > 0 ? resources.join(', ') : (request.roles ?? []).join(', ');
}

/** A resource without its cluster: `node/db-box`. */
export function short(resource: string): string {
  return resource.split('/').slice(2).join('/') || resource;
}

/** The seconds of a span such as `1h30m`. */
export function seconds(span: string): number | undefined {
  const sizes: Record<string, number> = { w: 604_800, d: 86_400, h: 3_600, m: 60, s: 1 };
  let sum = 0;
  let rest = span.trim();
  if (!rest) return undefined;
  while (rest) {
    const part = /^(\d+)\s*([wdhms])\s*/.exec(rest);
    if (!part) return undefined;
    sum += Number(part[1]) * (sizes[part[2] ?? ''] ?? 0);
    rest = rest.slice(part[0].length);
  }
  return sum;
}
