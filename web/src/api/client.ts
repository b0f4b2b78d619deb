// Calls of the documented API. Paths, bodies and answers are typed by the generated schema.
import type { paths, components } from './schema';

export type Schemas = components['schemas'];
export type RequestView = Schemas['RequestView'];
export type ReachView = Schemas['ReachView'];
export type SessionView = Schemas['SessionView'];
export type BrowserView = Schemas['BrowserView'];
export type Problem = Schemas['Problem'];

type Method = 'get' | 'post' | 'put' | 'delete';
type PathsWith<M extends Method> = { [P in keyof paths]: paths[P][M] extends object ? P : never }[keyof paths] & string;
type Operation<P extends keyof paths, M extends Method> = paths[P][M];
type Json<T> = T extends { content: { 'application/json': infer B } } ? B : undefined;
type Answers<O> = O extends { responses: infer R } ? (200 extends keyof R ? Json<R[200]> : undefined) : undefined;
type Query<O> = O extends { parameters: { query?: infer Q } } ? Q : never;
type Path<O> = O extends { parameters: { path: infer P } } ? P : never;

export interface Options<O> {
  query?: Query<O> | undefined;
  path?: Path<O>;
  body?: unknown;
  /** Sent as `application/yaml` instead of JSON. */
  yaml?: string;
  signal?: AbortSignal;
}

/** A call that was refused, in the daemon's own words. */
export class Refused extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.detail || problem.title);
    this.problem = problem;
  }
  get code(): string {
    return this.problem.code;
  }
  get hint(): string | undefined {
    return this.problem.hint ?? undefined;
  }
  /** What is wrong with one field of the body. */
  field(path: string): string | undefined {
    return this.problem.errors?.find((error) => error.path === path)?.message;
  }
}

/** The daemon could not be reached at all. */
export class Unreachable extends Error {
  constructor() {
    super('Countersign cannot be reached');
  }
}

let proof: string | undefined;
let onSignedOut: () => Promise<void> = () => Promise.resolve();

/** What changing calls carry from now on; it comes with the session. */
export function prove(value: string | undefined): void {
  proof = value;
}

/** Asked when a call finds that the session has ended; resolves once there is a new one. */
export function whenSignedOut(handler: () => Promise<void>): void {
  onSignedOut = handler;
}

/** The address of a path with its parameters filled in. */
export function address(path: string, values: Record<string, string> = {}, query: Record<string, unknown> = {}): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? ''));
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '') search.set(name, String(value));
  }
  const text = search.toString();
  return text ? `${filled}?${text}` : filled;
}

/** One call, its answer not read. A session that ended is renewed by the person, and the call repeated. */
export async function send(method: string, url: string, options: { body?: unknown; yaml?: string; signal?: AbortSignal } = {}): Promise<Response> {
  for (;;) {
    const headers: Record<string, string> = { 'countersign-channel': 'web' };
    if (proof && method !== 'GET') headers['countersign-proof'] = proof;
    let body: string | undefined;
    if (options.yaml !== undefined) {
      headers['content-type'] = 'application/yaml';
      body = options.yaml;
    } else if (options.body !== undefined) {
      headers['content-type'] = 'application/json';
      body = JSON.stringify(options.body);
    }
    let response: Response;
    try {
      response = await fetch(url, { method, headers, credentials: 'same-origin', ...(body === undefined ? {} : { body }), ...(options.signal ? { signal: options.signal } : {}) });
    } catch (error) {
      if (options.signal?.aborted) throw error;
      throw new Unreachable();
    }
    if (response.ok) return response;
    const refused = new Refused(await problem(response));
    if (refused.code === 'unauthenticated' && url !== '/v1/browser') {
      await onSignedOut();
      continue;
    }
    throw refused;
  }
}

async function problem(response: Response): Promise<Problem> {
  try {
    const read = (await response.json()) as Problem;
    if (typeof read.code === 'string') return read;
  } catch {
    // Not one of ours: something between us and the daemon answered.
  }
  return { type: 'about:blank', code: 'foreign', title: 'Unexpected answer', status: response.status, detail: `The server answered ${response.status} without saying why` } as Problem;
}

async function call<P extends keyof paths & string, M extends Method>(method: M, path: P, options: Options<Operation<P, M>>): Promise<Answers<Operation<P, M>>> {
  const url = address(path, options.path as Record<string, string> | undefined, options.query as Record<string, unknown> | undefined);
  const response = await send(method.toUpperCase(), url, options);
  if (response.status === 204) return undefined as Answers<Operation<P, M>>;
  return (await response.json()) as Answers<Operation<P, M>>;
}

export const api = {
  get: <P extends PathsWith<'get'>>(path: P, options: Options<Operation<P, 'get'>> = {}) => call('get', path, options),
  post: <P extends PathsWith<'post'>>(path: P, options: Options<Operation<P, 'post'>> = {}) => call('post', path, options),
  put: <P extends PathsWith<'put'>>(path: P, options: Options<Operation<P, 'put'>> = {}) => call('put', path, options),
  delete: <P extends PathsWith<'delete'>>(path: P, options: Options<Operation<P, 'delete'>> = {}) => call('delete', path, options),
};
