import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reader } from '../../src/replay/cast';
import { Pace, Tape, stamp } from '../../src/replay/tape';
import { listed } from '../../src/replay/statements';
import { Terminal } from '../../src/replay/vt';
import { BOLD, TRUE } from '../../src/replay/screen';

function shown(text: string, cols = 12, rows = 4): string {
  const terminal = new Terminal(cols, rows);
  terminal.write(text);
  return terminal.screen.rows.map((row) => row.text()).join('\n').trimEnd();
}

test('what programs write becomes what terminals show', () => {
  const cases: [string, string][] = [
    ['one\r\ntwo', 'one\ntwo'],
    ['abcdefghijklmno', 'abcdefghijkl\nmno'],
    ['abc\rX', 'Xbc'],
    ['abc\bX', 'abX'],
    ['1\r\n2\r\n3\r\n4\r\n5', '2\n3\n4\n5'],
    ['abc\x1b[2D\x1b[K', 'a'],
    ['abc\x1b[1;2Hx', 'axc'],
    ['a\x1b[3Cb', 'a   b'],
    ['abcdef\x1b[1;3H\x1b[2P', 'abef'],
    ['abcdef\x1b[1;3H\x1b[2@', 'ab  cdef'],
    ['1\r\n2\r\n3\x1b[1;1H\x1b[L', '\n1\n2\n3'],
    ['1\r\n2\r\n3\x1b[1;1H\x1b[M', '2\n3'],
    ['1\r\n2\r\n3\r\n4\x1b[2;3r\x1b[3;1H\n', '1\n3\n\n4'],
    ['1\r\n2\x1b[H\x1bMx', 'x\n1\n2'],
    ['main\x1b[?1049hother\x1b[?1049l', 'main'],
    ['\x1b(0lqk\x1b(Bx', '┌─┐x'],
    ['x\x1b[3b', 'xxxx'],
    ['a\tb', 'a       b'],
    ['漢字ab', '漢字ab'],
    ['12345678901漢', '12345678901\n漢'],
    ['e\u0301x', 'e\u0301x'],
    ['a\x1b[2Jb', ' b'],
    ['\x1b7abc\x1b8X', 'Xbc'],
  ];
  for (const [written, expected] of cases) assert.equal(shown(written), expected, JSON.stringify(written));
});

test('colours and marks stand in the cells', () => {
  const terminal = new Terminal(20, 2);
  terminal.write('\x1b[1;31ma\x1b[0;38;5;208mb\x1b[38;2;1;2;3mc\x1b[38:2::4:5:6md\x1b[0me\x1b[97mf');
  const row = terminal.screen.rows[0]!;
  assert.deepEqual([...row.fg.slice(0, 6)], [1, 208, TRUE | 0x010203, TRUE | 0x040506, -1, 15]);
  assert.equal(row.flags[0], BOLD);
});

test('what could reach beyond the screen is read to its end and dropped', () => {
  for (const evil of ['\x1b]0;title\x07', '\x1b]52;c;aGk=\x1b\\', '\x1b]8;;http://evil\x1b\\', '\x1bPq#0;2;0\x1b\\', '\x1b[6n', '\x1b[>c', '\x1b[?1000h', '\x1b_Gf=100;\x1b\\', '\x1b[21t', '\x9d0;x\x9c']) {
    assert.equal(shown(`a${evil}b`), 'ab', JSON.stringify(evil));
  }
  // A sequence that never ends swallows a bounded amount.
  const terminal = new Terminal(10, 2);
  terminal.write(`\x1b]0;${'x'.repeat(1 << 20)}${'y'.repeat(30)}`);
  assert.match(terminal.screen.rows[1]!.text(), /y+/);
});

test('any input is survived, and snapshots go on as the original does', () => {
  let seed = 7;
  const random = () => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff;
  const pieces = ['\x1b[', '\x1b]', '?', ';', '9999999999', 'h', 'l', 'm', 'H', 'J', 'K', 'L', 'M', 'P', '@', 'r', 'S', 'T', 'X', 'b', '1049', '漢', 'e\u0301', '\r', '\n', '\t', '\b', 'abc', '\x1b7', '\x1b8', '\x1bM', '\x1bc', '\x1b(0', '\x0e', '38;2;', '\x9b', '😀', '7', '3'];
  const text = () => Array.from({ length: 400 }, () => pieces[Math.floor(random() * pieces.length)]).join('');
  const picture = (terminal: Terminal) => JSON.stringify([terminal.screen.x, terminal.screen.y, terminal.screen.rows.map((row) => [row.chars, [...row.fg], [...row.bg], [...row.flags]])]);
  for (let round = 0; round < 60; round += 1) {
    const terminal = new Terminal(1 + Math.floor(random() * 30), 1 + Math.floor(random() * 10));
    terminal.write(text());
    const other = new Terminal(3, 3);
    const frame = terminal.snapshot();
    other.restore(frame);
    const before = picture(terminal);
    const more = text();
    other.write(more);
    assert.equal(picture(terminal), before, 'a copy changed the original');
    terminal.write(more);
    assert.equal(picture(other), picture(terminal));
    terminal.resize(1 + Math.floor(random() * 40), 1 + Math.floor(random() * 12));
    terminal.write(text());
    for (const row of terminal.screen.rows) assert.equal(row.chars.length, terminal.cols);
  }
});

