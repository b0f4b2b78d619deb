// A terminal that only paints: what programs wrote to one becomes a screen.
//
// It knows what ECMA-48 and xterm's control sequences do to what is shown. Deliberately absent is everything by which
// output could reach beyond the screen: titles, clipboard, links, reports, key and mouse modes, images. Their sequences are
// read to their end and dropped. Every number is bounded; nothing here throws on any input.
import { BOLD, DEFAULT, DIM, HIDDEN, INVERSE, ITALIC, Screen, STRUCK, TRUE, UNDERLINE, type Pen, type Row } from './screen';
import { width } from './width';

const MOST_SIDE = 500;
const MOST_PARAMETERS = 32;
const MOST_PARAMETER = 65_535;
/** Characters of a sequence that is dropped, after which it counts as ended: a broken one must not swallow the rest. */
const MOST_DROPPED = 1 << 20;

const LINES: Record<string, string> = { '`': '◆', a: '▒', f: '°', g: '±', j: '┘', k: '┐', l: '┌', m: '└', n: '┼', o: '⎺', p: '⎻', q: '─', r: '⎼', s: '⎽', t: '├', u: '┤', v: '┴', w: '┬', x: '│', y: '≤', z: '≥', '{': 'π', '|': '≠', '}': '£', '~': '·' };

const State = { Ground: 0, Escape: 1, Charset: 2, Skip: 3, Csi: 4, String: 5, StringEscape: 6 } as const;
type State = (typeof State)[keyof typeof State];

interface Saved {
  x: number;
  y: number;
  pen: Pen;
  graphics: boolean[];
  shift: number;
}

export interface Snapshot {
  main: Screen;
  alternate: Screen | undefined;
  pen: Pen;
  saved: Saved | undefined;
  graphics: boolean[];
  shift: number;
  cursor: boolean;
  wrap: boolean;
  insert: boolean;
  origin: boolean;
  tabs: Uint8Array;
  parser: { state: State; parameters: string; mark: string; slot: number; dropped: number };
  last: string;
}

/** Who is told what happens besides painting. */
export interface Listener {
  /** A row of the main screen left it for good. */
  left?(row: Row): void;
  /** A line was typed to its end in a shell that says so (bracketed paste goes off). */
  entered?(line: string): void;
  bell?(): void;
}

export class Terminal {
  screen: Screen;
  #main: Screen;
  #alternate: Screen | undefined;
  #pen: Pen = { fg: DEFAULT, bg: DEFAULT, flags: 0 };
  #saved: Saved | undefined;
  #graphics = [false, false];
  #shift = 0;
  cursor = true;
  #wrap = true;
  #insert = false;
  #origin = false;
  #tabs: Uint8Array;
  #state: State = State.Ground;
  #parameters = '';
  #mark = '';
  #slot = 0;
  #dropped = 0;
  #last = ' ';
  /** The time that rows written now are marked with. */
  now = 0;
  listener: Listener = {};

  constructor(cols: number, rows: number) {
    const [w, h] = [side(cols), side(rows)];
    this.screen = this.#main = new Screen(w, h);
    this.#tabs = tabs(w);
  }

  get cols(): number {
    return this.screen.cols;
  }
  get rows(): number {
    return this.screen.height;
  }

  /** The rows of the main screen, also while a program has taken the alternate one. */
  get behind(): readonly Row[] {
    return this.#main.rows;
  }

  get alternate(): boolean {
    return this.#alternate !== undefined;
  }

