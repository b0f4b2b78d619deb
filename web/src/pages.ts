// Every page, loaded when it is first shown.

type Loads = () => Promise<{ default: unknown }>;

export const PAGES: readonly (readonly [string, Loads])[] = [
  ['/', () => import('./pages/Home.svelte')],
  ['/requests', () => import('./pages/Requests.svelte')],
  ['/requests/new', () => import('./pages/NewRequest.svelte')],
  ['/requests/:id', () => import('./pages/Request.svelte')],
  ['/reviews', () => import('./pages/Reviews.svelte')],
  ['/sessions', () => import('./pages/Sessions.svelte')],
  ['/sessions/:id', () => import('./pages/Session.svelte')],
  ['/audit', () => import('./pages/Audit.svelte')],
  ['/tokens', () => import('./pages/Tokens.svelte')],
  ['/authorities', () => import('./pages/Authorities.svelte')],
  ...['/roles', '/users', '/nodes', '/databases', '/kube-clusters', '/apps', '/locks', '/rules'].flatMap((path): [string, Loads][] => [
    [path, () => import('./pages/Documents.svelte')],
    [`${path}/:name`, () => import('./pages/Document.svelte')],
  ]),
  ['/account', () => import('./pages/Account.svelte')],
];
