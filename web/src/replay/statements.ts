// The statements of a database session, put together from their events.
import type { CastEvent } from './cast';

export interface Statement {
  channel: number;
  n: number;
  /** When it was passed on, in milliseconds from the start. */
  began: number;
  sql: string;
  bound: string;
  ms: number;
  /** What became of it, in a line. */
  ending: string;
  /** It failed, was refused, was not run, or has no answer. */
  wrong: boolean;
}

interface Written {
  n?: number;
  sql?: string;
  of?: number;
  p?: number;
  v?: unknown[];
  sent?: boolean;
  rows?: number;
  ms?: number;
  bytes?: number;
  err?: [string, string];
  skipped?: boolean;
  refused?: string;
  lost?: boolean;
}

export function listed(events: readonly CastEvent[]): Statement[] {
  const found = new Map<string, Statement>();
  const texts = new Map<string, string>();
  for (const event of events) {
    if (event.code !== 'q') continue;
    let one: Written;
    try {
      one = JSON.parse(event.data) as Written;
    } catch {
      continue;
    }
    if (typeof one !== 'object' || one === null || typeof one.n !== 'number') continue;
    const numbered = `${event.channel}/${one.p ?? ''}`;
    if (typeof one.p === 'number' && typeof one.sql === 'string') texts.set(numbered, one.sql);
    const sql = one.sql ?? (one.p === undefined ? undefined : texts.get(numbered));
    const key = `${event.channel}/${one.n}`;
    const before = found.get(key);
    const ms = typeof one.ms === 'number' ? one.ms : 0;
    found.set(key, {
      channel: event.channel,
      n: one.n,
      began: before?.began ?? Math.max(0, event.at - ms),
      sql: (sql ?? before?.sql ?? '') + (one.of !== undefined ? ` … (${one.of} bytes)` : ''),
      bound: Array.isArray(one.v) && one.v.length > 0 ? `[${one.v.map(value).join(', ')}]` : (before?.bound ?? ''),
      ms,
      ending: ending(one),
      wrong: one.err !== undefined || one.refused !== undefined || one.skipped === true || one.lost === true,
    });
  }
  return [...found.values()].sort((a, b) => a.began - b.began);
}

function value(one: unknown): string {
  if (one === null) return 'NULL';
  if (typeof one === 'string') return `'${one.replaceAll("'", "''")}'`;
  const part = one as { text?: string; hex?: string; of?: number; more?: number };
  if (part.more !== undefined) return `… ${part.more} more`;
  const whole = part.of === undefined ? '' : `… (${part.of} bytes)`;
  if (part.text !== undefined) return `'${part.text}${whole}'`;
  if (part.hex !== undefined) return `0x${part.hex}${whole}`;
  return `(${part.of ?? 0} bytes)`;
}

function ending(one: Written): string {
  const parts: string[] = [];
  if (one.refused !== undefined) parts.push(`refused (${one.refused})`);
  if (one.err) parts.push(`error ${one.err[0]}: ${one.err[1]}`);
  if (one.skipped) parts.push('not run: something before it failed');
  if (one.lost) parts.push('the session ended before its answer');
  if (one.sent) parts.push('still running');
  if (one.rows !== undefined) parts.push(one.rows === 1 ? '1 row' : `${one.rows} rows`);
  if ((one.bytes ?? 0) >= 1 << 20) parts.push(`${Math.round((one.bytes ?? 0) / (1 << 20))} MiB`);
  if (one.ms !== undefined) parts.push(one.ms < 10_000 ? `${one.ms.toFixed(2)} ms` : `${(one.ms / 1000).toFixed(1)} s`);
  return parts.join(', ');
}