  snapshot(): Snapshot {
    return {
      main: this.#main.snapshot(),
      alternate: this.#alternate?.snapshot(),
      pen: { ...this.#pen },
      saved: this.#saved && { ...this.#saved, pen: { ...this.#saved.pen } },
      graphics: this.#graphics.slice(),
      shift: this.#shift,
      cursor: this.cursor,
      wrap: this.#wrap,
      insert: this.#insert,
      origin: this.#origin,
      tabs: this.#tabs.slice(),
      parser: { state: this.#state, parameters: this.#parameters, mark: this.#mark, slot: this.#slot, dropped: this.#dropped },
      last: this.#last,
    };
  }

  restore(from: Snapshot): void {
    this.#main = from.main.snapshot();
    this.#alternate = from.alternate?.snapshot();
    this.screen = this.#alternate ?? this.#main;
    this.#pen = { ...from.pen };
    this.#saved = from.saved;
    this.#graphics = from.graphics.slice();
    this.#shift = from.shift;
    this.cursor = from.cursor;
    this.#wrap = from.wrap;
    this.#insert = from.insert;
    this.#origin = from.origin;
    this.#tabs = from.tabs.slice();
    ({ state: this.#state, parameters: this.#parameters, mark: this.#mark, slot: this.#slot, dropped: this.#dropped } = from.parser);
    this.#last = from.last;
  }

  resize(cols: number, rows: number): void {
    const [w, h] = [side(cols), side(rows)];
    for (const row of this.#main.resize(w, h)) this.listener.left?.(row);
    this.#alternate?.resize(w, h);
    this.#tabs = tabs(w);
  }

  write(text: string): void {
    for (const character of text) {
      const code = character.codePointAt(0) ?? 0;
      switch (this.#state) {
        case State.Ground:
          if (code >= 0x20 && code !== 0x7f && (code < 0x80 || code > 0x9f)) this.#print(character, code);
          else this.#control(code);
          break;
        case State.Escape:
          this.#escape(character, code);
          break;
        case State.Charset:
          this.#graphics[this.#slot] = character === '0';
          this.#state = State.Ground;
          break;
        case State.Skip:
          this.#state = State.Ground;
          break;
        case State.Csi:
          this.#csi(character, code);
          break;
        case State.String:
          if (code === 0x1b) this.#state = State.StringEscape;
          else if (code === 0x07 || code === 0x9c || code === 0x18 || code === 0x1a || ++this.#dropped > MOST_DROPPED) this.#state = State.Ground;
          break;
        case State.StringEscape:
          this.#state = State.Ground;
          if (character !== '\\') this.#escape(character, code);
          break;
      }
    }
  }

  #print(character: string, code: number): void {
    const shown = this.#graphics[this.#shift] ? (LINES[character] ?? character) : character;
    const wide = width(code);
    const screen = this.screen;
    if (wide === 0) {
      const x = screen.pending ? screen.x : screen.x - 1;
      if (x < 0) return;
      const row = screen.row(screen.y);
      const at = row.chars[x] === '' && x > 0 ? x - 1 : x;
      // A pile of marks on one character is no text.
      if ((row.chars[at]?.length ?? 0) < 16) row.chars[at] = (row.chars[at] ?? ' ') + character;
      return;
    }
    if (screen.pending && this.#wrap) {
      screen.row(screen.y).wrapped = true;
      this.#lineFeed();
      screen.x = 0;
    }
    screen.pending = false;
    if (wide === 2 && screen.x === screen.cols - 1) {
      if (!this.#wrap || screen.cols < 2) return;
      screen.row(screen.y).wrapped = true;
      this.#lineFeed();
      screen.x = 0;
    }
    const row = screen.row(screen.y);
    if (this.#insert) shiftRight(row, screen.x, wide, this.#pen.bg);
    const x = screen.x;
    // Half of a wide character that is overwritten takes the other half with it.
    if (row.chars[x] === '' && x > 0) row.chars[x - 1] = ' ';
    if (row.chars[x + wide] === '') row.chars[x + wide] = ' ';
    for (let at = x; at < x + wide; at += 1) {
      row.chars[at] = at === x ? shown : '';
      row.fg[at] = this.#pen.fg;
      row.bg[at] = this.#pen.bg;
      row.flags[at] = this.#pen.flags;
    }
    row.at = this.now;
    this.#last = character;
    if (x + wide >= screen.cols) {
      screen.x = screen.cols - 1;
      screen.pending = true;
    } else screen.x = x + wide;
  }

  #control(code: number): void {
    const screen = this.screen;
    switch (code) {
      case 0x07:
        this.listener.bell?.();
        break;
      case 0x08:
        if (screen.pending) screen.pending = false;
        else if (screen.x > 0) screen.x -= 1;
        break;
      case 0x09: {
        let x = screen.x + 1;
        while (x < screen.cols - 1 && !this.#tabs[x]) x += 1;
        screen.x = Math.min(x, screen.cols - 1);
        break;
      }
      case 0x0a:
      case 0x0b:
      case 0x0c:
        this.#lineFeed();
        break;
      case 0x0d:
        screen.x = 0;
        screen.pending = false;
        break;
      case 0x0e:
        this.#shift = 1;
        break;
      case 0x0f:
        this.#shift = 0;
        break;
      case 0x1b:
        this.#state = State.Escape;
        break;
      case 0x84:
        this.#lineFeed();
        break;
      case 0x85:
        this.#lineFeed();
        screen.x = 0;
        break;
      case 0x8d:
        this.#reverse();
        break;
      case 0x90:
      case 0x98:
      case 0x9d:
      case 0x9e:
      case 0x9f:
        this.#state = State.String;
        this.#dropped = 0;
        break;
      case 0x9b:
        this.#begin();
        break;
      default:
        break;
    }
  }

  #begin(): void {
    this.#state = State.Csi;
    this.#parameters = '';
    this.#mark = '';
    this.#dropped = 0;
  }

  #escape(character: string, code: number): void {
    this.#state = State.Ground;
    const screen = this.screen;
    switch (character) {
      case '[':
        this.#begin();
        break;
      case ']':
      case 'P':
      case 'X':
      case '^':
      case '_':
        this.#state = State.String;
        this.#dropped = 0;
        break;
      case '(':
      case ')':
        this.#slot = character === '(' ? 0 : 1;
        this.#state = State.Charset;
        break;
      case '*':
      case '+':
      case '#':
      case '%':
      case ' ':
        this.#state = State.Skip;
        break;
      case '7':
        this.#save();
        break;
      case '8':
        this.#recall();
        break;
      case 'D':
        this.#lineFeed();
        break;
      case 'E':
        this.#lineFeed();
        screen.x = 0;
        break;
      case 'H':
        this.#tabs[screen.x] = 1;
        break;
      case 'M':
        this.#reverse();
        break;
      case 'c':
        this.#reset();
        break;
      default:
        if (code === 0x1b) this.#state = State.Escape;
        else if (code < 0x20) this.#control(code);
        break;
    }
  }

  #csi(character: string, code: number): void {
    if (code >= 0x30 && code <= 0x3b) {
      if (this.#parameters.length < 256) this.#parameters += character;
    } else if (code >= 0x3c && code <= 0x3f) this.#mark += character;
    else if (code >= 0x20 && code <= 0x2f) this.#mark += character;
    else if (code === 0x1b) this.#state = State.Escape;
    else if (code < 0x20) this.#control(code);
    else {
      this.#state = State.Ground;
      if (code >= 0x40 && code <= 0x7e) this.#run(character);
    }
    if (this.#mark.length > 8) this.#state = State.Ground;
  }

  #numbers(): number[] {
    if (this.#parameters === '') return [];
    return this.#parameters
      .split(/[;:]/)
      .slice(0, MOST_PARAMETERS)
      .map((text) => Math.min(Number(text) || 0, MOST_PARAMETER));
  }

  #run(final: string): void {
    const numbers = this.#numbers();
    const screen = this.screen;
    const first = numbers[0] ?? 0;
    const count = Math.max(1, first);
    if (this.#mark !== '') {
      if (this.#mark === '?' && (final === 'h' || final === 'l')) for (const mode of numbers) this.#mode(mode, final === 'h');
      else if (this.#mark === '!' && final === 'p') this.#soft();
      else if (this.#mark === '?' && (final === 'J' || final === 'K')) this.#erase(final, first);
      return;
    }
    const bg = this.#pen.bg;
    const [low, high] = screen.y >= screen.top && screen.y <= screen.bottom ? [screen.top, screen.bottom] : [0, screen.height - 1];
    switch (final) {
      case 'A':
        this.#move(screen.x, Math.max(low, screen.y - count));
        break;
      case 'B':
      case 'e':
        this.#move(screen.x, Math.min(high, screen.y + count));
        break;
      case 'C':
      case 'a':
        this.#move(screen.x + count, screen.y);
        break;
      case 'D':
        this.#move(screen.x - count, screen.y);
        break;
      case 'E':
        this.#move(0, Math.min(high, screen.y + count));
        break;
      case 'F':
        this.#move(0, Math.max(low, screen.y - count));
        break;
      case 'G':
      case '`':
        this.#move(count - 1, screen.y);
        break;
      case 'H':
      case 'f':
        this.#place((numbers[1] ?? 1) - 1, count - 1);
        break;
      case 'd':
        this.#place(screen.x, count - 1);
        break;
      case 'I':
        for (let times = 0; times < Math.min(count, screen.cols); times += 1) this.#control(0x09);
        break;
      case 'Z':
        for (let times = 0; times < Math.min(count, screen.cols); times += 1) {
          let x = screen.x - 1;
          while (x > 0 && !this.#tabs[x]) x -= 1;
          screen.x = Math.max(0, x);
        }
        break;
      case 'J':
      case 'K':
        this.#erase(final, first);
        break;
      case 'L':
      case 'M':
        if (screen.y < screen.top || screen.y > screen.bottom) break;
        for (let times = 0; times < Math.min(count, screen.height); times += 1) {
          if (final === 'L') screen.scrollDown(bg, screen.y);
          else screen.scrollUp(bg, screen.y);
        }
        screen.x = 0;
        break;
      case 'P':
        shiftLeft(screen.row(screen.y), screen.x, Math.min(count, screen.cols), bg);
        break;
      case '@':
        shiftRight(screen.row(screen.y), screen.x, Math.min(count, screen.cols), bg);
        break;
      case 'X':
        screen.erase(screen.y, screen.x, screen.x + count, bg);
        break;
      case 'S':
        for (let times = 0; times < Math.min(count, screen.height); times += 1) this.#scrollUp();
        break;
      case 'T':
        for (let times = 0; times < Math.min(count, screen.height); times += 1) screen.scrollDown(bg);
        break;
      case 'b':
        for (let times = 0; times < Math.min(count, screen.cols * screen.height); times += 1) this.#print(this.#last, this.#last.codePointAt(0) ?? 32);
        break;
      case 'g':
        if (first === 3) this.#tabs.fill(0);
        else if (first === 0) this.#tabs[screen.x] = 0;
        break;
      case 'h':
      case 'l':
        if (first === 4) this.#insert = final === 'h';
        break;
      case 'm':
        this.#paint(numbers.length > 0 ? numbers : [0]);
        break;
      case 'r': {
        const top = count - 1;
        const bottom = Math.min(numbers[1] || screen.height, screen.height) - 1;
        if (top >= bottom) break;
        screen.top = top;
        screen.bottom = bottom;
        this.#place(0, 0);
        break;
      }
      case 's':
        this.#save();
        break;
      case 'u':
        this.#recall();
        break;
      default:
        break;
    }
  }

  #move(x: number, y: number): void {
    const screen = this.screen;
    screen.x = Math.min(Math.max(0, x), screen.cols - 1);
    screen.y = Math.min(Math.max(0, y), screen.height - 1);
    screen.pending = false;
  }

  #place(x: number, y: number): void {
    const screen = this.screen;
    if (this.#origin) this.#move(x, Math.min(screen.top + y, screen.bottom));
    else this.#move(x, y);
  }

  #erase(what: string, how: number): void {
    const screen = this.screen;
    const bg = this.#pen.bg;
    screen.pending = false;
    if (what === 'K') {
      screen.erase(screen.y, how === 0 ? screen.x : 0, how === 1 ? screen.x + 1 : screen.cols, bg);
      return;
    }
    if (how === 0) {
      screen.erase(screen.y, screen.x, screen.cols, bg);
      for (let y = screen.y + 1; y < screen.height; y += 1) screen.rows[y] = screen.blank(bg);
    } else if (how === 1) {
      for (let y = 0; y < screen.y; y += 1) screen.rows[y] = screen.blank(bg);
      screen.erase(screen.y, 0, screen.x + 1, bg);
    } else if (how === 2) {
      if (screen === this.#main) for (const row of this.#written()) this.listener.left?.(row);
      for (let y = 0; y < screen.height; y += 1) screen.rows[y] = screen.blank(bg);
    }
  }

  /** The rows of the main screen down to the last that holds anything. */
  #written(): Row[] {
    const rows = this.#main.rows;
    let end = rows.length;
    while (end > 0 && rows[end - 1]?.text() === '') end -= 1;
    return rows.slice(0, end);
  }

  #mode(mode: number, on: boolean): void {
    switch (mode) {
      case 6:
        this.#origin = on;
        this.#place(0, 0);
        break;
      case 7:
        this.#wrap = on;
        break;
      case 25:
        this.cursor = on;
        break;
      case 47:
      case 1047:
      case 1049:
        if (on === (this.#alternate !== undefined)) break;
        if (on) {
          if (mode === 1049) this.#save();
          this.#alternate = new Screen(this.#main.cols, this.#main.height);
          this.#alternate.x = this.#main.x;
          this.#alternate.y = this.#main.y;
          this.screen = this.#alternate;
        } else {
          this.#alternate = undefined;
          this.screen = this.#main;
          if (mode === 1049) this.#recall();
        }
        break;
      case 1048:
        if (on) this.#save();
        else this.#recall();
        break;
      case 2004:
        if (!on && this.listener.entered && !this.#alternate) this.listener.entered(this.#line());
        break;
      default:
        break;
    }
  }

  /** The line that was just ended: the row above the cursor, with what it goes on from. */
  #line(): string {
    const screen = this.screen;
    let y = screen.x === 0 && screen.y > 0 ? screen.y - 1 : screen.y;
    let text = screen.rows[y]?.text() ?? '';
    while (y > 0 && screen.rows[y - 1]?.wrapped) {
      y -= 1;
      text = (screen.rows[y]?.chars.join('') ?? '') + text;
    }
    return text;
  }

  #paint(numbers: number[]): void {
    const pen = this.#pen;
    for (let at = 0; at < numbers.length; at += 1) {
      const code = numbers[at] ?? 0;
      if (code === 0) Object.assign(pen, { fg: DEFAULT, bg: DEFAULT, flags: 0 });
      else if (code === 1) pen.flags |= BOLD;
      else if (code === 2) pen.flags |= DIM;
      else if (code === 3) pen.flags |= ITALIC;
      else if (code === 4 || code === 21) pen.flags |= UNDERLINE;
      else if (code === 7) pen.flags |= INVERSE;
      else if (code === 8) pen.flags |= HIDDEN;
      else if (code === 9) pen.flags |= STRUCK;
      else if (code === 22) pen.flags &= ~(BOLD | DIM);
      else if (code === 23) pen.flags &= ~ITALIC;
      else if (code === 24) pen.flags &= ~UNDERLINE;
      else if (code === 27) pen.flags &= ~INVERSE;
      else if (code === 28) pen.flags &= ~HIDDEN;
      else if (code === 29) pen.flags &= ~STRUCK;
      else if (code >= 30 && code <= 37) pen.fg = code - 30;
      else if (code >= 40 && code <= 47) pen.bg = code - 40;
      else if (code >= 90 && code <= 97) pen.fg = code - 82;
      else if (code >= 100 && code <= 107) pen.bg = code - 92;
      else if (code === 39) pen.fg = DEFAULT;
      else if (code === 49) pen.bg = DEFAULT;
      else if (code === 38 || code === 48) {
        let colour = DEFAULT;
        if (numbers[at + 1] === 5) {
          colour = (numbers[at + 2] ?? 0) & 255;
          at += 2;
        } else if (numbers[at + 1] === 2) {
          // `38:2::R:G:B` has an empty colour space in between.
          const colon = this.#parameters.includes(':') && numbers.length - at > 5 ? 1 : 0;
          const [red, green, blue] = [2, 3, 4].map((offset) => (numbers[at + offset + colon] ?? 0) & 255);
          colour = TRUE | ((red ?? 0) << 16) | ((green ?? 0) << 8) | (blue ?? 0);
          at += 4 + colon;
        }
        if (code === 38) pen.fg = colour;
        else pen.bg = colour;
      }
    }
  }

  #lineFeed(): void {
    const screen = this.screen;
    screen.pending = false;
    if (screen.y === screen.bottom) this.#scrollUp();
    else if (screen.y < screen.height - 1) screen.y += 1;
  }

  #scrollUp(): void {
    const screen = this.screen;
    const gone = screen.scrollUp(this.#pen.bg);
    if (gone && screen === this.#main && screen.top === 0) this.listener.left?.(gone);
  }

  #reverse(): void {
    const screen = this.screen;
    screen.pending = false;
    if (screen.y === screen.top) screen.scrollDown(this.#pen.bg);
    else if (screen.y > 0) screen.y -= 1;
  }

  #save(): void {
    this.#saved = { x: this.screen.x, y: this.screen.y, pen: { ...this.#pen }, graphics: this.#graphics.slice(), shift: this.#shift };
  }

  #recall(): void {
    const saved = this.#saved;
    if (!saved) return this.#move(0, 0);
    this.#pen = { ...saved.pen };
    this.#graphics = saved.graphics.slice();
    this.#shift = saved.shift;
    this.#move(saved.x, saved.y);
  }

  #soft(): void {
    this.cursor = true;
    this.#wrap = true;
    this.#insert = false;
    this.#origin = false;
    this.#pen = { fg: DEFAULT, bg: DEFAULT, flags: 0 };
    this.#graphics = [false, false];
    this.#shift = 0;
    this.screen.top = 0;
    this.screen.bottom = this.screen.height - 1;
  }

  #reset(): void {
    const { cols, rows } = this;
    this.#alternate = undefined;
    for (const row of this.#written()) this.listener.left?.(row);
    this.screen = this.#main = new Screen(cols, rows);
    this.#tabs = tabs(cols);
    this.#saved = undefined;
    this.#soft();
  }
}

function side(value: number): number {
  return Math.min(Math.max(1, Math.trunc(value) || 1), MOST_SIDE);
}

function tabs(cols: number): Uint8Array {
  const stops = new Uint8Array(cols);
  for (let x = 8; x < cols; x += 8) stops[x] = 1;
  return stops;
}

function shiftRight(row: Row, x: number, by: number, bg: number): void {
  const cols = row.chars.length;
  const count = Math.min(by, cols - x);
  row.chars.splice(x, 0, ...new Array<string>(count).fill(' '));
  row.chars.length = cols;
  row.fg.copyWithin(x + count, x, cols - count);
  row.bg.copyWithin(x + count, x, cols - count);
  row.flags.copyWithin(x + count, x, cols - count);
  row.fg.fill(DEFAULT, x, x + count);
  row.bg.fill(bg, x, x + count);
  row.flags.fill(0, x, x + count);
}

function shiftLeft(row: Row, x: number, by: number, bg: number): void {
  const cols = row.chars.length;
  const count = Math.min(by, cols - x);
  row.chars.splice(x, count);
  while (row.chars.length < cols) row.chars.push(' ');
  row.fg.copyWithin(x, x + count);
  row.bg.copyWithin(x, x + count);
  row.flags.copyWithin(x, x + count);
  row.fg.fill(DEFAULT, cols - count);
  row.bg.fill(bg, cols - count);
  row.flags.fill(0, cols - count);
}
