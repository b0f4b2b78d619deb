// One clock for every countdown on the screen.
import { session } from './session.svelte';

class Clock {
  /** Now by the daemon's clock, in milliseconds; moves once a second. */
  now = $state(Date.now());

  constructor() {
    setInterval(() => {
      if (!document.hidden) this.now = session.now();
    }, 1000);
    document.addEventListener('visibilitychange', () => {
      this.now = session.now();
    });
  }
}

export const clock = new Clock();

const UNITS: [number, string][] = [
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'min'],
  [1, 's'],
];

/** A length of time in at most two units: `3 h 20 min`. */
export function length(seconds: number): string {
  let left = Math.max(0, Math.round(seconds));
  if (left < 60) return `${left} s`;
  const parts: string[] = [];
  for (const [size, unit] of UNITS) {
    const count = Math.floor(left / size);
    if (count > 0) parts.push(`${count} ${unit}`);
    left -= count * size;
    if (parts.length === 2 || (parts.length === 1 && count === 0)) break;
  }
  return parts.join(' ');
}

/** A moment against now: `in 5 min`, `2 h ago`. */
export function distance(at: string, now: number): string {
  const seconds = (Date.parse(at) - now) / 1000;
  if (Math.abs(seconds) < 5) return 'now';
  const text = coarse(Math.abs(seconds));
  return seconds > 0 ? `in ${text}` : `${text} ago`;
}

function coarse(seconds: number): string {
  for (const [size, unit] of UNITS) if (Math.round(seconds / size) >= 1 && seconds >= size * 0.95) return `${Math.round(seconds / size)} ${unit}`;
  return '0 s';
}

const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const clockTime = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });

/** A moment in local time. */
export function local(at: string): string {
  return absolute.format(new Date(at));
}

export function localTime(at: string): string {
  return clockTime.format(new Date(at));
}

/** The same moment in UTC, for the hover text. */
export function utc(at: string): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? at : `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
