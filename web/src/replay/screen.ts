// What a terminal shows: rows of cells, the cursor, and the main screen behind the alternate one.
//
// Rows are shared between snapshots and copied when they are written, so a snapshot costs as much as its list of rows.

/** The colour that is none: the page's own. Palette colours are 0–255; true colours have bit 24 set. */
export const DEFAULT = -1;
export const TRUE = 1 << 24;

export const BOLD = 1;
export const DIM = 2;
export const ITALIC = 4;
export const UNDERLINE = 8;
export const INVERSE = 16;
export const HIDDEN = 32;
export const STRUCK = 64;

export interface Pen {
  fg: number;
  bg: number;
  flags: number;
}

export class Row {
  /** One entry per column; the second column of a wide character is empty. */
  chars: string[];
  fg: Int32Array;
  bg: Int32Array;
  flags: Uint8Array;
  /** Whether the next row goes on with this one's line. */
  wrapped = false;
  /** When it was last written, in milliseconds. */
  at = 0;
  /** The screen that may write it. */
  owner: number;

  constructor(cols: number, owner: number, bg = DEFAULT) {
    this.chars = new Array<string>(cols).fill(' ');
    this.fg = new Int32Array(cols).fill(DEFAULT);
    this.bg = new Int32Array(cols).fill(bg);
    this.flags = new Uint8Array(cols);
    this.owner = owner;
  }

  copy(owner: number): Row {
    const row = new Row(0, owner);
    row.chars = this.chars.slice();
    row.fg = this.fg.slice();
    row.bg = this.bg.slice();
    row.flags = this.flags.slice();
    row.wrapped = this.wrapped;
    row.at = this.at;
    return row;
  }

  resize(cols: number): void {
    const old = this.chars.length;
    if (cols === old) return;
    const fit = (from: Int32Array) => {
      const to = new Int32Array(cols).fill(DEFAULT);
      to.set(from.subarray(0, Math.min(cols, old)));
      return to;
    };
    this.fg = fit(this.fg);
    this.bg = fit(this.bg);
    const flags = new Uint8Array(cols);
    flags.set(this.flags.subarray(0, Math.min(cols, old)));
    this.flags = flags;
    this.chars.length = cols;
    if (cols > old) this.chars.fill(' ', old);
  }

  text(): string {
    return this.chars.join('').trimEnd();
  }
}

let owners = 0;

export class Screen {
  cols: number;
  rows: Row[];
  x = 0;
  y = 0;
  /** The cursor stands behind the last column; the next character begins a new row. */
  pending = false;
  top = 0;
  bottom: number;
  owner = ++owners;

  constructor(cols: number, rows: number) {
    this.cols = cols;
    this.rows = Array.from({ length: rows }, () => new Row(cols, this.owner));
    this.bottom = rows - 1;
  }

  get height(): number {
    return this.rows.length;
  }

  /** The row to be written. */
  row(y: number): Row {
    const row = this.rows[y];
    if (row?.owner === this.owner) return row;
    const own = row ? row.copy(this.owner) : new Row(this.cols, this.owner);
    this.rows[y] = own;
    return own;
  }

  /** A screen that shows the same, and whose changes change neither. */
  snapshot(): Screen {
    const other = new Screen(1, 1);
    Object.assign(other, { cols: this.cols, rows: this.rows.slice(), x: this.x, y: this.y, pending: this.pending, top: this.top, bottom: this.bottom });
    // Both are new owners: neither writes the rows they share.
    this.owner = ++owners;
    other.owner = ++owners;
    return other;
  }

  blank(bg: number): Row {
    return new Row(this.cols, this.owner, bg);
  }

  erase(y: number, from: number, to: number, bg: number): void {
    const row = this.row(y);
    const end = Math.min(to, this.cols);
    row.chars.fill(' ', from, end);
    row.fg.fill(DEFAULT, from, end);
    row.bg.fill(bg, from, end);
    row.flags.fill(0, from, end);
    if (end === this.cols) row.wrapped = false;
  }

  /** Scrolls the region up by one; gives the row that left. */
  scrollUp(bg: number, from = this.top): Row | undefined {
    const [gone] = this.rows.splice(from, 1);
    this.rows.splice(this.bottom, 0, this.blank(bg));
    return gone;
  }

  scrollDown(bg: number, from = this.top): void {
    this.rows.splice(this.bottom, 1);
    this.rows.splice(from, 0, this.blank(bg));
  }

  resize(cols: number, rows: number): Row[] {
    const gone: Row[] = [];
    this.cols = cols;
    for (let y = 0; y < this.rows.length; y += 1) this.row(y).resize(cols);
    while (this.rows.length > rows) {
      // Empty rows below the cursor go first; then what is at the top.
      if (this.y < this.rows.length - 1) this.rows.pop();
      else {
        const row = this.rows.shift();
        if (row) gone.push(row);
        this.y -= 1;
      }
    }
    while (this.rows.length < rows) this.rows.push(this.blank(DEFAULT));
    this.x = Math.min(this.x, cols - 1);
    this.y = Math.min(Math.max(0, this.y), rows - 1);
    this.pending = false;
    this.top = 0;
    this.bottom = rows - 1;
    return gone;
  }
}
