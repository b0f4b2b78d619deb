// What can stand where in a document, from the contract: for the editor.
import { send } from './api/client';

interface Schema {
  $ref?: string;
  type?: string | string[];
  description?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  items?: Schema;
  oneOf?: Schema[];
  anyOf?: Schema[];
  allOf?: Schema[];
  enum?: unknown[];
}

export interface Field {
  name: string;
  about: string;
  type: string;
  /** What is written for it, to be filled in. */
  insert: string;
}

let contract: Promise<Record<string, Schema>> | undefined;

export function schemas(): Promise<Record<string, Schema>> {
  return (contract ??= send('GET', '/openapi.json').then(async (response) => ((await response.json()) as { components: { schemas: Record<string, Schema> } }).components.schemas));
}

/** The key path of a line, by indentation: `spec.allow` for a line below it. */
export function pathAt(text: string, line: number): string[] {
  const lines = text.split('\n');
  const current = lines[line] ?? '';
  let indent = current.trim() === '' ? current.length : current.search(/\S|$/);
  const path: string[] = [];
  for (let at = line - 1; at >= 0 && indent > 0; at -= 1) {
    const found = /^(\s*)(?:- )?([A-Za-z_'"][^:]*):/.exec(lines[at] ?? '');
    if (!found || (lines[at] ?? '').trim() === '') continue;
    const depth = (found[1] ?? '').length;
    if (depth < indent) {
      path.unshift((found[2] ?? '').replace(/^['"]|['"]$/g, ''));
      indent = depth;
    }
  }
  return path;
}

/** The fields that can stand below a key path. */
export function fieldsAt(all: Record<string, Schema>, root: string, path: readonly string[]): Field[] {
  let here: Schema | undefined = all[root];
  for (const key of path) here = step(all, here, key);
  const found = new Map<string, Schema>();
  gather(all, here, found, 0);
  return [...found].map(([name, schema]) => {
    const type = typeOf(all, schema, 0);
    const nested = type === 'object' || type === 'map';
    return { name, about: (schema.description ?? resolve(all, schema, 0)?.description ?? '').split('\n')[0] ?? '', type, insert: nested ? `${name}:\n` : type === 'list' ? `${name}: []` : `${name}: ` };
  });
}

function resolve(all: Record<string, Schema>, schema: Schema | undefined, depth: number): Schema | undefined {
  if (!schema?.$ref || depth > 8) return schema;
  return resolve(all, all[schema.$ref.split('/').pop() ?? ''], depth + 1);
}

function parts(schema: Schema): Schema[] {
  return [...(schema.allOf ?? []), ...(schema.oneOf ?? []), ...(schema.anyOf ?? [])];
}

function gather(all: Record<string, Schema>, schema: Schema | undefined, into: Map<string, Schema>, depth: number): void {
  const here = resolve(all, schema, 0);
  if (!here || depth > 8) return;
  for (const [name, value] of Object.entries(here.properties ?? {})) into.set(name, value);
  for (const part of parts(here)) gather(all, part, into, depth + 1);
  if (here.items) gather(all, here.items, into, depth + 1);
}

function step(all: Record<string, Schema>, schema: Schema | undefined, key: string): Schema | undefined {
  const found = new Map<string, Schema>();
  gather(all, schema, found, 0);
  const named = found.get(key);
  if (named) return named;
  const here = resolve(all, schema, 0);
  return typeof here?.additionalProperties === 'object' ? here.additionalProperties : undefined;
}

function typeOf(all: Record<string, Schema>, schema: Schema, depth: number): string {
  const here = resolve(all, schema, 0);
  if (!here || depth > 8) return '';
  if (here.enum) return here.enum.filter((value) => value !== null).map(String).join(' | ');
  const own = Array.isArray(here.type) ? here.type.find((type) => type !== 'null') : here.type;
  if (own === 'array') return 'list';
  if (own === 'object' || here.properties) return here.additionalProperties && !here.properties ? 'map' : 'object';
  if (own) return own;
  for (const part of parts(here)) {
    const type = typeOf(all, part, depth + 1);
    if (type && type !== 'null') return type;
  }
  return '';
}
