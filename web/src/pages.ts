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
  ['/account', () => import('./pages/Account.svelte')],
];
