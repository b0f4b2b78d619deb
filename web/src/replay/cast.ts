// Reading asciicast v3 and v2 as its bytes come: lines become events; where a file breaks, what was whole stays.

export interface Header {
  cols: number;
  rows: number;
  timestamp: number | undefined;
  title: string;
}

export interface CastEvent {
  /** Milliseconds from the start. */
  at: number;
  channel: number;
  code: string;
  data: string;
}

/** Characters of one line beyond which a file is no recording. */
const LONGEST_LINE = 8 << 20;
const LONGEST_TIME = 100 * 24 * 3600 * 1000;

export class Reader {
  header: Header | undefined;
  /** Where and why the file breaks. */
  broken: { line: number; what: string } | undefined;
  #rest = '';
  #line = 0;
  #clock = 0;
  #channel = 0;
  #absolute = false;
  /** Channels without a terminal: what they wrote has bare line feeds. */
  #bare = new Set<number>();

  /** The events of the whole lines in `text`, which goes on where the text before ended. */
  read(text: string): CastEvent[] {
    const events: CastEvent[] = [];
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > LONGEST_LINE) this.#break('the line is too long');
    for (const line of lines) {
      if (this.broken) break;
      this.#line += 1;
      if (line.trim() === '' || line.startsWith('#')) continue;
      const event = this.header ? this.#event(line) : this.#head(line);
      if (event) events.push(event);
    }
    return events;
  }

  /** The file has ended. */
  end(): void {
    if (!this.broken && this.#rest.trim() !== '') {
      this.#line += 1;
      this.#break('the recording ends in the middle of a line');
    } else if (!this.broken && !this.header) this.#break('the recording is empty');
  }

  #break(what: string): undefined {
    this.broken = { line: Math.max(1, this.#line), what };
  }

  #head(line: string): undefined {
    const value = parse(line);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return this.#break('this is no recording');
    const head = value as { version?: unknown; width?: unknown; height?: unknown; term?: { cols?: unknown; rows?: unknown }; timestamp?: unknown; title?: unknown };
    if (head.version !== 2 && head.version !== 3) return this.#break('only asciicast 2 and 3 can be played');
    this.#absolute = head.version === 2;
    const cols = Number(this.#absolute ? head.width : head.term?.cols) || 80;
    const rows = Number(this.#absolute ? head.height : head.term?.rows) || 24;
    this.header = { cols, rows, timestamp: typeof head.timestamp === 'number' ? head.timestamp : undefined, title: typeof head.title === 'string' ? head.title : '' };
    return undefined;
  }

  #event(line: string): CastEvent | undefined {
    const value = parse(line);
    if (!Array.isArray(value) || typeof value[0] !== 'number' || typeof value[1] !== 'string' || typeof value[2] !== 'string') return this.#break('this is no event');
    const seconds = value[0];
    if (!Number.isFinite(seconds) || seconds < 0) return this.#break('time runs backwards');
    const at = this.#absolute ? seconds * 1000 : this.#clock + seconds * 1000;
    if (at > LONGEST_TIME) return this.#break('no session is that long');
    this.#clock = Math.max(this.#clock, at);
    if (value[1] === 'c') {
      this.#channel = Number(value[2]) || 0;
      return undefined;
    }
    let data = value[2];
    if (value[1] === 'b' && !data.startsWith('terminal')) this.#bare.add(this.#channel);
    if ((value[1] === 'o' || value[1] === 'e') && this.#bare.has(this.#channel)) data = data.replace(/\r?\n/g, '\r\n');
    return { at: this.#clock, channel: this.#channel, code: value[1], data };
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
