// What a session did one after the other, from its events: statements of a database, calls over HTTP.
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
    if (event.code !== 'q' && event.code !== 'h') continue;
    let one: Written & Call;
    try {
      one = JSON.parse(event.data) as Written & Call;
    } catch {
      continue;
    }
    if (typeof one !== 'object' || one === null || typeof one.n !== 'number') continue;
    if (event.code === 'h') {
      found.set(`${event.channel}/h${one.n}`, called(event, one));
      continue;
    }
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

interface Call {
  n?: number;
  m?: string;
  q?: number;
  s?: number;
  ms?: number;
  in?: number;
  out?: number;
  up?: boolean;
}

/** A call over HTTP: its path stands under the key that statements have for the number of their text. */
function called(event: CastEvent, one: Call & { p?: unknown; of?: number; err?: unknown; refused?: string }): Statement {
  const ms = typeof one.ms === 'number' ? one.ms : 0;
  const parts: string[] = [];
  if (one.refused !== undefined) parts.push(`refused (${one.refused})`);
  if (one.s !== undefined) parts.push(String(one.s));
  if (one.err !== undefined) parts.push(`error ${String(one.err)}`);
  if (one.up) parts.push('became a connection of another protocol');
  if (one.in) parts.push(`${one.in.toLocaleString()} bytes in`);
  if (one.out) parts.push(`${one.out.toLocaleString()} bytes out`);
  parts.push(`${ms.toFixed(1)} ms`);
  return {
    channel: event.channel,
    n: one.n ?? 0,
    began: Math.max(0, event.at - ms),
    sql: `${one.m ?? ''} ${String(one.p ?? '')}${one.of === undefined ? '' : '…'}${one.q === undefined ? '' : '?…'}`,
    bound: '',
    ms,
    ending: parts.join(', '),
    wrong: one.refused !== undefined || one.err !== undefined || (one.s ?? 0) >= 500,
  };
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