const CAST = [
  '{"version":3,"term":{"cols":80,"rows":24},"timestamp":1,"title":"root@db-box"}',
  '[0.1,"b","terminal"]',
  '[0.5,"o","\\u001b[?2004hroot@vm:~# "]',
  '[1.0,"o","sleep 60\\r\\n\\u001b[?2004l\\r"]',
  '[60.0,"o","done\\r\\n"]',
  '[0.2,"r","100x30"]',
  '[0.1,"x","1"]',
  '',
].join('\n');

test('a recording is read as it comes, and its commands and errors are marked', () => {
  const tape = new Tape();
  for (const piece of CAST.match(/[\s\S]{1,7}/g) ?? []) tape.feed(piece);
  tape.end();
  tape.indexAll();
  assert.equal(tape.reader.broken, undefined);
  assert.equal(tape.events.length, 6);
  assert.deepEqual(tape.marks.map((mark) => [Math.round(mark.at), mark.kind, mark.text]), [
    [1600, 'command', 'sleep 60'],
    [61800, 'resize', '100x30'],
    [61900, 'error', 'ended with status 1'],
  ]);
  assert.deepEqual(tape.transcript().map((line) => line.text), ['root@vm:~# sleep 60', 'done']);
});

test('a broken recording plays to the break and says where it is', () => {
  const tape = new Tape();
  tape.feed(`${CAST.split('\n').slice(0, 4).join('\n')}\n{"no":"event"}\n[1,"o","later"]\n`);
  tape.end();
  assert.equal(tape.events.length, 3);
  assert.deepEqual(tape.reader.broken, { line: 5, what: 'this is no event' });
  const cut = new Tape();
  cut.feed(CAST.slice(0, -20));
  cut.end();
  assert.match(cut.reader.broken?.what ?? '', /middle of a line/);
  assert.match(new Reader().read('{}\n').length === 0 ? 'nothing' : '', /nothing/);
});

test('what has no terminal begins each line at its beginning', () => {
  const tape = new Tape();
  tape.feed('{"version":3,"term":{"cols":20,"rows":4}}\n[0.1,"b","command seq 2"]\n[0.1,"o","1\\n2\\n"]\n');
  tape.indexAll();
  assert.deepEqual(tape.transcript().map((line) => line.text), ['1', '2']);
});

test('statements and calls are put together from their events', () => {
  const tape = new Tape();
  const line = (at: number, code: string, data: object) => JSON.stringify([at, code, JSON.stringify(data)]);
  tape.feed(`{"version":3,"term":{"cols":80,"rows":24}}\n${[
    line(0.1, 'q', { n: 1, p: 1, sql: 'select $1', v: ["it's", null], sent: true }),
    line(0.2, 'q', { n: 1, rows: 1, ms: 150 }),
    line(0.1, 'q', { n: 2, p: 1, err: ['42703', 'no'], ms: 1 }),
    line(0.1, 'h', { n: 1, m: 'GET', p: '/d/<b>', q: 9, s: 502, ms: 2.5, out: 5000 }),
    JSON.stringify([0.1, 'q', 'garbage']),
  ].join('\n')}\n`);
  assert.deepEqual(listed(tape.events).map((one) => [one.sql, one.bound, one.ending, one.wrong]), [
    ['select $1', "['it''s', NULL]", '1 row, 150.00 ms', false],
    ['select $1', '', 'error 42703: no, 1.00 ms', true],
    ['GET /d/<b>?…', '', '502, 5,000 bytes out, 2.5 ms', true],
  ]);
});

test('pauses are cut and times find their way there and back', () => {
  const tape = new Tape();
  tape.feed(CAST);
  const pace = new Pace(tape.events, 2000);
  assert.ok(Math.abs(pace.duration - 3900) < 1, `${pace.duration}`);
  for (const real of [0, 1600, 61600, 61900]) assert.ok(Math.abs(pace.real(pace.played(real)) - real) < 1, `${real}`);
  assert.equal(new Pace(tape.events, undefined).duration, tape.duration);
  assert.equal(stamp(3_723_000), '1:02:03');
});

test('two hours of output are sought in under 300 ms', () => {
  const tape = new Tape();
  tape.feed('{"version":3,"term":{"cols":120,"rows":40}}\n');
  const line = `${'\\u001b[32mINFO\\u001b[0m request handled in 12 ms '.repeat(3)}\\r\\n`;
  const lines: string[] = [];
  for (let at = 0; at < 72_000; at += 1) lines.push(`[0.1,"o","${line}"]`);
  tape.feed(`${lines.join('\n')}\n`);
  tape.indexAll();
  const terminal = new Terminal(120, 40);
  const times: number[] = [];
  for (let turn = 0; turn < 40; turn += 1) {
    const start = performance.now();
    tape.seek(terminal, ((turn * 7919) % 7200) * 1000);
    times.push(performance.now() - start);
  }
  assert.ok(Math.max(...times) < 300, `${Math.max(...times)} ms`);
  // A seek shows what playing up to there shows.
  tape.seek(terminal, 3_600_000);
  const sought = terminal.screen.rows.map((row) => row.text()).join('\n');
  const played = new Terminal(120, 40);
  for (const event of tape.events.slice(0, tape.count(3_600_000))) played.write(event.data);
  assert.equal(sought, played.screen.rows.map((row) => row.text()).join('\n'));
});
