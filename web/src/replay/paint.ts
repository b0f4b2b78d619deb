// A screen as elements: one line per row, one span per run of cells that look alike. Text nodes only.
import { BOLD, DEFAULT, DIM, HIDDEN, INVERSE, ITALIC, STRUCK, TRUE, UNDERLINE, type Row, type Screen } from './screen';

const PALETTE = ['#1d232c', '#e06c75', '#7cc68d', '#e0b75c', '#6aa5f0', '#c58af0', '#56b9c2', '#c9d1dc', '#6b7688', '#ff8f96', '#9be3ab', '#f5d07a', '#8fc0ff', '#dab0ff', '#7fdde5', '#ffffff'];
export const INK = '#dfe4ea';
export const PAPER = '#10141a';

function colour(value: number, none: string): string {
  if (value === DEFAULT) return none;
  if (value & TRUE) return `#${(value & 0xffffff).toString(16).padStart(6, '0')}`;
  if (value < 16) return PALETTE[value] ?? none;
  if (value >= 232) {
    const grey = 8 + (value - 232) * 10;
    return `rgb(${grey},${grey},${grey})`;
  }
  const step = (part: number) => (part === 0 ? 0 : 55 + part * 40);
  const cube = value - 16;
  return `rgb(${step(Math.floor(cube / 36))},${step(Math.floor(cube / 6) % 6)},${step(cube % 6)})`;
}

/** Paints what changed since the last time. */
export class Painter {
  readonly #box: HTMLElement;
  #stamps: string[] = [];

  constructor(box: HTMLElement) {
    this.#box = box;
  }

  paint(screen: Screen, cursor: boolean): void {
    const box = this.#box;
    while (box.childElementCount > screen.height) box.lastElementChild?.remove();
    while (box.childElementCount < screen.height) box.append(document.createElement('div'));
    this.#stamps.length = screen.height;
    for (let y = 0; y < screen.height; y += 1) {
      const row = screen.rows[y];
      const line = box.children[y];
      if (!row || !line) continue;
      const x = cursor && y === screen.y ? screen.x : -1;
      const stamp = look(row, x);
      if (this.#stamps[y] === stamp) continue;
      this.#stamps[y] = stamp;
      line.replaceChildren(...runs(row, x));
    }
  }
}

/** A text that differs where two rows look different. */
function look(row: Row, cursor: number): string {
  return `${cursor}|${row.chars.join('\u0001')}|${row.fg.join()}|${row.bg.join()}|${row.flags.join()}`;
}

function runs(row: Row, cursor: number): Node[] {
  const nodes: Node[] = [];
  const { chars, fg, bg, flags } = row;
  let at = 0;
  let end = chars.length;
  while (end > 0 && chars[end - 1] === ' ' && bg[end - 1] === DEFAULT && !((flags[end - 1] ?? 0) & (INVERSE | UNDERLINE)) && end - 1 !== cursor) end -= 1;
  while (at < end) {
    const start = at;
    const [f, b, g] = [fg[at], bg[at], flags[at]];
    const special = (x: number) => (chars[x]?.length ?? 0) > 1 || (chars[x]?.charCodeAt(0) ?? 0) > 0x2fff || chars[x + 1] === '';
    const single = at === cursor || special(at);
    at += 1;
    if (single) while (at < end && chars[at] === '') at += 1;
    else while (at < end && fg[at] === f && bg[at] === b && flags[at] === g && at !== cursor && !special(at)) at += 1;
    const text = chars.slice(start, at).join('');
    const plain = f === DEFAULT && b === DEFAULT && g === 0 && !single;
    if (plain) {
      nodes.push(document.createTextNode(text));
      continue;
    }
    const span = document.createElement('span');
    span.textContent = text;
    style(span, f ?? DEFAULT, b ?? DEFAULT, g ?? 0, start === cursor);
    if (single) {
      span.style.display = 'inline-block';
      span.style.width = `${at - start}ch`;
      span.style.overflow = 'hidden';
      span.style.verticalAlign = 'top';
    }
    nodes.push(span);
  }
  if (nodes.length === 0) nodes.push(document.createTextNode('\u00a0'));
  return nodes;
}

function style(span: HTMLElement, fg: number, bg: number, flags: number, cursor: boolean): void {
  // Bold brightens the first eight colours, as terminals do.
  let ink = colour(flags & BOLD && fg >= 0 && fg < 8 ? fg + 8 : fg, INK);
  let paper = colour(bg, flags & INVERSE || cursor ? PAPER : '');
  if (Boolean(flags & INVERSE) !== cursor) [ink, paper] = [paper || PAPER, ink];
  span.style.color = flags & HIDDEN ? 'transparent' : ink;
  if (paper) span.style.background = paper;
  if (flags & BOLD) span.style.fontWeight = '600';
  if (flags & DIM) span.style.opacity = '0.65';
  if (flags & ITALIC) span.style.fontStyle = 'italic';
  if (flags & (UNDERLINE | STRUCK)) span.style.textDecoration = `${flags & UNDERLINE ? 'underline' : ''} ${flags & STRUCK ? 'line-through' : ''}`;
}
