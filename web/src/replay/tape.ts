// A recording that can be played from anywhere: events, snapshots of the screen every so often, and what was found on
// the way: lines as they were shown, commands, resizes, errors.
import { Reader, type CastEvent, type Header } from './cast';
import type { Row } from './screen';
import { Terminal, type Snapshot } from './vt';

/** Characters of output between two snapshots: what a seek replays at most, a few milliseconds' worth. */
const STRIDE = 96 * 1024;
/** Events between two snapshots. */
const STRIDE_EVENTS = 4000;
/** Milliseconds of work before others get a turn. */
const TURN = 12;
/** Lines of the transcript; a recording that shows more is searched by the daemon. */
const MOST_LINES = 200_000;
const MOST_MARKS = 20_000;

export interface Mark {
  at: number;
  kind: 'command' | 'resize' | 'error' | 'begin' | 'end' | 'marker';
  text: string;
}

export interface Line {
  at: number;
  text: string;
}

interface Keyframe {
  /** The first event that is not in it. */
  next: number;
  at: number;
  snapshot: Snapshot;
}

export class Tape {
  readonly reader = new Reader();
  readonly events: CastEvent[] = [];
  readonly marks: Mark[] = [];
  readonly lines: Line[] = [];
  #keyframes: Keyframe[] = [];
  #indexer: Terminal | undefined;
  #indexed = 0;
  #since = 0;
  #sinceEvents = 0;

  get header(): Header {
    return this.reader.header ?? { cols: 80, rows: 24, timestamp: undefined, title: '' };
  }

  get duration(): number {
    return this.events.at(-1)?.at ?? 0;
  }

  /** Bytes that came, as text. Gives the events that are new. */
  feed(text: string): CastEvent[] {
    const events = this.reader.read(text);
    for (const event of events) this.events.push(event);
    return events;
  }

  end(): void {
    this.reader.end();
  }

  /** Looks through what has come and was not looked through yet, giving others their turns. */
  async index(turn: () => Promise<void>): Promise<void> {
    let until = performance.now() + TURN;
    while (this.#indexed < this.events.length) {
      this.#look();
      if (performance.now() > until) {
        await turn();
        until = performance.now() + TURN;
      }
    }
  }

  /** Looks through everything at once: for tests and short recordings. */
  indexAll(): void {
    while (this.#indexed < this.events.length) this.#look();
  }

  #look(): void {
    const event = this.events[this.#indexed];
    if (!event) return;
    const terminal = (this.#indexer ??= this.#begin());
    if (this.#keyframes.length === 0 || this.#since > STRIDE || this.#sinceEvents > STRIDE_EVENTS) {
      this.#keyframes.push({ next: this.#indexed, at: event.at, snapshot: terminal.snapshot() });
      this.#since = 0;
      this.#sinceEvents = 0;
    }
    this.#indexed += 1;
    this.#since += event.data.length;
    this.#sinceEvents += 1;
    terminal.now = event.at;
    const mark = (kind: Mark['kind'], text: string) => {
      if (this.marks.length < MOST_MARKS) this.marks.push({ at: event.at, kind, text });
    };
    if (event.code === 'r') mark('resize', event.data);
    else if (event.code === 'm') mark('marker', event.data);
    else if (event.code === 'b' && !event.data.startsWith('terminal')) mark('begin', event.data);
    else if (event.code === 'x' && event.data !== '0') mark('error', `ended with status ${event.data}`);
    else if (event.code === 'e' && event.data.trim() !== '') mark('error', event.data.trim().slice(0, 200));
    apply(terminal, event);
  }

  #begin(): Terminal {
    const terminal = new Terminal(this.header.cols, this.header.rows);
    let open: Line | undefined;
    terminal.listener = {
      left: (row: Row) => {
        const text = row.text();
        if (open) open.text += text;
        else if (this.lines.length < MOST_LINES) this.lines.push((open = { at: row.at, text }));
        if (!row.wrapped) open = undefined;
      },
      entered: (line: string) => {
        const command = line.replace(PROMPT, '').trim();
        if (command !== '' && this.marks.length < MOST_MARKS) this.marks.push({ at: terminal.now, kind: 'command', text: command.slice(0, 500) });
      },
    };
    return terminal;
  }

  /** The transcript so far: the lines that left the screen, and those that still stand on it. */
  transcript(): Line[] {
    const rest: Line[] = [];
    let open: Line | undefined;
    for (const row of this.#indexer?.behind ?? []) {
      const text = row.text();
      if (open) open.text += text;
      else rest.push((open = { at: row.at, text }));
      if (!row.wrapped) open = undefined;
    }
    while (rest.at(-1)?.text === '') rest.pop();
    return [...this.lines, ...rest];
  }

  get indexed(): boolean {
    return this.#indexed >= this.events.length;
  }

  /** The number of events at or before a time. */
  count(at: number): number {
    let low = 0;
    let high = this.events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.events[middle]?.at ?? 0) <= at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Makes `terminal` show the moment `at`; gives the number of events that took. */
  seek(terminal: Terminal, at: number): number {
    const end = this.count(at);
    let frame: Keyframe | undefined;
    for (const one of this.#keyframes) {
      if (one.next > end) break;
      frame = one;
    }
    if (frame) terminal.restore(frame.snapshot);
    else terminal.restore(new Terminal(this.header.cols, this.header.rows).snapshot());
    for (let next = frame?.next ?? 0; next < end; next += 1) {
      const event = this.events[next];
      if (event) apply(terminal, event);
    }
    return end;
  }
}

/** What shells write before a command: everything up to the last `$`, `#`, `%` or `>` that a space follows, near the start. */
const PROMPT = /^.{0,120}?[$#%>❯➜] /;

/** What an event does to the screen. Output of several channels is shown as it came. */
export function apply(terminal: Terminal, event: CastEvent): void {
  if (event.code === 'o' || event.code === 'e') terminal.write(event.data);
  else if (event.code === 'r') {
    const [cols, rows] = event.data.split('x').map(Number);
    if (cols && rows) terminal.resize(cols, rows);
  }
}

/** Time as it is played: pauses longer than `most` milliseconds are cut to that. */
export class Pace {
  /** Real times where a cut pause ends, and how much was cut up to there. */
  #cuts: { at: number; cut: number }[] = [];
  readonly duration: number;

  constructor(events: readonly CastEvent[], most: number | undefined) {
    let before = 0;
    let cut = 0;
    if (most !== undefined) {
      for (const event of events) {
        const pause = event.at - before;
        if (pause > most) {
          cut += pause - most;
          this.#cuts.push({ at: event.at, cut });
        }
        before = event.at;
      }
    }
    this.duration = (events.at(-1)?.at ?? 0) - cut;
  }

  /** From the session's time to the player's. */
  played(real: number): number {
    let shift = 0;
    for (const one of this.#cuts) {
      if (one.at > real) {
        // Inside a pause that is cut: it passes as far as it is kept.
        const end = one.at - one.cut;
        return Math.min(real - shift, end);
      }
      shift = one.cut;
    }
    return real - shift;
  }

  /** From the player's time to the session's. */
  real(played: number): number {
    let shift = 0;
    for (const one of this.#cuts) {
      if (one.at - one.cut > played) break;
      shift = one.cut;
    }
    return played + shift;
  }
}

/** `1:02:03` or `2:03`. */
export function stamp(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const two = (value: number) => String(value).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
