// JSON values as YAML that people like to edit. Only writing: what is edited is read by the daemon.

const PLAIN = /^[A-Za-z_/][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*$/;
const SPAN = /^[0-9]+[dhms]([0-9]+[hms])*$/;
const RESERVED = /^(true|false|null|yes|no|on|off|y|n|~|\.inf|\.nan)$/i;

function scalar(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value);
  if ((PLAIN.test(value) && !RESERVED.test(value)) || SPAN.test(value)) return value;
  // Single quotes hold everything but control characters and line breaks.
  if (/^[\x20-\x7e\u00a0-\ud7ff\ue000-\ufffd]*$/u.test(value)) return `'${value.replaceAll("'", "''")}'`;
  return JSON.stringify(value);
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) ? value.length === 0 : typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

function isFlat(value: unknown): boolean {
  return typeof value !== 'object' || value === null;
}

function block(value: unknown, indent: string): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return ' []';
    if (value.every(isFlat)) {
      const line = `[${value.map(scalar).join(', ')}]`;
      if (line.length + indent.length < 90) return ` ${line}`;
    }
    return value
      .map((item) => {
        if (isFlat(item) || isEmpty(item)) return `\n${indent}- ${isFlat(item) ? scalar(item) : block(item, indent).trim()}`;
        const inner = block(item, `${indent}  `);
        return `\n${indent}-${inner.replace(/^\n\s*/, ' ')}`;
      })
      .join('');
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    if (entries.length === 0) return ' {}';
    return entries.map(([key, item]) => `\n${indent}${scalar(key)}:${block(item, Array.isArray(item) ? indent : `${indent}  `)}`).join('');
  }
  if (typeof value === 'string' && value.includes('\n') && /^[\n\x20-\x7e\u00a0-\ud7ff\ue000-\ufffd]*$/u.test(value) && !/^[ \n]/.test(value)) {
    const lines = value.replace(/\n+$/, '').split('\n');
    const end = value.length - value.replace(/\n+$/, '').length;
    if (end <= 1) return ` |${end === 0 ? '-' : ''}${lines.map((line) => (line ? `\n${indent}${line}` : '\n')).join('')}`;
  }
  return ` ${scalar(value)}`;
}

/** A document as YAML. */
export function yaml(value: Record<string, unknown>): string {
  return `${block(value, '').replace(/^\n/, '')}\n`;
}
