// Two texts, line by line.

export interface DiffLine {
  sign: ' ' | '+' | '-';
  text: string;
}

/** Lines beyond which the middle is not compared finely. */
const MOST = 2000;

/** The shortest way from one text to the other, with `around` unchanged lines about each change. */
export function diff(before: string, after: string, around = 3): DiffLine[] {
  const [a, b] = [before.split('\n'), after.split('\n')];
  const all: DiffLine[] = [];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1;
  for (const text of a.slice(0, head)) all.push({ sign: ' ', text });
  all.push(...middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail)));
  for (const text of a.slice(a.length - tail)) all.push({ sign: ' ', text });
  return all.filter((line, at) => line.sign !== ' ' || all.slice(Math.max(0, at - around), at + around + 1).some((near) => near.sign !== ' '));
}

function middle(a: string[], b: string[]): DiffLine[] {
  if (a.length > MOST || b.length > MOST) return [...a.map((text) => ({ sign: '-' as const, text })), ...b.map((text) => ({ sign: '+' as const, text }))];
  const width = b.length + 1;
  const table = new Uint32Array((a.length + 1) * width);
  const at = (x: number, y: number) => table[x * width + y] ?? 0;
  for (let x = a.length - 1; x >= 0; x -= 1) {
    for (let y = b.length - 1; y >= 0; y -= 1) table[x * width + y] = a[x] === b[y] ? at(x + 1, y + 1) + 1 : Math.max(at(x + 1, y), at(x, y + 1));
  }
  const out: DiffLine[] = [];
  let [x, y] = [0, 0];
  while (x < a.length || y < b.length) {
    if (x < a.length && y < b.length && a[x] === b[y]) {
      out.push({ sign: ' ', text: a[x] ?? '' });
      x += 1;
      y += 1;
    } else if (y >= b.length || (x < a.length && at(x + 1, y) >= at(x, y + 1))) {
      out.push({ sign: '-', text: a[x] ?? '' });
      x += 1;
    } else {
      out.push({ sign: '+', text: b[y] ?? '' });
      y += 1;
    }
  }
  return out;
}
